"""What operations draw with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from safelight.engine.materials import Studio
from safelight.errors import SourceDamaged, SourceError, SourceTooLarge, UnsupportedFormat
from safelight.limits import Limits
from safelight.params import Ink
from tests.support.arrays import pixels
from tests.support.pictures import encoded, exif, lopsided, mean_difference, opened, run
from tests.support.services import LIMITS

WHITE: Ink = (255, 255, 255, 255)

# Other pictures.


def test_another_picture_has_the_size_that_is_asked_for_and_alpha(data: Path) -> None:
    for name in ("photo-1mp.jpg", "alpha-graphic.png", "anim-graphic.gif", "check.svg", "cmyk.jpg"):
        studio = Studio({name: (data / "photos" / name).read_bytes()})
        picture = studio.picture(name, 60, 31)
        assert (picture.width, picture.height, picture.bands) == (60, 31, 4)
        assert (picture.format, picture.interpretation) == ("uchar", "srgb")


def test_another_picture_is_upright() -> None:
    turned = encoded(lopsided(), "PNG", exif=exif(6))
    studio = Studio({"turned": turned})
    assert studio.size("turned") == (160, 240)
    upright = opened(run(turned, "format=png").data).convert("RGB")
    picture = Image.fromarray(pixels(studio.picture("turned", 160, 240)).astype(np.uint8))
    assert mean_difference(picture.convert("RGB"), upright) == 0


def test_a_drawing_is_drawn_at_the_size_that_is_asked_for(data: Path) -> None:
    """Enlarged, it would have soft edges."""
    studio = Studio({"check": (data / "photos" / "check.svg").read_bytes()})
    width, height = studio.size("check")
    large = pixels(studio.picture("check", width * 8, height * 8))[..., 3]
    assert ((large > 0) & (large < 255)).mean() < 0.02


def test_a_grey_picture_is_given_in_colour() -> None:
    studio = Studio({"grey": encoded(Image.new("LA", (4, 4), (70, 128)), "PNG")})
    assert (pixels(studio.picture("grey", 4, 4)) == (70, 70, 70, 128)).all()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("text.jpg", UnsupportedFormat),
        ("cut.jpg", SourceDamaged),
        ("cut.png", SourceDamaged),
        ("large.png", SourceTooLarge),
    ],
)
def test_an_error_names_the_picture_of_which_it_speaks(
    name: str, kind: type[SourceError], data: Path
) -> None:
    meadow = (data / "photos" / "photo-1mp.jpg").read_bytes()
    graphic = (data / "photos" / "alpha-graphic.png").read_bytes()
    sources = {
        "text.jpg": b"no image",
        "cut.jpg": meadow[:100_000],
        "cut.png": graphic[: len(graphic) // 2],
        "large.png": encoded(Image.new("1", (9_000, 9_000)), "PNG"),
    }
    studio = Studio({name: sources[name]}, Limits())
    with pytest.raises(kind) as error:
        studio.picture(name, 900, 700)
    assert error.value.detail.startswith(f"{name}: ")


def test_a_fault_of_another_picture_is_not_the_sources() -> None:
    source = encoded(lopsided(), "PNG")
    for stage in ("watermark=bad", "mask_image=bad"):
        with pytest.raises(SourceDamaged, match=r"^bad: the png"):
            _made_with(source, stage, encoded(lopsided(), "PNG")[:2_000])


def test_as_many_pictures_as_there_are_names_are_used_together() -> None:
    source = encoded(Image.new("RGB", (40, 40), "blue"), "PNG")
    mark = encoded(Image.new("RGB", (4, 4), "red"), "PNG")
    mask = encoded(Image.new("L", (4, 4), 128), "PNG")
    made = _made_with(
        source, "watermark=mark,mask_image=mask,format=png", mark, mark=mark, mask=mask
    )
    shown = opened(made)
    assert shown.getpixel((35, 35)) == (255, 0, 0, 128)
    assert shown.getpixel((5, 5)) == (0, 0, 255, 128)


def _made_with(source: bytes, transform: str, bad: bytes, **pictures: bytes) -> bytes:
    from safelight import engine
    from safelight.transform import parse

    wanted = parse(transform)
    others = pictures or {"bad": bad}
    return engine.run(source, wanted, LIMITS, pictures=others).data


# Text.


def test_text_is_cut_to_its_ink_in_its_colour() -> None:
    text = pixels(Studio({}).text("Safelight", size=40, ink=(10, 20, 30, 255)))
    alpha = text[..., 3]
    for edge in (alpha[:2], alpha[-2:], alpha[:, :2], alpha[:, -2:]):
        assert edge.max() > 30
    assert (text[alpha == 255][:, :3] == (10, 20, 30)).all()


def test_the_opacity_of_a_colour_is_that_of_the_ink() -> None:
    full = pixels(Studio({}).text("▉", size=40, ink=WHITE))[..., 3]
    half = pixels(Studio({}).text("▉", size=40, ink=(255, 255, 255, 128)))[..., 3]
    assert (half == np.rint(full * 128 / 255)).all()


def test_a_size_is_that_of_a_line_in_px() -> None:
    lines = [
        pixels(Studio({}).text("\n".join("H" * count), size=50, ink=WHITE)).shape[0]
        for count in (1, 11)
    ]
    # DejaVu Sans sets its lines 1.164 of its size apart.
    assert (lines[1] - lines[0]) / 10 == pytest.approx(1.164 * 50, abs=1)


@pytest.mark.parametrize(
    "text",
    ["Größe", "Ωμέγα", "Привет", "שלום", "مرحبا", "Հայ", "ქართ", "→ ★ ✓ ♥ ½ € ₿", "Tiếng Việt"],
)
def test_the_font_has_letters_of_many_scripts(text: str) -> None:
    """A letter that is missing is drawn as a box with its number: another picture for each."""
    shown = {
        letter: pixels(Studio({}).text(letter, size=60, ink=WHITE)).tobytes()
        for letter in set(text) - {" "}
    }
    missing = pixels(Studio({}).text("\U0003fffd", size=60, ink=WHITE))
    for letter, image in shown.items():
        assert image != missing.tobytes(), letter
    assert len(set(shown.values())) == len(shown)


def test_the_font_comes_with_its_licence_and_origin() -> None:
    from importlib.resources import files

    fonts = files("safelight") / "fonts"
    names = {file.name for file in fonts.iterdir()}
    assert names == {"DejaVuSansCondensed.ttf", "LICENSE-DejaVu.txt", "ORIGIN.md"}
    assert "Bitstream" in (fonts / "LICENSE-DejaVu.txt").read_text()


def test_text_is_the_same_where_no_font_and_no_configuration_is_installed(tmp_path: Path) -> None:
    empty = tmp_path / "fonts.conf"
    empty.write_text('<?xml version="1.0"?><fontconfig></fontconfig>')
    program = (
        "from safelight.engine.materials import Studio\n"
        "for text in ('Safelight ©', '漢字 😀 \\U0003fffd', '\\u200b', '<b>&', 'שלום\\nx'):\n"
        "    image = Studio({}).text(text, size=48, ink=(255, 255, 255, 255))\n"
        "    print(image.width, image.height, image.avg() > 0)\n"
    )

    def sizes(configuration: dict[str, str]) -> list[list[str]]:
        ran = subprocess.run(
            [sys.executable, "-c", program], env=configuration, capture_output=True, check=True
        )
        return [line.split() for line in ran.stdout.decode().splitlines()]

    bare = sizes({"FONTCONFIG_FILE": str(empty), "XDG_CACHE_HOME": str(tmp_path)})
    usual = sizes({"XDG_CACHE_HOME": str(tmp_path)})
    assert [line[2] for line in bare] == ["True", "True", "False", "True", "True"]
    # Hinting may differ by a pixel.
    for one, other in zip(bare, usual, strict=True):
        if one is not bare[1]:
            assert abs(int(one[0]) - int(other[0])) <= 3
            assert abs(int(one[1]) - int(other[1])) <= 3


# Drawings and coordinates.


def test_a_drawing_has_exactly_its_size_and_colours() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="31" height="7">'
        '<rect width="10" height="7" fill="#102030"/></svg>'
    )
    drawing = pixels(Studio({}).drawing(svg, 31, 7))
    assert drawing.shape == (7, 31, 4)
    assert (drawing[:, :10] == (0x10, 0x20, 0x30, 255)).all()
    assert (drawing[:, 10:] == 0).all()


def test_coordinates_are_those_of_each_pixel() -> None:
    places = pixels(Studio({}).coordinates(5, 3))
    assert (places[..., 0] == np.arange(5)).all()
    assert (places[..., 1] == np.arange(3)[:, None]).all()
