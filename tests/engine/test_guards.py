"""What libvips reads wrongly or too willingly is told before it is opened."""

from __future__ import annotations

import contextlib
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from safelight.engine.guards import check_png_texts, check_tiff_colours, jpeg_scales
from safelight.errors import (
    SourceTooLarge,
    UnsupportedFormat,
)
from tests.support.perceptual import (
    colour_difference,
)
from tests.support.pictures import (
    encoded,
    lopsided,
    opened,
    picture_of,
    run,
)

LANCZOS = Image.Resampling.LANCZOS


def test_a_lossless_jpeg_is_made_smaller_not_cut(data: Path) -> None:
    # libjpeg cannot decode this one at a part of its size.
    file = (data / "robustness" / "valid" / "sharp__testimgl.jpg").read_bytes()
    for width in (150, 100, 70, 40, 20):
        made = picture_of(file, f"w={width},format=png")
        assert colour_difference(made, opened(file).resize(made.size, LANCZOS)) < 1


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_in_ycbcr_is_refused_unless_it_is_jpeg(compression: str | None) -> None:
    # libvips takes these numbers for RGB.
    ycbcr = lopsided().convert("YCbCr")
    with pytest.raises(UnsupportedFormat, match="YCbCr"):
        run(encoded(ycbcr, "TIFF", compression=compression))
    jpeg = picture_of(encoded(ycbcr, "TIFF", compression="jpeg"), "format=png")
    assert colour_difference(jpeg, lopsided()) < 3


def png_chunk(kind: bytes, body: bytes) -> bytes:
    crc = zlib.crc32(kind + body)
    return len(body).to_bytes(4, "big") + kind + body + crc.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("kind", "before"), [(b"zTXt", b"key\0\0"), (b"iTXt", b"key\0\1\0en\0key\0")]
)
def test_a_png_of_texts_that_inflate_to_much_is_refused(kind: bytes, before: bytes) -> None:
    whole = encoded(Image.new("RGB", (8, 8)), "PNG")
    text = png_chunk(kind, before + zlib.compress(b"a" * 700_000))
    assert run(whole[:33] + text * 5 + whole[33:]).width == 8
    with pytest.raises(SourceTooLarge, match="MB of text"):
        run(whole[:33] + text * 6 + whole[33:])
    # What comes after the pixels is not read.
    assert run(whole[:-12] + text * 6 + whole[-12:]).width == 8


def test_a_png_of_plain_texts_is_bounded_too() -> None:
    whole = encoded(Image.new("RGB", (8, 8)), "PNG")
    for kind, body in (
        (b"tEXt", b"k\0" + b"a" * 1_000_000),
        (b"iTXt", b"k\0\0\0\0\0" + b"a" * 999_999),
    ):
        with pytest.raises(SourceTooLarge, match="MB of text"):
            run(whole[:33] + png_chunk(kind, body) * 4 + whole[33:])
    broken = png_chunk(b"zTXt", b"key\0\0not deflated")
    assert run(whole[:33] + broken + whole[33:]).width == 8


@given(st.binary(max_size=300))
@example(b"\xff\xff\xff\xff")
def test_any_bytes_have_a_frame_that_scales_or_not(data: bytes) -> None:
    assert jpeg_scales(b"\xff\xd8" + data) in (True, False)


@given(st.sampled_from([b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]), st.binary(max_size=300))
@example(b"II+\0", b"\x08\0\0\0" + b"\xff" * 8)
@example(b"MM\0*", b"\xff" * 4)
def test_no_directory_of_a_tiff_breaks_the_check(magic: bytes, data: bytes) -> None:
    with contextlib.suppress(UnsupportedFormat):
        check_tiff_colours(magic + data)


@given(st.binary(max_size=300))
@example(b"\0\0\0\x05iTXt\0\1\0\0\0")
def test_no_chunk_of_a_png_breaks_the_check(data: bytes) -> None:
    check_png_texts(b"\x89PNG\r\n\x1a\n" + data)
