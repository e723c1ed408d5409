"""What each encoder is told, seen in the bytes."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image, JpegImagePlugin

from safelight import engine
from safelight.costs import REQUEST, UPLOAD, level_within
from safelight.errors import OutputTooLarge
from safelight.limits import Limits
from safelight.transform import parse
from tests.support.containers import (
    gif_blocks,
    iso_boxes,
    jpeg_segments,
    png_chunks,
    riff_chunks,
    tiff_tags,
)
from tests.support.perceptual import dissimilarity
from tests.support.pictures import encoded, lopsided, mean_difference, opened, picture_of, run

LOSSY = ("jpeg", "webp", "avif")


@pytest.fixture(scope="module")
def forest(photos: Path) -> bytes:
    return (photos / "forest.jpg").read_bytes()


@pytest.fixture(scope="module")
def sunset(photos: Path) -> bytes:
    return (photos / "sunset.jpg").read_bytes()


def drawing(colours: int = 4) -> Image.Image:
    """Draw in so many colours."""
    picture = Image.new("RGB", (320, 200), (255, 255, 255))
    for number in range(colours - 1):
        shade = (40 + number * 7 % 200, 200 - number * 11 % 190, number * 23 % 256)
        left, top = number * 13 % 290, number * 29 % 170
        picture.paste(shade, (left, top, left + 25, top + 25))
    return picture


# JPEG


def markers(data: bytes) -> list[int]:
    return [marker for marker, _ in jpeg_segments(data)]


def sampling(data: bytes) -> int:
    """0 is 4:4:4, 2 is 4:2:0."""
    with Image.open(io.BytesIO(data)) as picture:
        return JpegImagePlugin.get_sampling(picture)


def quantisation(data: bytes) -> list[int]:
    """The first quantisation table of a JPEG."""
    return list(next(body for marker, body in jpeg_segments(data) if marker == 0xDB)[1:65])


def robidoux(quality: int) -> list[int]:
    """Mozjpeg's quantisation table 3 for a quality, in zigzag order, scaled as libjpeg does."""
    rows = [
        16, 16, 16, 18, 25, 37, 56, 85, 16, 17, 20, 27, 34, 40, 53, 75, 16, 20, 24, 31, 43, 62, 91,
        135, 18, 27, 31, 40, 53, 74, 106, 156, 25, 34, 43, 53, 69, 94, 131, 189, 37, 40, 62, 74, 94,
        124, 169, 238, 56, 53, 91, 106, 131, 169, 226, 311, 85, 75, 135, 156, 189, 238, 311, 418,
    ]  # fmt: skip
    scale = 200 - 2 * quality if quality >= 50 else 5000 // quality
    order = sorted(
        range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8)
    )
    return [min(255, max(1, (rows[i] * scale + 50) // 100)) for i in order]


@pytest.mark.parametrize("effort", [0, 4, 9])
def test_a_jpeg_is_progressive_with_optimised_tables(sunset: bytes, effort: int) -> None:
    written = run(sunset, f"w=400,format=jpeg,effort={effort}").data
    assert 0xC2 in markers(written)
    assert 0xC0 not in markers(written)
    assert markers(written).count(0xDA) > 1
    # The standard tables have 12 and 162 codes; made to measure they are shorter, and several.
    tables = [body for marker, body in jpeg_segments(written) if marker == 0xC4]
    assert len(tables) > 4
    assert max(map(len, tables)) < 17 + 162


@pytest.mark.parametrize("effort", [0, 4, 9])
def test_a_jpeg_is_sequential_when_asked(sunset: bytes, effort: int) -> None:
    written = run(sunset, f"w=400,format=jpeg,progressive=false,effort={effort}").data
    assert 0xC0 in markers(written)
    assert 0xC2 not in markers(written)
    assert markers(written).count(0xDA) == 1


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("", 2), ("q=95", 0), ("subsampling=420", 2), ("subsampling=444", 0),
        ("subsampling=420,q=95", 2), ("subsampling=444,q=30", 0), ("subsampling=auto,q=89", 2),
    ],
)  # fmt: skip
def test_colours_are_as_coarse_as_asked(sunset: bytes, wish: str, expected: int) -> None:
    assert sampling(run(sunset, f"w=100,format=jpeg,{wish}").data) == expected


def test_a_jpeg_has_quality_80_or_82_with_trellis_quantisation(sunset: bytes) -> None:
    assert quantisation(run(sunset, "w=200,effort=0").data) == robidoux(80)
    assert quantisation(run(sunset, "w=200,effort=9").data) == robidoux(82)
    for effort in (0, 9):
        assert quantisation(run(sunset, f"w=200,q=40,effort={effort}").data) == robidoux(40)


def test_two_steps_of_quality_make_up_for_trellis_quantisation(forest: bytes) -> None:
    exact = picture_of(forest, "w=240,format=png")
    plain, trellis, poorer = (
        dissimilarity(picture_of(forest, f"w=240,{wish}"), exact)
        for wish in ("effort=0", "effort=9", "effort=9,q=80")
    )
    assert abs(trellis - plain) < abs(poorer - plain)


# WebP and AVIF


def test_transparency_is_not_tried_with_all_that_libwebp_knows(data: Path) -> None:
    graphic = (data / "photos" / "alpha-graphic.png").read_bytes()
    made = run(graphic, "w=400,format=webp").data
    # 4 of 6, which takes a hundredth of the time that 6 does.
    assert made == run(graphic, "w=400,format=webp,effort=6").data
    assert made != run(graphic, "w=400,format=webp,effort=9").data


@pytest.mark.parametrize(("format", "quality"), [("webp", 80), ("avif", 60)])
def test_the_default_quality_is_the_documented_one(
    forest: bytes, format: str, quality: int
) -> None:
    plain = run(forest, f"w=160,format={format}").data
    assert plain == run(forest, f"w=160,format={format},q={quality}").data
    assert plain != run(forest, f"w=160,format={format},q={quality - 5}").data


def test_webp_lossless_is_another_kind_of_webp(forest: bytes) -> None:
    kinds = [
        [kind for kind, _ in riff_chunks(run(forest, f"w=64,format=webp{flag}").data)]
        for flag in ("", ",lossless")
    ]
    assert kinds == [[b"VP8 "], [b"VP8L"]]


@pytest.mark.parametrize("format", ["webp", "avif"])
def test_lossless_loses_nothing(forest: bytes, format: str) -> None:
    exact = picture_of(forest, "w=120,format=png")
    kept = picture_of(forest, f"w=120,format={format},lossless").convert("RGB")
    assert mean_difference(kept, exact) == 0


def test_lossless_means_nothing_to_a_jpeg(forest: bytes) -> None:
    assert run(forest, "w=90,format=jpeg,lossless").data == run(forest, "w=90,format=jpeg").data


def avif_flags(data: bytes) -> int:
    """AV1 in ISOBMFF §2.3.3: 0x40 high bit depth, 0x20 twelve bits, 0x08 and 0x04 subsampling."""
    return next(body[2] for kind, body in iso_boxes(data) if kind == b"av1C")


@pytest.mark.parametrize(
    ("wish", "flags"),
    [
        ("", 0x4C), ("subsampling=444", 0x40), ("subsampling=420,q=95", 0x4C), ("q=95", 0x40),
        ("lossless", 0x00),
    ],
)  # fmt: skip
def test_an_avif_has_ten_bits_and_colours_as_coarse_as_asked(
    forest: bytes, wish: str, flags: int
) -> None:
    assert avif_flags(run(forest, f"w=64,format=avif,{wish}").data) & 0x6C == flags


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 30, 40)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_ten_bits_leave_white_white(colour: tuple[int, int, int], mode: str) -> None:
    flat = Image.new("RGB", (64, 64), colour).convert(mode)
    if mode == "RGBA":
        flat.putpixel((3, 3), (0, 0, 0, 0))
    written = run(encoded(flat, "PNG"), "format=avif").data
    values = pyvips.Image.new_from_buffer(written, "")(40, 40)
    expected = np.atleast_1d(np.asarray(flat)[40, 40])
    # libheif gives ten bits in the upper part of sixteen.
    for value, wanted in zip(values, expected, strict=mode != "L"):
        assert abs(value / 64 / 1023 - wanted / 255) < 0.0035


# Effort


@pytest.mark.parametrize("format", LOSSY)
def test_more_quality_means_more_bytes_and_less_difference(forest: bytes, format: str) -> None:
    exact = picture_of(forest, "w=200,format=png")
    made = [run(forest, f"w=200,format={format},q={q}").data for q in (20, 50, 80, 95)]
    sizes = [len(data) for data in made]
    differences = [dissimilarity(opened(data).convert("RGB"), exact) for data in made]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 4
    assert differences == sorted(differences, reverse=True)


def test_more_effort_means_a_better_avif(forest: bytes) -> None:
    # At one quality its encoder puts the effort into the picture, not into the size.
    exact = picture_of(forest, "w=160,format=png")
    quick, thorough = (
        dissimilarity(picture_of(forest, f"w=160,format=avif,effort={e}").convert("RGB"), exact)
        for e in (0, 6)
    )
    assert thorough < quick


@pytest.mark.parametrize("wish", ["jpeg,q=80", "webp", "png", "webp,lossless"])
def test_more_effort_means_fewer_bytes(forest: bytes, wish: str) -> None:
    quick, thorough = (
        len(run(forest, f"w=160,format={wish},effort={effort}").data) for effort in (0, 9)
    )
    assert thorough < quick


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif", "png"])
@pytest.mark.parametrize("profile", [REQUEST, UPLOAD], ids=["request", "upload"])
def test_a_small_picture_gets_more_effort_than_a_large_one(
    forest: bytes, format: str, profile: Any
) -> None:
    for width in (60, 500):
        made = engine.run(forest, parse(f"w={width},format={format}"), Limits(), profile=profile)
        level = level_within(format, profile.budgets[format], made.width * made.height)
        highest = {"jpeg": 2, "webp": 6, "avif": 4, "png": 8}[format]
        effort = next(e for e in range(10) if round(e * highest / 9) == level)
        wish = parse(f"w={width},format={format},effort={effort}")
        asked = engine.run(forest, wish, Limits(), profile=profile)
        assert made.data == asked.data, (width, level)


def test_an_effort_that_is_asked_for_counts_whoever_waits() -> None:
    # A format whose loader shrinks is decoded larger where nobody waits.
    drawn = encoded(lopsided(), "PNG")
    made = [
        engine.run(drawn, parse("w=90,format=webp,effort=2"), Limits(), profile=profile).data
        for profile in (REQUEST, UPLOAD)
    ]
    assert made[0] == made[1]
    assert made[0] != run(drawn, "w=90,format=webp").data


@pytest.mark.parametrize(
    ("asked", "passes"), [("", False), ("progressive", True), ("effort=0", True)]
)
def test_a_large_jpeg_that_nobody_waits_for_is_written_in_one_pass(
    asked: str, passes: bool
) -> None:
    large = encoded(lopsided(2_400, 1_800), "PNG")
    for size, profile, expected in (
        ("", UPLOAD, passes), ("w=2000,", UPLOAD, True), ("", REQUEST, True)
    ):  # fmt: skip
        made = engine.run(large, parse(f"{size}format=jpeg,{asked}"), Limits(), profile=profile)
        assert bool(opened(made.data).info.get("progressive")) is expected


def test_who_wants_neither_effort_nor_scans_gets_a_jpeg_in_one_pass(sunset: bytes) -> None:
    def tables(text: str) -> int:
        made = run(sunset, f"w=400,format=jpeg,{text}").data
        return max(len(body) for marker, body in jpeg_segments(made) if marker == 0xC4)

    # The standard tables have 162 codes; made to measure they are shorter.
    assert tables("effort=0,progressive=false") > 162 > tables("progressive=false")


# PNG


def png_header(data: bytes) -> tuple[int, int, int]:
    """Bits, kind of colour (2 RGB, 3 palette, 6 RGBA) and interlacing (PNG §11.2.1)."""
    body = next(body for kind, body in png_chunks(data) if kind == b"IHDR")
    return body[8], body[9], body[12]


def palette_size(data: bytes) -> int:
    return len(next(body for kind, body in png_chunks(data) if kind == b"PLTE")) // 3


def png_filters(data: bytes) -> set[int]:
    chunks = list(png_chunks(data))
    width, _, _, colour = np.frombuffer(chunks[0][1][:10], dtype=">u4,>u4,u1,u1")[0].item()
    rows = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    return set(rows[:: 1 + width * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]])


@pytest.mark.parametrize(("colours", "bits"), [(2, 1), (3, 2), (4, 2), (16, 4), (17, 8)])
def test_a_drawing_of_few_colours_has_a_palette_and_loses_nothing(colours: int, bits: int) -> None:
    picture = drawing(colours)
    made = run(encoded(picture, "PNG"), "format=png").data
    assert png_header(made)[:2] == (bits, 3)
    assert mean_difference(opened(made), picture) == 0


def test_a_palette_keeps_what_is_half_transparent(data: Path) -> None:
    source = (data / "photos" / "alpha-bug.png").read_bytes()
    made = run(source, "format=png").data
    assert png_header(made)[1] == 3
    assert len(made) < len(source) / 2
    shown, original = opened(made).convert("RGBA"), opened(source).convert("RGBA")
    for ground in ("white", "black", "red"):
        behind = Image.new("RGBA", original.size, ground)
        pair = (Image.alpha_composite(behind, picture) for picture in (shown, original))
        assert mean_difference(*pair) == 0


def test_a_photograph_has_no_palette(sunset: bytes) -> None:
    assert png_header(run(sunset, "w=300,format=png").data)[:2] == (8, 2)


def test_a_palette_is_given_up_where_that_is_smaller() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    few = encoded(Image.fromarray(noise).quantize(256), "PNG")
    assert png_header(run(few, "w=2,h=2,format=png").data)[1] == 2


@pytest.mark.parametrize(
    "name",
    ["thumbor__1bit.png", "thumbor__256_color_palette.png", "pillow__pil123p.png",
     "sharp__swiss.png", "image__tbbn3p08.png"],
)  # fmt: skip
@pytest.mark.parametrize("resize", ["", "w=0.5"])
def test_a_palette_in_is_a_small_png_out(data: Path, name: str, resize: str) -> None:
    source = (data / "robustness" / "valid" / name).read_bytes()
    assert png_header(source)[1] == 3
    half = f"w={opened(source).width // 2}," if resize else ""
    made = run(source, f"{half}format=png").data
    assert len(made) <= len(source)
    plain = encoded(opened(made).convert("RGBA"), "PNG", optimize=True)
    # The resolution that libvips always writes.
    assert len(made) - 21 <= len(plain)


@pytest.mark.parametrize(("shades", "bits"), [((0, 255), 1), ((0, 85, 255), 2), ((17, 34), 4)])
def test_grey_of_few_shades_takes_few_bits(shades: tuple[int, ...], bits: int) -> None:
    pixels = np.random.default_rng(3).choice(np.array(shades, dtype=np.uint8), (80, 120))
    made = run(encoded(Image.fromarray(pixels), "PNG"), "format=png").data
    assert png_header(made)[:2] == (bits, 0)
    assert np.array_equal(np.asarray(opened(made).convert("L")), pixels)


def test_filters_suit_the_picture(sunset: bytes, data: Path) -> None:
    graphic = (data / "photos" / "alpha-graphic.png").read_bytes()
    assert png_filters(run(sunset, "w=300,format=png").data) - {0}
    assert png_filters(run(graphic, "format=png").data) == {0}


@pytest.mark.parametrize(
    ("colors", "most", "bits"), [(256, 256, 8), (255, 16, 4), (16, 16, 4), (5, 4, 2), (2, 2, 1)]
)
def test_a_png_has_as_few_colours_as_asked(
    sunset: bytes, colors: int, most: int, bits: int
) -> None:
    made = run(sunset, f"w=200,format=png,colors={colors}").data
    assert png_header(made)[:2] == (bits, 3)
    assert 1 < palette_size(made) <= most


def test_a_png_is_interlaced_only_when_asked(sunset: bytes) -> None:
    assert png_header(run(sunset, "w=90,format=png").data)[2] == 0
    assert png_header(run(sunset, "w=90,format=png,progressive").data)[2] == 1
    flat = encoded(drawing(), "PNG")
    assert png_header(run(flat, "format=png,progressive").data)[1:] == (3, 1)


# GIF, TIFF and animations


@pytest.mark.parametrize(("colors", "most"), [(256, 256), (100, 64), (8, 8), (2, 2)])
def test_a_gif_has_as_few_colours_as_asked(sunset: bytes, colors: int, most: int) -> None:
    picture = opened(run(sunset, f"w=200,format=gif,colors={colors}").data)
    found = picture.convert("RGB").getcolors(1 << 24)
    assert found
    assert most / 2 < len(found) <= most


def test_a_gif_is_interlaced_only_when_asked(sunset: bytes) -> None:
    for wish, interlaced in (("", 0), ("progressive", 0x40)):
        written = run(sunset, f"w=90,format=gif,{wish}").data
        images = [body for kind, body in gif_blocks(written) if kind == 0x2C]
        assert [body[8] & 0x40 for body in images] == [interlaced]


def test_a_tiff_is_compressed_without_loss() -> None:
    written = run(encoded(lopsided(), "PNG"), "format=tiff").data
    values = {tag: value for tag, _, value in tiff_tags(written)}
    assert int.from_bytes(values[259][:2], "little") == 8
    assert mean_difference(opened(written), lopsided()) == 0


def timing(data: bytes) -> tuple[list[int], int]:
    """How long each frame is shown, in ms, and how often all are (0: for ever)."""
    with Image.open(io.BytesIO(data)) as picture:
        shown = []
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            picture.load()
            shown.append(picture.info.get("duration", 0))
        loop = picture.info.get("loop")
        if picture.format == "WEBP":
            return shown, int(loop or 0)
        # A GIF says how often it is shown again.
        return shown, 1 if loop is None else loop and loop + 1


def moving(delays: list[int], format: str = "GIF", **options: int) -> bytes:
    frames = [Image.new("RGB", (64, 48), (60 * n, 255 - 60 * n, 90)) for n in range(len(delays))]
    for number, frame in enumerate(frames):
        frame.paste((255, 255, 255), (10 * number, 8, 10 * number + 12, 30))
    return encoded(
        frames[0], format, save_all=True, append_images=frames[1:], duration=delays, **options
    )


@pytest.mark.parametrize("wish", ["format=gif", "format=webp", "format=webp,lossless"])
@pytest.mark.parametrize(
    ("source", "plays"),
    [
        (("GIF", {"loop": 0}), 0), (("WEBP", {"loop": 0}), 0),
        (("GIF", {"loop": 2}), 3), (("WEBP", {"loop": 3}), 3),
        (("GIF", {}), 1), (("WEBP", {"loop": 1}), 1),
    ],
)  # fmt: skip
def test_an_animation_keeps_its_frames_delays_and_loops(
    source: tuple[str, dict[str, int]], plays: int, wish: str
) -> None:
    delays = [100, 40, 250, 1_000]
    format, options = source
    file = moving(delays, format, **options)
    assert timing(file) == (delays, plays)
    made = run(file, f"w=32,{wish}")
    assert opened(made.data).size == (made.width, made.height) == (32, 24)
    assert timing(made.data) == (delays, plays)


@pytest.mark.parametrize("format", ["avif", "jpeg", "png", "tiff"])
def test_where_nothing_can_move_the_first_frame_is_shown(format: str) -> None:
    made = run(moving([100, 100, 100]), f"format={format}")
    assert opened(made.data).size == (64, 48)
    assert len(timing(made.data)[0]) == 1
    colour = np.asarray(opened(made.data).convert("RGB"))[40, 40].astype(int)
    assert abs(colour - (0, 255, 90)).max() < 9


@pytest.mark.parametrize("format", ["gif", "webp"])
def test_one_frame_of_an_animation_is_no_animation(format: str) -> None:
    file = moving([100, 100, 100])
    # Twice as high as a frame of the source, which is no strip of two.
    made = run(file, f"frames=1,w=128,h=96,enlarge,format={format}").data
    assert opened(made).size == (128, 96)
    assert len(timing(made)[0]) == 1
    assert b"ANIM" not in made


# What cannot be


@pytest.mark.parametrize(("format", "longest"), [("webp", 16_383), ("avif", 16_384)])
def test_a_side_that_is_too_long_for_a_format_is_refused(format: str, longest: int) -> None:
    limits = Limits(output_edge=20_000)
    line = encoded(Image.new("L", (longest + 1, 1), 90), "PNG")
    with pytest.raises(OutputTooLarge, match=f"{longest} px a side"):
        run(line, f"format={format}", limits)
    assert run(line, f"format=auto-{format}", limits).width == longest + 1
    assert run(line, f"w={longest},format={format}", limits).width == longest
