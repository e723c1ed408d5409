"""The photographs that are measured, and a folder of many names for one of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_OURS = _ROOT / "bench" / "photos"
_EXAMPLES = _ROOT / "examples" / "photos"

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


def many_names(photo: Path, folder: Path, count: int) -> list[str]:
    """Give one photograph many names, so that each is a source of its own; returns the names.

    Hard links: the bytes are read from the page cache, as a busy photograph's would be.
    """
    folder.mkdir(parents=True)
    first = folder / "00000.jpg"
    shutil.copyfile(photo, first)
    names = [first.name]
    for number in range(1, count):
        name = f"{number:05}.jpg"
        os.link(first, folder / name)
        names.append(name)
    return names
