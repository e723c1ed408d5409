"""Chunks, given to an executor and gathered again."""

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
    told: Callable[[Progress], object] = lambda _: None,
    failed: Callable[[Sequence[Failure]], object] = lambda _: None,
) -> Progress:
    """Have all sources of a listing done that the manifest does not know to be finished.

    At most ``parallel()`` chunks are given to the executor at once, and nothing else of the listing
    is held but a group. ``save`` is called every few seconds and at the end, however it ends;
    ``failed`` is told of failures, ``told`` of progress. Raises StoreUnavailable when nothing can
    be done any more, WorkerLost when the executor is broken, SettingError; what was finished is
    then saved, as it is when interrupted.
    """
    return _Run(executor, work, manifest, parallel, save, told, failed).through(entries)


class _Run:
    def __init__(
        self,
        executor: Executor,
        work: Task,
        manifest: Manifest,
        parallel: Callable[[], int],
        save: Callable[[Manifest], object],
        told: Callable[[Progress], object],
        failed: Callable[[Sequence[Failure]], object],
    ) -> None:
        self._executor = executor
        self._work = work
        self._manifest = manifest
        self._parallel = parallel
        self._save = save
        self._told = told
        self._failed = failed
        self._progress = Progress()
        self._pending: dict[Future[Tally], _Part] = {}
        self._in_vain = 0
        self._saved = time.monotonic()
        self._counted = 0.0

    def through(self, entries: Iterable[Entry]) -> Progress:
        progress = self._progress
        try:
            for group in grouped(entries):
                sources = sum(len(chunk.keys) for chunk in group.chunks)
                left = self._manifest.left(group)
                progress.listed += sources
                progress.before += sources - sum(len(chunk.keys) for chunk in left)
                for chunk in left:
                    self._submit(_Part(group, chunk))
                    self._gather(self._parallel() - 1)
            progress.through = True
            self._gather(0)
            self._manifest.complete = not progress.again
        finally:
            for future in self._pending:
                future.cancel()
            self._write()
        return progress

    def _submit(self, part: _Part) -> None:
        try:
            self._pending[self._executor.submit(self._work, part.chunk.keys)] = part
        except BrokenExecutor as error:
            raise _broken(error) from error

    def _gather(self, most: int) -> None:
        """Wait until no more than ``most`` chunks are under way."""
        while len(self._pending) > most:
            ready, _ = wait(self._pending, timeout=_SAVE_SECONDS, return_when=FIRST_COMPLETED)
            for future in ready:
                self._done(future, self._pending.pop(future))
            if time.monotonic() > self._saved + _SAVE_SECONDS:
                self._write()
            self._told(self._progress)

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
        progress = self._progress
        progress.tally += tally
        if tally.failures:
            self._failed(tally.failures)
        if tally.complete:
            self._manifest.finish(part.group, part.chunk, tally)
        else:
            progress.again += len(part.chunk.keys)
        self._in_vain = self._in_vain + 1 if tally.delayed == len(part.chunk.keys) else 0
        if self._in_vain == _PATIENCE:
            raise StoreUnavailable(
                f"nothing can be done at the moment: {tally.failures[-1].reason}"
            )

    def _write(self) -> None:
        self._manifest.seconds += self._progress.seconds - self._counted
        self._counted = self._progress.seconds
        self._save(self._manifest)
        self._saved = time.monotonic()


def _lost(chunk: Chunk, fault: BaseException) -> Tally:
    """Say of each source of a chunk that no worker has come through with it."""
    said = fault.reason if isinstance(fault, SafelightError) else f"{type(fault).__name__}: {fault}"
    reason = f"no worker came through with it: {said}"
    failures = tuple(Failure(key, reason, again=True) for key in chunk.keys)
    return Tally(delayed=len(failures), failures=failures)


def _broken(fault: BaseException) -> WorkerLost:
    return WorkerLost(f"a process that worked on this was killed ({fault})")
