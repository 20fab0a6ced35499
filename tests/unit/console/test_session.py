from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.console.session import Sessions, SignInError, cookie_ring
from shared.privacy.keys import KeyRing, new_key
from shared.privacy.sealing import UnsealError, unseal
from shared.web.auth import Role, Staff, issue_token

LEAD = Staff("m0101", "林晓", Role.UNIT_LEAD, "linjiang-branch")
OLD, NEW = new_key("old"), new_key("new")
RING = KeyRing.parse(OLD)


def token(ring: KeyRing = RING, *, ago: float = 0, lifetime: float = 600) -> str:
    return issue_token(ring, LEAD, now=datetime.now(UTC) - timedelta(seconds=ago), lifetime=timedelta(seconds=lifetime))


def test_the_cookie_brings_back_who_signed_in() -> None:
    sessions = Sessions(RING)
    opened, cookie = sessions.open(f" {token()}\n")
    read = sessions.read(cookie)
    assert read == opened
    assert read.staff == LEAD
    assert read.scope == ("unit-lead", "linjiang-branch")
    assert Sessions(RING).read(cookie) == opened, "another replica, or this one after a restart, knows it as well"


def test_the_token_is_not_shown_by_cookie_or_repr() -> None:
    signed = token()
    opened, cookie = Sessions(RING).open(signed)
    assert signed not in cookie
    assert signed not in repr(opened)


def test_the_staff_keys_themselves_do_not_open_the_cookie() -> None:
    _, cookie = Sessions(RING).open(token())
    with pytest.raises(UnsealError):
        unseal(RING, cookie, b"minsheng console session")
    assert cookie_ring(RING).current_key != RING.current_key


def test_a_cookie_outlives_the_rotation_of_keys_but_not_their_removal() -> None:
    _, cookie = Sessions(RING).open(token())
    assert Sessions(KeyRing.parse(f"{NEW},{OLD}")).read(cookie) is not None
    assert Sessions(KeyRing.parse(NEW)).read(cookie) is None


@pytest.mark.parametrize("cookie", [None, "", "nonsense", "v1.old." + "A" * 60])
def test_no_cookie_and_a_foreign_one_are_no_session(cookie: str | None) -> None:
    assert Sessions(RING).read(cookie) is None


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (lambda: "", "problem-empty"),
        (lambda: "  ", "problem-empty"),
        (lambda: "nonsense", "problem-wrong"),
        (lambda: token(KeyRing.parse(NEW)), "problem-wrong"),
        (lambda: token(ago=3600), "problem-expired"),
        # Within the leeway that clocks have elsewhere: a session ends when its token says so.
        (lambda: token(ago=610), "problem-expired"),
    ],
)
def test_a_token_that_is_not_good_says_why(made: Callable[[], str], problem: str) -> None:
    # Made here, not when tests are collected: a token is good for ten minutes.
    with pytest.raises(SignInError) as refused:
        Sessions(RING).open(made())
    assert refused.value.problem == problem


def test_a_session_is_over_when_its_token_is() -> None:
    now = datetime.now(UTC)
    sessions = Sessions(RING, now=lambda: now)
    opened, cookie = sessions.open(token(lifetime=60))
    now += timedelta(seconds=61)
    assert not sessions.alive(opened)
    assert sessions.read(cookie) is None


def test_signing_out_ends_one_session_and_no_other() -> None:
    sessions = Sessions(RING)
    signed = token()
    first, first_cookie = sessions.open(signed)
    second, _ = sessions.open(signed)
    sessions.end(first)
    assert not sessions.alive(first)
    assert sessions.read(first_cookie) is None
    assert sessions.alive(second)


def test_ended_sessions_are_forgotten_once_they_are_over_anyway() -> None:
    now = datetime.now(UTC)
    sessions = Sessions(RING, now=lambda: now)
    first, _ = sessions.open(token(lifetime=60))
    second, _ = sessions.open(token(lifetime=600))
    sessions.end(first)
    now += timedelta(seconds=61)
    sessions.end(second)
    assert list(sessions._ended) == [second.id]
