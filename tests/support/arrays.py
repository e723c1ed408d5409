"""Pictures as numpy arrays, rows first, and back."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyvips
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.float64]

_SPACES = {
    ("uint8", False): "b-w", ("uint8", True): "srgb",
    ("uint16", False): "grey16", ("uint16", True): "rgb16",
}  # fmt: skip


def made(values: NDArray[Any]) -> Any:
    """Make a libvips image of 8 or 16 bits (as the array's type), grey or coloured, of an array."""
    values = np.atleast_3d(values)
    image = pyvips.Image.new_from_array(values)
    space = _SPACES[str(values.dtype), values.shape[2] > 2]
    return image.copy(interpretation=space)


def pixels(image: Any) -> Pixels:
    """Read an image of libvips; the bands are the last axis, also if there is but one."""
    return np.atleast_3d(image.numpy()).astype(np.float64)


def noisy(width: int, height: int, bands: int = 3, *, seed: int = 1) -> NDArray[np.uint8]:
    """Paint waves with noise, so that no level and no place is like another."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    waves = [np.sin(x / (7 + 3 * band)) + np.cos(y / (5 + 4 * band)) for band in range(bands)]
    noise = np.random.default_rng(seed).normal(0, 20, (height, width, bands))
    values: NDArray[np.uint8] = np.clip(128 + 55 * np.stack(waves, axis=-1) + noise, 0, 255).astype(
        np.uint8
    )
    return values
