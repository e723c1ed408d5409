"""The photographs that are measured, and a folder of many names for one of them."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_OURS = _ROOT / "bench" / "photos"
_EXAMPLES = _ROOT / "examples" / "photos"
# Some file systems allow no more than 65,000 for one file.
_LINKS = 50_000

TWELVE = _OURS / "photo-12mp.jpg"
EIGHT: dict[str, Path] = {
    "24 MP": _OURS / "photo-24mp.jpg",
    "20 MP": _OURS / "photo-20mp.jpg",
    "12 MP": TWELVE,
    "12 MP progressive": _EXAMPLES / "sunset.jpg",
    "13 MP progressive": _EXAMPLES / "dragonfly.jpg",
    "8 MP progressive": _EXAMPLES / "mountains.jpg",
    "6 MP progressive": _EXAMPLES / "forest.jpg",
    "6 MP of sharp": _OURS / "sharp-2725x2225.jpg",
}


def many_names(photo: Path, folder: Path) -> Iterator[str]:
    """Give one photograph name after name, so that each is a source of its own.

    Hard links: the bytes are read from the page cache, as a busy photograph's would be.
    """
    folder.mkdir(parents=True)
    return _linked(photo, folder)


def _linked(photo: Path, folder: Path) -> Iterator[str]:
    for number in itertools.count():
        path = folder / f"{number:06}.jpg"
        if number % _LINKS == 0:
            original = path
            shutil.copyfile(photo, original)
        else:
            os.link(original, path)
        yield path.name
