"""How like its original a compressed picture looks, on the scale of SSIMULACRA 2.

The measure is a small relative of that one (https://github.com/cloudinary/ssimulacra2): structural
similarity as in equation 13 of Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from
error visibility to structural similarity", IEEE Transactions on Image Processing 13(4), 2004, on
CIE L*, a* and b* at four scales; over windows that do not overlap, which costs a tenth; and of
each map the 4-norm, because the worst places are what is seen.

The weights are fitted to scores of SSIMULACRA 2 between 60 and 90: of twelve photographs at three
sizes from 256 to 800 px, as JPEG, WebP and AVIF in seven qualities each. Of photographs that had no
part in the fit, those between 70 and 84 are met with a standard deviation of 0.9, and 3.6 at most.
"""

from __future__ import annotations

from typing import cast

import msgspec
import pyvips

# Windows in px, and where the first begins: they shall lie across the borders of codecs' blocks.
_WINDOW, _OFFSET = 4, 2
_C2 = 0.0009
_NORM = 4
# What a unit of dissimilarity in L*, a* and b* costs, by scale, the finest first.
_WEIGHTS = ((15.2, 1.5, 0.4), (0.0, 1.0, 0.0), (141.0, 2.8, 0.0), (288.0, 0.0, 6.1))
# SSIMULACRA 2's own.
_EXPONENT = 0.6276


class _Scale(msgspec.Struct, frozen=True):
    """The original at one scale: its pixels, and the mean and variance of each window."""

    pixels: pyvips.Image
    mean: pyvips.Image
    variance: pyvips.Image


class Original:
    """A picture that its copies are compared with."""

    def __init__(self, image: pyvips.Image) -> None:
        """Prepare a picture without alpha, of at least 64 px a side."""
        self._scales = []
        for pixels in _pyramid(image):
            mean = _means(pixels)
            variance = _means(pixels * pixels) - mean * mean
            self._scales.append(_Scale(pixels, mean, variance.copy_memory()))

    def likeness(self, copy: pyvips.Image) -> float:
        """Compare a copy of the same size; 100 is equal, below 50 is poor, as SSIMULACRA 2 says."""
        distance = sum(
            weight * dissimilarity
            for scale, pixels, weights in zip(self._scales, _pyramid(copy), _WEIGHTS, strict=True)
            for weight, dissimilarity in zip(weights, _dissimilarity(scale, pixels), strict=True)
        )
        return float(100 - 10 * distance**_EXPONENT)


def _pyramid(image: pyvips.Image) -> list[pyvips.Image]:
    levels = [(image.colourspace("lab") / 100).copy_memory()]
    while len(levels) < len(_WEIGHTS):
        levels.append(levels[-1].shrink(2, 2).copy_memory())
    return levels


def _means(image: pyvips.Image) -> pyvips.Image:
    """Average over windows. In memory: a pipeline would reckon them again at each use."""
    width, height = ((side - _OFFSET) // _WINDOW * _WINDOW for side in (image.width, image.height))
    windows = image.crop(_OFFSET, _OFFSET, width, height).shrink(_WINDOW, _WINDOW)
    return cast("pyvips.Image", windows.copy_memory())


def _dissimilarity(scale: _Scale, pixels: pyvips.Image) -> list[float]:
    """Take the norm of 1 - SSIM over all windows, band by band."""
    mean = _means(pixels)
    variance = _means(pixels * pixels) - mean * mean
    covariance = _means(scale.pixels * pixels) - scale.mean * mean
    difference = scale.mean - mean
    # Each operator is an image to set up, which is what counts in small ones: so few of them.
    alike = (difference * difference).linear(-1, 1) * covariance.linear(2, _C2)
    unlike = (alike / (scale.variance + variance).linear(1, _C2)).linear(-1, 1)
    squared = unlike * unlike
    return [row[4] ** (1 / _NORM) for row in (squared * squared).stats().tolist()[1:]]
