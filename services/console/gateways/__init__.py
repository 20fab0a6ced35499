"""How the console asks the other services."""
