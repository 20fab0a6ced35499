"""What intake knows without a database or a network."""
