"""What a running service says of itself: logs without personal data, metrics, and the trace of a request."""
