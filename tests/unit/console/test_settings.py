from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.console.domain.language import Language, say
from services.console.settings import WATCHED, ConsoleSettings
from shared.settings import Settings


def test_services_are_on_this_machine_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINSHENG_ROUTING_PORT", "9002")
    monkeypatch.setenv("MINSHENG_ANALYTICS_URL", "http://analytics.minsheng:8004/")
    settings, own = Settings(_env_file=None), ConsoleSettings(_env_file=None)
    urls = {service: own.url_of(service, settings) for service in WATCHED}
    assert urls["routing"] == "http://127.0.0.1:9002"
    assert urls["analytics"] == "http://analytics.minsheng:8004"


def test_a_time_zone_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINSHENG_TIMEZONE", "Asia/Minan")
    with pytest.raises(ValidationError, match="timezone"):
        Settings(_env_file=None)


@pytest.mark.parametrize("service", WATCHED)
@pytest.mark.parametrize("language", Language)
def test_every_watched_service_has_a_name(service: str, language: Language) -> None:
    assert say(language, f"service-{service}")
