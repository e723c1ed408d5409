"""Many clients at once, and a look at the processes that serve them."""

import contextlib
import http.client
import io
import itertools
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from tests.support.serving import HOST, Reply, Server, received, wait_for

# A connection that ends before the first byte of an answer.
_UNANSWERED = (
    ConnectionResetError,
    BrokenPipeError,
    http.client.RemoteDisconnected,
)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Outcome:
    """What became of a request: a reply that is whole, or the reason why there is none.

    ``fault`` is "refused" when nothing listened, "unanswered" when no answer was begun, else what
    broke it off.
    """

    path: str
    reply: Reply | None
    fault: str = ""
    seconds: float = 0.0

    @property
    def kind(self) -> str:
        """Name the outcome in a few words, for counting."""
        if self.reply is None:
            return self.fault
        if self.reply.status < 400:
            return str(self.reply.status)
        return f"{self.reply.status} {self.reply.code}"


def ask(port: int, path: str, *, timeout: float = 40.0) -> Outcome:
    """GET over a connection of its own."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        return _asked(connection, path)
    finally:
        connection.close()


def _asked(connection: http.client.HTTPConnection, path: str) -> Outcome:
    started = time.monotonic()
    try:
        connection.request("GET", path)
        reply = received(connection.getresponse())
    except ConnectionRefusedError:
        return Outcome(path, None, "refused")
    except _UNANSWERED:
        return Outcome(path, None, "unanswered")
    except (OSError, http.client.HTTPException) as error:
        return Outcome(path, None, f"broken: {error!r}")
    return Outcome(path, reply, seconds=time.monotonic() - started)


def kinds(outcomes: Iterable[Outcome]) -> Counter[str]:
    """Count outcomes by kind."""
    return Counter(outcome.kind for outcome in outcomes)


def together(servers: Sequence[Server], paths: Sequence[str], *, timeout: float = 40.0) -> "Herd":
    """Ask for all paths at the same moment, in turn from each server."""
    return Herd([(servers[n % len(servers)].port, path) for n, path in enumerate(paths)], timeout)


class Herd:
    """Requests that were let go at once; ``outcomes`` waits for all."""

    def __init__(self, requests: Sequence[tuple[int, str]], timeout: float) -> None:
        self._outcomes: list[Outcome] = []
        barrier = threading.Barrier(len(requests))

        def one(port: int, path: str) -> None:
            barrier.wait()
            self._outcomes.append(ask(port, path, timeout=timeout))

        self._threads = [threading.Thread(target=one, args=request) for request in requests]
        for thread in self._threads:
            thread.start()

    @property
    def so_far(self) -> list[Outcome]:
        """What there is already, without waiting."""
        return [*self._outcomes]

    @property
    def outcomes(self) -> list[Outcome]:
        for thread in self._threads:
            thread.join()
        return self._outcomes


@dataclass
class Load:
    """Clients that ask one request after the other, each over a connection that it keeps.

    ``paths`` is called with a number that no other request has. Ends with the block.
    """

    server: Server
    paths: Callable[[int], str]
    clients: int
    outcomes: list[Outcome] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._ended = threading.Event()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._client) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let the requests under way finish, and begin no other."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int) -> None:
        """Wait until so many more requests have an outcome."""
        wanted = len(self.outcomes) + count
        wait_for(lambda: len(self.outcomes) >= wanted, seconds=40)

    def _client(self) -> None:
        connection = http.client.HTTPConnection(HOST, self.server.port, timeout=40)
        with contextlib.closing(connection):
            while not self._ended.is_set():
                outcome = _asked(connection, self.paths(next(self._numbers)))
                self.outcomes.append(outcome)
                if outcome.reply is None:
                    # Whoever is turned away comes back, and does not hammer.
                    connection.close()
                    self._ended.wait(0.01)


def told(capsys: pytest.CaptureFixture[str], figures: str) -> None:
    """Print what was found: worth seeing, and nothing to be judged by."""
    with capsys.disabled():
        sys.stdout.write(f"\n  {figures}\n")


def shown(reply: Reply) -> Image.Image:
    """Decode a picture to its last pixel; a broken one raises."""
    picture = Image.open(io.BytesIO(reply.body))
    picture.load()
    return picture


def renderers(server: Server) -> list[int]:
    """List the processes that render, without the one that reads headers."""
    found = []
    for pid in server.children():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            # The last argument: seconds without a job after which it leaves, 0 for never.
            if b"safelight.workers.child" in words and words[-2] in (b"0", b"0.0"):
                found.append(pid)
    return found


def busy_renderer(server: Server) -> int:
    """Wait until a process renders, and return it."""
    before = {pid: _worked(pid) for pid in renderers(server)}

    def working() -> int | None:
        return next(
            (pid for pid in renderers(server) if _worked(pid) >= before.get(pid, 0.0) + 0.1), None
        )

    return int(wait_for(working))


def _worked(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def running(pid: int) -> bool:
    """Tell whether a process is there, and no zombie whose threads have ended too."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in ("Z", "X") or len([*Path(f"/proc/{pid}/task").iterdir()]) > 1
    except OSError:
        return False


def temporary_files(folder: Path) -> list[Path]:
    """List files that are neither variants nor their notes."""
    return [path for path in _files(folder) if _is_temporary(path)]


def stored(folder: Path) -> list[Path]:
    """List the variants that lie under a final name."""
    return [
        path
        for path in _files(folder)
        if not _is_temporary(path) and not path.name.endswith(".attributes")
    ]


def _is_temporary(path: Path) -> bool:
    return path.name.startswith((".tmp-", "@lease-"))


def _files(folder: Path) -> Iterator[Path]:
    return (Path(where) / name for where, _, names in os.walk(folder) for name in names)
