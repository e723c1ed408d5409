"""This process's connections, ended from below."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight.http.connections import bound_unread, end_all


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port(listening: socket.socket) -> int:
    number = listening.getsockname()[1]
    assert isinstance(number, int)
    return number


def test_all_connections_to_a_port_are_ended_and_their_clients_see_it(
    listening: socket.socket,
) -> None:
    with socket.create_connection(listening.getsockname(), 5) as client:
        accepted, _ = listening.accept()
        with accepted:
            assert end_all(port(listening)) == 1
            assert client.recv(1) == b""
    # What listens is left alone: a server closes it in its own time.
    with socket.create_connection(listening.getsockname(), 5) as another:
        accepted, _ = listening.accept()
        with accepted:
            accepted.sendall(b"x")
            assert another.recv(1) == b"x"


def test_connections_to_other_ports_are_left_alone(listening: socket.socket) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_connection(other.getsockname(), 5) as client,
    ):
        accepted, _ = other.accept()
        with accepted:
            assert end_all(port(listening)) == 0
            accepted.sendall(b"x")
            assert client.recv(1) == b"x"


def test_the_time_for_unread_answers_is_handed_down_to_connections(
    listening: socket.socket,
) -> None:
    assert bound_unread(port(listening), 2.5)
    with socket.create_connection(listening.getsockname(), 5):
        accepted, _ = listening.accept()
        with accepted:
            if sys.platform == "linux":
                bound = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                assert bound == 2_500
            accepted.setblocking(False)
            with pytest.raises(BlockingIOError):
                accepted.recv(1)


def test_nothing_listens_before_something_does(listening: socket.socket) -> None:
    free = port(listening)
    listening.close()
    assert not bound_unread(free, 1)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", free))
        assert not bound_unread(free, 1)


def test_looking_leaves_no_descriptor_open(listening: socket.socket) -> None:
    before = sorted(Path("/dev/fd").iterdir())
    for _ in range(3):
        bound_unread(port(listening), 1)
        end_all(port(listening))
    assert sorted(Path("/dev/fd").iterdir()) == before
