"""Which files are sources, and when one is whole."""

import os
import sys
from pathlib import Path

import pytest

from safelight.entrances.files import Settling, State, is_closed, is_temporary, keys_below, state_of


@pytest.mark.parametrize(
    "key",
    [
        ".DS_Store", "a/.hidden.jpg", ".git/config", "a.jpg~", "a.jpg.part", "b.crdownload",
        ".a.jpg.swp", "a.SWP", "~$letter.jpg", "#a.jpg#", "x/a.tmp", "a.jpg.attributes",
        ".tmp-0123-a.jpg",
    ],
)  # fmt: skip
def test_what_editors_and_browsers_leave_is_passed_over(key: str) -> None:
    assert is_temporary(key)


@pytest.mark.parametrize(
    "key", ["a.jpg", "a b/c.png", "tmp/a.jpg", "part.jpg", "a~b.jpg", "#1.jpg"]
)
def test_pictures_are_not(key: str) -> None:
    assert not is_temporary(key)


def test_files_are_listed_by_their_keys(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.jpg", "a/.d.jpg", ".e/f.jpg", "a/g.jpg.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / os.fsdecode(b"\xff.jpg")).touch()
    assert list(keys_below(str(tmp_path))) == ["b.jpg", "a/c.jpg"]
    assert list(keys_below(str(tmp_path), "a")) == ["a/c.jpg"]
    assert list(keys_below(str(tmp_path), "none")) == []


def test_a_file_has_another_state_when_it_was_written_moved_or_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    assert state_of(str(file))[0] is None
    assert state_of(str(tmp_path))[0] is None
    file.write_bytes(b"one")
    first, changed = state_of(str(file))
    assert first is not None
    assert state_of(str(file)) == (first, changed)
    file.write_bytes(b"other")
    assert state_of(str(file))[0] != first
    second = state_of(str(file))[0]
    other = tmp_path / "b.jpg"
    other.write_bytes(b"other")
    os.utime(other, ns=(0, file.stat().st_mtime_ns))
    other.replace(file)
    assert state_of(str(file))[0] != second


def test_a_file_with_an_old_time_was_changed_when_it_came(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"one")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    _, changed = state_of(str(file))
    assert changed > 1_000_000_001


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells who writes")
def test_a_file_that_is_open_for_writing_is_not_closed(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    with file.open("wb") as writing:
        writing.write(b"half")
        writing.flush()
        assert not is_closed(str(file))
    assert is_closed(str(file))
    with file.open("rb"):
        assert is_closed(str(file))
    assert is_closed(str(tmp_path / "none"))


class Disk:
    """Files in memory, and a clock."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, float]] = {}
        self.open: set[str] = set()
        self.now = 1_000.0
        self.settling = Settling(1.0, self.look, lambda key: key not in self.open)

    def look(self, key: str) -> tuple[State, float]:
        return self.files.get(key, (None, 0.0))

    def write(self, key: str, state: int, *, age: float = 0.0) -> None:
        self.files[key] = (state, self.now - age)
        self.settling.note(key, now=self.now, wall=self.now)

    def settled(
        self, seconds: float = 0.0, most: int = 10, busy: tuple[str, ...] = ()
    ) -> list[str]:
        self.now += seconds
        found = self.settling.settled(now=self.now, most=most, busy=busy)
        return [key for key, _, _ in found]


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_a_file_is_taken_when_it_has_rested(disk: Disk) -> None:
    disk.write("a", 1)
    assert disk.settled() == []
    assert disk.settled(0.9) == []
    assert disk.settled(0.2) == ["a"]
    assert disk.settled(9) == []


def test_a_file_that_grows_is_left_alone(disk: Disk) -> None:
    disk.write("a", 1)
    for state in range(2, 20):
        disk.files["a"] = (state, disk.now)
        assert disk.settled(0.9) == []
    assert disk.settled(1.0) == ["a"]


def test_a_file_that_is_open_is_left_alone_however_long_it_rests(disk: Disk) -> None:
    disk.write("a", 1)
    disk.open.add("a")
    assert disk.settled(60) == []
    disk.open.clear()
    assert disk.settled() == ["a"]


def test_a_file_that_has_long_been_there_need_not_rest(disk: Disk) -> None:
    disk.write("a", 1, age=3_600)
    assert disk.settled() == ["a"]


def test_a_clock_that_is_behind_the_files_does_not_keep_them(disk: Disk) -> None:
    disk.write("a", 1, age=-3_600)
    assert disk.settled(1) == ["a"]


def test_a_file_that_is_gone_is_told_when_it_stays_away(disk: Disk) -> None:
    disk.write("a", 1)
    del disk.files["a"]
    assert disk.settled(0.5) == []
    assert disk.settled(1) == ["a"]


def test_a_file_that_is_worked_on_waits(disk: Disk) -> None:
    disk.write("a", 1, age=60)
    disk.write("b", 1, age=60)
    assert disk.settled(busy=("a",)) == ["b"]
    assert disk.settled() == ["a"]


def test_no_more_are_taken_than_asked_for(disk: Disk) -> None:
    for number in range(5):
        disk.write(str(number), 1, age=60)
    assert disk.settled(most=3) == ["0", "1", "2"]
    assert disk.settled(most=0) == []
    assert len(disk.settling) == 2


def test_what_failed_waits_longer_each_time_and_not_when_it_changed(disk: Disk) -> None:
    disk.files["a"] = (1, disk.now - 60)
    disk.settling.again("a", now=disk.now, fails=2)
    assert disk.settled(0.9) == []
    assert disk.settled(0.2) == ["a"]
    disk.settling.again("a", now=disk.now, fails=4)
    assert disk.settled(3.9) == []
    disk.write("a", 2, age=60)
    assert disk.settled() == ["a"]


def test_how_often_something_failed_is_kept(disk: Disk) -> None:
    disk.files["a"] = (1, disk.now - 60)
    disk.settling.again("a", now=disk.now, fails=4)
    disk.now += 60
    assert disk.settling.settled(now=disk.now, most=1) == [("a", 1, 4)]
