"""How the picture is written."""

from typing import Annotated

from msgspec.structs import replace

from safelight.formats import FORMATS, WRITABLE
from safelight.operations.encoding import AUTO, AUTO_AVIF, AUTO_WEBP, Encoding
from safelight.operations.frame import Frame
from safelight.operations.registry import Stage, operation
from safelight.params import Bytes, Enum, Flag, Int

_WORDS = (AUTO, AUTO_WEBP, AUTO_AVIF, *(format.name for format in WRITABLE))
_SUFFIXES = tuple(
    (suffix, format.name) for format in FORMATS if format.saver for suffix in format.suffixes
)


@operation(Stage.OUTPUT, cost=1.0, example="w=400,format=webp,quality=70")
def output(
    frame: Frame,
    *,
    format: Annotated[str | None, Enum(_WORDS, synonyms=_SUFFIXES, aliases=("f",))] = None,
    quality: Annotated[int | str | None, Int(1, 100, words=("auto",), aliases=("q",))] = None,
    effort: Annotated[int | None, Int(0, 9)] = None,
    lossless: Annotated[bool, Flag()] = False,
    progressive: Annotated[bool | None, Flag()] = None,
    subsampling: Annotated[str, Enum(("auto", "420", "444"))] = "auto",
    colors: Annotated[int | None, Int(2, 256, bare="256", aliases=("colours",))] = None,
    max_bytes: Annotated[int | None, Bytes(100, 100_000_000)] = None,
) -> Frame:
    """Choose the format, its quality (1 to 100, or auto) and the most bytes that it may have.

    ``format=auto`` is the best that the viewer accepts. ``auto-webp`` and ``auto-avif`` say in the
    address what it accepts, as a CDN may that has sorted its viewers; what they become depends on
    transparency, movement, size and time. Without a format the source's own is kept.

    ``quality=auto`` finds the quality at which this picture looks as good as others do. Unless it
    is a number (``quality=75``), a picture that is its source again, at most turned, has no more
    bytes than that, if it can be helped. ``max_bytes=50kb`` lowers the quality until it fits, in
    PNG and GIF the number of colours, and is refused where that is not enough.

    ``effort=0`` is fast, ``effort=9`` small; unless said, small pictures get more of it.
    ``lossless`` is for WebP and AVIF. JPEGs are progressive unless ``progressive=false``, PNGs and
    GIFs interlaced with ``progressive``. ``subsampling=444`` keeps colours as fine as brightness in
    JPEG and AVIF, ``420`` does not; by itself that depends on the quality. ``colors=16`` gives a
    PNG or GIF so many at most: a power of two, in PNG 2, 4, 16 or 256.
    """
    encoding = Encoding(
        format, quality, effort, lossless=lossless, progressive=progressive,
        subsampling=subsampling, colors=colors, max_bytes=max_bytes,
    )  # fmt: skip
    return replace(frame, encoding=encoding)
