"""What is written: transparency, grey, and nothing else than pixels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.support.containers import leftovers
from tests.support.perceptual import colour_difference
from tests.support.pictures import (
    encoded,
    exif,
    lopsided,
    mean_difference,
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


def test_a_high_entropy_picture_has_no_limit_on_its_size_in_bytes() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), "PNG")
    assert mean_difference(picture_of(data, "format=png"), Image.fromarray(noise)) == 0
    assert math.isclose(len(run(data, "format=png").data), len(data), rel_tol=0.1)
