"""ICO: the largest picture, its mask or its alpha, and icons that lie about themselves."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from safelight import engine
from safelight.engine.decoders import ico as decoder
from safelight.errors import SafelightError, SourceDamaged, SourceTooLarge
from safelight.limits import Limits
from tests.support.bitmaps import PALETTE, dib, ico, rows_of
from tests.support.pictures import encoded, lopsided, mean_difference, opened, picture_of, run

# Three pixels in two rows, and which of them are transparent.
PIXELS, HIDDEN = [[0, 1, 2], [3, 2, 1]], [[0, 1, 0], [1, 0, 0]]


def shown(pixels: list[list[int]]) -> list[tuple[int, ...]]:
    return [
        (*PALETTE[value], 255 * (1 - hidden))
        for row, hides in zip(pixels, HIDDEN, strict=True)
        for value, hidden in zip(row, hides, strict=True)
    ]


def pixels_of(data: bytes) -> list[tuple[int, ...]]:
    image = decoder.load(data, decoder.probe(data, page=1), page=1, size=(1, 1))
    values = image.write_to_memory()
    assert image.bands == 4
    return [tuple(values[i : i + 4]) for i in range(0, len(values), 4)]


def picture(bits: int, *, height: int = 4, mask: list[list[int]] = HIDDEN) -> bytes:
    pixels = [[value % (1 << bits) for value in row] for row in PIXELS]
    if bits > 8:
        pixels = [[int.from_bytes(bytes(PALETTE[v]), "big") for v in row] for row in PIXELS]
    head = dib(3, height, bits, colours=PALETTE[: 1 << bits] if bits <= 8 else None)
    return head + rows_of(pixels, bits) + rows_of(mask, 1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 24, 32])
def test_a_bitmap_is_as_transparent_as_its_mask(bits: int) -> None:
    pixels = [[v % (1 << bits) for v in row] for row in PIXELS]
    assert pixels_of(ico(picture(bits))) == shown(pixels)


def test_a_bitmap_of_greys_is_coloured_all_the_same() -> None:
    head = dib(1, 2, 1, colours=[(9, 9, 9), (200, 200, 200)])
    assert pixels_of(ico(head + rows_of([[1]], 1) + rows_of([[0]], 1))) == [(200, 200, 200, 255)]


def test_alpha_counts_more_than_the_mask() -> None:
    values = [[0x80102030, 0x00405060, 0xFF708090]]
    file = ico(dib(3, 2, 32) + rows_of(values, 32) + rows_of([[1, 1, 1]], 1))
    assert pixels_of(file) == [(16, 32, 48, 128), (64, 80, 96, 0), (112, 128, 144, 255)]


@pytest.mark.parametrize("format", ["png", "bmp"])
@pytest.mark.parametrize("mode", ["RGBA", "RGB", "P", "L", "1"])
def test_what_pillow_writes_is_read(format: str, mode: str) -> None:
    drawing = lopsided(60, 60).convert("RGBA")
    drawing.putalpha(Image.linear_gradient("L").resize((60, 60)))
    drawing = drawing.convert("RGB").quantize(16) if mode == "P" else drawing.convert(mode)
    file = encoded(drawing, "ICO", sizes=[(16, 16), (48, 48), (32, 32)], bitmap_format=format)
    made = np.asarray(picture_of(file, "format=png").convert("RGBA"))
    expected = np.asarray(opened(file).convert("RGBA"))
    assert made.shape == expected.shape == (48, 48, 4)
    # Pillow writes the mask of a bitmap too short, and then does not read what it has written.
    opaque = format == "bmp" and mode != "RGBA"
    assert np.array_equal(made[..., 3], np.full((48, 48), 255) if opaque else expected[..., 3])
    visible = made[..., 3] > 0
    assert np.array_equal(made[visible][..., :3], expected[visible][..., :3])


def test_the_largest_is_the_largest_by_itself_whatever_the_entries_say() -> None:
    small, large = picture(8), encoded(lopsided(40, 30), "PNG")
    for pictures in ((small, large), (large, small)):
        header = engine.probe(ico(*pictures, sizes=[(255, 255), (1, 1)]))
        assert (header.width, header.height, header.format) == (40, 30, "ico")
    assert run(ico(small, large), "").mime == "image/jpeg"


def test_of_two_equally_large_the_one_of_more_colours_is_shown() -> None:
    for pictures in ((picture(1), picture(8)), (picture(8), picture(1))):
        assert pixels_of(ico(*pictures)) == shown(PIXELS)


def test_a_picture_that_is_broken_is_passed_over() -> None:
    header = decoder.probe(ico(b"", picture(8), b"\x89PNG\r\n\x1a\n", b"\0" * 40), page=1)
    assert (header.width, header.height) == (3, 2)
    with pytest.raises(SourceDamaged, match="no picture that can be read"):
        decoder.probe(ico(b"", dib(3, 1, 8), dib(3, -4, 24), dib(3, 4, 8, compression=1)), page=1)
    with pytest.raises(SourceDamaged, match="no picture that can be read"):
        decoder.probe(b"\0\0\1\0\5\0", page=1)


@pytest.mark.parametrize("bits", [1, 8, 24, 32])
def test_a_picture_that_is_cut_off_is_damaged_unless_it_is_only_its_mask(bits: int) -> None:
    file = ico(picture(bits))
    mask = 2 * 4
    assert pixels_of(file[:-mask])[0] == (*PALETTE[0], 255)
    padding = 4 - -(-3 * bits // 8) % 4
    with pytest.raises(SourceDamaged, match="cut short"):
        pixels_of(file[: -mask - padding % 4 - 1])


def test_what_the_pictures_say_of_their_size_is_bounded_before_anything_is_decoded() -> None:
    bombs = [
        ico(dib(65_535, 65_535, 32)),
        ico(encoded(Image.new("1", (9_000, 6_000)), "PNG")),
    ]
    for bomb in bombs:
        with pytest.raises(SourceTooLarge, match="megapixels"):
            run(bomb, "w=10")
    small = ico(encoded(Image.new("1", (90, 60)), "PNG"))
    assert run(small, "w=10", Limits(source_pixels=5_400)).source_width == 90


def test_so_many_entries_are_not_looked_at() -> None:
    entry = struct.pack("<BBBBHHII", 1, 1, 0, 0, 1, 32, 0, 6 + 16 * 101)
    icon = struct.pack("<HHH", 0, 1, 101) + bytes(16 * 100) + entry + picture(8)
    with pytest.raises(SourceDamaged):
        decoder.probe(icon, page=1)
    icon = struct.pack("<HHH", 0, 1, 101) + bytes(16 * 99) + entry + bytes(16) + picture(8)
    assert decoder.probe(icon, page=1).width == 3


def test_an_icon_in_the_wild(data: Path) -> None:
    file = (data / "robustness" / "valid" / "image__png_rgb8.ico").read_bytes()
    made = picture_of(file, "format=png")
    assert mean_difference(made.convert("RGB"), opened(file).convert("RGB")) == 0


MODELS = [
    ico(picture(8), picture(1)),
    ico(picture(32), encoded(lopsided(4, 3), "PNG")),
    encoded(lopsided(16, 16), "ICO"),
]


@given(st.sampled_from(MODELS), st.data())
def test_no_change_of_a_byte_breaks_the_decoder(model: bytes, draw: st.DataObject) -> None:
    file = bytearray(model)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(4, min(len(file), 120) - 1))
        file[at] = draw.draw(st.integers(0, 255))
    answered(bytes(file[: draw.draw(st.integers(8, len(file)))]))


@given(st.binary(max_size=150))
def test_no_bytes_break_the_decoder(data: bytes) -> None:
    answered(b"\0\0\1\0" + data)


def answered(file: bytes) -> None:
    """Make a picture of what is small enough; only an error of ours may be raised."""
    with contextlib.suppress(SafelightError):
        run(file, "w=4", Limits(source_pixels=100_000))
