"""The sources of requests: their registry, and one module for each family that needs translation."""
