"""A real folder, really watched; what is done with its files is only noted here."""

import contextlib
import logging
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from watchfiles import Change

from safelight.entrances.watch import Watcher
from safelight.errors import SafelightError, StoreUnavailable, Unavailable
from safelight.pipelines import Outcome
from tests.support.serving import wait_for


class Noted:
    """A watcher of a folder in a thread, and what it brought up: key and bytes, or None if gone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.brought: list[tuple[str, bytes | None]] = []
        self.told: list[Outcome] = []
        self.faults: dict[str, list[Exception]] = {}
        self.ready = threading.Event()
        self.stop = threading.Event()

    def bring_up(self, key: str) -> Sequence[Outcome]:
        content = None
        with contextlib.suppress(FileNotFoundError):
            content = (self.root / key).read_bytes()
        self.brought.append((key, content))
        if self.faults.get(key):
            raise self.faults[key].pop(0)
        return [Outcome("done" if content is not None else "removed", key)]

    def has(self, *wanted: tuple[str, bytes | None]) -> None:
        """Wait until all of this was brought up."""
        wait_for(lambda: set(wanted) <= set(self.brought))

    def only(self, *wanted: tuple[str, bytes | None]) -> None:
        """Wait until this was brought up, and check that nothing else was."""
        self.has(*wanted)
        assert sorted(self.brought, key=str) == sorted(wanted, key=str)
        self.brought.clear()


def wanted(key: str) -> bool:
    return key.endswith(".jpg") and not key.startswith("thumbnails/")


@contextmanager
def watching(
    root: Path, remembered: Sequence[str] = (), *, settle_seconds: float = 0.1
) -> Iterator[Noted]:
    """Watch a folder until the end of the block."""
    noted = Noted(root)
    watcher = Watcher(
        {"": root},
        wanted,
        noted.bring_up,
        at_once=2,
        settle_seconds=settle_seconds,
        grace_seconds=5,
        on_outcome=noted.told.append,
    )
    faults: list[SafelightError] = []

    def run() -> None:
        try:
            watcher.run(noted.stop, remembered=remembered, ready=noted.ready.set)
        except SafelightError as error:
            faults.append(error)
            noted.ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert noted.ready.wait(20)
        yield noted
    finally:
        noted.stop.set()
        thread.join(20)
        assert not thread.is_alive()
    if faults:
        raise faults[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


def test_what_is_there_is_brought_up_first(root: Path) -> None:
    (root / "a.jpg").write_bytes(b"a")
    (root / "b").mkdir()
    (root / "b" / "c.jpg").write_bytes(b"c")
    (root / "notes.txt").write_bytes(b"")
    with watching(root) as noted:
        noted.only(("a.jpg", b"a"), ("b/c.jpg", b"c"))
        assert {outcome.status for outcome in noted.told} == {"done"}


def test_what_was_removed_while_nobody_watched_is_brought_up_too(root: Path) -> None:
    (root / "a.jpg").write_bytes(b"a")
    with watching(root, ["a.jpg", "gone.jpg", "thumbnails/gone.jpg"]) as noted:
        noted.only(("a.jpg", b"a"), ("gone.jpg", None))


def test_a_new_file_is_brought_up_and_a_change_and_its_removal(root: Path) -> None:
    with watching(root) as noted:
        (root / "a.jpg").write_bytes(b"one")
        noted.only(("a.jpg", b"one"))
        (root / "a.jpg").write_bytes(b"other")
        noted.only(("a.jpg", b"other"))
        (root / "a.jpg").unlink()
        noted.only(("a.jpg", None))


def test_a_file_in_a_new_folder_is_brought_up(root: Path) -> None:
    with watching(root) as noted:
        (root / "a" / "b").mkdir(parents=True)
        (root / "a" / "b" / "c.jpg").write_bytes(b"c")
        noted.only(("a/b/c.jpg", b"c"))


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no other system tells who writes")
def test_a_file_that_is_being_written_is_left_alone(root: Path) -> None:
    with watching(root) as noted:
        with (root / "a.jpg").open("wb") as writing:
            writing.write(b"half")
            writing.flush()
            # By then the watcher has seen it rest for longer than it waits.
            (root / "b.jpg").write_bytes(b"b")
            noted.only(("b.jpg", b"b"))
            writing.write(b", whole")
        noted.only(("a.jpg", b"half, whole"))


def test_a_renamed_file_is_removed_there_and_new_here(root: Path) -> None:
    (root / "a.jpg").write_bytes(b"a")
    with watching(root) as noted:
        noted.only(("a.jpg", b"a"))
        (root / "a.jpg").rename(root / "b.jpg")
        noted.only(("a.jpg", None), ("b.jpg", b"a"))


def test_an_editor_that_writes_beside_and_renames_brings_up_one_file(root: Path) -> None:
    (root / "a.jpg").write_bytes(b"one")
    with watching(root) as noted:
        noted.only(("a.jpg", b"one"))
        for name in (".a.jpg.swp", "a.jpg~", "a.jpg.tmp"):
            (root / name).write_bytes(b"other")
        (root / "a.jpg.tmp").rename(root / "a.jpg")
        noted.only(("a.jpg", b"other"))


def test_a_folder_that_is_moved_takes_its_files_along(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "a.jpg").write_bytes(b"a")
    (outside / "deep" / "b.jpg").write_bytes(b"b")
    with watching(root) as noted:
        outside.rename(root / "in")
        noted.only(("in/a.jpg", b"a"), ("in/deep/b.jpg", b"b"))
        (root / "in").rename(root / "there")
        noted.only(
            ("in/a.jpg", None), ("in/deep/b.jpg", None),
            ("there/a.jpg", b"a"), ("there/deep/b.jpg", b"b"),
        )  # fmt: skip
        (root / "there").rename(outside)
        noted.only(("there/a.jpg", None), ("there/deep/b.jpg", None))


def test_a_folder_that_is_removed_takes_its_files_along(root: Path) -> None:
    for number in range(5):
        (root / "a" / str(number)).mkdir(parents=True)
        (root / "a" / str(number) / "b.jpg").write_bytes(b"b")
    with watching(root) as noted:
        noted.only(*((f"a/{number}/b.jpg", b"b") for number in range(5)))
        shutil.rmtree(root / "a")
        noted.only(*((f"a/{number}/b.jpg", None) for number in range(5)))


def test_a_linked_folder_is_not_entered(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.jpg").write_bytes(b"b")
    with watching(root) as noted:
        assert noted.ready.wait(10)
        (root / "linked").symlink_to(outside)
        (root / "round").symlink_to(root)
        (outside / "c.jpg").write_bytes(b"c")
        (root / "z.jpg").write_bytes(b"z")
        noted.only(("z.jpg", b"z"))


class Counted(dict[str, int | None]):
    """What was seen, and how often all of it was gone through."""

    passes = 0

    def __iter__(self) -> Iterator[str]:
        self.passes += 1
        return super().__iter__()


def test_many_removals_are_looked_up_at_once(root: Path) -> None:
    watcher = Watcher(
        {"": root}, wanted, lambda _: [], at_once=1, settle_seconds=0, grace_seconds=0
    )
    seen = watcher._seen = Counted({f"{folder}/a.jpg": 1 for folder in "abc"})
    gone = [(Change.deleted, f"{root}/{name}") for name in ("a", "b", "x.jpg", "y.jpg")]
    watcher._hear({*gone})
    assert seen.passes == 1
    assert {*watcher._settling._pending} == {"a/a.jpg", "b/a.jpg", "x.jpg", "y.jpg"}


def test_what_the_system_tells_nobody_is_found_by_looking(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, stop_event: threading.Event, **__: object) -> Iterator[set[object]]:
        while not stop_event.wait(0.02):
            yield set()

    monkeypatch.setattr("safelight.entrances.watch.watch", silent)
    monkeypatch.setattr("safelight.entrances.watch._SCAN_SECONDS", 0.5)
    (root / "gone.jpg").write_bytes(b"gone")
    with watching(root) as noted:
        noted.only(("gone.jpg", b"gone"))
        (root / "new.jpg").write_bytes(b"new")
        noted.only(("new.jpg", b"new"))
        (root / "gone.jpg").unlink()
        noted.only(("gone.jpg", None))


def test_what_no_pipeline_takes_brings_nothing_up(root: Path) -> None:
    with watching(root) as noted:
        for key in ("thumbnails/a.jpg", ".safelight/variants/a.jpg", "a.json"):
            (root / key).parent.mkdir(parents=True, exist_ok=True)
            (root / key).write_bytes(b"")
        (root / "last.jpg").write_bytes(b"last")
        noted.only(("last.jpg", b"last"))


def test_a_file_that_came_and_went_is_nothing(root: Path) -> None:
    with watching(root, settle_seconds=0.5) as noted:
        (root / "a.jpg").write_bytes(b"")
        (root / "a.jpg").unlink()
        (root / "last.jpg").write_bytes(b"last")
        noted.only(("last.jpg", b"last"))


def test_a_file_that_is_touched_and_not_changed_does_no_harm(root: Path) -> None:
    (root / "a.jpg").write_bytes(b"a")
    with watching(root) as noted:
        noted.only(("a.jpg", b"a"))
        (root / "a.jpg").touch()
        noted.only(("a.jpg", b"a"))


def test_what_is_unavailable_is_tried_again(root: Path) -> None:
    with watching(root) as noted:
        noted.faults["a.jpg"] = [Unavailable("not now"), Unavailable("not now")]
        (root / "a.jpg").write_bytes(b"a")
        wait_for(lambda: len(noted.brought) == 3)
        wait_for(lambda: len(noted.told) == 1)


def test_a_removal_that_is_unavailable_is_tried_again(root: Path) -> None:
    (root / "a.jpg").write_bytes(b"a")
    with watching(root) as noted:
        noted.faults["a.jpg"] = [Unavailable("not now")]
        (root / "a.jpg").unlink()
        wait_for(lambda: [outcome.status for outcome in noted.told] == ["done", "removed"])
        assert noted.brought == [("a.jpg", b"a"), ("a.jpg", None), ("a.jpg", None)]


def test_what_fails_for_no_known_reason_is_logged_and_left_until_it_changes(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with watching(root) as noted:
        noted.faults["a.jpg"] = [ZeroDivisionError()]
        (root / "a.jpg").write_bytes(b"a")
        noted.only(("a.jpg", b"a"))
        (root / "a.jpg").write_bytes(b"better")
        noted.only(("a.jpg", b"better"))
    assert "a.jpg could not be brought up" in caplog.text


def test_many_files_at_once_are_all_brought_up(root: Path) -> None:
    with watching(root) as noted:
        keys = [f"{number % 7}/{number}.jpg" for number in range(300)]
        for key in keys:
            (root / key).parent.mkdir(exist_ok=True)
            (root / key).write_bytes(key.encode())
        noted.has(*((key, key.encode()) for key in keys))


def test_two_folders_have_keys_of_their_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    keys: list[str] = []
    stop = threading.Event()

    def bring_up(key: str) -> list[Outcome]:
        keys.append(key)
        return []

    folders = {"": tmp_path / "one", "archive/": tmp_path / "two"}
    watcher = Watcher(folders, wanted, bring_up, at_once=1, settle_seconds=0.05, grace_seconds=5)
    thread = threading.Thread(target=watcher.run, args=(stop,))
    (tmp_path / "one" / "a.jpg").touch()
    thread.start()
    try:
        wait_for(lambda: keys == ["a.jpg"])
        (tmp_path / "two" / "b.jpg").touch()
        wait_for(lambda: keys == ["a.jpg", "archive/b.jpg"])
    finally:
        stop.set()
        thread.join(20)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no folder"), watching(tmp_path / "none"):
        pass


def test_at_the_end_only_what_was_begun_is_waited_for(root: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    asked: list[str] = []

    def bring_up(key: str) -> list[Outcome]:
        asked.append(key)
        begun.set()
        assert go_on.wait(20)
        return [Outcome("done", key)]

    for name in "abcd":
        (root / f"{name}.jpg").write_bytes(b"x")
    # The grace is longer than the test may take.
    watcher = Watcher(
        {"": root}, wanted, bring_up, at_once=1, settle_seconds=0.05, grace_seconds=600
    )
    stop = threading.Event()
    thread = threading.Thread(target=watcher.run, args=(stop,), daemon=True)
    thread.start()
    assert begun.wait(20)
    stop.set()
    # Whatever waits behind it is cancelled before it ends.
    threading.Timer(1, go_on.set).start()
    thread.join(20)
    assert not thread.is_alive()
    assert len(asked) < 4
