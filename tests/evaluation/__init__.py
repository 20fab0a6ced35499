"""How well the platform understands people: texts of our own with what they mean, and the figures they give."""
