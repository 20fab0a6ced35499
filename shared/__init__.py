"""What every service stands on: events, bus, store, web, privacy, working time, telemetry."""
