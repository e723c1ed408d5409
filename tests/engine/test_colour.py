"""Colours and depths: whatever a source has, right in sRGB, in Display P3 and in 16 bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, ImageOps

from safelight import icc
from tests.support.containers import leftovers
from tests.support.perceptual import JUST_NOTICEABLE, colour_difference
from tests.support.pictures import (
    encoded,
    lopsided,
    mean_difference,
    opened,
    picture_of,
    pixels_of,
    run,
)
from tests.support.profiles import SRGB, by_profile
from tests.test_cicp import avif, png

LANCZOS = Image.Resampling.LANCZOS


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
    assert colour_difference(made, expected.resize(made.size)) < 2
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


@pytest.fixture(scope="module")
def p3(photos: Path) -> bytes:
    """Give a compact profile of Display P3."""
    profile: bytes = opened((photos / "mountains-p3.jpg").read_bytes()).info["icc_profile"]
    return profile


WIDE = ["jpeg", "webp", "avif", "png", "tiff"]


def profile_of(data: bytes) -> bytes | None:
    return opened(data).info.get("icc_profile")


@pytest.mark.parametrize("format", WIDE)
def test_display_p3_is_kept_when_asked_with_a_compact_profile(
    photos: Path, p3: bytes, format: str
) -> None:
    file = (photos / "mountains-p3.jpg").read_bytes()
    made = opened(run(file, f"profile=p3,w=200,q=98,format={format}").data)
    profile = made.info["icc_profile"]
    assert icc.space(profile) == "p3"
    assert len(profile) <= 600
    stored = ImageOps.exif_transpose(opened(file)).resize(made.size, LANCZOS)
    assert mean_difference(made.convert("RGB"), stored) < 3
    shown, wanted = by_profile(made.convert("RGB"), profile), by_profile(stored, p3)
    assert colour_difference(shown, wanted) < JUST_NOTICEABLE


@pytest.mark.parametrize("format", WIDE)
def test_what_srgb_cannot_show_is_there_in_display_p3(p3: bytes, format: str) -> None:
    stored = Image.new("RGB", (60, 40), (60, 190, 90))
    file = encoded(stored, "PNG", icc_profile=p3)
    wide = opened(run(file, f"profile=p3,q=95,format={format}").data).convert("RGB")
    plain = opened(run(file, f"q=95,format={format}").data).convert("RGB")
    assert mean_difference(wide, stored) < 1.5
    assert mean_difference(plain, stored) > 10


@pytest.mark.parametrize("name", ["prophoto", "cmyk"])
def test_other_spaces_become_display_p3(data: Path, p3: bytes, name: str) -> None:
    path = {"prophoto": "robustness/valid/sharp__prophoto.png", "cmyk": "photos/cmyk.jpg"}[name]
    file = (data / path).read_bytes()
    made = run(file, "profile=p3,w=200,format=png").data
    stored = opened(file)
    expected = by_profile(stored, stored.info["icc_profile"], to=p3)
    expected = expected.resize(opened(made).size, LANCZOS)
    assert icc.space(profile_of(made) or b"") == "p3"
    assert mean_difference(opened(made), expected) < 1.5


@pytest.mark.parametrize("format", WIDE)
def test_what_is_srgb_stays_srgb_without_a_profile(format: str) -> None:
    """Nothing is gained by a wider space: the file would only be larger."""
    for file in (
        encoded(lopsided(), "PNG"),
        encoded(lopsided(), "PNG", icc_profile=SRGB),
        encoded(lopsided().convert("L"), "PNG"),
        encoded(lopsided(), "PNG", icc_profile=b"\0" * 128 + b"not a profile" * 20),
    ):
        made = run(file, f"profile=p3,w=90,format={format}").data
        assert made == run(file, f"w=90,format={format}").data
        assert leftovers(made) == []


@pytest.mark.parametrize("format", WIDE)
def test_srgb_carries_no_profile_whatever_the_source_had(
    photos: Path, data: Path, format: str
) -> None:
    for path in (photos / "mountains-p3.jpg", data / "photos" / "cmyk.jpg"):
        assert leftovers(run(path.read_bytes(), f"w=60,format={format}").data) == []


@pytest.mark.parametrize("build", [png, avif])
def test_display_p3_by_number_is_display_p3(p3: bytes, build: Callable[..., bytes]) -> None:
    file = build(12, 13)
    stored = opened(file).convert("RGB")
    made = picture_of(file, "format=png").convert("RGB")
    assert colour_difference(made, by_profile(stored, p3)) < 1
    assert colour_difference(made, stored) > 2
    wide = run(file, "profile=p3,format=png").data
    assert icc.space(profile_of(wide) or b"") == "p3"
    assert mean_difference(opened(wide).convert("RGB"), stored) < 1
    assert mean_difference(picture_of(build(1, 13), "format=png").convert("RGB"), stored) < 1


def test_display_p3_that_stays_display_p3_keeps_its_very_numbers(p3: bytes) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    file = encoded(Image.fromarray(noise), "PNG", icc_profile=p3)
    assert np.array_equal(pixels_of(picture_of(file, "profile=p3,format=png")), noise)


def swatches() -> Image.Image:
    """Draw the inks of print one by one, over one another, and paper."""
    inks = [
        (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (255, 255, 0, 0),
        (0, 255, 255, 0), (255, 0, 255, 0), (0, 0, 0, 0), (128, 40, 90, 30), (20, 20, 20, 128),
    ]  # fmt: skip
    picture = Image.new("CMYK", (len(inks) * 16, 16))
    for number, ink in enumerate(inks):
        picture.paste(ink, (number * 16, 0, number * 16 + 16, 16))
    return picture


@pytest.mark.parametrize(("kind", "options"), [("TIFF", {}), ("JPEG", {"quality": 100})])
@pytest.mark.parametrize("space", ["srgb", "p3"])
def test_inks_are_shown_by_the_profile_of_the_press(
    data: Path, p3: bytes, kind: str, options: dict[str, int], space: str
) -> None:
    press = opened((data / "photos" / "cmyk.jpg").read_bytes()).info["icc_profile"]
    file = encoded(swatches(), kind, icc_profile=press, **options)
    if kind == "JPEG":
        assert b"Adobe" in file, "JPEG stores inks inverted, and says so"
    made = opened(run(file, f"profile={space},format=png").data)
    target = {"srgb": SRGB, "p3": p3}[space]
    expected = by_profile(swatches(), press, to=target)
    shown, wanted = (by_profile(each, target) for each in (made, expected))
    assert colour_difference(shown, wanted) < 0.5


def test_inks_without_a_profile_can_be_shown_in_display_p3_too() -> None:
    made = run(encoded(swatches(), "TIFF"), "profile=p3,format=png").data
    assert icc.space(profile_of(made) or b"") == "p3"
    shown = by_profile(opened(made), profile_of(made) or b"")
    plain = picture_of(encoded(swatches(), "TIFF"), "format=png")
    assert colour_difference(shown, plain) < 3


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_inks_without_a_profile_are_the_colours_that_they_are_called(kind: str) -> None:
    made = pixels_of(picture_of(encoded(swatches(), kind), "format=png"))
    cyan, magenta, yellow, black, blue, red, green, paper = made[8, 8 : 8 * 16 : 16]
    assert paper.min() == 255
    assert black.max() < 60
    for colour, strong, weak in (
        (cyan, [1, 2], [0]), (magenta, [0], [1]), (yellow, [0, 1], [2]), (blue, [2], [1]),
        (red, [0], [1, 2]), (green, [1], [0]),
    ):  # fmt: skip
        assert colour[strong].min() > colour[weak].max() + 60, colour


def tiff(image: pyvips.Image) -> bytes:
    made: bytes = image.tiffsave_buffer()
    return made


@pytest.fixture(scope="module")
def forest(photos: Path) -> pyvips.Image:
    image = pyvips.Image.thumbnail(str(photos / "forest.jpg"), 160)
    return image.copy(interpretation="srgb").copy_memory()


@pytest.mark.parametrize("space", ["lab", "labs", "xyz", "scrgb", "rgb16", "srgb"])
@pytest.mark.parametrize("options", ["", "depth=16,", "profile=p3,", "w=80,"])
def test_any_space_of_tiff_is_shown_in_its_colours(
    forest: pyvips.Image, space: str, options: str
) -> None:
    made = picture_of(tiff(forest.colourspace(space)), f"{options}format=png")
    expected = opened(forest.pngsave_buffer()).convert("RGB")
    # Linear values are scaled as such: edges come out a little lighter.
    linear = space in ("xyz", "scrgb") and "w=" in options
    assert colour_difference(made, expected.resize(made.size, LANCZOS)) < (2 if linear else 1)


def test_of_five_bands_the_fourth_is_alpha_and_the_fifth_is_nothing(forest: pyvips.Image) -> None:
    file = tiff(forest.bandjoin([forest[0], forest[1]]))
    made = picture_of(file, "format=png")
    assert mean_difference(made.getchannel("A"), made.getchannel("R")) == 0
    assert picture_of(file, "format=jpeg").mode == "RGB"


@pytest.mark.parametrize("kind", ["cmyk", "cmyk16", "alpha", "five", "int", "char", "grey-float"])
@pytest.mark.parametrize("options", ["", "depth=16,", "profile=p3,", "w=30,"])
def test_odd_tiffs_become_pictures(forest: pyvips.Image, kind: str, options: str) -> None:
    small = forest.thumbnail_image(40)
    inks = small.icc_transform("cmyk", input_profile="srgb", depth=16 if kind == "cmyk16" else 8)
    image = {
        "cmyk": inks,
        "cmyk16": inks,
        "alpha": inks.bandjoin(200).cast("uchar").copy(interpretation="cmyk"),
        "five": small.bandjoin([small[0], small[1]]),
        "int": small.cast("int"),
        "char": small.cast("char"),
        "grey-float": small.colourspace("b-w").cast("float"),
    }[kind]
    made = picture_of(tiff(image), f"{options}format=png")
    assert made.mode == {"alpha": "RGBA", "five": "RGBA", "grey-float": "L"}.get(kind, "RGB")
    expected = opened(small.pngsave_buffer()).resize(made.size, LANCZOS)
    if kind not in ("five", "char", "grey-float"):
        tolerance = 9 if "cmyk" in kind or kind == "alpha" else 1
        shown = made.convert("RGB")
        if "p3" in options and tolerance == 9:
            shown = by_profile(
                shown, profile_of(run(tiff(image), options + "format=png").data) or b""
            )
        assert colour_difference(shown, expected) < tolerance


@pytest.mark.parametrize("change", ["", "w=50,"])
def test_grey_with_a_profile_keeps_its_alpha_and_its_16_bits(data: Path, change: str) -> None:
    folder = data / "robustness" / "valid"
    profile = opened((folder / "thumbor__grayscale-icc.jpg").read_bytes()).info["icc_profile"]
    ramp = (pyvips.Image.identity(ushort=True, size=65_536).resize(100 / 65_536)).embed(
        0, 0, 100, 20, extend="copy"
    )
    image = ramp.bandjoin(30_000).cast("ushort").copy(interpretation="grey16")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    deep = pyvips.Image.new_from_buffer(
        run(image.pngsave_buffer(), f"{change}depth=16,format=png").data, ""
    )
    assert (deep.interpretation, deep.bands, deep.format) == ("grey16", 2, "ushort")
    assert deep[1].min() == deep[1].max() == 30_000
    ramp8 = opened(run(image.pngsave_buffer(), f"{change}format=png").data)
    expected = by_profile(Image.linear_gradient("L"), profile).convert("L")
    middle = pixels_of(ramp8)[0, ramp8.width // 2, 0]
    assert abs(middle - pixels_of(expected)[128, 0]) < 4
    assert abs(deep(deep.width // 2, 0)[0] / 257 - middle) < 2
