"""The file of what failed."""

import json
from pathlib import Path

import pytest

from safelight.backfill import Failure, FailuresFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "failures.jsonl"


def keys(path: Path) -> list[str]:
    return [json.loads(line)["key"] for line in path.read_text("utf-8").splitlines()]


def test_there_is_no_file_as_long_as_nothing_failed(path: Path) -> None:
    assert FailuresFile(path).known == ("", 0)
    assert not path.exists()


def test_each_failure_is_a_line(path: Path) -> None:
    file = FailuresFile(path)
    file.add([Failure("ä\n.jpg", "broken"), Failure("b.jpg", "busy", again=True)])
    file.add([Failure("c.jpg", "broken")])
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert lines[0] == {"key": "ä\n.jpg", "reason": "broken", "again": False}
    assert lines[1] == {"key": "b.jpg", "reason": "busy", "again": True}
    assert file.known == (str(path), path.stat().st_size)


def test_who_goes_on_keeps_what_counts_and_drops_what_is_tried_again(path: Path) -> None:
    file = FailuresFile(path)
    file.add([Failure("a.jpg", "broken"), Failure("b.jpg", "busy", again=True)])
    known = file.known
    # Written, and then killed before it was noted.
    file.add([Failure("c.jpg", "broken")])
    FailuresFile(path, known)
    assert keys(path) == ["a.jpg"]


def test_who_begins_anew_begins_a_new_file(path: Path) -> None:
    FailuresFile(path).add([Failure("a.jpg", "broken")])
    FailuresFile(path)
    assert not path.exists()


def test_another_file_is_not_gone_on_with(path: Path, tmp_path: Path) -> None:
    file = FailuresFile(path)
    file.add([Failure("a.jpg", "broken")])
    other = tmp_path / "other.jsonl"
    FailuresFile(other).add([Failure("b.jpg", "broken")])
    FailuresFile(other, file.known)
    assert not other.exists()
    assert keys(path) == ["a.jpg"]


def test_a_file_that_is_gone_is_begun_again(path: Path) -> None:
    file = FailuresFile(path, (str(path), 100))
    file.add([Failure("a.jpg", "broken")])
    assert keys(path) == ["a.jpg"]


@pytest.mark.parametrize("known", [("", 0), ("failures.jsonl", 50)])
def test_what_somebody_else_wrote_is_left_alone(path: Path, known: tuple[str, int]) -> None:
    path.write_text("not ours\n" * 10)
    with pytest.raises(FileExistsError, match="something else is in this file"):
        FailuresFile(path, (known[0] and str(path), known[1]))
    assert path.read_text() == "not ours\n" * 10


def test_an_empty_file_is_nobodys(path: Path) -> None:
    path.touch()
    FailuresFile(path).add([Failure("a.jpg", "broken")])
    assert keys(path) == ["a.jpg"]


def test_a_folder_that_is_not_there_is_told_before_the_work(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FailuresFile(path / "nowhere" / "failures.jsonl")
