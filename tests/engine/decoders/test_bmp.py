"""BMP: every depth, header and order, against Pillow and against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageCms

from safelight.engine.decoders import bmp as decoder
from safelight.errors import SafelightError, SourceDamaged, UnsupportedFormat
from safelight.picture import Header
from tests.support.bitmaps import PALETTE, bmp, dib, rows_of
from tests.support.pictures import encoded, lopsided, mean_difference, opened, picture_of, run

HEADERS = [12, 16, 40, 52, 56, 64, 108, 124]
SQUARE = [[0, 1, 2], [3, 2, 1]]


def decoded(data: bytes) -> tuple[Header, list[list[tuple[int, ...]]]]:
    """Give the header, and the pixels as rows of tuples."""
    header = decoder.probe(data, page=1)
    image = decoder.load(data, header, page=1, size=(header.width, header.height))
    assert (image.width, image.height, image.bands) == (header.width, header.height, header.bands)
    assert (image.interpretation, bool(image.hasalpha())) == (header.space, header.alpha)
    values = image.write_to_memory()
    pixels = [tuple(values[i : i + image.bands]) for i in range(0, len(values), image.bands)]
    return header, [pixels[i : i + image.width] for i in range(0, len(pixels), image.width)]


def coloured(rows: list[list[int]]) -> list[list[tuple[int, ...]]]:
    return [[PALETTE[value] for value in row] for row in rows]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7, 8, 9, 31, 33])
def test_what_pillow_writes_is_what_pillow_reads(mode: str, width: int) -> None:
    picture = lopsided(48, 32).crop((3, 2, 3 + width, 14))
    picture = picture.quantize(16) if mode == "P" else picture.convert(mode)
    file = encoded(picture, "BMP")
    _, pixels = decoded(file)
    bands = len(pixels[0][0])
    expected = np.asarray(opened(file).convert("RGB" if bands == 3 else "L"))
    assert np.array_equal(np.array(pixels), expected.reshape(12, width, bands))


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_is_read_behind_every_header(header: int, bits: int) -> None:
    rows = [[value % (1 << bits) for value in row] for row in SQUARE]
    colours = PALETTE[: 1 << bits]
    file = bmp(dib(3, 2, bits, header=header, colours=colours), rows_of(rows, bits))
    found, pixels = decoded(file)
    assert pixels == coloured(rows)
    assert found.palette


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("bits", [24, 32])
def test_true_colour_is_read_behind_every_header(header: int, bits: int) -> None:
    rows = [[0x102030, 0x405060, 0xFFEEDD]]
    found, pixels = decoded(bmp(dib(3, 1, bits, header=header), rows_of(rows, bits)))
    assert pixels == [[(16, 32, 48), (64, 80, 96), (255, 238, 221)]]
    assert not found.palette


@pytest.mark.parametrize("bits", [1, 4, 8, 16, 24, 32])
def test_rows_may_come_from_the_top(bits: int) -> None:
    rows = [[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]]
    upward = decoded(bmp(dib(5, 2, bits, colours=PALETTE[:2] * (bits < 9)), rows_of(rows, bits)))
    downward = bmp(dib(5, -2, bits, colours=PALETTE[:2] * (bits < 9)), rows_of(rows[::-1], bits))
    assert decoded(downward) == upward


@pytest.mark.parametrize(
    ("bits", "masks", "stored", "expected"),
    [
        (16, (), 0x7FFF, (255, 255, 255)),
        (16, (), 0x4210, (132, 132, 132)),
        (16, (0xF800, 0x07E0, 0x001F), 0x8410, (132, 130, 132)),
        (16, (0x0F00, 0x00F0, 0x000F, 0xF000), 0x8A5F, (170, 85, 255, 136)),
        (16, (0x0030, 0x000E, 0x0001), 0x0035, (255, 73, 255)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), 0x80402010, (64, 32, 16, 128)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000), 0x80402010, (16, 32, 64, 128)),
        (32, (0xFF000000, 0xFF0000, 0xFF00), 0xFF402010, (255, 64, 32)),
        (32, (0xFF000000, 0x00000FF0, 0x00FF0000), 0xFE400210, (254, 33, 64)),
        (32, (0xFFE00000, 0x001FFC00, 0x000003FF), 0xFFE003FF, (255, 0, 255)),
        (32, (0xFFFFFFFF, 0, 0), 0xFFFFFFFF, (255, 0, 0)),
        (32, (0xFFFFFFFF, 0, 0), 0x7FFFFFFF, (127, 0, 0)),
        (24, (0xFF0000, 0xFF00, 0xFF), 0x402010, (64, 32, 16)),
    ],
)
def test_colours_are_where_the_masks_say(
    bits: int, masks: tuple[int, ...], stored: int, expected: tuple[int, ...]
) -> None:
    compression = 6 if len(masks) == 4 else 3 if masks else 0
    rows = rows_of([[stored, 0, stored]], bits)
    dark = (0,) * len(expected)
    old = bmp(dib(3, 1, bits, compression=compression, masks=masks), rows)
    assert decoded(old)[1] == [[expected, dark, expected]]
    for header in (56, 108, 124) if masks else ():
        new = bmp(dib(3, 1, bits, header=header, compression=3, masks=masks), rows)
        assert decoded(new)[1] == [[expected, dark, expected]]


def test_masks_of_an_old_header_have_no_alpha() -> None:
    masks = (0xFF0000, 0xFF00, 0xFF)
    file = bmp(dib(1, 1, 32, header=52, compression=3, masks=masks), rows_of([[0x40102030]], 32))
    assert decoded(file)[1] == [[(16, 32, 48)]]


def test_a_palette_of_greys_is_grey() -> None:
    colours = [(value, value, value) for value in (10, 200)]
    header, pixels = decoded(bmp(dib(2, 1, 1, colours=colours), rows_of([[0, 1]], 1)))
    assert pixels == [[(10,), (200,)]]
    assert (header.bands, header.space) == (1, "b-w")


def test_a_colour_beyond_the_palette_is_black() -> None:
    head = dib(3, 1, 8, used=2, colours=PALETTE[:2])
    assert decoded(bmp(head, rows_of([[0, 1, 2]], 8)))[1] == [[PALETTE[0], PALETTE[1], (0, 0, 0)]]


def test_a_palette_ends_where_the_pixels_begin() -> None:
    head = dib(3, 1, 8, used=200, colours=PALETTE[:2])
    assert decoded(bmp(head, rows_of([[0, 1, 2]], 8)))[1] == [[PALETTE[0], PALETTE[1], (0, 0, 0)]]


@pytest.mark.parametrize("start", [0, 14, 54])
def test_pixels_follow_the_palette_when_the_file_does_not_say_where(start: int) -> None:
    head = dib(3, 2, 8, used=4, colours=PALETTE[:4])
    assert decoded(bmp(head, rows_of(SQUARE, 8), start=start))[1] == coloured(SQUARE)


def test_pixels_are_where_the_file_says() -> None:
    head = dib(3, 2, 8, used=4, colours=PALETTE[:4])
    file = bmp(head, b"\7" * 9 + rows_of(SQUARE, 8), start=14 + len(head) + 9)
    assert decoded(file)[1] == coloured(SQUARE)


def test_an_embedded_profile_comes_with_the_pixels() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = bmp(dib(1, 1, 24, header=124, profile=profile), rows_of([[0x102030]], 24))
    header = decoder.probe(file, page=1)
    assert header.profile == "sRGB built-in"
    image = decoder.load(file, header, page=1, size=(1, 1))
    assert image.get("icc-profile-data") == profile
    nameless = bmp(dib(1, 1, 24, header=124, profile=b"no profile"), rows_of([[0]], 24))
    assert decoder.probe(nameless, page=1).profile == "unnamed"


@pytest.mark.parametrize("bits", [1, 8, 16, 24, 32])
def test_only_the_last_padding_may_be_missing(bits: int) -> None:
    rows = [[0, 1, 1], [1, 0, 1]]
    head = dib(3, 2, bits, colours=PALETTE[:2] * (bits < 9))
    padded = rows_of(rows, bits)
    needed = len(padded) // 2 + -(-3 * bits // 8)
    assert decoded(bmp(head, padded[:needed])) == decoded(bmp(head, padded))
    with pytest.raises(SourceDamaged, match="cut short"):
        decoded(bmp(head, padded[: needed - 1]))


@pytest.mark.parametrize(
    ("head", "error", "words"),
    [
        (dib(0, 1, 24), SourceDamaged, "0 x 1 px"),
        (dib(-5, 1, 24), SourceDamaged, "-5 x 1 px"),
        (dib(5, 0, 24), SourceDamaged, "5 x 0 px"),
        (dib(1, 1, 7), SourceDamaged, "7 bits a pixel"),
        (dib(1, 1, 64), SourceDamaged, "64 bits a pixel"),
        (dib(1, 1, 24, compression=1), SourceDamaged, "compression 1"),
        (dib(1, 1, 8, compression=2), SourceDamaged, "compression 2"),
        (dib(1, 1, 8, compression=99), SourceDamaged, "compression 99"),
        (dib(1, 1, 32, compression=3, masks=(0, 0, 0)), SourceDamaged, "masks are empty"),
        (dib(1, 1, 24, header=41), SourceDamaged, "header is broken"),
        (dib(1, 1, 24)[:39], SourceDamaged, "header is broken"),
        (dib(1, 1, 24, compression=3, masks=(0xFF, 0xFF00, 0xFF0000)), UnsupportedFormat, "24 bit"),
        (dib(1, 1, 0, compression=4), UnsupportedFormat, "JPEG or PNG in disguise"),
        (dib(1, 1, 0, compression=5), UnsupportedFormat, "JPEG or PNG in disguise"),
        (dib(1, 1, 1, header=64, compression=3), UnsupportedFormat, "OS/2"),
        (dib(1, 1, 24, header=64, compression=4), UnsupportedFormat, "OS/2"),
    ],
)
def test_what_is_wrong_is_said(head: bytes, error: type[SafelightError], words: str) -> None:
    file = bmp(head, bytes(64) if len(head) > 39 else b"", start=0)
    with pytest.raises(error, match=words):
        decoded(file)


def test_pixels_beyond_the_end_are_missing() -> None:
    head = dib(1, 1, 24)
    with pytest.raises(SourceDamaged, match="cut short"):
        decoded(bmp(head, rows_of([[0]], 24), start=10_000))
    with pytest.raises(SourceDamaged, match="cut short"):
        decoded(bmp(dib(1, 1, 8, used=0xFFFF_FFFF, colours=PALETTE), bytes(4), start=0))


def test_a_photograph_in_runs_is_as_pillow_shows_it(data: Path) -> None:
    source = (data / "robustness" / "valid" / "pillow__hopper_rle8.bmp").read_bytes()
    made = picture_of(source, "format=png")
    assert mean_difference(made.convert("RGB"), opened(source).convert("RGB")) == 0


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_the_whole_way_from_a_bitmap_to_an_answer(mode: str) -> None:
    picture = lopsided(60, 40)
    picture = picture.quantize(9) if mode == "P" else picture.convert(mode)
    file = encoded(picture, "BMP")
    made = picture_of(file, "format=png")
    assert mean_difference(made.convert("RGB"), opened(file).convert("RGB")) == 0
    assert run(file, "w=30").mime == "image/jpeg"


MODELS = [
    encoded(lopsided(20, 10), "BMP"),
    encoded(lopsided(20, 10).quantize(16), "BMP"),
    bmp(dib(4, 1, 16, compression=3, masks=(0xF800, 0x7E0, 0x1F)), bytes(8)),
    bmp(dib(3, 2, 32, header=124, compression=3, masks=(255, 65280, 1 << 31, 1 << 24)), bytes(24)),
    bmp(dib(3, 2, 8, compression=1, colours=PALETTE[:4]), b"\3\1\0\0\0\3\1\2\3\0\0\1"),
]


@given(st.sampled_from(MODELS), st.data())
def test_no_change_of_a_byte_breaks_the_decoder(model: bytes, draw: st.DataObject) -> None:
    file = bytearray(model)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(10, min(len(file), 70) - 1))
        file[at] = draw.draw(st.integers(0, 255))
    answered(bytes(file[: draw.draw(st.integers(20, len(file)))]))


@given(st.binary(max_size=150))
def test_no_bytes_break_the_decoder(data: bytes) -> None:
    answered(b"BM" + data)


def answered(file: bytes) -> None:
    """Decode what is small enough; anything but an error of ours fails the test."""
    try:
        header = decoder.probe(file, page=1)
        if header.width * header.height <= 1_000_000:
            decoder.load(file, header, page=1, size=(1, 1)).avg()
    except SafelightError:
        return
