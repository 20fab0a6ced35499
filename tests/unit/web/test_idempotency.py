from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.idempotency import Answer, decide, fingerprint
from shared.web.problems import Problem

_REQUESTS = st.tuples(st.sampled_from(["POST", "PUT"]), st.text("/ab", max_size=4), st.binary(max_size=4))
STORED = Answer("same", 202, b"{}", "application/json")


@given(_REQUESTS, _REQUESTS)
def test_only_the_same_request_has_the_same_fingerprint(
    one: tuple[str, str, bytes], two: tuple[str, str, bytes]
) -> None:
    assert (fingerprint(*one) == fingerprint(*two)) == (one == two)


def test_the_parts_cannot_be_shifted_into_each_other() -> None:
    assert fingerprint("POST", "/a", b"b") != fingerprint("POST", "/ab", b"")
    assert fingerprint("post", "/a", b"") == fingerprint("POST", "/a", b"")


def test_a_new_key_goes_on() -> None:
    assert decide("same", None, in_flight=False) is None


def test_the_same_request_is_answered_again_and_says_so() -> None:
    assert decide("same", STORED, in_flight=False) == STORED
    answer = STORED.response()
    assert (answer.status_code, answer.body, answer.headers["idempotent-replay"]) == (202, b"{}", "true")


@pytest.mark.parametrize(
    ("stored", "in_flight", "status"), [(STORED, False, 422), (STORED, True, 409), (None, True, 409)]
)
def test_another_request_or_one_in_flight_is_refused(stored: Answer | None, in_flight: bool, status: int) -> None:
    with pytest.raises(Problem) as raised:
        decide("other", stored, in_flight=in_flight)
    assert raised.value.status == status
