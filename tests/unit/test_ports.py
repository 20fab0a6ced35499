"""Free and taken ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from shared import ports


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_taken_port_is_refused_by_name_with_the_remedy(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(ports.PortTakenError) as refusal:
        ports.pick(port, "the bus", remedy="move it with --kafka-port")
    assert str(port) in str(refusal.value)
    assert "the bus" in str(refusal.value)
    assert "move it with --kafka-port" in str(refusal.value)
    assert refusal.value.port == port


def test_a_wanted_free_port_is_given(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert ports.pick(port, "the bus", remedy="move it") == port


def test_zero_gives_a_port_that_can_be_listened_on() -> None:
    port = ports.pick(0, "the bus", remedy="move it")
    with socket.create_server(("127.0.0.1", port)) as server:
        assert server.getsockname()[1] == port
        assert not ports.is_free(port)


def test_zero_gives_no_port_that_an_outgoing_connection_could_have() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        # What the system hands out by itself begins above every port that is picked.
        lowest = min(server.getsockname()[1], client.getsockname()[1])
    assert all(ports.pick(0, "the bus", remedy="move it") < lowest for _ in range(200))


def test_without_room_below_the_outgoing_ones_any_free_port_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_first_outgoing", lambda: 1_024)
    assert ports.is_free(ports.pick(0, "the bus", remedy="move it"))


def test_a_connection_in_time_wait_does_not_make_a_port_taken(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)) as client:
        accepted, _ = listener.accept()
        # The side that closes first keeps the address in TIME_WAIT.
        accepted.close()
        assert client.recv(1) == b""
    listener.close()
    assert ports.is_free(port)
