"""EXIF that would keep libexif busy for minutes is refused before libvips sees it."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import pytest

from safelight import engine
from safelight.engine.circles import check_exif
from safelight.errors import SafelightError, SourceDamaged
from tests.support.notes import exif_block, noted
from tests.support.pictures import encoded, lopsided

# A directory of a thousand references to itself.
CIRCLES = b"II*\0\x08\0\0\0\xe8\x03" + struct.pack("<HHII", 0x8769, 4, 1, 8) * 1_000


def with_exif(kind: str, exif: bytes) -> bytes:
    """Write a file with a block that no library would let through."""
    if kind == "JPEG":
        return noted(lopsided(), "JPEG", exif=b"Exif\0\0" + exif)
    if kind == "PNG":
        plain, body = encoded(lopsided(), "PNG"), b"eXIf" + exif
        chunk = struct.pack(">I", len(exif)) + body + struct.pack(">I", zlib.crc32(body))
        return plain[:33] + chunk + plain[33:]
    # Pillow looks into it: it gets an empty one of the same length.
    empty = b"II*\0\x08\0\0\0".ljust(len(exif), b"\0")
    return noted(lopsided(), kind, exif=b"Exif\0\0" + empty).replace(empty, exif)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif_that_leads_in_circles_is_refused_at_once(kind: str) -> None:
    file = with_exif(kind, CIRCLES)
    started = time.process_time()
    with pytest.raises(SourceDamaged, match="circles"):
        engine.probe(file)
    # libexif takes over a quarter of a second, and four times as long for twice as many.
    assert time.process_time() - started < 0.1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_exif_of_cameras_passes(kind: str) -> None:
    file = noted(lopsided(), kind, exif=exif_block())
    assert engine.probe(file).shown in ((240, 160), (160, 240))


def test_it_is_found_behind_other_segments_and_other_exif() -> None:
    file = with_exif("JPEG", CIRCLES)
    at = file.index(b"\xff\xe1")
    comment = b"\xff\xfe\0\x04ab"
    empty = b"\xff\xe1\0\x10Exif\0\0II*\0\x08\0\0\0"
    with pytest.raises(SourceDamaged, match="circles"):
        check_exif(file[:at] + comment * 3_000 + empty * 20 + file[at:], "jpeg")
    with pytest.raises(SourceDamaged, match="segments"):
        check_exif(file[:at] + comment * 6_000 + file[at:], "jpeg")
    with pytest.raises(SourceDamaged, match="segments"):
        check_exif(file[:at] + b"\xff" * 100_000 + file[at:], "jpeg")


def test_every_file_of_the_corpus_is_judged_quickly(data: Path) -> None:
    judged = 0
    for path in sorted((data / "robustness").rglob("*.*")):
        file = path.read_bytes()
        for format in ("jpeg", "png", "webp", "avif"):
            started = time.process_time()
            try:
                check_exif(file, format)
            except SafelightError:
                assert "valid" not in path.parts, path
            assert time.process_time() - started < 0.5
            judged += 1
    assert judged > 200
