"""How like its original a compressed picture looks, on the scale of SSIMULACRA 2.

The measure is a small relative of that one (https://github.com/cloudinary/ssimulacra2): structural
similarity as in equation 13 of Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from
error visibility to structural similarity", IEEE Transactions on Image Processing 13(4), 2004, on
CIE L*, a* and b* at four scales; over windows that do not overlap, which costs a tenth; and of
each map the 4-norm, because the worst places are what is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pyvips

_WINDOW = 4
# So that windows lie across the borders of a codec's blocks, by scale.
_OFFSETS = (2, 1, 1, 1)
_C2 = 0.0009
_NORM = 4
# What a unit of dissimilarity in L*, a* and b* costs, by scale, the finest first.
_WEIGHTS = (
    (14.72, 1.83, 0.30),
    (2.06, 0.59, 0.0),
    (129.53, 2.07, 1.29),
    (340.71, 0.0, 4.44),
)
_EXPONENT = 0.63


@dataclass(frozen=True, slots=True)
class _Scale:
    """The original at one scale: its pixels, and the mean and variance of each window."""

    pixels: pyvips.Image
    mean: pyvips.Image
    variance: pyvips.Image


class Original:
    """A picture that its copies are compared with."""

    def __init__(self, image: pyvips.Image) -> None:
        """Prepare an sRGB or grey picture of 8 bits without alpha, at least 64 px a side."""
        self._scales = []
        for pixels, offset in zip(_pyramid(image), _OFFSETS, strict=True):
            mean = _means(pixels, offset)
            variance = _means(pixels * pixels, offset) - mean * mean
            self._scales.append(_Scale(pixels, mean, variance.copy_memory()))

    def likeness(self, copy: pyvips.Image) -> float:
        """Compare a copy of the same size; 100 is equal, below 50 is poor, as SSIMULACRA 2 says."""
        distance = sum(
            weight * dissimilarity
            for scale, pixels, offset, weights in zip(
                self._scales, _pyramid(copy), _OFFSETS, _WEIGHTS, strict=True
            )
            for weight, dissimilarity in zip(
                weights, _dissimilarity(scale, pixels, offset), strict=True
            )
        )
        return float(100 - 10 * distance**_EXPONENT)


def _pyramid(image: pyvips.Image) -> list[pyvips.Image]:
    levels = [(image.colourspace("lab") / 100).copy_memory()]
    while len(levels) < len(_WEIGHTS):
        levels.append(levels[-1].shrink(2, 2).copy_memory())
    return levels


def _means(image: pyvips.Image, offset: int) -> pyvips.Image:
    """Average over windows. In memory: a pipeline would reckon them again at each use."""
    width, height = ((side - offset) // _WINDOW * _WINDOW for side in (image.width, image.height))
    windows = image.crop(offset, offset, width, height).shrink(_WINDOW, _WINDOW)
    return cast("pyvips.Image", windows.copy_memory())


def _dissimilarity(scale: _Scale, pixels: pyvips.Image, offset: int) -> list[float]:
    """Take the norm of 1 - SSIM over all windows, band by band."""
    mean = _means(pixels, offset)
    variance = _means(pixels * pixels, offset) - mean * mean
    covariance = _means(scale.pixels * pixels, offset) - scale.mean * mean
    difference = scale.mean - mean
    # Each operator is an image to set up, which is what counts in small ones: so few of them.
    alike = (difference * difference).linear(-1, 1) * covariance.linear(2, _C2)
    unlike = (alike / (scale.variance + variance).linear(1, _C2)).linear(-1, 1)
    squared = unlike * unlike
    return [row[4] ** (1 / _NORM) for row in (squared * squared).stats().tolist()[1:]]
