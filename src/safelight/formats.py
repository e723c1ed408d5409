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
        matches=_starts(b"\xff\xd8\xff"),
    ),
    Format(
        "png", "image/png", ("png",), "pngload", "pngsave",
        alpha=True, animation=False, web=True, quality=None,
        matches=_starts(b"\x89PNG\r\n\x1a\n"),
    ),
    Format(
        "webp", "image/webp", ("webp",), "webpload", "webpsave",
        alpha=True, animation=True, web=True, quality=80,
        matches=lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    ),
    Format(
        "avif", "image/avif", ("avif", "avifs"), "heifload", "heifsave",
        alpha=True, animation=False, web=True, quality=60,
        matches=_brands(b"avif", b"avis"),
    ),
    Format(
        "gif", "image/gif", ("gif",), "gifload", "gifsave",
        alpha=True, animation=True, web=True, quality=None,
        matches=_starts(b"GIF87a", b"GIF89a"),
    ),
    Format(
        "tiff", "image/tiff", ("tif", "tiff"), "tiffload", "tiffsave",
        alpha=True, animation=False, web=False, quality=80,
        matches=_starts(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    ),
    Format(
        "svg", "image/svg+xml", ("svg", "svgz"), "svgload", None,
        alpha=True, animation=False, web=False, quality=None,
        matches=lambda head: head[:2] == b"\x1f\x8b" or _is_svg(head),
    ),
    Format(
        "heic", "image/heic", ("heic", "heif"), None, None,
        alpha=True, animation=False, web=False, quality=None,
        matches=_brands(b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"),
    ),
    Format(
        "jxl", "image/jxl", ("jxl",), None, None,
        alpha=True, animation=True, web=False, quality=None,
        matches=_starts(b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n"),
    ),
    Format(
        "jp2", "image/jp2", ("jp2", "j2k", "jpx"), None, None,
        alpha=True, animation=False, web=False, quality=None,
        matches=_starts(b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    ),
    Format(
        "bmp", "image/bmp", ("bmp",), None, None,
        alpha=False, animation=False, web=False, quality=None,
        matches=_starts(b"BM"),
    ),
    Format(
        "ico", "image/x-icon", ("ico",), None, None,
        alpha=True, animation=False, web=False, quality=None,
        matches=_starts(b"\x00\x00\x01\x00"),
    ),
    Format(
        "psd", "image/vnd.adobe.photoshop", ("psd",), None, None,
        alpha=True, animation=False, web=False, quality=None,
        matches=_starts(b"8BPS"),
    ),
    Format(
        "pdf", "application/pdf", ("pdf",), None, None,
        alpha=False, animation=False, web=False, quality=None,
        matches=_starts(b"%PDF-"),
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
