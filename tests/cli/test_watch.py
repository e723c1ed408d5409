"""`safelight watch`: a real process, a real folder, real pictures."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.commands import refused, run, size
from tests.support.serving import clean_environment, wait_for

SMALL = ("--write", "w=60=small/{name}", "--into", "out")


class Watching:
    """A running `safelight watch`, and what it wrote."""

    def __init__(self, process: subprocess.Popen[bytes], home: Path) -> None:
        self.process = process
        self.log = home / "watch.log"
        self.small = home / "out" / "small"

    @property
    def said(self) -> str:
        return self.log.read_text()

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def watching(home: Path, *arguments: str) -> Iterator[Watching]:
    """Watch ``photos``, and wait until it does."""
    log = home / "watch.log"
    environment = clean_environment() | {"SAFELIGHT_WORKERS_PROCESSES": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "safelight", "watch", *arguments],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Watching(process, home)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_folder_is_brought_up_and_kept_so(home: Path, data: Path) -> None:
    photos = home / "photos"
    with watching(home, "photos", *SMALL) as watched:
        wait_for((watched.small / "sub" / "a b.svg").exists, seconds=30)
        wait_for((watched.small / "photo-1mp.jpg").exists)
        assert size(watched.small / "photo-1mp.jpg") == (60, 48)
        (photos / "new").mkdir()
        (photos / "new" / "b.jpg").write_bytes((data / "photos" / "exif-6.jpg").read_bytes())
        wait_for((watched.small / "new" / "b.jpg").exists)
        (photos / "new").rename(photos / "renamed")
        wait_for((watched.small / "renamed" / "b.jpg").exists)
        wait_for(lambda: not (watched.small / "new").exists())
        (photos / "photo-1mp.jpg").unlink()
        wait_for(lambda: not (watched.small / "photo-1mp.jpg").exists())
        assert watched.stop() == 0
        lines = [json.loads(line) for line in watched.said.splitlines()]
    outcomes = [(line["status"], line["source"]) for line in lines if "status" in line]
    assert ("removed", "photo-1mp.jpg") in outcomes
    assert len(outcomes) == len(set(outcomes))
    assert {status for status, _ in outcomes} == {"done", "removed"}
    began, *_, end = [line["message"] for line in lines if "message" in line]
    assert began.endswith("/photos. Ctrl-C stops.")
    assert end == "stopping"
    assert not any(line.get("logger", "").startswith("watchfiles") for line in lines)


def test_what_happened_while_nobody_watched_is_made_up_for(home: Path) -> None:
    photos = home / "photos"
    with watching(home, "photos", *SMALL) as watched:
        wait_for((watched.small / "exif-6.jpg").exists, seconds=30)
        watched.process.kill()
        watched.process.wait()
    (photos / "exif-6.jpg").rename(photos / "moved.jpg")
    with watching(home, "photos", *SMALL) as watched:
        wait_for((watched.small / "moved.jpg").exists, seconds=30)
        wait_for(lambda: not (watched.small / "exif-6.jpg").exists())
        assert watched.stop(signal.SIGTERM) == 0


def test_outputs_in_the_folder_itself_bring_nothing_up(home: Path) -> None:
    (home / "safelight.toml").write_text(
        '[[pipelines]]\non = "sub/"\nwrite = [{ transform = "w=60,format=png", '
        'to = "thumbnails/{name}.png" }]\nmetadata = "metadata/{name}.json"\n'
    )
    photos = home / "photos"
    with watching(home) as watched:
        wait_for((photos / "metadata" / "a b.svg.json").exists, seconds=30)
        (photos / "sub" / "last.svg").write_bytes((photos / "sub" / "a b.svg").read_bytes())
        wait_for((photos / "metadata" / "last.svg.json").exists)
        assert watched.stop() == 0
        said = [line for line in watched.said.splitlines() if '"status": ' in line]
    assert len(said) == 2


def test_people_are_told_in_words(home: Path) -> None:
    (home / "text.jpg").rename(home / "photos" / "bad.jpg")
    controller, terminal = pty.openpty()
    environment = clean_environment() | {"SAFELIGHT_WORKERS_PROCESSES": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "safelight", "watch", "photos", *SMALL],
        cwd=home,
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    said = ""
    try:
        while "Everything is up to date" not in said:
            said += os.read(controller, 4_096).decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(controller)
    lines = said.replace("\r", "").splitlines()
    assert lines[0].startswith("Safelight ")
    assert lines[0].endswith("/photos. Ctrl-C stops.")
    assert "done     exif-6.jpg  1 output  (pipeline-1)" in lines
    assert any(line.startswith("WARNING bad.jpg in pipeline-1: failed: ") for line in lines)
    assert "Everything is up to date (4 done, 1 failed)." in lines


def test_a_cloud_is_not_watched(home: Path) -> None:
    (home / "safelight.toml").write_text(
        '[source]\nurl = "memory:"\n[[pipelines]]\nwrite = [{ transform = "w=60" }]\n'
    )
    refused(run("watch"), "source.url: only a folder can be watched")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--write", "thumbs", "--into", "out"), "expected TRANSFORM=KEY"),
        (("--write", "w=zero=a/{name}", "--into", "out"), "zero"),
        (("--write", "w=60=a/{size}", "--into", "out"), "{size}"),
        ((), "pipelines: nothing is to be done"),
        (("--write", "w=60=small/{name}", "--into", "photos"), "which is a source of"),
    ],
)
def test_what_cannot_be_written_is_said(arguments: tuple[str, ...], said: str) -> None:
    refused(run("watch", "photos", *arguments), said)


def test_sources_in_a_cloud_that_are_not_watched_are_named(home: Path) -> None:
    (home / "safelight.toml").write_text(
        '[sources]\nfar = "s3://photos?region=eu-west-1"\nother = "gs://photos"\n'
        '[[pipelines]]\nname = "sub"\non = "sub/"\nwrite = [{ transform = "w=60" }]\n'
        '[[pipelines]]\non = "far/"\nwrite = [{ transform = "w=60" }]\n'
    )
    with watching(home) as watched:
        wait_for(lambda: "Everything is up to date" in watched.said, seconds=30)
        assert watched.stop() == 0
        said = [line for line in watched.said.splitlines() if "Not watched" in line]
    assert len(said) == 1
    assert "in a cloud: s3://photos. Of" in said[0]


def test_a_folder_that_is_not_there_is_said() -> None:
    result = run("watch", "nowhere", *SMALL)
    assert result.exit_code == 1
    assert "there is no folder" in result.stderr


def test_what_belongs_together_is_asked_for_together() -> None:
    assert run("watch", "photos", "--write", "w=60=small/{name}").exit_code == 2
