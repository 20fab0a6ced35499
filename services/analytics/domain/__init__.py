"""What analytics knows of a case and what that adds up to; pure."""
