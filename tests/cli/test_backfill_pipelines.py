"""`safelight backfill`: what the pipelines write, for sources that were there before them."""

import json
from pathlib import Path

import pytest

from safelight import config
from safelight.config.backfill import backfill as wired
from tests.support.commands import refused, run
from tests.support.filling import PRESET, TWO_PIPELINES, archive_of, backfill, failures, listed


@pytest.fixture
def uploads(home: Path) -> Path:
    """Give a few photographs, and settings with two pipelines over them."""
    return archive_of(12, home, TWO_PIPELINES)


def test_everything_gets_what_the_pipelines_write(uploads: Path) -> None:
    done = backfill()
    assert done.exit_code == 0, done.stderr
    assert "12 sources in " in done.stdout
    assert "12 done" in done.stdout
    assert listed(uploads / "thumbs") == listed(uploads / "archive")
    assert listed(uploads / "tiny" / "archive" / "1") == listed(uploads / "archive" / "1")
    assert len(list((uploads / "about").rglob("*.json"))) == 12
    assert "12 current" in backfill().stdout


def test_only_one_pipeline_is_brought_up(uploads: Path) -> None:
    assert "4 sources in " in backfill("--only", "tiny").stdout
    assert not (uploads / "thumbs").exists()
    # A preset stands for the pipelines that write it.
    assert "12 done" in backfill("--only", "thumb", "--prefix", "arch").stdout
    assert "4 current" in backfill("--prefix", "archive/1/").stdout
    assert "nothing to do" in backfill("--only", "tiny", "--prefix", "archive/2/").stdout


def test_what_is_missing_is_made_again_and_nothing_else(uploads: Path) -> None:
    backfill("--only", "small")
    (uploads / "thumbs" / "0" / "003.jpg").unlink()
    assert "1 done, 11 current" in backfill("--only", "small").stdout
    assert listed(uploads / "thumbs") == listed(uploads / "archive")


def test_a_dry_run_of_pipelines_writes_nothing(uploads: Path, home: Path) -> None:
    (uploads / "archive" / "bad.jpg").write_text("no image")
    before = sorted(home.rglob("*"))
    done = backfill("--dry-run")
    assert done.stdout.startswith("13 sources, ")
    assert "of 13 that were tried: 12 done, 1 failed; nothing was written" in done.stdout
    assert "  archive/bad.jpg: the bytes are no image" in done.stdout
    assert sorted(home.rglob("*")) == before
    backfill()
    before = sorted(home.rglob("*"))
    assert "12 current, 1 failed; nothing was written" in backfill("--dry-run").stdout
    assert sorted(home.rglob("*")) == before


def test_a_bad_picture_leaves_a_dead_letter_and_is_tried_again_when_told_to(uploads: Path) -> None:
    bad = uploads / "archive" / "0" / "bad.jpg"
    bad.write_text("no image")
    done = backfill("--only", "small")
    assert done.exit_code == 1
    assert "12 done, 1 failed" in done.stdout
    assert [found["key"] for found in failures()] == ["archive/0/bad.jpg"]
    [letter] = (uploads / "failed").rglob("*.json")
    assert json.loads(letter.read_bytes())["key"] == "archive/0/bad.jpg"
    assert "12 current, 1 failed" in backfill("--only", "small").stdout
    assert "1 failed" in backfill("--only", "small", "--again").stdout
    bad.write_bytes((uploads / "archive" / "0" / "000.jpg").read_bytes())
    assert "1 done, 12 current" in backfill("--only", "small").stdout
    assert not letter.exists()


def test_what_a_pipeline_does_not_take_is_not_listed_either(uploads: Path) -> None:
    (uploads / "archive" / "notes.txt").write_text("no image")
    (uploads / "archive" / "notes").write_text("no image")
    done = backfill("--only", "small")
    assert done.exit_code == 0
    assert "12 done, 1 skipped" in done.stdout


@pytest.mark.parametrize(
    "change", [("w=20", "w=30"), ("w=100", "w=90"), ('"small"', '"large"'), ("tiny/", "mini/")]
)
def test_changed_pipelines_are_another_back_fill(
    uploads: Path, home: Path, change: tuple[str, str]
) -> None:
    before = wired(config.load())
    assert wired(config.load()).manifest == before.manifest
    settings = home / "safelight.toml"
    settings.write_text(settings.read_text().replace(*change))
    assert wired(config.load()).manifest != before.manifest


def test_another_prefix_choice_or_place_is_another_back_fill(uploads: Path, home: Path) -> None:
    (home / "elsewhere" / "photos").mkdir(parents=True)
    settings = config.load()
    wanted = [
        wired(settings),
        wired(settings, prefix="archive/1/"),
        wired(settings, only="tiny"),
        wired(settings, base=home / "elsewhere"),
    ]
    assert len({each.manifest for each in wanted}) == len(wanted)


def test_only_what_the_pipelines_begin_with_is_listed(uploads: Path, home: Path) -> None:
    settings = config.load()
    assert wired(settings).prefixes == ("archive/",)
    assert wired(settings, prefix="archive/1/0").prefixes == ("archive/1/0",)
    assert wired(settings, only="tiny", prefix="arch").prefixes == ("archive/1/",)
    assert wired(settings, prefix="else/").prefixes == ()


def test_hooks_with_secrets_are_not_sent_to_others(uploads: Path, home: Path) -> None:
    settings = home / "safelight.toml"
    settings.write_text(f'{TWO_PIPELINES}\nhooks = [{{ url = "https://hooks.example.com/" }}]\n')
    refused(run("backfill", "--dask", "tcp://127.0.0.1:1"), "pipelines.hooks", "are not sent")


def test_nothing_to_be_made_is_refused(home: Path) -> None:
    (home / "safelight.toml").write_text(PRESET)
    refused(backfill(), "[[pipelines]]", "--only thumb")
