"""What the encoder of each format is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

import msgspec
import pyvips
from msgspec.structs import replace
from pyvips.enums import ForeignKeep

from safelight.errors import OutputTooLarge, SafelightError
from safelight.formats import Format
from safelight.operations.encoding import Encoding

Options: TypeAlias = dict[str, Any]

# These lose more or less by a quality from 1 to 100, or nothing, as is wanted.
_EITHER = ("webp", "avif")

# The longest side in px that can be written.
_LONGEST = {"jpeg": 65_500, "webp": 16_383, "avif": 16_384, "gif": 65_535}

_SUBSAMPLING = {"auto": "auto", "420": "on", "444": "off"}
# What trellis quantisation takes away, in steps of quality: with them it looks as good as without.
_TRELLIS_QUALITY = 2

# Bits of entropy of the green band below which a picture is drawn rather than photographed.
_DRAWN_ENTROPY = 5.5
_PALETTE, _PALETTE_BITS = 256, (1, 2, 4, 8)
# Looked at before all pixels are, and the most pixels that are.
_GLANCE, _COUNTED = 20_000, 4_000_000
# The efforts, of ten, with which colours for a palette are sought, by level.
_GRADES = (1, 4, 7, 10)
# From this grade on, few colours stay exactly as they are.
_EXACT_GRADE = 4
# Smaller and smaller palettes: first by how well the colours must be met, then by their number.
_PNG_PALETTES: tuple[Options, ...] = (
    {}, {"Q": 20}, {"Q": 5}, {"Q": 1}, {"bitdepth": 4}, {"bitdepth": 2}, {"bitdepth": 1},
)  # fmt: skip
_GIF_PALETTES: tuple[Options, ...] = tuple({"bitdepth": bits} for bits in range(8, 0, -1))


class Saver(msgspec.Struct, frozen=True):
    """A picture that is ready to be written in a format, and how.

    ``image`` holds ``frames`` of one size, one below the other. ``level`` is the effort on the
    encoder's own scale, ``most`` the highest that there may be, ``palette_level`` that of finding
    colours; ``keep`` are libvips's flags of what goes with the pixels. ``drawn``: the picture has
    the few shades of a drawing. ``one_pass``: it is so large, or so
    little is asked for, that a JPEG is only baseline.
    """

    image: pyvips.Image
    format: Format
    encoding: Encoding
    keep: int
    level: int
    most: int = 0
    palette_level: int = 0
    frames: int = 1
    drawn: bool = False
    one_pass: bool = False

    @property
    def lossless(self) -> bool:
        """Whether no quality says how much is lost."""
        return self.encoding.lossless if self.format.name in _EITHER else self.format.name != "jpeg"

    @property
    def default_quality(self) -> int:
        """The quality when nobody has said one."""
        return cast("int", self.format.quality) + self.trellis_quality

    @property
    def trellis_quality(self) -> int:
        """What this level needs in quality to look as good as the lowest."""
        return _TRELLIS_QUALITY if self.format.name == "jpeg" and self.level > 0 else 0

    def probing(self, image: pyvips.Image, level: int) -> Saver:
        """Write another picture the same way, to learn from it, at no more than a level."""
        return replace(self, image=image, level=min(self.level, level), keep=ForeignKeep.NONE)

    def patient(self) -> Saver:
        """Write with as much effort as there may be at all."""
        return replace(self, level=max(self.level, self.most))

    def still(self) -> Saver:
        """Write the first frame only."""
        if self.frames == 1:
            return self
        height = self.image.height // self.frames
        first = self.image.crop(0, 0, self.image.width, height).copy()
        first.remove("page-height")
        return replace(self, image=first, frames=1)

    def write(self, quality: int = 0) -> bytes:
        """Write with a quality, which counts only if the saver is lossy.

        Of several ways that suit the format the one with the fewest bytes is taken. Raises
        OutputTooLarge for a side that is too long for the format.
        """
        if not fits(self.still().image, self.format.name):
            raise OutputTooLarge(
                f"the answer would be too long for {self.format.name}, which has at most "
                f"{_LONGEST[self.format.name]} px a side: ask for a smaller size, or another format"
            )
        ways = _WAYS[self.format.name](self, quality)
        return min((self._save(options) for options in ways), key=len)

    def palettes(self) -> list[Callable[[], bytes]]:
        """List the ways to write with fewer and fewer colours, each smaller than the one before."""
        if self.format.name == "gif":
            ways = [_gif(self, 0)[0] | options for options in _GIF_PALETTES]
        elif self.format.name == "png":
            ways = [_palette(self, grade=_EXACT_GRADE) | options for options in _PNG_PALETTES]
        else:
            ways = []
        most = self.encoding.colors or _PALETTE
        allowed = [way for way in ways if 1 << way.get("bitdepth", 8) <= most]
        return [partial(self._save, options) for options in allowed]

    def _save(self, options: Options) -> bytes:
        save = getattr(self.image, f"{self.format.saver}_buffer")
        try:
            return cast("bytes", save(**options, keep=self.keep))
        except pyvips.Error as error:
            raise SafelightError(
                f"the picture could not be written as {self.format.name}"
            ) from error


def fits(image: pyvips.Image, format: str) -> bool:
    """Tell whether a format's sides are long enough for a picture."""
    return bool(max(image.width, image.height) <= _LONGEST.get(format, math.inf))


def drawn(image: pyvips.Image) -> bool:
    """Tell a drawing from a photograph by its shades."""
    band = image[min(1, image.bands - 1)]
    return bool(band.hist_find().hist_entropy() < _DRAWN_ENTROPY)


def deepened(image: pyvips.Image) -> pyvips.Image:
    """Spread 8 bits over 16: an encoder's own shift leaves white a hair too dark."""
    space = "grey16" if image.bands < 3 else "rgb16"
    return image.linear(257, 0).cast("ushort").copy(interpretation=space)


def _jpeg(saver: Saver, quality: int) -> list[Options]:
    progressive = saver.encoding.progressive is not False and not saver.one_pass
    return [
        {
            "Q": quality,
            "optimize_coding": not saver.one_pass,
            "interlace": progressive,
            # N. Robidoux's table, in mozjpeg's list.
            "quant_table": 3,
            "subsample_mode": _SUBSAMPLING[saver.encoding.subsampling],
            "trellis_quant": saver.level > 0,
            "overshoot_deringing": saver.level > 1,
            "optimize_scans": progressive and saver.level > 1,
        }
    ]


def _webp(saver: Saver, quality: int) -> list[Options]:
    if saver.lossless:
        return [{"lossless": True, "effort": saver.level}]
    return [{"Q": quality, "effort": saver.level}]


def _avif(saver: Saver, quality: int) -> list[Options]:
    common = {"compression": "av1", "effort": saver.level}
    if saver.lossless:
        bits = min(saver.encoding.bits, 12) if saver.image.format == "ushort" else 8
        return [common | {"lossless": True, "bitdepth": bits}]
    # Ten bits cost a sixth more time and save a twentieth of the bytes, of pictures of 8 bits, too;
    # AVIF's baseline profile has them (AVIF 1.1 §8.2).
    return [
        common
        | {
            "Q": quality,
            "bitdepth": max(10, min(saver.encoding.bits, 12)),
            "subsample_mode": _SUBSAMPLING[saver.encoding.subsampling],
        }
    ]


def _png(saver: Saver, quality: int) -> list[Options]:  # noqa: ARG001 - one shape
    interlace = saver.encoding.progressive is True
    if saver.encoding.colors:
        ways = saver.encoding.colors.bit_length() - 1
        bits = max(bits for bits in _PALETTE_BITS if bits <= ways)
        return [_palette(saver, grade=_GRADES[saver.palette_level]) | {"bitdepth": bits}]
    tries: list[Options] = [
        {"filter": "all", "compression": saver.level + 1, "interlace": interlace}
    ]
    if saver.drawn or saver.encoding.palette:
        # Filters help photographs, and most drawings not.
        tries.append({"filter": "none", "compression": 9, "interlace": interlace})
        if saver.image.bands == 1 and saver.image.format == "uchar":
            tries[-1]["bitdepth"] = _grey_bits(saver.image)
        elif colours := _few_colours(saver.image):
            bits = next(bits for bits in _PALETTE_BITS if colours <= 1 << bits)
            tries.append(_palette(saver, grade=_EXACT_GRADE) | {"bitdepth": bits})
        elif saver.encoding.palette:
            # Resizing makes new colours; a palette that was enough before is so again.
            tries.append(_palette(saver, grade=_GRADES[saver.palette_level]))
    return tries


def _grey_bits(image: pyvips.Image) -> int:
    """Tell how many bits are enough for the shades of a grey picture."""
    (counts,) = image.hist_find().tolist()
    shades = [shade for shade, count in enumerate(counts) if count]
    steps = {1: 255, 2: 85, 4: 17}
    return next((bits for bits, step in steps.items() if all(s % step == 0 for s in shades)), 8)


def _palette(saver: Saver, *, grade: int) -> Options:
    return {
        "palette": True,
        "effort": grade,
        "dither": 0.0 if saver.drawn else 1.0,
        "compression": 9,
        "interlace": saver.encoding.progressive is True,
    }


def _few_colours(image: pyvips.Image) -> int:
    """Count the colours, alpha included; 0 when they are too many, or it would take long."""
    if image.format != "uchar" or image.width * image.height > _COUNTED:
        return 0
    image = image.colourspace("srgb") if image.bands < 3 else image
    image = image if image.hasalpha() else image.addalpha()
    pixels = memoryview(image.write_to_memory()).cast("I")
    if len(set(pixels[:: max(1, len(pixels) // _GLANCE)])) > _PALETTE:
        return 0
    colours = len(set(pixels))
    return colours if colours <= _PALETTE else 0


def _gif(saver: Saver, quality: int) -> list[Options]:  # noqa: ARG001 - one shape
    bits = (saver.encoding.colors or _PALETTE).bit_length() - 1
    return [
        {
            "effort": _GRADES[saver.level],
            "bitdepth": bits,
            "dither": 0.0 if saver.drawn else 1.0,
            "interlace": saver.encoding.progressive is True,
        }
    ]


def _tiff(saver: Saver, quality: int) -> list[Options]:  # noqa: ARG001 - one shape
    return [{"compression": "deflate", "predictor": "horizontal"}]


# Of several ways the smallest result is kept.
_WAYS: dict[str, Callable[[Saver, int], list[Options]]] = {
    "jpeg": _jpeg,
    "webp": _webp,
    "avif": _avif,
    "png": _png,
    "gif": _gif,
    "tiff": _tiff,
}
