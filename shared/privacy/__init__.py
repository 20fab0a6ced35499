"""Personal data: sealed on the bus, pseudonymous for counting, redacted before it leaves the bureau."""
