from __future__ import annotations

import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.analytics.settings import AnalyticsSettings
from services.followup.settings import FollowupSettings
from services.intake.settings import IntakeSettings
from services.routing.settings import RoutingSettings
from shared.privacy.keys import KeyRingError
from shared.settings import (
    KEY_SETTINGS,
    MissingSettingError,
    Settings,
    _publish,
    development_keys,
    new_keys,
    variable_of,
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("MINSHENG_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_listen_on_this_machine_alone() -> None:
    settings = Settings()
    assert settings.host == "127.0.0.1"
    assert [settings.port_of(name) for name in ("console", "intake", "routing", "followup", "analytics")] == [
        8000, 8001, 8002, 8003, 8004,
    ]  # fmt: skip
    assert settings.topic_prefix == "minsheng"
    assert settings.partitions == 12


def test_each_service_has_its_own_database_on_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINSHENG_DATABASE", "postgresql://me:p%40ss@db:5433/")
    monkeypatch.setenv("MINSHENG_ANALYTICS_DATABASE", "postgres://you:word@far/elsewhere")
    settings = Settings()
    assert settings.database_for("routing") == "postgresql+asyncpg://me:p%40ss@db:5433/minsheng_routing"
    assert settings.database_for("analytics") == "postgresql+asyncpg://you:word@far/elsewhere"


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("MINSHENG_KAFKA=file:1\nMINSHENG_PARTITIONS=3\n")
    monkeypatch.setenv("MINSHENG_KAFKA", "environment:1")
    assert (Settings().kafka, Settings().partitions) == ("environment:1", 3)


def test_a_service_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no service 'ruoting'"):
        Settings().port_of("ruoting")


@pytest.mark.parametrize("url", ["mysql://me:hunter2@db/", "hunter2", "postgresql"])
def test_a_database_that_is_not_postgresql_is_refused_without_showing_the_url(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINSHENG_DATABASE", url)
    with pytest.raises(ValidationError, match=r"postgresql://user") as raised:
        Settings()
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("field", KEY_SETTINGS)
def test_a_missing_secret_names_its_variable_and_how_to_make_one(field: str) -> None:
    with pytest.raises(MissingSettingError, match=f"{variable_of(field)} is not set.*minsheng keys"):
        Settings()._ring(field)


def test_a_missing_database_names_its_variable() -> None:
    with pytest.raises(MissingSettingError, match="MINSHENG_DATABASE is not set"):
        Settings().database_for("routing")


def test_new_keys_are_what_the_settings_want_and_nothing_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in new_keys("a1").items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    rings = [
        settings.sealing_ring,
        settings.pseudonym_ring,
        settings.staff_ring,
        settings.channel_ring,
        settings.callback_ring,
    ]
    assert {ring.current for ring in rings} == {"a1"}
    assert len({ring.current_key for ring in rings}) == 5
    for value in new_keys("a1").values():
        assert value.split(":")[1] not in repr(settings)


def test_a_key_that_cannot_be_read_names_its_variable_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINSHENG_STAFF_KEYS", "a1:c2hvcnQ=")
    with pytest.raises(KeyRingError, match="MINSHENG_STAFF_KEYS") as raised:
        _ = Settings().staff_ring
    assert "c2hvcnQ" not in str(raised.value)


def test_development_keys_are_made_once_and_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "keys.env"
    made = development_keys(path)
    assert set(made) == {variable_of(field) for field in KEY_SETTINGS}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert development_keys(path) == made
    assert list(path.parent.iterdir()) == [path]


def test_of_two_processes_that_make_keys_at_once_the_second_takes_those_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "keys.env"
    made = development_keys(path)
    # What a process does that found no file just before the other one had made it.
    _publish(path, new_keys("late"))
    assert development_keys(path) == made
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_that_an_older_file_lacks_is_added_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "keys.env"
    made = development_keys(path)
    older = {name: value for name, value in made.items() if name != "MINSHENG_CALLBACK_KEYS"}
    path.write_text("".join(f"{name}={value}\n" for name, value in older.items()))
    completed = development_keys(path)
    assert older.items() < completed.items()
    assert development_keys(path) == completed


def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.env"
    development_keys(path)
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        development_keys(path)


def test_an_outbox_keeps_at_least_what_topics_keep() -> None:
    assert Settings(_env_file=None, retention_hours=24, outbox_retention_hours=24).outbox_retention_hours == 24
    with pytest.raises(ValueError, match=r"MINSHENG_OUTBOX_RETENTION_HOURS must not be below MINSHENG_RETENTION_HOURS"):
        Settings(_env_file=None, retention_hours=25, outbox_retention_hours=24)


@pytest.mark.parametrize(
    "name", ["Asia/Minan", "+08:00", "UTC+8", "GMT+8", "Beijing", "asia/shanghai", "../etc/passwd", "CST-8"]
)
def test_a_time_zone_that_is_none_is_refused_with_what_to_write(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINSHENG_TIMEZONE", name)
    with pytest.raises(ValidationError, match="such as Asia/Shanghai"):
        Settings(_env_file=None)


def test_every_service_has_the_one_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINSHENG_TIMEZONE", "Asia/Urumqi")
    for settings in (IntakeSettings, RoutingSettings, AnalyticsSettings, FollowupSettings, Settings):
        assert settings(_env_file=None).zone.key == "Asia/Urumqi"
