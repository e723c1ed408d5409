"""Run a back-fill: give chunks to an executor, gather what became of them, save the progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from typing import TypeAlias

from safelight.backfill.chunks import Chunk, Group, grouped
from safelight.backfill.manifest import Manifest
from safelight.backfill.tally import Failure, Tally
from safelight.errors import SafelightError, SettingError, StoreUnavailable, WorkerLost
from safelight.storage import Entry

# How long what is finished may be unknown to whoever comes after us, in seconds.
_SAVE_SECONDS = 2.0
# A chunk whose worker died, or which no worker could do.
_TRIES = 3
# So many chunks of which nothing could be done: it is not the pictures.
_PATIENCE = 8

Task: TypeAlias = Callable[[tuple[str, ...]], Tally]


@dataclass
class Progress:
    """How far a run is: all that was listed, and what became of it.

    ``before`` are sources that an earlier run has finished; ``tally`` is of this run, ``again``
    what of it is not finished and will be looked at by the next.
    """

    listed: int = 0
    before: int = 0
    tally: Tally = field(default_factory=Tally)
    again: int = 0
    through: bool = False
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it has taken until now."""
        return time.monotonic() - self._began


@dataclass(frozen=True, slots=True)
class Workforce:
    """Who does the work: an executor, what it does, and how many chunks it may hold at a time.

    ``threads``: how many work, as far as that is known now.
    """

    executor: Executor
    work: Task
    parallel: Callable[[], int]
    threads: int


@dataclass(frozen=True, slots=True)
class _Part:
    group: Group
    chunk: Chunk
    tries: int = 1


def run(
    executor: Executor,
    work: Task,
    entries: Iterable[Entry],
    manifest: Manifest,
    *,
    parallel: Callable[[], int],
    save: Callable[[Manifest], object],
    on_progress: Callable[[Progress], object] = lambda _: None,
    on_failures: Callable[[Sequence[Failure]], object] = lambda _: None,
) -> Progress:
    """Have all sources of a listing done that the manifest does not know to be finished.

    At most ``parallel()`` chunks are given to the executor at once, and nothing else of the listing
    is held but a group. ``save`` is called every few seconds and at the end, however it ends.
    Raises StoreUnavailable when nothing can be done any more, WorkerLost when the executor is
    broken, SettingError; what was finished is then saved, as it is when interrupted.
    """
    return _Run(executor, work, manifest, parallel, save, on_progress, on_failures).through(entries)


@dataclass
class _Run:
    executor: Executor
    work: Task
    manifest: Manifest
    parallel: Callable[[], int]
    save: Callable[[Manifest], object]
    on_progress: Callable[[Progress], object]
    on_failures: Callable[[Sequence[Failure]], object]
    progress: Progress = field(default_factory=Progress)
    pending: dict[Future[Tally], _Part] = field(default_factory=dict)
    # How many chunks in a row came to nothing.
    in_vain: int = 0
    saved: float = field(default_factory=time.monotonic)
    # How many seconds of this run the manifest has already.
    counted: float = 0.0

    def through(self, entries: Iterable[Entry]) -> Progress:
        progress = self.progress
        try:
            for group in grouped(entries):
                sources = sum(len(chunk.keys) for chunk in group.chunks)
                left = self.manifest.left(group)
                progress.listed += sources
                progress.before += sources - sum(len(chunk.keys) for chunk in left)
                for chunk in left:
                    self._submit(_Part(group, chunk))
                    self._gather(self.parallel() - 1)
            progress.through = True
            self._gather(0)
            self.manifest.complete = not progress.again
        finally:
            for future in self.pending:
                future.cancel()
            self._write()
        return progress

    def _submit(self, part: _Part) -> None:
        try:
            self.pending[self.executor.submit(self.work, part.chunk.keys)] = part
        except BrokenExecutor as error:
            raise _broken(error) from error

    def _gather(self, most: int) -> None:
        """Wait until no more than ``most`` chunks are under way."""
        while len(self.pending) > most:
            ready, _ = wait(self.pending, timeout=_SAVE_SECONDS, return_when=FIRST_COMPLETED)
            for future in ready:
                self._done(future, self.pending.pop(future))
            if time.monotonic() > self.saved + _SAVE_SECONDS:
                self._write()
            self.on_progress(self.progress)

    def _done(self, future: Future[Tally], part: _Part) -> None:
        if future.cancelled():
            raise WorkerLost("whoever hands out the work has dropped it")
        fault = future.exception()
        if fault is None:
            tally = future.result()
        elif isinstance(fault, BrokenExecutor):
            raise _broken(fault) from fault
        elif isinstance(fault, SettingError):
            raise fault
        elif part.tries < _TRIES:
            self._submit(_Part(part.group, part.chunk, part.tries + 1))
            return
        else:
            tally = _lost(part.chunk, fault)
        progress = self.progress
        progress.tally += tally
        if tally.failures:
            self.on_failures(tally.failures)
        if tally.complete:
            self.manifest.finish(part.group, part.chunk, tally)
        else:
            progress.again += len(part.chunk.keys)
        self.in_vain = self.in_vain + 1 if tally.delayed == len(part.chunk.keys) else 0
        if self.in_vain == _PATIENCE:
            raise StoreUnavailable(
                f"nothing can be done at the moment: {tally.failures[-1].reason}"
            )

    def _write(self) -> None:
        self.manifest.seconds += self.progress.seconds - self.counted
        self.counted = self.progress.seconds
        self.save(self.manifest)
        self.saved = time.monotonic()


def _lost(chunk: Chunk, fault: BaseException) -> Tally:
    """Say of each source of a chunk that no worker has come through with it."""
    said = fault.reason if isinstance(fault, SafelightError) else f"{type(fault).__name__}: {fault}"
    reason = f"no worker came through with it: {said}"
    failures = tuple(Failure(key, reason, again=True) for key in chunk.keys)
    return Tally(delayed=len(failures), failures=failures)


def _broken(fault: BaseException) -> WorkerLost:
    return WorkerLost(f"a process that worked on this was killed ({fault})")
