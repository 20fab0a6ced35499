"""Ways to reach a citizen, each behind the face of `gateway.Gateway`."""
