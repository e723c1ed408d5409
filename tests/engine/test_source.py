"""What is read: every orientation, colour space and depth, at the right size and undamaged."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from safelight import engine
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


def by_profile(picture: Image.Image, profile: bytes, mode: str = "RGB") -> Image.Image:
    """Convert to sRGB by Pillow's own LittleCMS."""
    made = ImageCms.profileToProfile(
        picture,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        outputMode=mode,
    )
    assert made is not None
    return made


def without_profile(file: bytes) -> bytes:
    """Save the same numbers again, with nothing that says what colours they are."""
    picture = ImageOps.exif_transpose(opened(file))
    return encoded(picture, "PNG", icc_profile=None)


def test_display_p3_is_shown_in_the_colours_of_its_srgb_original(photos: Path) -> None:
    original = picture_of((photos / "mountains.jpg").read_bytes(), "w=400,format=png")
    file = (photos / "mountains-p3.jpg").read_bytes()
    converted = picture_of(file, "w=400,format=png")
    ignored = picture_of(without_profile(file), "w=400,format=png")
    assert colour_difference(converted, original) < 1
    # The test can fail: the same numbers taken for sRGB do not pass it.
    assert colour_difference(ignored, original) > 2


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif", "png"])
@pytest.mark.parametrize("change", ["", "w=60,", "crop=4:4:90:60,"])
def test_saturated_p3_is_converted_for_every_output(photos: Path, format: str, change: str) -> None:
    profile = opened((photos / "mountains-p3.jpg").read_bytes()).info["icc_profile"]
    stored = Image.new("RGB", (120, 80), (60, 190, 90))
    file = encoded(stored, "PNG", icc_profile=profile)
    expected = by_profile(stored, profile)
    made = picture_of(file, f"{change}format={format},q=95").convert("RGB")
    assert colour_difference(made, expected.resize(made.size)) < 1.5
    assert colour_difference(made, stored.resize(made.size)) > 5


@pytest.mark.parametrize("name", ["sharp__prophoto.png", "pillow__icc_profile.png"])
def test_other_profiles_are_followed(data: Path, name: str) -> None:
    file = (data / "robustness" / "valid" / name).read_bytes()
    stored = opened(file)
    expected = by_profile(stored.convert("RGB"), stored.info["icc_profile"])
    assert colour_difference(picture_of(file, "format=png").convert("RGB"), expected) < 1.5


def test_a_grey_profile_is_followed_and_grey_stays_grey(data: Path) -> None:
    file = (data / "robustness" / "valid" / "thumbor__grayscale-icc.jpg").read_bytes()
    stored = opened(file)
    assert stored.mode == "L"
    made = picture_of(file, "format=png")
    assert made.mode == "L"
    expected = by_profile(stored, stored.info["icc_profile"])
    assert colour_difference(made, expected) < 2


def test_cmyk_is_converted_by_its_profile(data: Path) -> None:
    file = (data / "photos" / "cmyk.jpg").read_bytes()
    stored = opened(file)
    assert stored.mode == "CMYK"
    expected = by_profile(stored, stored.info["icc_profile"])
    assert colour_difference(picture_of(file, "format=png"), expected) < 0.1
    made = picture_of(file, "w=300,format=png")
    expected = expected.resize(made.size, LANCZOS)
    assert made.mode == "RGB"
    assert colour_difference(made, expected) < 1
    # Adobe stores CMYK inverted: taken as it stands, the picture would be a negative.
    assert colour_difference(made, ImageOps.invert(expected)) > 20


def test_cmyk_without_a_profile_is_no_negative(data: Path) -> None:
    folder = data / "robustness" / "valid"
    bare = folder / "sharp__Channel_digital_image_CMYK_color_no_profile.jpg"
    with_profile = data / "photos" / "cmyk.jpg"
    made = picture_of(bare.read_bytes(), "w=200,format=png")
    same = picture_of(with_profile.read_bytes(), "w=200,format=png").resize(made.size, LANCZOS)
    assert made.mode == "RGB"
    assert colour_difference(made, same) < 15
    assert colour_difference(made, ImageOps.invert(same)) > 30
    file = (folder / "pillow__pil_sample_cmyk.jpg").read_bytes()
    sample, naive = picture_of(file, "format=png"), opened(file).convert("RGB")
    assert colour_difference(sample, naive) < colour_difference(sample, ImageOps.invert(naive)) / 2


def test_the_black_of_cmyk_is_black(data: Path) -> None:
    made = picture_of((data / "photos" / "cmyk.jpg").read_bytes(), "w=300,format=png")
    assert pixels_of(made).min(axis=(0, 1)).max() < 8


def test_a_broken_profile_counts_as_none() -> None:
    file = encoded(lopsided(), "PNG", icc_profile=b"\0" * 128 + b"not a profile" * 20)
    assert mean_difference(picture_of(file, "format=png"), lopsided()) < 1
    grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    other = encoded(lopsided(), "JPEG", quality=95, subsampling=0, icc_profile=grey)
    assert mean_difference(picture_of(other, "format=png"), lopsided()) < 3


def test_sixteen_bits_become_eight(data: Path, photos: Path) -> None:
    deep = picture_of((data / "photos" / "photo-16bit.png").read_bytes(), "w=300,format=png")
    plain = picture_of((photos / "forest.jpg").read_bytes(), "w=300,format=png")
    assert deep.mode == "RGB"
    assert colour_difference(deep, plain.resize(deep.size, LANCZOS)) < JUST_NOTICEABLE


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("change", ["", "w=100,"])
def test_sixteen_bit_grey_becomes_eight_bit_grey(kind: str, change: str) -> None:
    ramp = np.linspace(0, 65535, 200, dtype=np.uint16)[None, :].repeat(50, axis=0)
    made = picture_of(encoded(Image.fromarray(ramp), kind), f"{change}format=png")
    assert made.mode == "L"
    expected = np.linspace(0, 255, made.width)[None, :].repeat(made.height, axis=0)
    assert np.abs(pixels_of(made) - expected).max() < 2.5


def test_sixteen_bit_transparency_is_weighted_rightly(data: Path) -> None:
    for name in ("pillow__mode_16bit.png", "sharp__bggn4a16.png"):
        file = (data / "robustness" / "valid" / name).read_bytes()
        made = picture_of(file, "w=16,format=png").convert("RGBA")
        whole = picture_of(file, "format=png").convert("RGBA").resize(made.size, LANCZOS)
        assert np.abs(pixels_of(made)[..., 3] - pixels_of(whole)[..., 3]).mean() < 3


def test_floating_point_tiff_is_shown_like_pillow_shows_it(data: Path) -> None:
    file = (data / "robustness" / "valid" / "image__rgb32f_color.tiff").read_bytes()
    made = picture_of(file, "format=png")
    assert made.mode == "RGB"
    values = pixels_of(made)
    assert values.std() > 10, "neither black nor white"


def test_float_grey_without_a_known_range_does_not_crash() -> None:
    ramp = np.linspace(0, 255, 64, dtype=np.float32)[None, :].repeat(8, axis=0)
    made = picture_of(encoded(Image.fromarray(ramp), "TIFF"), "format=png")
    assert (made.mode, made.size) == ("L", (64, 8))
    assert np.abs(pixels_of(made) - np.linspace(0, 255, 64)[None, :]).max() < 2


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
