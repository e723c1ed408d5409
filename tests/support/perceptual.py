"""How different two pictures look: an opinion that owes nothing to libvips.

The measures are calibrated in ``test_perceptual.py``: what nobody sees stays below the thresholds,
what anybody sees passes them.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane: TypeAlias = NDArray[np.float64]

# The least that JPEG at quality 95 without chroma subsampling, which is hard to tell from its
# source, does to any of five of our photographs at 400 px. Measured: quality 98 0.005 to 0.016,
# 95 0.008 to 0.046, 80 0.02 to 0.13; a shift by one pixel 0.10 to 0.35.
VISUALLY_LOSSLESS = 0.008
# CIE 1976 colour difference: 2.3 is just noticeable side by side (Mahy, Van Eycken and Oosterlinck,
# "Evaluation of uniform color spaces", Color Research & Application 19(2), 1994).
JUST_NOTICEABLE = 2.3

# sRGB primaries to XYZ, and the white point D65: IEC 61966-2-1.
_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], dtype=np.float64
)
_D65 = np.array([0.9505, 1.0, 1.089], dtype=np.float64)
_RADIUS, _SIGMA = 5, 1.5
_RANGES = (100.0, 200.0, 200.0)


def lab(picture: Image.Image) -> Plane:
    """Convert an 8-bit sRGB or grey picture to CIE L*a*b* (CIE 15:2004 §8.2.1), rows first."""
    encoded = np.asarray(picture.convert("RGB"), dtype=np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    relative = linear @ _XYZ.T / _D65
    f = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def colour_difference(a: Image.Image, b: Image.Image) -> float:
    """Mean CIE 1976 colour difference of two pictures of one size."""
    _same_size(a, b)
    return float(np.sqrt(((lab(a) - lab(b)) ** 2).sum(axis=-1)).mean())


def dissimilarity(a: Image.Image, b: Image.Image) -> float:
    """Structural dissimilarity 1/SSIM - 1: 0 for equal pictures, without upper bound.

    SSIM is the mean over all windows and over L*, a* and b* of equation 13 in Wang, Bovik, Sheikh
    and Simoncelli, "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13(4), 2004: Gaussian window of 11 px, sigma 1.5,
    K1 0.01, K2 0.03. The dynamic range is 100 for L*, and what sRGB spans of a* and b*: 200.
    """
    _same_size(a, b)
    left, right = lab(a), lab(b)
    axes = enumerate(_RANGES)
    similarity = float(np.mean([_ssim(left[..., i], right[..., i], span) for i, span in axes]))
    return 1 / similarity - 1


def _ssim(x: Plane, y: Plane, span: float) -> float:
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mx, my = _smooth(x), _smooth(y)
    xx, yy, xy = _smooth(x * x) - mx * mx, _smooth(y * y) - my * my, _smooth(x * y) - mx * my
    map_ = ((2 * mx * my + c1) * (2 * xy + c2)) / ((mx * mx + my * my + c1) * (xx + yy + c2))
    return float(map_.mean())


def _smooth(plane: Plane) -> Plane:
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    window = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    window /= window.sum()
    for axis in (0, 1):
        margins = [(_RADIUS, _RADIUS) if side == axis else (0, 0) for side in (0, 1)]
        padded = np.moveaxis(np.pad(plane, margins, mode="edge"), axis, 0)
        length = plane.shape[axis]
        parts = (weight * padded[i : i + length] for i, weight in enumerate(window))
        plane = np.moveaxis(np.asarray(sum(parts)), 0, axis)
    return plane


def _same_size(a: Image.Image, b: Image.Image) -> None:
    if a.size != b.size:
        raise AssertionError(f"the pictures differ in size: {a.size} and {b.size}")
