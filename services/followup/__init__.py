"""Follow-up: asks the citizen afterwards, in counted rounds, until satisfied or understood."""
