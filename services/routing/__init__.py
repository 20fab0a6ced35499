"""Routing: from requests to cases that a unit and an officer answer for, in time."""
