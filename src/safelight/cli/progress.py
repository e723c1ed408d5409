"""How far a back-fill is: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

import click

from safelight.backfill import Made, Progress, Tally
from safelight.errors import StoreUnavailable

_LINE_SECONDS = 10.0
_KINDS = ("done", "current", "removed", "skipped", "failed", "delayed")


class Total(threading.Thread):
    """Count a listing beside the work; ``sources`` is None until it is through."""

    def __init__(self, entries: Callable[[], Iterable[object]]) -> None:
        """Count what ``entries`` gives, once started."""
        super().__init__(name="safelight-count", daemon=True)
        self._entries = entries
        self._ended = threading.Event()
        self.sources: int | None = None

    def run(self) -> None:
        """Count until the end."""
        sources = 0
        try:
            for _ in self._entries():
                sources += 1
                if self._ended.is_set():
                    return
        except StoreUnavailable:
            # Whoever lists for the work meets it, too, and says it; here it only costs an estimate.
            return
        self.sources = sources

    def end(self) -> None:
        """Count no further."""
        self._ended.set()


class Shown(Protocol):
    """Where progress is shown."""

    def tick(self, made: Made) -> None:
        """Count a source more that was looked at."""

    def show(self, progress: Progress) -> None:
        """Show how far it is."""


class _Ticks:
    """What became of the sources that were looked at here, those of unfinished chunks included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tally = Tally()

    def add(self, made: Made) -> None:
        with self._lock:
            self._tally += Tally().plus("", made)

    def tally(self, progress: Progress) -> Tally:
        """Count these, or where the work is done elsewhere, what came back from there."""
        with self._lock:
            return max(self._tally, progress.tally, key=lambda tally: tally.sources)


class Lines:
    """A line on standard error every few seconds."""

    def __init__(self, total: Total) -> None:
        """``total``: how many there are, when that is known."""
        self._total = total
        self._ticks = _Ticks()
        self._next = time.monotonic() + _LINE_SECONDS

    def tick(self, made: Made) -> None:
        """Count it for the next line."""
        self._ticks.add(made)

    def show(self, progress: Progress) -> None:
        """Write a line when it is time for one."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LINE_SECONDS
            tally = self._ticks.tally(progress)
            click.echo(_sentence(progress, tally, self._total.sources), err=True)


class Bar:
    """A bar on a terminal."""

    def __init__(self, total: Total, stack: ExitStack) -> None:
        """Draw until ``stack`` ends; ``total``: how many there are, when that is known."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._total = total
        self._ticks = _Ticks()
        self._bar = stack.enter_context(
            Progress(
                BarColumn(30),
                TextColumn("{task.description}", markup=False),
                console=Console(stderr=True),
                transient=True,
            )
        )
        self._task = self._bar.add_task("listing the sources", total=None)

    def tick(self, made: Made) -> None:
        """Move on."""
        self._ticks.add(made)
        self._bar.update(self._task, advance=1)

    def show(self, progress: Progress) -> None:
        """Draw what is known."""
        total = self._total.sources
        tally = self._ticks.tally(progress)
        self._bar.update(
            self._task,
            completed=progress.before + tally.sources,
            total=total,
            description=_sentence(progress, tally, total),
        )


def shown(total: Total, stack: ExitStack) -> Shown:
    """Choose what fits standard error; a bar is drawn until ``stack`` ends."""
    return Bar(total, stack) if sys.stderr.isatty() else Lines(total)


def counting(total: Total) -> AbstractContextManager[object]:
    """Count while a block runs."""
    total.start()
    stack = ExitStack()
    stack.callback(total.end)
    return stack


def _sentence(progress: Progress, tally: Tally, total: int | None) -> str:
    done = progress.before + tally.sources
    share = f" of {total:,} ({done / total:.0%})" if total else ""
    rate = tally.sources / progress.seconds if progress.seconds else 0.0
    left = f", {duration((total - done) / rate)} left" if total and rate and done <= total else ""
    return f"{done:,}{share}: {kinds(tally)}; {pace(rate)}{left}"


def kinds(tally: Tally) -> str:
    """Say what became of sources: "12 done, 3 failed"."""
    told = [f"{count:,} {kind}" for kind in _KINDS if (count := getattr(tally, kind))]
    return ", ".join(told) or "none yet"


def pace(rate: float) -> str:
    """Write how many there are a second: "1.5 a second", "1,240 a second"."""
    return f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.2g} a second"


def duration(seconds: float) -> str:
    """Write a time as people say it: "2 h 5 min", "1 min 40 s", "3.2 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def size(count: float) -> str:
    """Write a number of bytes as people say it: "3.7 GB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1_000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count /= 1_000
    return f"{count:,.3g} TB"
