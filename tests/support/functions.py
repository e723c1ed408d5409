"""Functions: those that listen as processes of their own, and what their calls share here."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from safelight import config
from safelight.events import Event
from safelight.functions.runtime import Runtime
from safelight.pipelines import Outcome
from tests.stores.servers import free_port
from tests.support.serving import START_SECONDS, Server, clean_environment, wait_for


@contextlib.contextmanager
def listening(
    module: str, home: Path, settings: str, *arguments: str, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run ``python -m`` a module in the folder ``home`` until it listens."""
    (home / "safelight.toml").write_text(settings)
    port = free_port()
    command = [sys.executable, "-m", module, *arguments]
    with started(command, home, port, {"PORT": str(port), **environment}) as server:
        yield server


@contextlib.contextmanager
def started(
    command: Sequence[str], home: Path, port: int, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run a command in the folder ``home``; give it when it listens on a port."""
    with (home / "server.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=home,
            env={**clean_environment(), **environment},
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


class Handled:
    """Do with each event what the test wants."""

    def __init__(self, does: Callable[[Event], list[Outcome]]) -> None:
        self.heard: list[str] = []
        self.deadlines: list[float] = []
        self._does = does

    def handle(self, event: Event, *, deadline: float) -> list[Outcome]:
        self.heard.append(event.key)
        self.deadlines.append(deadline)
        return self._does(event)


def runtime(home: Path, **security: Any) -> Runtime:
    """Make what the calls of a function share, over a folder."""
    overrides: dict[str, Any] = {
        "source": {"url": f"file:{home}"},
        "variants": {"url": f"file:{home}/variants"},
        "security": security,
    }
    settings = config.load(environment={}, overrides=overrides)
    return Runtime(settings, threads=1, own_log=False)


def handling(home: Path, does: Callable[[Event], list[Outcome]]) -> tuple[Runtime, Handled]:
    """Give a runtime whose events are handled so."""
    made, handled = runtime(home), Handled(does)
    made.__dict__["_pipelines"] = handled
    return made, handled
