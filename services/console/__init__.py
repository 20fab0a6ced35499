"""The staff's live page: what the platform is doing now, read from the other services' public interfaces."""
