"""What the city's people do, as functions of a seed; no clock, no I/O."""
