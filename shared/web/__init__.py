"""The HTTP edge that every service has: problem details, authentication, limits, paging, health, and the server."""
