"""The process that listens: clients that are slow, rude or too many, and how it ends."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.serving import HOST, Server, clean_environment, read_reply, serving

MEADOW = "/64x64/photo-1mp.jpg"
GET = b"GET /64x64/photo-1mp.jpg HTTP/1.1\r\nHost: x\r\n"
HALF_A_BODY = b"POST /resize HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"


@pytest.fixture(scope="module")
def hasty(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server that waits for nobody."""
    impatience = {
        "SAFELIGHT_SERVER_IDLE_SECONDS": "0.6",
        "SAFELIGHT_SERVER_BODY_SECONDS": "0.8",
        "SAFELIGHT_WORKERS_PROCESSES": "1",
    }
    home = tmp_path_factory.mktemp("hasty")
    with serving(data / "photos", home, environment=impatience) as server:
        assert server.get(MEADOW).status == 200
        yield server
    assert "Traceback" not in server.output, server.output


def closed(connection: socket.socket) -> bool:
    """Wait until the server has hung up; what it says before is passed over."""
    connection.settimeout(10)
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65_536):
            pass
    return True


def test_a_connection_that_says_nothing_is_closed(hasty: Server) -> None:
    with hasty.connect() as connection:
        assert closed(connection)


def test_a_connection_that_is_kept_and_says_nothing_more_is_closed(hasty: Server) -> None:
    with hasty.connect() as connection:
        connection.sendall(GET + b"\r\n")
        assert read_reply(connection).status == 200
        assert closed(connection)


def test_a_head_that_trickles_in_is_cut_off(hasty: Server) -> None:
    with hasty.connect() as connection:
        started = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for byte in GET + b"X-Slow: " + b"x" * 1_000:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
                if time.monotonic() - started > 15:
                    break
        assert closed(connection)
        assert time.monotonic() - started < 15


def test_a_half_sent_body_is_told_and_lets_go(hasty: Server) -> None:
    reply = hasty.say(HALF_A_BODY, method="POST")
    assert (reply.status, reply.code) == (408, "body_too_slow")


def test_half_sent_bodies_hold_nobody_up(hasty: Server) -> None:
    with contextlib.ExitStack() as stack:
        halves = [stack.enter_context(hasty.connect()) for _ in range(60)]
        for connection in halves:
            connection.sendall(HALF_A_BODY)
        assert hasty.get(MEADOW).status == 200
        assert hasty.get("/65x65/photo-1mp.jpg").status == 200
        assert hasty.get("/healthz").status == 200
        assert all(read_reply(connection, "POST").status == 408 for connection in halves)
    assert hasty.get(MEADOW).status == 200


@pytest.mark.parametrize(
    "headers",
    [b"X-Large: " + b"x" * 1_000_000, b"".join(b"X-%d: x\r\n" % n for n in range(2_000))[:-2]],
    ids=["one large header", "many small headers"],
)
def test_a_head_that_is_too_large_is_refused(hasty: Server, headers: bytes) -> None:
    with hasty.connect() as connection:
        # The server answers, or hangs up, before it has read all.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(GET + headers + b"\r\n\r\n")
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while more := connection.recv(65_536):
                said += more
    assert said == b"" or said.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    assert hasty.get(MEADOW).status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"GET /a b.jpg HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /64x64/a\x01b.jpg HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /64x64/\xff.jpg HTTP/1.1\r\nHost: x\r\n\r\n",
        GET + b"No-Colon\r\n\r\n",
        GET + b"X-Null: a\x00b\r\n\r\n",
        b"POST /resize HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /resize HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_http_is_refused_and_closed(hasty: Server, head: bytes) -> None:
    with hasty.connect() as connection:
        connection.sendall(head)
        connection.settimeout(10)
        said = connection.recv(65_536)
        assert said == b"" or said.startswith(b"HTTP/1.1 400")
        assert closed(connection)


def test_two_ways_to_end_a_body_do_not_smuggle_a_request(hasty: Server) -> None:
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with hasty.connect() as connection:
        connection.sendall(
            b"POST /resize HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(smuggled)) + smuggled
        )
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while more := connection.recv(65_536):
                said += more
    assert said.startswith(b"HTTP/1.1 400")
    assert said.count(b"HTTP/1.1") == 1


def test_old_clients_are_served(hasty: Server) -> None:
    assert hasty.say(b"GET /64x64/photo-1mp.jpg HTTP/1.0\r\n\r\n").status == 200
    assert hasty.say(b"GET http://x/64x64/photo-1mp.jpg HTTP/1.1\r\nHost: x\r\n\r\n").status == 200


def test_requests_may_follow_each_other_without_waiting(hasty: Server) -> None:
    with hasty.connect() as connection:
        connection.sendall((GET + b"\r\n") * 3 + GET + b"Connection: close\r\n\r\n")
        said = b""
        while more := connection.recv(65_536):
            said += more
    assert said.count(b"HTTP/1.1 200") == 4


def test_many_clients_are_served_at_once(hasty: Server) -> None:
    with ThreadPoolExecutor(24) as executor:
        replies = list(executor.map(lambda _: hasty.get(MEADOW), range(120)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_its_workers_cleanly(
    data: Path, tmp_path: Path, number: int
) -> None:
    with serving(data / "photos", tmp_path, "--workers", "2") as server:
        assert server.get(MEADOW).status == 200
        assert server.get("/info/photo-1mp.jpg").status == 200
        workers = server.children()
        assert len(workers) == 3
        assert server.stop(number) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
        assert "Traceback" not in server.output
        assert "Exception" not in server.output
    with pytest.raises(ConnectionRefusedError):
        server.connect()


def test_a_port_that_is_free_again_can_be_taken_at_once(data: Path, tmp_path: Path) -> None:
    with serving(data / "photos", tmp_path, "--workers", "1") as server:
        with server.connect() as connection:
            connection.sendall(GET + b"\r\n")
            assert read_reply(connection).status == 200
            server.stop()
        port = str(server.port)
    with serving(data / "photos", tmp_path, "--workers", "1", "--port", port) as again:
        assert again.port == server.port
        assert again.get(MEADOW).status == 200


def test_a_port_in_use_is_named(data: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "safelight", "serve", str(data / "photos"), "--port", str(port)],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"{HOST}:{port} cannot be listened on (Address already in use)" in done.stderr
    assert "--port" in done.stderr
    assert done.stderr.count("\n") == 1
