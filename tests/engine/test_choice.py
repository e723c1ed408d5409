"""Which format becomes of which picture for which viewer, where that is left open."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image, ImageDraw

from safelight import engine
from safelight.costs import REQUEST, Profile
from safelight.limits import Limits
from safelight.transform import parse
from tests.support.pictures import encoded, lopsided, mean_difference, opened, run


def on_green(data: bytes) -> Image.Image:
    """What is seen: the colour of what is wholly transparent is not."""
    picture = opened(data).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 255, 0, 255)), picture)


VIEWERS = ("auto", "auto-webp", "auto-avif")


def mimes(data: bytes, wish: str = "", profile: Profile = REQUEST) -> list[str]:
    """What becomes of a picture for a viewer of old, one that shows WebP, one that shows AVIF."""
    return [
        engine.run(data, parse(f"{wish}format={viewer}"), Limits(), profile=profile).mime[6:]
        for viewer in VIEWERS
    ]


def logo(mode: str = "RGB") -> bytes:
    """A drawing of three colours, on something or on nothing."""
    picture = Image.new(mode, (320, 200), (255, 255, 255, 0)[: len(mode)])
    draw = ImageDraw.Draw(picture)
    draw.rectangle((20, 20, 200, 150), fill=(200, 30, 40, 255)[: len(mode)])
    draw.polygon([(150, 190), (300, 190), (220, 60)], fill=(20, 90, 160, 255)[: len(mode)])
    return encoded(picture, "PNG")


@pytest.fixture(scope="module")
def photo(photos: Path) -> bytes:
    return (photos / "sunset.jpg").read_bytes()


def cut_out(photo: bytes) -> bytes:
    """A photograph that fades away to one side."""
    picture = opened(run(photo, "w=300,format=png").data)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return encoded(picture, "PNG")


def test_a_photograph_is_a_photograph_in_the_best_format_for_it(photo: bytes) -> None:
    assert mimes(photo, "w=300,") == ["jpeg", "webp", "avif"]
    png = run(photo, "w=300,format=png").data
    assert mimes(png) == ["jpeg", "webp", "avif"]


def test_transparency_is_kept_for_everybody(photo: bytes) -> None:
    source = cut_out(photo)
    assert mimes(source) == ["png", "webp", "avif"]
    for viewer in VIEWERS:
        made = opened(run(source, f"format={viewer}").data)
        assert made.mode == "RGBA"
        expected = opened(source).getchannel("A")
        assert mean_difference(made.getchannel("A"), expected) < 2


def test_transparency_that_says_nothing_counts_for_nothing(photo: bytes) -> None:
    picture = opened(run(photo, "w=300,format=png").data)
    picture.putalpha(255)
    assert mimes(encoded(picture, "PNG")) == ["jpeg", "webp", "avif"]
    assert mimes(cut_out(photo), "bg=white,") == ["jpeg", "webp", "avif"]
    picture.putpixel((30, 20), (200, 30, 40, 254))
    assert mimes(encoded(picture, "PNG")) == ["png", "webp", "avif"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_drawing_loses_nothing_and_is_small(mode: str) -> None:
    source = logo(mode)
    # Whoever shows AVIF shows WebP, too, which is better at drawings.
    assert mimes(source) == ["png", "webp", "webp"]
    for viewer in VIEWERS:
        made = run(source, f"format={viewer}").data
        assert mean_difference(on_green(made), on_green(source)) == 0
        for other in ("jpeg", "webp", "avif"):
            assert len(made) < len(run(source, f"format={other},bg=white").data)


def test_lossless_is_a_wish_that_decides(photo: bytes) -> None:
    exact = opened(run(photo, "w=90,format=png").data)
    for viewer, mime in zip(VIEWERS, ("png", "webp", "webp"), strict=True):
        made = run(photo, f"w=90,lossless,format={viewer}")
        assert made.mime == f"image/{mime}"
        assert mean_difference(opened(made.data).convert("RGB"), exact) == 0


def test_what_moves_goes_on_moving(data: Path) -> None:
    for name in ("anim-graphic.gif", "anim-graphic.webp"):
        source = (data / "photos" / name).read_bytes()
        assert mimes(source) == ["gif", "webp", "webp"]
        frames = [
            Image.open(io.BytesIO(run(source, f"format={viewer}").data)).n_frames  # type: ignore[attr-defined]
            for viewer in VIEWERS
        ]
        assert set(frames) == {Image.open(io.BytesIO(source)).n_frames}  # type: ignore[attr-defined]


def test_one_frame_of_what_moves_is_a_picture(data: Path, photo: bytes) -> None:
    source = (data / "photos" / "anim-graphic.gif").read_bytes()
    assert "gif" not in mimes(source, "frames=1,")
    still = encoded(opened(run(photo, "w=200,format=png").data), "WEBP")
    assert mimes(still) == ["jpeg", "webp", "avif"]


def test_an_avif_that_takes_too_long_becomes_a_webp(photo: bytes) -> None:
    # 300 x 200 px: an AVIF is reckoned to take 5 ms.
    assert mimes(photo, "w=300,", replace(REQUEST, patience=6)) == ["jpeg", "webp", "avif"]
    assert mimes(photo, "w=300,", replace(REQUEST, patience=4)) == ["jpeg", "webp", "webp"]


def test_losing_nothing_is_not_tried_when_it_takes_too_long() -> None:
    impatient = replace(REQUEST, patience=0)
    assert mimes(logo(), profile=impatient) == ["jpeg", "webp", "webp"]
    assert mimes(logo("RGBA"), profile=impatient) == ["png", "webp", "webp"]


def test_a_format_that_is_asked_for_is_made_however_long_it_takes(photo: bytes) -> None:
    made = engine.run(
        photo, parse("w=90,format=avif"), Limits(), profile=replace(REQUEST, patience=0)
    )
    assert made.mime == "image/avif"


def test_a_deep_picture_stays_deep_where_it_can(data: Path) -> None:
    ramp = np.linspace(0, 65_535, 400).astype(np.uint16)[None, :].repeat(80, axis=0)
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, "PNG")
    assert mimes(buffer.getvalue(), "depth=16,")[2] == "avif"


@pytest.mark.parametrize(
    ("wish", "mime"), [("", "tiff"), ("format=auto", "tiff"), ("w=60", "tiff")]
)
def test_without_a_wish_a_tiff_is_shown_as_browsers_can(wish: str, mime: str) -> None:
    source = encoded(lopsided(), "TIFF")
    assert run(source, wish).mime in ("image/jpeg", "image/png")
    assert run(source, wish).mime != f"image/{mime}"
