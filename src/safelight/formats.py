"""One table of image formats: what they are called, how they are recognised, read and written.

A new format is one row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """Describe one image format.

    ``suffixes`` come without the dot, the first is the one that is written. ``loader`` and
    ``saver`` are libvips's operation nicknames without ``_buffer`` (None: cannot). ``quality`` is
    the default on request (None: the format has no quality). ``web`` says whether browsers show it.
    ``complete`` tells whether bytes that begin like this format also end like it.
    """

    name: str
    mime: str
    suffixes: tuple[str, ...]
    loader: str | None
    saver: str | None
    alpha: bool
    animation: bool
    web: bool
    quality: int | None
    matches: Callable[[bytes], bool]
    complete: Callable[[bytes], bool]


def _jpeg_complete(data: bytes) -> bool:
    return data.endswith(b"\xff\xd9")


def _png_complete(data: bytes) -> bool:
    return data.endswith(b"IEND\xaeB`\x82")


def _riff_complete(data: bytes) -> bool:
    return int.from_bytes(data[4:8], "little") + 8 == len(data)


def _gif_complete(data: bytes) -> bool:
    return data.endswith(b";")


def _boxes_complete(data: bytes) -> bool:
    """Walk the top-level boxes of an ISO base media file (ISO/IEC 14496-12 §4.2)."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 0:  # to the end of the file, wherever that is
            return True
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        if size < 8:
            return False
        position += size
    return position == len(data)


def _any_end(data: bytes) -> bool:
    return len(data) > 0


def _brands(*brands: bytes) -> Callable[[bytes], bool]:
    def matches(head: bytes) -> bool:
        if head[4:8] != b"ftyp":
            return False
        end = min(int.from_bytes(head[0:4], "big"), len(head))
        listed = [head[8:12], *(head[i : i + 4] for i in range(16, end - 3, 4))]
        return any(brand in brands for brand in listed)

    return matches


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


def _is_svg(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", "ignore").encode().lstrip()
    return text.startswith(b"<") and (b"<svg" in text or b":svg" in text)


FORMATS: tuple[Format, ...] = (
    Format(
        "jpeg", "image/jpeg", ("jpg", "jpeg", "jpe", "jfif"), "jpegload", "jpegsave",
        alpha=False, animation=False, web=True, quality=80,
        matches=_starts(b"\xff\xd8\xff"), complete=_jpeg_complete,
    ),
    Format(
        "png", "image/png", ("png",), "pngload", "pngsave",
        alpha=True, animation=False, web=True, quality=None,
        matches=_starts(b"\x89PNG\r\n\x1a\n"), complete=_png_complete,
    ),
    Format(
        "webp", "image/webp", ("webp",), "webpload", "webpsave",
        alpha=True, animation=True, web=True, quality=80,
        matches=lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", complete=_riff_complete,
    ),
    Format(
        "avif", "image/avif", ("avif", "avifs"), "heifload", "heifsave",
        alpha=True, animation=False, web=True, quality=60,
        matches=_brands(b"avif", b"avis"), complete=_boxes_complete,
    ),
    Format(
        "gif", "image/gif", ("gif",), "gifload", "gifsave",
        alpha=True, animation=True, web=True, quality=None,
        matches=_starts(b"GIF87a", b"GIF89a"), complete=_gif_complete,
    ),
    Format(
        "tiff", "image/tiff", ("tif", "tiff"), "tiffload", "tiffsave",
        alpha=True, animation=False, web=False, quality=80,
        matches=_starts(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"), complete=_any_end,
    ),
    Format(
        "svg", "image/svg+xml", ("svg", "svgz"), "svgload", None,
        alpha=True, animation=False, web=False, quality=None,
        matches=lambda head: head[:2] == b"\x1f\x8b" or _is_svg(head), complete=_any_end,
    ),
    Format(
        "heic", "image/heic", ("heic", "heif"), None, None,
        alpha=True, animation=False, web=False, quality=None,
        matches=_brands(b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"),
        complete=_boxes_complete,
    ),
    Format(
        "jxl", "image/jxl", ("jxl",), None, None,
        alpha=True, animation=True, web=False, quality=None,
        matches=_starts(b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n"), complete=_any_end,
    ),
    Format(
        "jp2", "image/jp2", ("jp2", "j2k", "jpx"), None, None,
        alpha=True, animation=False, web=False, quality=None,
        matches=_starts(b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), complete=_any_end,
    ),
    Format(
        "bmp", "image/bmp", ("bmp",), None, None,
        alpha=False, animation=False, web=False, quality=None,
        matches=_starts(b"BM"), complete=_any_end,
    ),
    Format(
        "ico", "image/x-icon", ("ico",), None, None,
        alpha=True, animation=False, web=False, quality=None,
        matches=_starts(b"\x00\x00\x01\x00"), complete=_any_end,
    ),
    Format(
        "psd", "image/vnd.adobe.photoshop", ("psd",), None, None,
        alpha=True, animation=False, web=False, quality=None,
        matches=_starts(b"8BPS"), complete=_any_end,
    ),
    Format(
        "pdf", "application/pdf", ("pdf",), None, None,
        alpha=False, animation=False, web=False, quality=None,
        matches=_starts(b"%PDF-"), complete=_any_end,
    ),
)  # fmt: skip

BY_NAME: dict[str, Format] = {format.name: format for format in FORMATS}
BY_MIME: dict[str, Format] = {format.mime: format for format in FORMATS}
WRITABLE: tuple[Format, ...] = tuple(format for format in FORMATS if format.saver)
_BY_SUFFIX: dict[str, Format] = {s: format for format in FORMATS for s in format.suffixes}


def sniff(head: bytes) -> Format | None:
    """Recognise a format by the first bytes of a file.

    ``head``: at least 64 bytes, 1,024 for SVG with a preamble. Returns None for anything else
    than an image of the table.
    """
    return next((format for format in FORMATS if format.matches(head)), None)


def by_suffix(name: str) -> Format | None:
    """Guess a format from a file name or a bare suffix ("jpg", "a/b.JPG")."""
    return _BY_SUFFIX.get(name.rpartition(".")[2].lower())
