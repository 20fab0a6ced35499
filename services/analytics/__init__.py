"""Analytics: exact counts and satisfaction from every event, the live rate, and the public topics."""
