"""After good, bad and broken-off requests nothing is left of them."""

import random
import socket
from pathlib import Path

import pytest

from tests.support.load import running, temporary_files, told
from tests.support.serving import HOST, Server, serving, wait_for

SHORT = {"SAFELIGHT_SERVER_IDLE_SECONDS": "2", "SAFELIGHT_LIMITS_SECONDS": "4"}


def test_nothing_is_left_of_good_bad_and_broken_off_requests(
    pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "damaged.jpg").write_bytes((pictures / "sunset.jpg").read_bytes()[:90_000])
    (pictures / "none.jpg").write_bytes(b"this is no picture")
    with serving(pictures, home, "--workers", "2", environment=SHORT) as server:
        round_of_requests(server, pictures, 0)
        # Threads are started as they are needed: the first round may raise the baseline.
        before = settled(server)
        for number in range(1, 5):
            round_of_requests(server, pictures, number)
        files, threads, children = before
        wait_for(lambda: settled(server)[0] <= files + 2)
        after = settled(server)
        told(capsys, f"files, threads, processes: {before} before, {after} after")
        assert after[1] <= threads + 4
        assert after[2] <= children
        assert "Traceback" not in server.output
        assert "never retrieved" not in server.output


def round_of_requests(server: Server, pictures: Path, number: int) -> None:
    chance = random.Random(number)
    body = (pictures / "small.jpg").read_bytes()
    for width in range(20, 40):
        size = f"w={width},q={number + 1}"
        assert server.get(f"/{size}/small.jpg").status == 200
        assert server.get(f"/{size}/missing.jpg").status == 404
        assert server.get(f"/{size}/damaged.jpg").status == 422
        assert server.get(f"/{size}/none.jpg").status == 415
        assert server.get(f"/{size},nonsense=1/small.jpg").status == 400
        assert server.ask("POST", f"/resize?width={width}", body=body).status == 200
        broken_off(server, f"GET /w={100 + width},q={number + 1}/small.jpg HTTP/1.1\r\n", chance)
        broken_off(server, "POST /resize HTTP/1.1\r\nContent-Length: 99999\r\n", chance, body)
    # One that is ended at its deadline, and whose client has left long before.
    broken_off(server, f"GET /w={4000 + number},format=avif,effort=9/sunset.jpg HTTP/1.1\r\n", None)
    assert server.get("/info/small.jpg").status == 200


def broken_off(server: Server, head: str, chance: random.Random | None, body: bytes = b"") -> None:
    """Send a request, or some of it, and leave; sometimes with a reset."""
    request = f"{head}Host: x\r\n\r\n".encode() + body
    with socket.create_connection((HOST, server.port)) as connection:
        if chance is None:
            connection.sendall(request)
            return
        connection.sendall(request[: chance.randrange(len(request) + 1)])
        if chance.random() < 0.5:
            linger = (1).to_bytes(4, "little") + bytes(4)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def settled(server: Server) -> tuple[int, int, int]:
    """Count open files, threads and processes once nothing is under way any more."""
    pid = server.process.pid
    seen: list[tuple[int, int, int]] = []

    def quiet() -> bool:
        assert server.get("/healthz").status == 200
        children = server.children()
        # A lease is there while a picture is made, whoever waits for it; a process that was ended
        # waits for its parent.
        if temporary_files(server.home) or not all(map(running, children)):
            seen.clear()
            return False
        files = len([*Path(f"/proc/{pid}/fd").iterdir()])
        threads = len([*Path(f"/proc/{pid}/task").iterdir()])
        seen.append((files, threads, len(children)))
        return len(seen) > 20 and len(set(seen[-20:])) == 1

    wait_for(quiet, seconds=30)
    return seen[-1]
