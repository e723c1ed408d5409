"""A folder to work in."""

import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a few photographs, and without settings from outside."""
    photos = tmp_path / "photos"
    (photos / "sub").mkdir(parents=True)
    for name in ("photo-1mp.jpg", "exif-6.jpg", "alpha-graphic.png"):
        shutil.copy(data / "photos" / name, photos / name)
    shutil.copy(data / "photos" / "check.svg", photos / "sub" / "a b.svg")
    (tmp_path / "text.jpg").write_text("no image")
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("SAFELIGHT_"):
            monkeypatch.delenv(name)
    return tmp_path
