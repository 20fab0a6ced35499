"""The services of the platform; each is one room per kind of thing, and imports only `shared`."""
