"""What the page shows, as pure functions over what the other services answered."""
