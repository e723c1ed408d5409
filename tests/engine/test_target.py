"""What is written: the format, transparency, settings, and nothing else than pixels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.support.containers import jpeg_segments, leftovers, png_chunks, riff_chunks, tiff_tags
from tests.support.perceptual import colour_difference, dissimilarity
from tests.support.pictures import (
    encoded,
    exif,
    lopsided,
    mean_difference,
    opened,
    picture_of,
    pixels_of,
    run,
)

FORMATS = ("jpeg", "png", "webp", "avif", "gif", "tiff")
KEEP_ALPHA = ("png", "webp", "avif", "tiff")


def glass(colour: tuple[int, int, int, int] = (200, 30, 40, 128)) -> bytes:
    """A picture that is evenly half transparent."""
    return encoded(Image.new("RGBA", (64, 48), colour), "PNG")


@pytest.fixture(scope="module")
def laden() -> bytes:
    """A JPEG with EXIF (a place, a camera), XMP, an ICC profile, a comment and a resolution."""
    data = exif(6)
    data[0x010F] = "Camera maker"
    data[0x8825] = {1: "N", 2: (48.0, 51.0, 29.0)}
    return encoded(
        lopsided(), "JPEG", exif=data, comment=b"a comment", dpi=(300, 300), quality=95,
        xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    )  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("resize", ["", "w=100,", "crop=0.1:0.1:0.5:0.5,"])
def test_nothing_but_the_picture_is_written(laden: bytes, format: str, resize: str) -> None:
    assert len(leftovers(laden)) >= 4
    written = run(laden, f"{resize}format={format}").data
    assert leftovers(written) == []
    for word in (b"Exif", b"adobe:ns:meta", b"ICC_PROFILE", b"acsp", b"a comment", b"Camera"):
        assert word not in written


@pytest.mark.parametrize("format", FORMATS)
def test_metadata_of_png_and_webp_sources_is_dropped_too(format: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("PNG", "WEBP", "TIFF"):
        data = encoded(lopsided(), kind, exif=exif(1), icc_profile=profile)
        assert leftovers(data)
        assert leftovers(run(data, f"w=50,format={format}").data) == []


@pytest.mark.parametrize("format", FORMATS)
def test_the_resolution_of_the_source_changes_no_byte(format: str) -> None:
    low, high = (encoded(lopsided(), "PNG", dpi=(dpi, dpi)) for dpi in (72, 300))
    assert run(low, f"format={format}").data == run(high, f"format={format}").data


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_comes_back_in_every_format(format: str) -> None:
    written = picture_of(encoded(lopsided(), "PNG"), f"w=120,format={format}").convert("RGB")
    asked = lopsided().resize((120, 80), Image.Resampling.LANCZOS)
    assert colour_difference(written, asked) < 3
    mirrored = asked.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert colour_difference(written, mirrored) > 10


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "gif"])
def test_without_a_format_the_source_keeps_its_own(format: str) -> None:
    data = run(encoded(lopsided(), "PNG"), f"format={format}").data
    assert run(data, "w=60").mime == f"image/{format}"


def test_a_format_that_browsers_do_not_show_becomes_one_that_they_do(data: Path) -> None:
    assert run(encoded(lopsided(), "TIFF"), "w=60").mime == "image/jpeg"
    see_through = encoded(Image.new("RGBA", (9, 9), (1, 2, 3, 90)), "TIFF")
    assert run(see_through, "w=60").mime == "image/png"
    assert run((data / "photos" / "check.svg").read_bytes(), "w=60").mime == "image/png"


def test_auto_is_png_for_transparency_and_else_jpeg() -> None:
    opaque = Image.new("RGBA", (64, 48), (200, 30, 40, 255))
    assert run(glass(), "format=auto").mime == "image/png"
    assert run(encoded(opaque, "PNG"), "format=auto").mime == "image/jpeg"
    assert run(encoded(opaque, "PNG"), "w=20,format=auto").mime == "image/jpeg"
    assert run(glass(), "bg=white,format=auto").mime == "image/jpeg"
    opaque.putpixel((30, 20), (200, 30, 40, 254))
    assert run(encoded(opaque, "PNG"), "format=auto").mime == "image/png"


def test_transparency_is_kept_where_the_format_has_it() -> None:
    for format in KEEP_ALPHA:
        for resize in ("", "w=32,"):
            picture = picture_of(glass(), f"{resize}format={format},q=95")
            assert picture.mode == "RGBA"
            colour = pixels_of(picture).mean(axis=(0, 1))
            assert colour == pytest.approx((200, 30, 40, 128), abs=4), (format, resize)


def test_gif_keeps_what_is_fully_transparent() -> None:
    picture = Image.new("RGBA", (40, 20), (200, 30, 40, 255))
    picture.paste((0, 0, 0, 0), (20, 0, 40, 20))
    written = picture_of(encoded(picture, "PNG"), "format=gif").convert("RGBA")
    assert np.array_equal(pixels_of(written)[..., 3], pixels_of(picture)[..., 3])


@pytest.mark.parametrize(
    ("bg", "expected"),
    [
        ("", (227, 142, 147)),
        ("bg=000000,", (100, 15, 20)),
        ("bg=00ff00,", (100, 142, 20)),
        ("bg=0000ff,", (100, 15, 147)),
    ],
)
def test_transparency_is_flattened_on_white_or_on_the_asked_colour(
    bg: str, expected: tuple[int, int, int]
) -> None:
    picture = picture_of(glass(), f"{bg}format=jpeg,q=95")
    assert picture.mode == "RGB"
    assert pixels_of(picture).mean(axis=(0, 1)) == pytest.approx(expected, abs=2)


@pytest.mark.parametrize("format", [*KEEP_ALPHA, "gif"])
def test_an_opaque_background_fills_transparency_in_every_format(format: str) -> None:
    picture = picture_of(glass(), f"bg=00ff00,format={format},q=95")
    assert "A" not in picture.mode
    colour = pixels_of(picture.convert("RGB")).mean(axis=(0, 1))
    assert colour == pytest.approx((100, 142, 20), abs=4)


def test_a_see_through_background_lies_behind_the_picture() -> None:
    clear = encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG")
    written = picture_of(clear, "bg=ff000080,format=png").convert("RGBA")
    assert written.getpixel((4, 4)) == (255, 0, 0, 128)
    padded = picture_of(clear, "bg=ff000080,format=png,w=20,h=8,fit=contain").convert("RGBA")
    assert padded.getextrema() == ((255, 255), (0, 0), (0, 0), (128, 128))
    over = picture_of(clear, "bg=ff000080,format=jpeg,q=100").convert("RGB")
    assert pixels_of(over)[4, 4] == pytest.approx((255, 127, 127), abs=3)


def test_grey_with_alpha_is_flattened_on_a_colour() -> None:
    grey = encoded(Image.new("LA", (16, 16), (100, 0)), "PNG")
    on_white = picture_of(grey, "format=jpeg")
    assert on_white.mode == "L"
    assert on_white.getpixel((8, 8)) == 255
    on_orange = picture_of(grey, "bg=ff8000,format=png").convert("RGB")
    assert on_orange.getpixel((8, 8)) == (255, 128, 0)


def test_edges_do_not_darken_when_transparent_pictures_shrink() -> None:
    # White on transparent black: without weighting by alpha, the black would seep into the edge.
    picture = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    picture.paste((255, 255, 255, 255), (103, 97, 305, 311))
    for format in ("png", "webp"):
        shrunk = pixels_of(picture_of(encoded(picture, "PNG"), f"w=57,format={format},lossless"))
        seen = shrunk[shrunk[..., 3] > 8]
        assert len(seen) < 57 * 57
        assert (seen[:, 3] < 250).any()
        assert seen[:, :3].min() > 245, format
    on_white = pixels_of(picture_of(encoded(picture, "PNG"), "w=57,format=jpeg,q=95"))
    assert on_white.min() > 250


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff"])
def test_grey_stays_one_band_where_the_format_can(format: str) -> None:
    grey = lopsided().convert("L")
    for kind in ("JPEG", "PNG", "TIFF"):
        picture = picture_of(encoded(grey, kind), f"w=120,format={format},q=95")
        # WebP always has colour.
        assert picture.mode == ("RGB" if format == "webp" else "L")
        asked = grey.resize((120, 80), Image.Resampling.LANCZOS)
        assert mean_difference(picture.convert("L"), asked) < 1.5


def test_a_palette_stays_where_that_is_smaller() -> None:
    drawing = Image.new("P", (300, 200))
    drawing.putpalette([255, 255, 255, 200, 30, 40, 20, 90, 160, 0, 0, 0])
    drawing.paste(1, (20, 20, 120, 180))
    drawing.paste(2, (100, 60, 280, 140))
    kept = picture_of(encoded(drawing, "PNG"))
    assert kept.mode == "P"
    assert mean_difference(kept.convert("RGB"), drawing.convert("RGB")) == 0


def test_a_palette_is_given_up_where_that_is_smaller(photos: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    few = Image.fromarray(noise).quantize(256)
    data = encoded(few, "PNG")
    plain = run(data, "w=2,h=2,format=png")
    assert opened(plain.data).mode == "RGB"


def test_jpeg_is_progressive_with_optimised_tables(photos: Path) -> None:
    written = run((photos / "sunset.jpg").read_bytes(), "w=400,format=jpeg").data
    markers = [marker for marker, _ in jpeg_segments(written)]
    assert 0xC2 in markers
    assert 0xC0 not in markers
    assert markers.count(0xDA) > 1
    # The standard tables have 12 and 162 codes; made to measure they are shorter, and several.
    tables = [body for marker, body in jpeg_segments(written) if marker == 0xC4]
    assert len(tables) > 4
    assert max(map(len, tables)) < 17 + 162


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


def test_jpeg_has_quality_80_unless_asked(photos: Path) -> None:
    source = (photos / "sunset.jpg").read_bytes()
    assert quantisation(run(source, "w=200").data) == robidoux(80)
    assert quantisation(run(source, "w=200,q=40").data) == robidoux(40)
    assert run(source, "w=200").data == run(source, "w=200,q=80").data


@pytest.mark.parametrize(("format", "quality"), [("webp", 80), ("avif", 60), ("jpeg", 80)])
def test_the_default_quality_is_the_documented_one(photos: Path, format: str, quality: int) -> None:
    source = (photos / "forest.jpg").read_bytes()
    plain = run(source, f"w=160,format={format}").data
    assert plain == run(source, f"w=160,format={format},q={quality}").data
    assert plain != run(source, f"w=160,format={format},q={quality - 5}").data


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_more_quality_means_more_bytes_and_less_difference(photos: Path, format: str) -> None:
    source = (photos / "forest.jpg").read_bytes()
    exact = picture_of(source, "w=200,format=png")
    made = [run(source, f"w=200,format={format},q={q}").data for q in (20, 50, 80, 95)]
    sizes = [len(data) for data in made]
    differences = [dissimilarity(opened(data).convert("RGB"), exact) for data in made]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 4
    assert differences == sorted(differences, reverse=True)


def test_more_effort_means_a_better_avif(photos: Path) -> None:
    # At one quality its encoder puts the effort into the picture, not into the size.
    source = (photos / "forest.jpg").read_bytes()
    exact = picture_of(source, "w=160,format=png")
    quick, thorough = (
        dissimilarity(picture_of(source, f"w=160,format=avif,effort={e}").convert("RGB"), exact)
        for e in (0, 6)
    )
    assert thorough < quick


@pytest.mark.parametrize("format", ["jpeg", "webp", "png"])
def test_more_effort_means_fewer_bytes(photos: Path, format: str) -> None:
    source = (photos / "forest.jpg").read_bytes()
    quick, thorough = (
        run(source, f"w=160,format={format},effort={effort}").data for effort in (0, 9)
    )
    assert len(thorough) < len(quick)


def test_efforts_defaults_are_the_quick_ones(photos: Path) -> None:
    source = (photos / "forest.jpg").read_bytes()
    for format, effort in (("webp", 3), ("avif", 0), ("png", 4), ("jpeg", 0)):
        plain = run(source, f"w=160,format={format}").data
        assert plain == run(source, f"w=160,format={format},effort={effort}").data, format


@pytest.mark.parametrize("format", ["webp", "avif"])
def test_lossless_is_lossless_or_nearly(photos: Path, format: str) -> None:
    source = (photos / "forest.jpg").read_bytes()
    exact = picture_of(source, "w=120,format=png")
    kept = picture_of(source, f"w=120,format={format},lossless").convert("RGB")
    assert mean_difference(kept, exact) == 0


def test_webp_lossless_is_another_kind_of_webp(photos: Path) -> None:
    source = (photos / "forest.jpg").read_bytes()
    kinds = [
        [kind for kind, _ in riff_chunks(run(source, f"w=64,format=webp{flag}").data)]
        for flag in ("", ",lossless")
    ]
    assert kinds == [[b"VP8 "], [b"VP8L"]]


def test_png_filters_suit_the_picture(photos: Path, data: Path) -> None:
    import zlib

    def filters(written: bytes) -> set[int]:
        chunks = list(png_chunks(written))
        width, _, _, colour = np.frombuffer(chunks[0][1][:10], dtype=">u4,>u4,u1,u1")[0].item()
        rows = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
        return set(rows[:: 1 + width * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]])

    photo = run((photos / "sunset.jpg").read_bytes(), "w=300,format=png").data
    drawing = run((data / "photos" / "alpha-bug.png").read_bytes(), "w=300,format=png").data
    assert filters(photo) - {0}
    assert filters(drawing) == {0}


def test_tiff_is_compressed_without_loss() -> None:
    written = run(encoded(lopsided(), "PNG"), "format=tiff").data
    values = {tag: value for tag, _, value in tiff_tags(written)}
    assert int.from_bytes(values[259][:2], "little") == 8
    assert mean_difference(opened(written), lopsided()) == 0


def test_a_high_entropy_picture_has_no_limit_on_its_size_in_bytes() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), "PNG")
    assert mean_difference(picture_of(data, "format=png"), Image.fromarray(noise)) == 0
    assert math.isclose(len(run(data, "format=png").data), len(data), rel_tol=0.1)
