"""A picture that is nowhere like itself, and by how much one of it is displaced."""

from __future__ import annotations

import numpy as np
from PIL import Image

# What lies this near to an edge is coloured by what the edge does to a resampling.
_EDGE = 4


def chart(width: int, height: int, *, grain: int = 40) -> Image.Image:
    """Make a chart of soft colours, with ``grain`` px from one to the next."""
    sides = (max(4, height // grain), max(4, width // grain), 3)
    colours = np.random.default_rng(7).integers(30, 226, sides, dtype=np.uint8)
    return Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)


def displacement(picture: Image.Image, reference: Image.Image) -> float:
    """Tell by how many px, at most, a picture lies elsewhere than the same one of the same size.

    The displacement, and the stretch in either direction, are those that best explain the
    difference by the slopes of the reference (least squares; Lucas and Kanade, "An iterative image
    registration technique with an application to stereo vision", IJCAI 1981), beside another
    brightness and contrast. It is measured to a hundredth of a px, up to one or two.
    """
    assert picture.size == reference.size
    found, expected = (np.asarray(p.convert("L"), dtype=np.float64) for p in (picture, reference))
    down, across = np.gradient(expected, axis=0), np.gradient(expected, axis=1)
    height, width = expected.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    inner = (slice(_EDGE, -_EDGE), slice(_EDGE, -_EDGE))
    causes = np.stack([across, across * x, down, down * y, expected, np.ones_like(expected)])
    slopes = causes[:, inner[0], inner[1]].reshape(len(causes), -1).T
    moved, *_ = np.linalg.lstsq(slopes, (found - expected)[inner].ravel(), rcond=None)
    return float(max(abs(moved[0]) + abs(moved[1]), abs(moved[2]) + abs(moved[3])))
