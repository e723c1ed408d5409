"""Real stores on this machine, for tests: each on a free port of loopback, ended by its process."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# Where tests/full/setup.sh installs; read now, before a test has another home.
_CACHE = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
TOOLS = Path(os.environ.get("SAFELIGHT_TOOLS") or Path(_CACHE) / "safelight" / "tools")
_START_SECONDS = 30


@dataclass(frozen=True)
class Server:
    """A running store: its port, what ends the URLs of its buckets, and its credentials."""

    scheme: str
    port: int
    options: str
    environment: Mapping[str, str]
    # Makes a bucket, which need not be new.
    make: Callable[[str], object] = field(repr=False)

    def url(self, bucket: str, prefix: str = "", *, port: int | None = None) -> str:
        """Name a bucket in the store; ``port`` is that of a proxy in front of it."""
        options = self.options.replace(f":{self.port}", f":{port or self.port}")
        return f"{self.scheme}://{bucket}{f'/{prefix}' if prefix else ''}?{options}"


def tool(name: str) -> str:
    """Find a program. Raises FileNotFoundError with what to do about it."""
    for path in sorted(TOOLS.glob(f"{name}-*/bin/{name}"), reverse=True):
        return str(path)
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"there is no {name}: run tests/full/setup.sh")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], log: Path, answers: str, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a server until the end of the block, once the URL ``answers`` with any status."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    try:
        until = time.monotonic() + _START_SECONDS
        while not _answers(answers):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} does not answer:\n{log.read_text()}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    # Whatever proxies this machine has: loopback is asked directly.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
