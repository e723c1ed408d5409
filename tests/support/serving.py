"""The real server in a process of its own, and a client that hides nothing of HTTP."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 20.0
_ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|0\.0\.0\.0):([0-9]+)/")


@dataclass(frozen=True)
class Reply:
    """What came back: status, headers by any case, and the body."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of a problem, which is checked to be one (RFC 9457)."""
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.json["status"] == self.status
        assert self.json["title"]
        assert self.json["detail"]
        return str(self.json["code"])

    def __getitem__(self, name: str) -> str | None:
        """Return a header, None when it was not sent."""
        return self.headers.get(name)


@dataclass
class Server:
    """A running `safelight serve`.

    ``photos`` is the served folder, ``home`` the working directory: settings, stored variants
    (``.safelight/variants``) and the output (``server.log``) are there.
    """

    process: subprocess.Popen[bytes]
    port: int
    photos: Path
    home: Path

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def output(self) -> str:
        """What the server has written, to both streams."""
        return (self.home / "server.log").read_text()

    def get(self, path: str, /, **headers: str) -> Reply:
        """GET; a header is a keyword, with ``_`` for ``-``."""
        return self.ask("GET", path, {n.replace("_", "-"): v for n, v in headers.items()})

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        timeout: float = 30.0,
    ) -> Reply:
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout)
        try:
            # A server may answer before it has read a body that it does not want.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, dict(headers or {}))
            return received(connection.getresponse())
        finally:
            connection.close()

    def connect(self, *, timeout: float = 30.0) -> socket.socket:
        """Open a bare connection."""
        return socket.create_connection((HOST, self.port), timeout)

    def say(self, head: bytes, *, method: str = "GET", timeout: float = 30.0) -> Reply:
        """Send bytes as they are, and read one response."""
        with self.connect(timeout=timeout) as connection:
            connection.sendall(head)
            return read_reply(connection, method)

    def children(self) -> list[int]:
        """List the processes that the server has started and that still run."""
        path = Path(f"/proc/{self.process.pid}/task")
        found: list[int] = []
        for task in path.iterdir():
            found += [int(pid) for pid in (task / "children").read_text().split()]
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def read_reply(connection: socket.socket, method: str = "GET") -> Reply:
    """Read one response from a connection."""
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        return received(response)
    finally:
        response.close()


def received(response: http.client.HTTPResponse) -> Reply:
    """Read a response to its end."""
    return Reply(response.status, response.headers, response.read())


@contextlib.contextmanager
def serving(
    photos: Path | None,
    home: Path,
    *options: str,
    settings: str = "",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Serve a folder, or what the settings name, from the working directory ``home``.

    ``settings`` become ``safelight.toml``; ``environment`` is added to this process's own.
    """
    if settings:
        (home / "safelight.toml").write_text(settings)
    log = home / "server.log"
    folder = [str(photos)] if photos else []
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "safelight", "serve", *folder, "--port", "0", *options],
            cwd=home,
            env=clean_environment() | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, 0, photos or home, home)
    try:
        server.port = _ready(server)
        yield server
    finally:
        server.stop()


def clean_environment() -> dict[str, str]:
    """Give this process's environment without settings."""
    return {n: v for n, v in os.environ.items() if not n.startswith("SAFELIGHT_")}


def _ready(server: Server) -> int:
    """Wait until the server answers, and return its port."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        found = _ADDRESS.search(server.output)
        if found:
            server.port = int(found[1])
            with contextlib.suppress(OSError):
                if server.get("/healthz").status == 200:
                    return server.port
        time.sleep(0.05)
    raise AssertionError(f"the server does not answer:\n{server.output}")


def wait_for(condition: Any, *, seconds: float = 15.0) -> Any:
    """Poll until a condition gives something true, and return that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {condition}"
        time.sleep(0.02)
