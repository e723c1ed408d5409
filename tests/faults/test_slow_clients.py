"""Clients that take their time, by the hundred: others are served, and the slow ones are let go."""

import contextlib
import resource
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.load import ask, kinds, told
from tests.support.serving import HOST, Server, read_reply, serving, wait_for

HIT = "/w=100/small.jpg"
SHORT = {
    "SAFELIGHT_SERVER_BODY_SECONDS": "2",
    "SAFELIGHT_SERVER_IDLE_SECONDS": "2",
}


@contextlib.contextmanager
def connected(server: Server, count: int, *, buffer: int = 0) -> Iterator[list[socket.socket]]:
    """Open many connections."""
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            if buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            connection.settimeout(20)
            connection.connect((HOST, server.port))
            connections.append(connection)
        yield connections


@contextlib.contextmanager
def crowded(pictures: Path, home: Path, count: int) -> Iterator[tuple[Server, list[socket.socket]]]:
    """Serve with short limits, to many connections."""
    served = serving(pictures, home, "--workers", "1", environment=SHORT)
    with served as server, connected(server, count) as connections:
        yield server, connections


def others_are_served(server: Server) -> float:
    """Ask for a stored picture and new ones; returns the longest time that one took."""
    outcomes = [ask(server.port, path) for path in (HIT, "/healthz", "/w=101/small.jpg") * 5]
    assert kinds(outcomes) == {"200": 15}
    return max(outcome.seconds for outcome in outcomes)


def test_200_half_sent_bodies_hold_nobody_and_are_answered_in_time(
    pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with crowded(pictures, home, 200) as (server, connections):
        for connection in connections:
            connection.sendall(
                b"POST /resize HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n" + b"x" * 999
            )
        longest = others_are_served(server)
        told(capsys, f"others while 200 bodies are half sent: {longest:.2f} s at most")
        for connection in connections:
            reply = read_reply(connection)
            assert (reply.status, reply.code) == (408, "body_too_slow")
            # Nobody could tell what would follow: the connection ends.
            wait_for(lambda connection=connection: is_closed(connection))


def test_a_body_that_trickles_in_is_not_waited_for_longer_than_any_other(
    pictures: Path, home: Path
) -> None:
    with crowded(pictures, home, 1) as (_, (connection,)):
        connection.sendall(b"POST /resize HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n")
        while not select.select([connection], [], [], 0.2)[0]:
            connection.sendall(b"x")
        assert read_reply(connection).code == "body_too_slow"


def test_200_half_sent_heads_hold_nobody_and_are_closed_in_time(pictures: Path, home: Path) -> None:
    with crowded(pictures, home, 200) as (server, connections):
        for connection in connections:
            connection.sendall(f"GET {HIT} HTTP/1.1\r\nHost: x\r\nX-Slow: ".encode())
        others_are_served(server)
        # A byte now and then does not prolong it.
        while not select.select([connections[0]], [], [], 0.2)[0]:
            connections[0].sendall(b"x")
        wait_for(lambda: all(map(is_closed, connections)))


def test_500_connections_that_say_nothing_more_hold_nobody_and_are_closed_in_time(
    pictures: Path, home: Path
) -> None:
    with crowded(pictures, home, 500) as (server, connections):
        for connection in connections[:250]:
            connection.sendall(b"GET /static/safelight.js HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_reply(connection).status == 200
        others_are_served(server)
        wait_for(lambda: all(map(is_closed, connections)))


def test_clients_that_read_nothing_hold_nobody_and_are_closed_in_time(
    pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = "/w=1500,format=png/sunset.jpg"
    limits = SHORT | {"SAFELIGHT_LIMITS_SECONDS": "30"}
    with serving(pictures, home, "--workers", "1", environment=limits) as server:
        size = len(server.get(large).body)
        before = open_files(server)
        with connected(server, 40, buffer=4_096) as connections:
            for connection in connections:
                connection.sendall(f"GET {large} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            others_are_served(server)
            started = time.monotonic()
            wait_for(lambda: open_files(server) <= before)
            told(
                capsys,
                f"40 clients that read nothing of {size / 1e6:.1f} MB: "
                f"gone after {time.monotonic() - started:.1f} s",
            )


def test_a_client_that_reads_slowly_gets_all_of_it(pictures: Path, home: Path) -> None:
    large = "/w=1500,format=png/sunset.jpg"
    limits = SHORT | {"SAFELIGHT_LIMITS_SECONDS": "30"}
    with serving(pictures, home, "--workers", "1", environment=limits) as server:
        whole = server.get(large).body
        with connected(server, 1, buffer=65_536) as (connection,):
            connection.sendall(f"GET {large} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            got = b""
            started = time.monotonic()
            # For longer than any limit, with pauses that are shorter than it.
            while time.monotonic() - started < 5:
                got += connection.recv(20_000)
                time.sleep(0.1)
            while len(got.partition(b"\r\n\r\n")[2]) < len(whole):
                part = connection.recv(1 << 20)
                assert part
                got += part
            assert got.partition(b"\r\n\r\n")[2] == whole


def test_with_too_many_open_files_a_request_is_refused_and_the_next_one_served(
    pictures: Path, home: Path
) -> None:
    with serving(pictures, home, "--workers", "1") as server:
        assert server.get(HIT).status == 200
        with server.connect() as connection:
            ask_over(connection, "/healthz", 200)
            soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (3, hard))
            assert ask_over(connection, "/w=102/small.jpg", 503) == "store_unavailable"
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
            ask_over(connection, "/w=102/small.jpg", 200)
            ask_over(connection, HIT, 200)


def ask_over(connection: socket.socket, path: str, status: int) -> str:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    reply = read_reply(connection)
    assert reply.status == status, reply
    return reply.code if status >= 400 else ""


def is_closed(connection: socket.socket) -> bool:
    """Tell whether the other side has ended a connection."""
    try:
        while select.select([connection], [], [], 0)[0]:
            if not connection.recv(65_536):
                return True
    except ConnectionResetError:
        return True
    return False


def open_files(server: Server) -> int:
    return len([*Path(f"/proc/{server.process.pid}/fd").iterdir()])
