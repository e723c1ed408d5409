"""Sources for tests of faults: one that is quick to render, and one that takes its time."""

import shutil
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path: Path, photos: Path) -> Path:
    """Make a folder with small.jpg and sunset.jpg, which may be changed."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    with Image.open(photos / "friends.jpg") as photo:
        photo.reduce(6).save(folder / "small.jpg", quality=90)
    shutil.copy(photos / "sunset.jpg", folder)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make the working directory of a server."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder
