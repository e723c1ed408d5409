"""Functions that listen, each as a process of its own."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.stores.servers import free_port
from tests.support.serving import START_SECONDS, Server, clean_environment, wait_for


@contextlib.contextmanager
def listening(
    module: str, home: Path, settings: str, *arguments: str, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run ``python -m`` a module in the folder ``home`` until it listens."""
    (home / "safelight.toml").write_text(settings)
    port = free_port()
    with (home / "server.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=home,
            env={**clean_environment(), "PORT": str(port), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, port, home, home)

    def answers() -> bool:
        assert process.poll() is None, server.output
        with contextlib.suppress(OSError):
            server.connect(timeout=1.0).close()
            return True
        return False

    try:
        wait_for(answers, seconds=START_SECONDS)
        yield server
    finally:
        server.stop()
