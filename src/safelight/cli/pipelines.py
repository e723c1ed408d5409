"""What the commands over pipelines share: their threads, their log, a line for each source."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType

import click
import msgspec
from msgspec.structs import replace

from safelight import config
from safelight.errors import SettingError
from safelight.observe import Observe
from safelight.pipelines import Outcome, Pipelines
from safelight.pipelines.outcomes import OUTCOMES
from safelight.web import logs

# Threads for each rendering process: one is rendered for while the others wait for stores.
_THREADS, _THREADS_FAR = 2, 4
_PLURALS = {"source": "sources", "output": "outputs"}


@contextmanager
def ready(settings: config.Settings, *, start: bool = True) -> Iterator[tuple[Pipelines, int]]:
    """Wire the pipelines: gives them, and how many sources to bring up at the same time.

    ``start``: whether the processes that make pictures are started, too. Raises SettingError when
    there are no pipelines, WorkerLost.
    """
    pipelines = config.pipelines(settings)
    if pipelines is None:
        raise SettingError(
            "pipelines: nothing is to be done for a source (example: [[pipelines]] with "
            'on = "uploads/" and write = [{ preset = "thumb", to = "thumbnails/{name}" }])'
        )
    local = all(place.store.local for _, place in pipelines.sources.below(""))
    try:
        if start:
            pipelines.start()
        yield pipelines, threads_for(pipelines.renderer.slots, local=local)
    finally:
        pipelines.close()


def threads_for(processes: int, *, local: bool) -> int:
    """Tell how many threads keep rendering processes busy; ``local``: no store is far away."""
    return processes * (_THREADS if local else _THREADS_FAR)


def log_beside(settings: Observe, *, words: bool) -> None:
    """Write the log beside what a command says of each source, which the log leaves out then.

    Beside words for people it is only what went wrong; else it is JSON, with start and end.
    """
    if words:
        quiet = "warning" if settings.log_level == "info" else settings.log_level
        logs.set_up(replace(settings, log_level=quiet))
    else:
        logs.set_up(replace(settings, log_format="json"))
    OUTCOMES.setLevel(logging.WARNING if settings.log_level == "info" else logging.NOTSET)


class Report:
    """Says what came of sources, a line each, and counts.

    Nothing is said of those in ``quiet``, such as "current". In words nothing is said of those that
    failed, either: of them the log speaks, on the same terminal.
    """

    def __init__(self, *, words: bool, quiet: tuple[str, ...] = ()) -> None:
        """Speak in words, else in JSON."""
        self._words = words
        self._quiet = quiet
        self.counts: Counter[str] = Counter()

    def tell(self, outcome: Outcome) -> None:
        """Say what came of a source."""
        self.counts[outcome.status] += 1
        if outcome.status in self._quiet:
            return
        if not self._words:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            told = {"time": now, **msgspec.to_builtins(outcome)}
            click.echo(json.dumps(told, ensure_ascii=False))
        elif outcome.status != "failed":
            click.echo(self._line(outcome))

    def _line(self, outcome: Outcome) -> str:
        said = outcome.reason or (amount(len(outcome.outputs), "output") if outcome.outputs else "")
        where = f"  ({outcome.pipeline})" if outcome.pipeline else ""
        return f"{outcome.status:<8} {outcome.source}  {said}".rstrip() + where

    def summary(self) -> str:
        """Count, as "2 done, 1 failed"."""
        return ", ".join(f"{count:,} {status}" for status, count in self.counts.items())


def amount(count: int, thing: str) -> str:
    """Count things: "1 source", "2 sources"."""
    return f"{count:,} {thing if count == 1 else _PLURALS[thing]}"


def on_terminal() -> bool:
    """Tell whether people read what is said."""
    return sys.stdout.isatty()


@contextmanager
def stopped_by_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first Ctrl-C or SIGTERM; the second one is what it always is."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def first(_: int, __: FrameType | None) -> None:
        logging.getLogger("safelight").info("stopping")
        for each, handler in before.items():
            signal.signal(each, handler)
        stop()

    for number in before:
        signal.signal(number, first)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
