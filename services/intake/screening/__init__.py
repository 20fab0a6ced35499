"""Screening: does a request belong to 110? A learned screen and rules, each of which can flag."""
