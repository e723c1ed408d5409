"""Folders to be filled up, and what is in them then."""

import json
import os
import subprocess
import sys
from pathlib import Path

from click.testing import Result
from PIL import Image

from safelight.storage import open_store
from tests.support.commands import MEADOW, run
from tests.support.serving import clean_environment

PRESET = '[presets]\nthumb = "w=100,format=jpeg"\n'
TWO_PIPELINES = f"""{PRESET}
[[pipelines]]
name = "small"
on = "archive/"
write = [{{ preset = "thumb", to = "thumbs/{{stem}}.jpg" }}]
metadata = "about/{{name}}.json"
[[pipelines]]
name = "tiny"
on = "archive/1/"
write = [{{ transform = "w=20", to = "tiny/{{key}}" }}]
"""


def archive_of(count: int, home: Path, settings: str = PRESET) -> Path:
    """Lay out small photographs below archive/0, /1 and /2; gives the folder of all sources."""
    (home / "safelight.toml").write_text(settings)
    photos = home / "photos"
    with Image.open(home / MEADOW) as meadow:
        meadow.thumbnail((200, 200))
        meadow.save(home / "small.jpg")
    for number in range(count):
        path = photos / "archive" / f"{number % 3}" / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(home / "small.jpg", path)
    return photos


def backfill(*options: str) -> Result:
    """Fill up here, with one process that renders."""
    return run("backfill", "--workers", "1", *options)


def started(*options: str) -> "subprocess.Popen[bytes]":
    """Fill up in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "safelight", "backfill", "--workers", "1", *options],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def variants(home: Path) -> list[str]:
    """List the variants that are stored."""
    store = open_store("file:.safelight/variants", base=home)
    return sorted(entry.key for entry in store.list() if not entry.key.startswith("@"))


def listed(folder: Path) -> list[str]:
    """List the pictures in a folder; what killed writers have left is none."""
    found = (path.relative_to(folder) for path in folder.rglob("*.jpg"))
    return sorted(str(path) for path in found if not path.name.startswith(".tmp-"))


def manifests(home: Path) -> list[dict[str, object]]:
    """Read what is noted of back-fills."""
    folder = home / ".safelight" / "variants" / "@pipelines" / "backfill"
    return [json.loads(path.read_bytes()) for path in folder.glob("*.json")]


def failures(path: str = "backfill-failures.jsonl") -> list[dict[str, object]]:
    """Read what is said to have failed."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]
