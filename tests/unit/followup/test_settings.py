"""Follow-up's settings, and what decisions take of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from services.followup.domain.state import Policy
from services.followup.inbox import LATE
from services.followup.settings import FollowupSettings
from shared.web.callbacks import BACK_SECONDS


def settings(**given: object) -> FollowupSettings:
    return FollowupSettings(_env_file=None, **given)  # type: ignore[arg-type]


def test_the_defaults_are_the_domain_s_own() -> None:
    assert settings().policy == Policy()
    assert settings().reminder == timedelta(hours=24)


def test_times_may_be_fractions_and_no_reminder_is_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINSHENG_SURVEY_ANSWER_HOURS", "0.5")
    monkeypatch.setenv("MINSHENG_SURVEY_REMINDER_HOURS", "0")
    assert settings().policy.answer == timedelta(minutes=30)
    assert settings().reminder is None


@pytest.mark.parametrize(
    "wrong", [{"sms_gateway_url": "ftp://x"}, {"survey_answer_hours": 0}, {"sms_batch": 0}, {"survey_keep_days": 59}]
)
def test_what_can_not_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_ids_are_remembered_longer_than_what_was_signed_with_them_is_good() -> None:
    shortest = settings(survey_keep_days=60)
    assert timedelta(days=shortest.survey_keep_days) > 2 * timedelta(seconds=BACK_SECONDS)
    assert timedelta(seconds=BACK_SECONDS) < LATE


def test_the_token_is_not_printed() -> None:
    assert "hush" not in repr(settings(sms_gateway_token="hush"))
