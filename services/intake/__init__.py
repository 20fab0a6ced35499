"""Intake: takes requests from every channel, once each, durably."""
