"""Folders that are watched: what changes in them is brought up, and what changed meanwhile too."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeAlias

from watchfiles import Change, watch

from safelight.entrances.files import Settling, State, is_closed, is_temporary, keys_below, state_of
from safelight.errors import StoreUnavailable, Unavailable
from safelight.pipelines import Outcome
from safelight.storage.store import is_plain_key

log = logging.getLogger("safelight")
# It counts the changes that it sees, those of our own outputs too.
logging.getLogger("watchfiles").setLevel(logging.WARNING)

BringUp: TypeAlias = Callable[[str], Sequence[Outcome]]
_TICK_MILLISECONDS = 200
# Of each thread, between two ticks: most sources are found to be as they should be.
_MOST_BEGUN = 64
# The system may lose changes when there are too many, and tells of none on a network's folder.
_SCAN_SECONDS = 300.0


class Watcher:
    """Brings up the sources of some folders as their files change."""

    def __init__(
        self,
        folders: Mapping[str, Path],
        wanted: Callable[[str], bool],
        bring_up: BringUp,
        *,
        at_once: int,
        settle_seconds: float,
        grace_seconds: float,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        """``folders`` by the prefix of their keys; ``wanted`` tells which keys some pipeline takes.

        A file is left alone until it was not changed for ``settle_seconds``. ``grace_seconds``: how
        long what was begun may take when it is told to stop. ``on_outcome`` is called by the thread
        that runs this.
        """
        self._roots = {prefix: str(path.resolve()) for prefix, path in folders.items()}
        self._wanted = wanted
        self._bring_up = bring_up
        self._at_once = at_once
        self._grace_seconds = grace_seconds
        self._on_outcome = on_outcome
        self._settling = Settling(
            settle_seconds,
            lambda key: state_of(self._path(key)),
            lambda key: is_closed(self._path(key)),
        )
        # What each source was when it was last brought up.
        self._seen: dict[str, State] = {}
        # Those that are asked for although their files are not there.
        self._asked: set[str] = set()
        self._running: dict[Future[Sequence[Outcome]], tuple[str, int]] = {}

    def run(
        self,
        stop: threading.Event,
        *,
        remembered: Iterable[str] = (),
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        """Watch until ``stop``; at first, bring up all there is.

        ``remembered`` are keys that were brought up once: they may have been removed meanwhile.
        ``ready`` is called when nothing of the start is left to do. Raises StoreUnavailable when a
        folder is not there.
        """
        self._check()
        changes = watch(
            *self._roots.values(),
            watch_filter=None,
            debounce=_TICK_MILLISECONDS,
            step=50,
            rust_timeout=_TICK_MILLISECONDS,
            yield_on_timeout=True,
            stop_event=stop,
            ignore_permission_denied=True,
        )
        executor = ThreadPoolExecutor(self._at_once, thread_name_prefix="safelight-watch")
        scan_at = 0.0
        starting = True
        # The first round begins to watch: what changes during the scan is not missed.
        for found in changes:
            if time.monotonic() >= scan_at:
                self._check()
                self._scan()
                if starting:
                    self._ask(remembered)
                scan_at = time.monotonic() + _SCAN_SECONDS
            self._hear(found)
            self._begin(executor)
            self._collect()
            if starting and not self._running and not len(self._settling):
                starting = False
                ready()
        executor.shutdown(wait=False, cancel_futures=True)
        # What was cancelled never counts as ended there.
        begun = [future for future in self._running if not future.cancelled()]
        wait(begun, timeout=self._grace_seconds)
        self._collect()

    def _check(self) -> None:
        for root in self._roots.values():
            if not Path(root).is_dir():
                raise StoreUnavailable(f"there is no folder {root}")

    def _scan(self) -> None:
        """Note what is not as it was last seen."""
        gone = set(self._seen)
        for prefix, root in self._roots.items():
            for below in keys_below(root):
                key = prefix + below
                gone.discard(key)
                if self._is_source(key) and self._seen.get(key) != state_of(self._path(key))[0]:
                    self._note(key)
        for key in gone:
            self._note(key)

    def _ask(self, keys: Iterable[str]) -> None:
        """Note what is gone since it was brought up by another run."""
        for key in keys:
            if key in self._seen or not self._is_source(key):
                continue
            if state_of(self._path(key))[0] is None:
                self._asked.add(key)
                self._note(key)

    def _hear(self, changes: set[tuple[Change, str]]) -> None:
        """Note what has changed, as the system tells it."""
        keys: set[str] = set()
        gone: set[str] = set()
        for change, path in changes:
            prefix, root = self._root(path)
            below = path[len(root) + 1 :]
            if not below or is_temporary(below) or _is_below_a_link(path):
                continue
            if Path(path).is_dir():
                # A folder that was moved in says nothing of its files.
                keys.update(prefix + inner for inner in keys_below(root, below))
                continue
            keys.add(prefix + below)
            if change == Change.deleted and prefix + below not in self._seen:
                gone.add(prefix + below)
        if gone:
            # A folder that was removed or moved out says nothing of its files, either.
            keys.update(key for key in self._seen if not gone.isdisjoint(_folders(key)))
        for key in keys:
            if self._is_source(key):
                self._note(key)

    def _note(self, key: str) -> None:
        self._settling.note(key, now=time.monotonic(), wall=time.time())

    def _begin(self, executor: ThreadPoolExecutor) -> None:
        free = _MOST_BEGUN * self._at_once - len(self._running)
        busy = {key for key, _ in self._running.values()}
        for key, state, fails in self._settling.settled(now=time.monotonic(), most=free, busy=busy):
            known = key in self._seen or key in self._asked
            if state is None:
                self._seen.pop(key, None)
                if not known:
                    # It came and went before anybody looked.
                    continue
            elif self._seen.get(key) == state and not fails:
                continue
            else:
                self._seen[key] = state
            self._running[executor.submit(self._bring_up, key)] = (key, fails)

    def _collect(self) -> None:
        for future in [future for future in self._running if future.done()]:
            key, fails = self._running.pop(future)
            if future.cancelled():
                continue
            error = future.exception()
            if isinstance(error, Unavailable):
                log.warning("%s: %s", key, error.reason)
                self._asked.add(key)
                self._settling.again(key, now=time.monotonic(), fails=fails + 1)
                continue
            self._asked.discard(key)
            if error is not None:
                log.error("%s could not be brought up", key, exc_info=error)
                continue
            for outcome in future.result():
                self._on_outcome(outcome)

    def _is_source(self, key: str) -> bool:
        return is_plain_key(key) and not is_temporary(key) and self._wanted(key)

    def _path(self, key: str) -> str:
        prefix = max((prefix for prefix in self._roots if key.startswith(prefix)), key=len)
        return f"{self._roots[prefix]}/{key[len(prefix) :]}"

    def _root(self, path: str) -> tuple[str, str]:
        """Find the folder that a path is in; one may lie in another."""
        inside = [item for item in self._roots.items() if path.startswith(f"{item[1]}/")]
        return max(inside, key=lambda item: len(item[1]), default=("", path))


def _folders(key: str) -> Iterator[str]:
    """List the folders that a key is in."""
    end = key.rfind("/")
    while end > 0:
        yield key[:end]
        end = key.rfind("/", 0, end)


def _is_below_a_link(path: str) -> bool:
    """Tell whether a path is a linked folder, or in one: these are not entered."""
    folder = Path(path)
    if not folder.is_dir():
        folder = folder.parent
    return os.path.realpath(folder) != str(folder)
