"""What follow-up decides, as pure functions."""
