"""`safelight backfill`, interrupted in every way: nothing is lost, and little is done twice."""

import os
import random
import signal
from pathlib import Path

import pytest

from tests.support.filling import (
    TWO_PIPELINES,
    archive_of,
    backfill,
    failures,
    listed,
    manifests,
    started,
    variants,
)
from tests.support.serving import wait_for

PHOTOS = 150


@pytest.fixture
def archive(home: Path) -> Path:
    """Give a folder of many photographs, and settings with a preset."""
    return archive_of(PHOTOS, home)


def test_ctrl_c_ends_it_and_says_how_to_go_on(archive: Path, home: Path) -> None:
    process = started("--only", "thumb", "--prefix", "archive/")
    wait_for(lambda: len(variants(home)) >= 40)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"the same command goes on from there (--again begins anew)" in said
    assert b"Traceback" not in said
    assert len(variants(home)) < PHOTOS
    [manifest] = manifests(home)
    assert not manifest["complete"]

    done = backfill("--only", "thumb", "--prefix", "archive/")
    assert done.exit_code == 0
    assert "sources are finished: going on from there" in done.stderr
    assert len(variants(home)) == PHOTOS
    assert [manifest["complete"] for manifest in manifests(home)] == [True]


def test_killed_at_random_points_it_loses_nothing(archive: Path, home: Path) -> None:
    (archive / "archive" / "bad.jpg").write_text("no image")
    chance = random.Random(11)
    for _ in range(3):
        most = len(variants(home)) + chance.randrange(1, 40)
        process = started("--only", "thumb", "--prefix", "archive/")
        wait_for(lambda most=most: len(variants(home)) >= most)
        process.kill()
        process.communicate()
    done = backfill("--only", "thumb", "--prefix", "archive/")
    assert done.exit_code == 1
    assert len(variants(home)) == PHOTOS
    assert [found["key"] for found in failures()] == ["archive/bad.jpg"]
    [manifest] = manifests(home)
    assert manifest["complete"]
    tally = manifest["tally"]
    assert isinstance(tally, dict)
    assert tally["done"] + tally["current"] == PHOTOS


def test_it_begins_anew_when_told_to(archive: Path, home: Path) -> None:
    process = started("--only", "thumb", "--prefix", "archive/")
    wait_for(lambda: len(variants(home)) >= 100)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    done = backfill("--only", "thumb", "--prefix", "archive/", "--again")
    assert "going on" not in done.stderr
    assert f"{PHOTOS} sources in " in done.stdout


def test_a_rendering_process_that_is_killed_costs_nothing(archive: Path, home: Path) -> None:
    process = started("--only", "thumb", "--prefix", "archive/")
    killed = 0
    while killed < 3 and process.poll() is None:
        most = len(variants(home)) + 10
        wait_for(lambda most=most: len(variants(home)) >= most or process.poll() is not None)
        for children in Path(f"/proc/{process.pid}/task").glob("*/children"):
            for pid in children.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
                killed += 1
    out, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert f"{PHOTOS} done".encode() in out
    assert len(variants(home)) == PHOTOS


def test_pipelines_killed_at_random_points_lose_nothing(home: Path) -> None:
    photos = archive_of(80, home, TWO_PIPELINES)
    chance = random.Random(12)
    for _ in range(3):
        most = len(listed(photos / "thumbs")) + chance.randrange(1, 25)
        process = started()
        wait_for(lambda most=most: len(listed(photos / "thumbs")) >= most)
        process.kill()
        process.communicate()
    assert backfill().exit_code == 0
    assert listed(photos / "thumbs") == listed(photos / "archive")
    assert listed(photos / "tiny" / "archive" / "1") == listed(photos / "archive" / "1")
    assert len(list((photos / "about").rglob("[0-9]*.json"))) == 80
