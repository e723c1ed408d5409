"""The server is told to stop while it serves: what was begun is finished, nothing is left over."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.load import Load, ask, busy_renderer, kinds, renderers, running, together, told
from tests.support.serving import Server, clean_environment, serving, wait_for

# Takes about two seconds.
SLOW = "/w=1000,format=webp,lossless/sunset.jpg"
# Takes longer than any test.
ENDLESS = "/format=avif,effort=9/sunset.jpg"


def mixed(number: int) -> str:
    return f"/w={20 + number % 300},q={1 + number // 300 % 100}/small.jpg" if number % 2 else HIT


HIT = "/w=100/small.jpg"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_breaks_no_answer(
    pictures: Path, home: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(pictures, home, "--workers", "2") as server:
        with Load(server, mixed, clients=12) as load:
            load.more(60)
            workers = server.children()
            started = time.monotonic()
            press(server, number)
            code = server.process.wait(20)
            spent = time.monotonic() - started
            load.stop()
        counted = kinds(load.outcomes)
        told(capsys, f"{number.name} under load: {spent:.2f} s, {dict(counted)}")
        assert code == 0
        assert set(counted) <= {"200", "refused", "unanswered"}
        # A request can meet the door in the moment in which it closes; all twelve were on the way.
        assert counted["unanswered"] <= 4
        wait_for(lambda: not any(map(running, workers)))
        assert silent(server)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_picture_that_is_being_made_is_sent_before_the_end(
    pictures: Path, home: Path, number: signal.Signals
) -> None:
    with serving(pictures, home, "--workers", "1") as server:
        herd = together([server], [SLOW] * 5)
        busy_renderer(server)
        press(server, number)
        assert kinds(herd.outcomes) == {"200": 5}
        assert server.process.wait(20) == 0
        assert ask(server.port, HIT).fault == "refused"
        assert silent(server)


def test_what_takes_longer_than_the_grace_is_broken_off(pictures: Path, home: Path) -> None:
    grace = {"SAFELIGHT_SERVER_GRACE_SECONDS": "0.5"}
    with serving(pictures, home, "--workers", "1", environment=grace) as server:
        herd = together([server], [ENDLESS])
        worker = busy_renderer(server)
        assert server.stop() == 0
        assert kinds(herd.outcomes) == {"unanswered": 1}
        wait_for(lambda: not running(worker))
        assert "Traceback" not in server.output


def test_a_second_signal_does_not_wait(pictures: Path, home: Path) -> None:
    grace = {"SAFELIGHT_SERVER_GRACE_SECONDS": "300", "SAFELIGHT_LIMITS_SECONDS": "300"}
    with serving(pictures, home, "--workers", "1", environment=grace) as server:
        herd = together([server], [ENDLESS])
        worker = busy_renderer(server)
        press(server, signal.SIGINT)
        wait_for(lambda: ask(server.port, "/healthz").fault == "refused")
        assert server.process.poll() is None
        press(server, signal.SIGINT)
        assert server.process.wait(20) == 0
        assert kinds(herd.outcomes) == {"unanswered": 1}
        wait_for(lambda: not running(worker))
        assert "Traceback" not in server.output


def test_connections_that_say_nothing_do_not_hold_the_end(pictures: Path, home: Path) -> None:
    with serving(pictures, home, "--workers", "1") as server:
        silent_ones = [server.connect() for _ in range(20)]
        used = server.connect()
        used.sendall(f"GET {HIT} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert used.recv(16) == b"HTTP/1.1 200 OK\r"
        started = time.monotonic()
        assert server.stop() == 0
        # Far less than the grace: there is nothing to wait for.
        assert time.monotonic() - started < 5
        for connection in (*silent_ones, used):
            connection.close()


def test_a_client_that_does_not_read_holds_the_end_no_longer_than_the_grace(
    pictures: Path, home: Path
) -> None:
    grace = {"SAFELIGHT_SERVER_GRACE_SECONDS": "1"}
    served = serving(pictures, home, "--workers", "1", environment=grace)
    with served as server, socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader.connect(("127.0.0.1", server.port))
        reader.sendall(b"GET /w=3000,format=png/sunset.jpg HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reader.recv(16) == b"HTTP/1.1 200 OK\r"
        assert server.stop() == 0


def test_workers_leave_by_themselves_when_the_server_is_killed(pictures: Path, home: Path) -> None:
    with serving(pictures, home, "--workers", "2") as server:
        assert server.get("/info/small.jpg").status == 200
        together([server], [ENDLESS])
        busy_renderer(server)
        workers = server.children()
        # Two that render and one that reads headers.
        assert len(workers) == 3
        server.process.kill()
        server.process.wait()
        wait_for(lambda: not any(map(running, workers)))
        assert "Traceback" not in server.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("delay", [0.05, 0.15, 0.3, 0.5])
def test_a_server_that_is_stopped_while_it_starts_leaves_nothing(
    pictures: Path, home: Path, number: signal.Signals, delay: float
) -> None:
    command = [sys.executable, "-m", "safelight", "serve", str(pictures), "--port", "0"]
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=clean_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    time.sleep(delay)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    process.wait(20)
    wait_for(lambda: not members(process.pid))


def press(server: Server, number: int) -> None:
    """Signal as a terminal does (Ctrl-C: to the whole group), or as a supervisor does."""
    pids = [server.process.pid]
    if number == signal.SIGINT:
        pids += renderers(server)
    for pid in pids:
        os.kill(pid, number)


def members(group: int) -> list[int]:
    """List the processes of a group that still run."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    found = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == group and running(pid):
                found.append(pid)
    return found


def silent(server: Server) -> bool:
    """Tell whether nothing was written that somebody would have to look into."""
    return not any(word in server.output for word in ("Traceback", "ERROR", "WARNING", "Exception"))
