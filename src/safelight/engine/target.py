"""Outputs: which format a picture deserves, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pyvips

from safelight import formats
from safelight.engine.metadata import written
from safelight.errors import SafelightError
from safelight.formats import Format
from safelight.operations.encoding import Encoding
from safelight.operations.frame import WHITE, Frame
from safelight.picture import Header

Options = dict[str, Any]

# Beyond it libaom takes ten times as long for a few percent: past any request's deadline.
_AVIF_EFFORT = 4

# Bits of entropy of the green band below which a picture is drawn rather than photographed.
_DRAWN_ENTROPY = 5.5


def encode(frame: Frame, header: Header) -> tuple[bytes, Format]:
    """Write a rendered picture in the format that it asks for or deserves.

    With the metadata that was noted when its source was opened, and none besides.
    """
    image = _on_background(cast("pyvips.Image", frame.image), frame.colour, frame.peak)
    format = _output_format(frame.encoding, header, alpha=image.hasalpha())
    if image.hasalpha() and not format.alpha:
        image = _flattened(image, WHITE, frame.peak)
    # The resolution is the source's, and metadata like any other.
    image, keep = written(image.copy(xres=1.0, yres=1.0), format.name)
    bits = frame.reading.depth if image.format == "ushort" else 8
    encoding = replace(frame.encoding, palette=header.palette, bits=bits)
    try:
        tries = [
            _write(image, format, options | {"keep": keep})
            for options in _OPTIONS[format.name](image, encoding)
        ]
    except pyvips.Error as error:
        raise SafelightError(f"the picture could not be written as {format.name}") from error
    return min(tries, key=len), format


def may_move(format: str | None) -> bool:
    """Tell whether a picture that is asked for in a format may be an animation."""
    return format is None or format == "auto" or formats.BY_NAME[format].animation


def _write(image: pyvips.Image, format: Format, options: Options) -> bytes:
    save = getattr(image, f"{format.saver}_buffer")
    return cast("bytes", save(**options))


def _output_format(encoding: Encoding, header: Header, *, alpha: bool) -> Format:
    source = formats.BY_NAME[header.format]
    if encoding.format in (None, "auto"):
        if encoding.format is None and source.web:
            return source
        return formats.BY_NAME["png" if alpha else "jpeg"]
    return formats.BY_NAME[encoding.format]


def _on_background(
    image: pyvips.Image, background: tuple[int, int, int, int] | None, peak: float
) -> pyvips.Image:
    """Lay a picture on its background, and drop an alpha channel that says nothing."""
    if not image.hasalpha():
        return image
    if image[image.bands - 1].min() == peak:
        return image.extract_band(0, n=image.bands - 1)
    if background is None or background[3] == 0:
        return image
    if background[3] == 255:
        return _flattened(image, background, peak)
    image = _coloured(image)
    ground = image.new_from_image([part * peak / 255 for part in background])
    above = ground.composite2(image, "over", compositing_space=image.interpretation)
    return above.cast(image.format)


def _flattened(
    image: pyvips.Image, background: tuple[int, int, int, int], peak: float
) -> pyvips.Image:
    ink = background[:3] if image.bands > 2 else background[:1]
    if image.bands <= 2 and len(set(background[:3])) > 1:
        image, ink = _coloured(image), background[:3]
    return image.flatten(background=[part * peak / 255 for part in ink])


def _coloured(image: pyvips.Image) -> pyvips.Image:
    return image.colourspace("rgb16" if image.format == "ushort" else "srgb")


def _jpeg(image: pyvips.Image, encoding: Encoding) -> list[Options]:  # noqa: ARG001 - one shape
    thorough = (encoding.effort or 0) >= 5
    return [
        {
            "Q": _quality(encoding, "jpeg"),
            "optimize_coding": True,
            "interlace": True,
            "quant_table": 3,
            "trellis_quant": thorough,
            "overshoot_deringing": thorough,
            "optimize_scans": thorough,
        }
    ]


def _webp(image: pyvips.Image, encoding: Encoding) -> list[Options]:  # noqa: ARG001 - one shape
    effort = 2 if encoding.effort is None else round(encoding.effort * 6 / 9)
    quality = _quality(encoding, "webp")
    return [{"Q": quality, "effort": effort, "lossless": encoding.lossless}]


def _avif(image: pyvips.Image, encoding: Encoding) -> list[Options]:  # noqa: ARG001 - one shape
    return [
        {
            "Q": _quality(encoding, "avif"),
            "effort": round((encoding.effort or 0) * _AVIF_EFFORT / 9),
            "lossless": encoding.lossless,
            "compression": "av1",
            "bitdepth": min(encoding.bits, 12),
        }
    ]


def _png(image: pyvips.Image, encoding: Encoding) -> list[Options]:
    compression = 4 if encoding.effort is None else encoding.effort
    filters = "none" if encoding.palette or _drawn(image) else "all"
    plain: Options = {"compression": compression, "filter": filters}
    # Few colours stay few only if that is really smaller: resizing makes new ones.
    return [plain, {"compression": compression, "palette": True}] if encoding.palette else [plain]


def _gif(image: pyvips.Image, encoding: Encoding) -> list[Options]:  # noqa: ARG001 - one shape
    return [{"effort": 5 if encoding.effort is None else encoding.effort + 1}]


def _tiff(image: pyvips.Image, encoding: Encoding) -> list[Options]:  # noqa: ARG001 - one shape
    return [{"compression": "deflate", "predictor": "horizontal"}]


# What to hand to each format's saver; of several tries the smallest is kept.
_OPTIONS: dict[str, Callable[[pyvips.Image, Encoding], list[Options]]] = {
    "jpeg": _jpeg,
    "webp": _webp,
    "avif": _avif,
    "png": _png,
    "gif": _gif,
    "tiff": _tiff,
}


def _quality(encoding: Encoding, name: str) -> int:
    return encoding.quality or cast("int", formats.BY_NAME[name].quality)


def _drawn(image: pyvips.Image) -> bool:
    """Tell a drawing from a photograph: PNG's filters help the one and harm the other."""
    band = image[min(1, image.bands - 1)]
    return bool(band.hist_find().hist_entropy() < _DRAWN_ENTROPY)
