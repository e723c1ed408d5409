"""One table of image formats: what they are called, how they are recognised, read and written.

A new format is one row here.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from safelight import tiff

# As much of a file as tells what it is, in bytes; only RAW is told from TIFF by what lies behind.
_HEAD = 4_096
_TIFF_MARKS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
# RAW of Panasonic and Leica, Olympus (three), Fujifilm, Sigma, Minolta; Canon's are further in.
_RAW_MARKS = (b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")
# The tag that makes a TIFF a DNG (DNG 1.7, chapter 4), and what the pixels of a sensor are called:
# those behind colour filters (ISO 12234-2), and linear ones (DNG).
_DNG_VERSION = 50706
_SENSOR = {32803, 34892}


class Format(msgspec.Struct, frozen=True):
    """Describe one image format.

    ``suffixes`` come without the dot, the first is the one that is written. ``loader`` and
    ``saver`` are libvips's operation nicknames without ``_buffer`` (None: it has none; what then
    reads a format is in ``engine.decoders``, if anything does). ``quality`` is the default on
    request (None: the format has no quality). ``web`` says whether browsers show it.
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
    def matches(data: bytes) -> bool:
        head = data[:_HEAD]
        if head[4:8] != b"ftyp":
            return False
        end = min(int.from_bytes(head[0:4], "big"), len(head))
        listed = [head[8:12], *(head[i : i + 4] for i in range(16, end - 3, 4))]
        return any(brand in brands for brand in listed)

    return matches


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


def _is_svg(data: bytes) -> bool:
    head = data[:_HEAD]
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", "ignore").encode().lstrip()
    return text.startswith(b"<") and (b"<svg" in text or b":svg" in text)


def _is_raw(data: bytes) -> bool:
    """Recognise the file of a camera's sensor: most are TIFFs, which only their contents tell."""
    if data.startswith(_RAW_MARKS) or data[6:14] == b"HEAPCCDR" or data[4:12] == b"ftypcrx ":
        return True
    if not data.startswith(_TIFF_MARKS):
        return False
    return data[8:10] == b"CR" or any(
        _DNG_VERSION in directory or _SENSOR.intersection(directory.get(tiff.PHOTOMETRIC, ()))
        for directory in tiff.directories(data)
    )


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
        "raw", "image/x-dcraw",
        ("dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "raf", "orf", "rw2", "rwl", "pef", "srw",
         "3fr", "x3f", "mrw"), None, None,
        alpha=False, animation=False, web=False, quality=None,
        matches=_is_raw,
    ),
    Format(
        "tiff", "image/tiff", ("tif", "tiff"), "tiffload", "tiffsave",
        alpha=True, animation=False, web=False, quality=None,
        matches=_starts(*_TIFF_MARKS),
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
        alpha=True, animation=False, web=False, quality=None,
        # Two letters are few: the bitmap's own header, whose size follows, has at most 124 bytes.
        matches=lambda data: data[:2] == b"BM" and data[15:18] == bytes(3),
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


def sniff(data: bytes) -> Format | None:
    """Recognise a format by what a file holds, never by its name.

    ``data``: the whole, or at least 64 bytes of its beginning, 1,024 for SVG with a preamble; RAW
    that is a TIFF may need all. Returns None for anything else than an image of the table.
    """
    return next((format for format in FORMATS if format.matches(data)), None)


def by_suffix(name: str) -> Format | None:
    """Guess a format from a file name or a bare suffix ("jpg", "a/b.JPG")."""
    return _BY_SUFFIX.get(name.rpartition(".")[2].lower())
