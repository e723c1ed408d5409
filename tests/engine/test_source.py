"""What is read: every orientation, colour space and depth, at the right size and undamaged."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image, ImageOps

from safelight import engine
from safelight.engine.source import load
from safelight.errors import (
    SourceDamaged,
)
from tests.support.perceptual import (
    JUST_NOTICEABLE,
    VISUALLY_LOSSLESS,
    colour_difference,
    dissimilarity,
)
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
from tests.support.profiles import by_profile

Change = Callable[[Image.Image], Image.Image]
LANCZOS = Image.Resampling.LANCZOS
TURNS = Image.Transpose

# The engine's text of a change, and the same by Pillow on the upright picture.
CHANGES: dict[str, Change] = {
    "": lambda picture: picture,
    "w=90": lambda picture: picture.resize(
        (90, round(picture.height * 90 / picture.width)), LANCZOS
    ),
    "crop=0.25:0.125:0.5:0.25": lambda picture: picture.crop(
        (
            picture.width // 4,
            picture.height // 8,
            picture.width * 3 // 4,
            picture.height * 3 // 8,
        )
    ),
    "rotate=90": lambda picture: picture.transpose(TURNS.ROTATE_270),
    "rotate=90,w=90": lambda picture: CHANGES["w=90"](picture.transpose(TURNS.ROTATE_270)),
    "flip=horizontal": lambda picture: picture.transpose(TURNS.FLIP_LEFT_RIGHT),
    "flip=vertical,w=90": lambda picture: CHANGES["w=90"](
        picture.transpose(TURNS.FLIP_TOP_BOTTOM)
    ),
    "80x80": lambda picture: ImageOps.fit(picture, (80, 80), LANCZOS),
}  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("change", CHANGES)
def test_a_photograph_is_shown_upright_whatever_its_orientation(
    data: Path, orientation: int, change: str
) -> None:
    photo = Image.open(data / "photos" / "photo-1mp.jpg").crop((100, 300, 580, 620))
    photo.paste(lopsided(120, 80), (30, 40))
    file = encoded(photo, "JPEG", quality=95, subsampling=0, exif=exif(orientation))
    made = picture_of(file, f"{change},format=png")
    upright = ImageOps.exif_transpose(opened(file))
    expected = CHANGES[change](upright)
    assert made.size == expected.size
    assert mean_difference(made, expected) < 1.5
    for turn in TURNS:
        other = CHANGES[change](upright.transpose(turn))
        if other.size == expected.size:
            assert mean_difference(made, other) > 10, f"it could as well be {turn.name}"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_other_formats_say_their_orientation_too(kind: str, orientation: int) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    file = encoded(lopsided(), kind, exif=exif(orientation), **options)
    expected = ImageOps.exif_transpose(opened(file)).convert("RGB")
    made = picture_of(file, "format=png")
    assert made.size == expected.size
    assert mean_difference(made, expected) < 1
    assert engine.probe(file).shown == expected.size
    assert engine.probe(file).orientation == orientation


def test_an_avif_is_turned_by_its_own_boxes(data: Path) -> None:
    for name in ("pillow__rot1mir1.avif", "pillow__rot3mir0.avif"):
        file = (data / "robustness" / "valid" / name).read_bytes()
        expected = ImageOps.exif_transpose(opened(file)).convert("RGB")
        made = picture_of(file, "format=png")
        assert made.size == expected.size
        assert mean_difference(made, expected) < 2


@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
def test_an_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    file = encoded(lopsided(), "JPEG", quality=95, exif=exif(orientation))
    assert engine.probe(file).orientation == 1
    assert picture_of(file, "format=png").size == lopsided().size


def test_photographs_of_cameras_come_out_upright(data: Path) -> None:
    for name in ("exif-6.jpg", "exif-8.jpg"):
        file = (data / "photos" / name).read_bytes()
        upright = ImageOps.exif_transpose(opened(file))
        expected = by_profile(upright, upright.info["icc_profile"])
        made = picture_of(file, "w=300,format=png")
        assert dissimilarity(made, expected.resize(made.size, LANCZOS)) < VISUALLY_LOSSLESS


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("change", ["", "w=120,"])
def test_every_kind_of_png_keeps_its_colours(mode: str, change: str) -> None:
    undithered = Image.Dither.NONE
    picture = (
        lopsided().quantize(16) if mode == "P" else lopsided().convert(mode, dither=undithered)
    )
    made = picture_of(encoded(picture, "PNG"), f"{change}format=png").convert("RGB")
    full = picture.convert("L") if mode in ("1", "LA") else picture
    expected = full.convert("RGB").resize(made.size, LANCZOS)
    assert mean_difference(made, expected) < 1.5


def test_one_bit_pictures_become_grey_when_they_shrink(data: Path) -> None:
    lines = Image.new("1", (200, 100))
    lines.paste(1, (0, 0, 100, 100))
    made = picture_of(encoded(lines, "PNG"), "w=50,format=png")
    assert made.convert("L").getpixel((5, 5)) == 255
    assert made.convert("L").getpixel((45, 5)) == 0
    scan = (data / "robustness" / "valid" / "sharp__G31D_MULTI.TIF").read_bytes()
    page = picture_of(scan, "w=200,format=png")
    assert page.mode == "L"
    assert len(set(pixels_of(page).ravel())) > 16
    assert mean_difference(page, opened(scan).convert("L").resize(page.size, LANCZOS)) < 4


def test_of_an_animation_the_first_frame_is_shown(data: Path) -> None:
    for name in ("anim-graphic.gif", "anim-graphic.webp"):
        file = (data / "photos" / name).read_bytes()
        assert engine.probe(file).pages > 1
        made = picture_of(file, "format=png").convert("RGBA")
        animation = opened(file)
        animation.seek(0)
        white = Image.new("RGBA", made.size, "white")
        expected = Image.alpha_composite(white, animation.convert("RGBA")).convert("RGB")
        shown = Image.alpha_composite(white, made).convert("RGB")
        assert mean_difference(shown, expected) < 1
        animation.seek(animation.n_frames - 1)  # type: ignore[attr-defined]
        last = Image.alpha_composite(white, animation.convert("RGBA")).convert("RGB")
        assert mean_difference(shown, last) > 1


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
@pytest.mark.parametrize("change", ["", "w=100,"])
def test_webp_and_avif_are_read_with_their_transparency(kind: str, change: str) -> None:
    picture = lopsided().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    made = picture_of(encoded(picture, kind, quality=95), f"{change}format=png")
    assert made.mode == "RGBA"
    expected = picture.resize(made.size, LANCZOS)
    assert np.abs(pixels_of(made)[..., 3] - pixels_of(expected)[..., 3]).mean() < 3
    white = Image.new("RGBA", made.size, "white")
    shown, wanted = (Image.alpha_composite(white, p).convert("RGB") for p in (made, expected))
    assert colour_difference(shown, wanted) < JUST_NOTICEABLE


@pytest.mark.parametrize("name", ["web/forest.webp", "web/forest.avif"])
def test_webp_and_avif_photographs_shrink_cleanly(photos: Path, name: str) -> None:
    file = (photos / name).read_bytes()
    made = picture_of(file, "w=300,format=png")
    expected = opened(file).convert("RGB").resize(made.size, LANCZOS)
    # WebP's own scaling on load may cost a little, seen by nobody.
    assert dissimilarity(made, expected) < VISUALLY_LOSSLESS


def test_a_tiff_of_each_compression_is_read(data: Path) -> None:
    folder = data / "robustness" / "valid"
    for name in ("hopper.tif", "hopper_lzw.tif", "tiff_adobe_deflate.tif", "hopper_jpg.tif"):
        file = (folder / f"pillow__{name}").read_bytes()
        assert mean_difference(picture_of(file, "format=png"), opened(file).convert("RGB")) < 1.5


CIRCLE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">'
    b'<rect width="10" height="20"/></svg>'
)


def edge(picture: Image.Image) -> int:
    """How many columns of the middle row are neither empty nor full."""
    alpha = pixels_of(picture)[picture.height // 2, :, 3]
    return int(((alpha > 2) & (alpha < 253)).sum())


@pytest.mark.parametrize("size", [20, 10, 64, 400, 1001])
@pytest.mark.parametrize(
    "sides",
    [b'width="20" height="20"', b'width="5mm" height="5mm" viewBox="0 0 20 20"',
     b'viewBox="0 0 20 20"', b'width="15pt" height="15pt" viewBox="0 0 20 20"'],
)  # fmt: skip
def test_an_svg_is_drawn_sharp_at_the_asked_size(size: int, sides: bytes) -> None:
    file = CIRCLE.replace(b'width="20" height="20"', sides, 1)
    made = picture_of(file, f"w={size},format=png").convert("RGBA")
    assert made.size == (size, size)
    assert edge(made) <= 1
    alpha = pixels_of(made)[size // 2, :, 3]
    assert (alpha > 127).sum() == pytest.approx(size / 2, abs=1)


def test_a_cropped_svg_is_drawn_at_the_size_of_its_crop() -> None:
    made = picture_of(CIRCLE, "crop=0.25:0:0.5:1.0,w=300,format=png").convert("RGBA")
    assert made.size == (300, 600)
    assert edge(made) <= 1


def test_an_svg_has_the_size_that_browsers_give_it(data: Path) -> None:
    for sides, expected in (
        (b'width="20" height="20"', (20, 20)),
        (b'width="1in" height="2.54cm"', (96, 96)),
        (b'width="75pt" height="30px" viewBox="0 0 10 10"', (100, 30)),
        (b'viewBox="0 0 30 40"', (30, 40)),
    ):
        file = CIRCLE.replace(b'width="20" height="20"', sides, 1)
        assert engine.probe(file).shown == expected
        assert picture_of(file, "format=png").size == expected


def test_an_svg_with_its_size_in_a_style_sheet_has_that_size() -> None:
    styled = CIRCLE.replace(b'width="20" height="20"', b"", 1).replace(
        b"<rect", b"<style>svg{width:60px;height:30px}</style><rect", 1
    )
    assert engine.probe(styled).shown == (60, 30)
    made = picture_of(styled, "w=600,format=png").convert("RGBA")
    assert made.size == (600, 300)
    assert made.getbbox() == (0, 0, 100, 200)


def test_an_svg_that_draws_nothing_and_has_no_size_is_refused() -> None:
    with pytest.raises(SourceDamaged):
        run(b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', "w=200")


class _Watched(bytearray):
    """Bytes of which one can see whether they are still held."""


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF"])
def test_a_source_is_held_as_long_as_what_is_made_of_it_and_no_longer(format: str) -> None:
    data = _Watched(encoded(lopsided(200, 100), format))
    held = weakref.ref(data)
    header = engine.probe(bytes(data))
    loaded, _ = load(cast("bytes", data), header, page=1, frames=1, scale=1.0)
    made = loaded.fliphor()
    del data, loaded
    gc.collect()
    assert held() is not None
    assert (made.width, made.height) == (200, 100)
    made.avg()
    del made
    gc.collect()
    assert held() is None
