"""Names of the services."""

from __future__ import annotations

SERVICES = ("intake", "routing", "followup", "analytics", "console")
DATABASES = ("intake", "routing", "followup", "analytics")
"""The services that own a database."""
