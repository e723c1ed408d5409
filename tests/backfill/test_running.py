"""Running chunks on executors: whatever happens, each source is done, and known to be done."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from safelight import backfill
from safelight.backfill import (
    Failure,
    Made,
    Manifest,
    Progress,
    Tally,
    Work,
    bring_up,
    grouped,
    run,
)
from safelight.errors import Busy, SettingError, StoreUnavailable, WorkerLost
from safelight.storage import Entry, Store, open_store

KEY = "@pipelines/backfill/0.json"


def listing(count: int = 500) -> Iterator[Entry]:
    return (Entry(f"{number:05}.jpg", 1, 0.0) for number in range(count))


@dataclass
class Counting:
    """Count what is asked for; ``odd`` says what becomes of a source, by default it is done."""

    odd: Callable[[str], Made | Exception | None] = lambda _: None
    asked: list[str] = field(default_factory=list)
    closed: int = 0

    def bring_up(self, key: str) -> Made:
        self.asked.append(key)
        found = self.odd(key)
        if isinstance(found, Exception):
            raise found
        return found or Made("done", 3)

    def close(self) -> None:
        self.closed += 1


@dataclass
class Setting:
    """Run, with everything that is told kept."""

    store: Store = field(default_factory=lambda: open_store("memory:"))
    failures: list[Failure] = field(default_factory=list)
    told_chunks: int = 0

    def fail(self, failures: Sequence[Failure]) -> None:
        self.failures.extend(failures)
        self.told_chunks += 1

    def through(
        self, work: Any, *, executor: Executor | None = None, count: int = 500, **options: Any
    ) -> Progress:
        manifest = backfill.load(self.store, KEY) or Manifest()
        with executor or ThreadPoolExecutor(3) as chosen:
            return run(
                chosen, work, listing(count), manifest,
                parallel=lambda: 6, save=lambda found: found.save(self.store, KEY),
                on_failures=self.fail, **options,
            )  # fmt: skip

    def manifest(self) -> Manifest:
        found = backfill.load(self.store, KEY)
        assert found is not None
        return found


@pytest.fixture
def setting() -> Setting:
    return Setting()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is waited for here gets better by waiting."""
    monkeypatch.setattr("safelight.backfill.work._PAUSES", (0.0, 0.0))


def test_each_source_is_done_once(setting: Setting) -> None:
    maker = Counting()
    told: list[int] = []
    done = setting.through(
        partial(bring_up, maker), on_progress=lambda progress: told.append(progress.tally.done)
    )
    assert sorted(maker.asked) == [entry.key for entry in listing()]
    assert done.tally == Tally(done=500, written=1_500)
    assert (done.listed, done.before, done.again, done.through) == (500, 0, 0, True)
    assert told[-1] == 500
    assert setting.manifest().complete
    assert setting.manifest().tally.done == 500


def test_nothing_listed_is_nothing_done(setting: Setting) -> None:
    assert setting.through(partial(bring_up, Counting()), count=0).tally == Tally()
    assert setting.manifest().complete


def test_failures_are_told_and_the_others_go_on(setting: Setting) -> None:
    maker = Counting(lambda key: Made("failed", reason="broken") if key[4] == "7" else None)
    done = setting.through(partial(bring_up, maker))
    assert (done.tally.done, done.tally.failed) == (450, 50)
    assert {failure.key[4] for failure in setting.failures} == {"7"}
    assert len(setting.failures) == 50
    # A bad picture is bad the next time, too: that is no reason to look at its neighbours again.
    assert setting.manifest().complete


def test_no_more_chunks_are_under_way_than_allowed(setting: Setting) -> None:
    class Watched(ThreadPoolExecutor):
        under_way = most = 0

        def submit(self, *arguments: Any, **options: Any) -> Any:
            future = super().submit(*arguments, **options)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            future.add_done_callback(lambda _: self.ended())
            return future

        def ended(self) -> None:
            self.under_way -= 1

    executor = Watched(1)
    setting.through(partial(bring_up, Counting()), executor=executor, count=2_000)
    assert 2 <= executor.most <= 6


def test_the_listing_is_read_no_further_than_the_work(setting: Setting) -> None:
    read: list[int] = []
    ahead: list[int] = []
    maker = Counting()

    def endless() -> Iterator[Entry]:
        for entry in listing(40_000):
            read.append(1)
            yield entry

    def told(progress: Progress) -> None:
        ahead.append(len(read) - progress.tally.done)

    with ThreadPoolExecutor(1) as executor:
        run(
            executor, partial(bring_up, maker), endless(), Manifest(),
            parallel=lambda: 2, save=lambda _: None, on_progress=told,
        )  # fmt: skip
    assert len(maker.asked) == 40_000
    # The rest of a group: of that no more than one is held.
    assert max(ahead) <= 64 * 200 + 3 * 64


def test_what_nobody_can_do_now_is_done_the_next_time(setting: Setting) -> None:
    late = "00042.jpg"
    maker = Counting(lambda key: Busy("come later") if key == late else None)
    done = setting.through(partial(bring_up, maker))
    assert (done.tally.done, done.tally.delayed) == (499, 1)
    assert setting.failures == [Failure(late, "come later", again=True)]
    assert maker.asked.count(late) == 3
    assert not setting.manifest().complete

    maker = Counting()
    done = setting.through(partial(bring_up, maker))
    assert late in maker.asked
    assert len(maker.asked) <= 64
    assert done.before == 500 - len(maker.asked)
    assert done.tally.done == len(maker.asked)
    assert setting.manifest().complete
    assert setting.manifest().tally.done == 500


def test_when_nothing_can_be_done_it_ends_and_says_why(setting: Setting) -> None:
    maker = Counting(lambda _: Busy("the store does not answer"))
    with pytest.raises(StoreUnavailable, match="the store does not answer"):
        setting.through(partial(bring_up, maker), count=5_000)
    assert len(maker.asked) < 1_500
    # Eight chunks in a row are enough; those that were given out beside them are given up.
    assert setting.told_chunks == 8
    assert not setting.manifest().complete


@pytest.mark.parametrize("after", [1, 40, 200, 333])
def test_who_is_interrupted_goes_on_where_it_was(setting: Setting, after: int) -> None:
    stop = threading.Event()
    maker = Counting()

    def each(_: Made) -> None:
        if len(maker.asked) >= after:
            stop.set()

    def told(_: Progress) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        setting.through(partial(bring_up, maker, stop=stop, each=each), on_progress=told)
    # Each of three threads may be at one.
    assert len(maker.asked) <= after + 3
    known = setting.manifest().tally.done
    assert known <= len(maker.asked)
    second = Counting()
    done = setting.through(partial(bring_up, second))
    assert done.before == known
    assert set(maker.asked) | set(second.asked) == {entry.key for entry in listing()}
    assert setting.manifest().tally.done == 500


def test_a_new_run_after_a_complete_one_looks_at_everything_again(setting: Setting) -> None:
    setting.through(partial(bring_up, Counting()))
    maker = Counting(lambda _: Made("current"))
    assert setting.through(partial(bring_up, maker)).tally.current == 500


# In processes of their own: everything that is sent there has to be sent, and they can be killed.


@dataclass
class Elsewhere:
    """Leave a file for each source, and die at one of them, the first ``deaths`` times."""

    folder: Path
    deadly: str = ""
    deaths: int = 0

    def bring_up(self, key: str) -> Made:
        if key == self.deadly and len(list(self.folder.glob("death-*"))) < self.deaths:
            (self.folder / f"death-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (self.folder / key).write_text(str(os.getpid()))
        return Made("done", 1)

    def close(self) -> None:
        (self.folder / "closed").touch()


def processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def sources_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.jpg"))


def test_work_is_done_in_other_processes(setting: Setting, tmp_path: Path) -> None:
    work = Work(partial(Elsewhere, tmp_path), "a")
    done = setting.through(work, executor=processes())
    assert done.tally == Tally(done=500, written=500)
    assert sources_in(tmp_path) == [entry.key for entry in listing()]
    pids = {path.read_text() for path in tmp_path.glob("*.jpg")}
    assert len(pids) <= 2
    assert str(os.getpid()) not in pids


def test_a_process_that_is_killed_ends_the_run_and_the_next_one_does_the_rest(
    setting: Setting, tmp_path: Path
) -> None:
    work = Work(partial(Elsewhere, tmp_path, "00400.jpg", 1), "b")
    with pytest.raises(WorkerLost, match="was killed"):
        setting.through(work, executor=processes())
    assert sources_in(tmp_path) != [entry.key for entry in listing()]
    setting.through(work, executor=processes())
    assert sources_in(tmp_path) == [entry.key for entry in listing()]
    assert setting.manifest().complete
    assert setting.manifest().tally.done == 500


class Losing(ThreadPoolExecutor):
    """Lose the first chunks, as a cluster does whose machines go away."""

    def __init__(self, lost: int) -> None:
        super().__init__(2)
        self.left = lost
        self.submitted = 0

    def submit(self, fn: Any, /, *arguments: Any, **options: Any) -> Any:
        self.submitted += 1
        if not self.left:
            return super().submit(fn, *arguments, **options)
        self.left -= 1
        future: Future[Any] = Future()
        future.set_exception(KeyError("tcp://127.0.0.1:1"))
        return future


def test_a_chunk_that_was_lost_is_given_to_somebody_else(setting: Setting) -> None:
    maker = Counting()
    done = setting.through(partial(bring_up, maker), executor=Losing(2))
    assert done.tally.done == 500
    assert sorted(maker.asked) == [entry.key for entry in listing()]


def test_a_chunk_that_is_always_lost_is_told_source_by_source(setting: Setting) -> None:
    executor = Losing(10_000)
    done = setting.through(partial(bring_up, Counting()), executor=executor, count=40)
    assert done.tally.delayed == 40
    # Each chunk is given to three workers, and to no more.
    chunks = sum(len(group.chunks) for group in grouped(listing(40)))
    assert executor.submitted == 3 * chunks
    assert {failure.key for failure in setting.failures} == {entry.key for entry in listing(40)}
    assert "no worker came through with it: KeyError" in setting.failures[0].reason
    assert not setting.manifest().complete


def test_work_that_was_dropped_ends_the_run(setting: Setting) -> None:
    class Dropping(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Any:
            future: Future[Any] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(WorkerLost, match="dropped"):
        setting.through(partial(bring_up, Counting()), executor=Dropping(1))


def test_a_worker_with_another_safelight_is_refused(setting: Setting, tmp_path: Path) -> None:
    work = Work(partial(Elsewhere, tmp_path), "c", version="0.0.0")
    with pytest.raises(SettingError, match=r"0\.0\.0: install the same"):
        setting.through(work)
    assert sources_in(tmp_path) == []


def test_what_is_needed_is_built_once_in_a_process_and_let_go() -> None:
    makers: list[Counting] = []

    def build() -> Counting:
        makers.append(Counting())
        return makers[-1]

    work = Work(build, "d")
    with ThreadPoolExecutor(4) as executor:
        done: Sequence[Tally] = list(executor.map(work, [("a",), ("b",), ("c",)]))
    assert sum(tally.done for tally in done) == 3
    assert [maker.closed for maker in makers] == [0]
    backfill.release("d")
    backfill.release("d")
    assert [maker.closed for maker in makers] == [1]


def test_no_more_is_kept_in_a_process_than_a_few_back_fills_need() -> None:
    makers: dict[str, Counting] = {}

    def build(name: str) -> Counting:
        return makers.setdefault(name, Counting())

    for name in "efghij":
        Work(partial(build, name), name)(("a",))
    assert [maker.closed for maker in makers.values()] == [1, 1, 0, 0, 0, 0]
    for name in "ghij":
        backfill.release(name)


def test_interrupted_anywhere_many_times_nothing_is_left_out(setting: Setting) -> None:
    chance = random.Random(5)
    keys = {entry.key for entry in listing()}
    asked: set[str] = set()
    for _ in range(30):
        stop = threading.Event()
        most = chance.randrange(1, 120)
        maker = Counting()

        def each(
            _: Made, maker: Counting = maker, most: int = most, stop: threading.Event = stop
        ) -> None:
            if len(maker.asked) >= most:
                stop.set()

        def told(_: Progress, stop: threading.Event = stop) -> None:
            if stop.is_set():
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            setting.through(partial(bring_up, maker, stop=stop, each=each), on_progress=told)
        asked |= set(maker.asked)
        if setting.manifest().complete:
            break
    assert setting.manifest().complete
    assert asked == keys
    assert setting.manifest().tally.done == 500


def test_progress_tells_the_time() -> None:
    progress = Progress()
    before = progress.seconds
    time.sleep(0.001)
    assert progress.seconds > before
