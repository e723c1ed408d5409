"""What real photographs and odd files look like in little."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from safelight import engine
from safelight.errors import SafelightError, SourceDamaged, SourceError, SourceTooLarge
from safelight.limits import Limits
from safelight.picture import Analysis
from safelight.placeholders import distance
from safelight.storage import Opened
from safelight.transform import Transform
from safelight.workers.pool import Pool, Workers
from tests.support.perceptual import JUST_NOTICEABLE, colour_difference, lab
from tests.support.pictures import encoded, exif, lopsided, opened, run
from tests.support.placeholders import Pixels, blurhash_shown, thumbhash_shown

ROBUSTNESS = Path(__file__).resolve().parent.parent / "data" / "robustness"
ENTRIES: list[dict[str, Any]] = json.loads((ROBUSTNESS / "manifest.json").read_text())["files"]
PHOTOS = ("dragonfly", "forest", "friends", "mountains", "mountains-p3", "sunset")
SMALL = Transform.of(w=64, h=64, fit="inside", format="png")
LANCZOS = Image.Resampling.LANCZOS


def analysed(data: bytes) -> Analysis:
    """Analyse; what comes out may go into a page as it is, whatever went in."""
    found = engine.analyse(data, Limits())
    assert msgspec.json.decode(msgspec.json.encode(found), type=Analysis) == found
    assert len(found.preview) < 400
    assert found.dominant == (found.colors[0].color if found.colors else None)
    return found


def apart(one: Analysis, other: Analysis) -> int:
    return distance(int(one.phash, 16), int(other.phash, 16))


def preview(found: Analysis) -> Image.Image:
    return opened(base64.b64decode(found.preview.partition(",")[2]))


def placeholders(found: Analysis) -> list[Pixels]:
    thumb = thumbhash_shown(base64.b64decode(found.thumbhash), 32, 32)
    return [blurhash_shown(found.blurhash, 32, 32), thumb[..., :3]]


def shown_ratio(photograph: Image.Image) -> float:
    upright = ImageOps.exif_transpose(photograph)
    return upright.width / upright.height


def swatch(colour: str | None) -> Image.Image:
    assert colour is not None
    return Image.new("RGB", (1, 1), colour)


@pytest.fixture(scope="module")
def photographs(photos: Path) -> dict[str, bytes]:
    return {name: (photos / f"{name}.jpg").read_bytes() for name in PHOTOS}


@pytest.mark.parametrize("name", PHOTOS)
def test_placeholders_show_the_photograph(photographs: dict[str, bytes], name: str) -> None:
    found = analysed(photographs[name])
    assert (found.transparent, found.drawn) == (False, False)
    photograph = opened(photographs[name])
    tiny = preview(found)
    assert (tiny.format, max(tiny.size)) == ("WEBP", 32)
    assert tiny.width / tiny.height == pytest.approx(shown_ratio(photograph), rel=0.04)
    shown = opened(run(photographs[name], "32x32,fit=fill,format=png").data)
    turned = shown.transpose(Image.Transpose.ROTATE_180)
    pictures = [tiny.resize((32, 32)), *map(Image.fromarray, placeholders(found))]
    for placeholder, most in zip(pictures, (16, 26, 26), strict=True):
        near = colour_difference(placeholder, shown)
        assert near < most
        assert colour_difference(placeholder, turned) > 1.1 * near


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_looks_like_its_upright_twin(
    photographs: dict[str, bytes], orientation: int
) -> None:
    stored = opened(photographs["mountains"]).resize((640, 480), LANCZOS)
    turned = encoded(stored, "PNG", exif=exif(orientation))
    upright = ImageOps.exif_transpose(opened(turned))
    theirs, ours = analysed(encoded(upright, "PNG")), analysed(turned)
    # Rows are scaled before columns: turned, it is the other way about, and off by a rounding.
    assert apart(ours, theirs) <= 1
    size = upright.size
    for one, other in zip(placeholders(ours), placeholders(theirs), strict=True):
        assert np.abs(one.astype(int) - other).max() <= 12
    assert preview(ours).size == preview(theirs).size
    assert (preview(ours).width > preview(ours).height) is (size[0] > size[1])
    assert colour_difference(swatch(ours.dominant), swatch(theirs.dominant)) < JUST_NOTICEABLE


def test_a_photograph_of_a_camera_that_was_turned_is_upright(data: Path) -> None:
    turned = (data / "photos" / "exif-6.jpg").read_bytes()
    upright = encoded(ImageOps.exif_transpose(opened(turned)), "PNG")
    assert apart(analysed(turned), analysed(upright)) <= 2
    assert preview(analysed(turned)).size == (32, 24)


def test_the_colours_of_print_are_those_that_are_seen(data: Path) -> None:
    found = analysed((data / "photos" / "cmyk.jpg").read_bytes())
    shown = opened(run((data / "photos" / "cmyk.jpg").read_bytes(), "w=64,format=png").data)
    # Grass, grey paths and trees: the commonest is near to many pixels, and no negative of them.
    gaps = np.linalg.norm(lab(shown) - lab(swatch(found.dominant))[0, 0], axis=-1)
    assert (gaps < 15).mean() > 0.2
    red, green, blue = bytes.fromhex(found.colors[-1].color[1:])
    assert green > red > blue
    for ink, colour in {
        (0, 255, 255, 0): "#ed1c24",
        (255, 0, 255, 0): "#00a651",
        (255, 255, 0, 0): "#2e3192",
        (0, 0, 0, 0): "#ffffff",
    }.items():
        flat = analysed(encoded(Image.new("CMYK", (40, 30), ink), "JPEG", quality=100))
        # What offset printing on coated paper gives, roughly.
        assert colour_difference(swatch(flat.dominant), swatch(colour)) < 30


def test_a_wide_gamut_is_brought_to_the_one_of_the_web(photographs: dict[str, bytes]) -> None:
    wide, plain = analysed(photographs["mountains-p3"]), analysed(photographs["mountains"])
    assert apart(wide, plain) <= 2
    for one, other in zip(wide.colors, plain.colors, strict=True):
        assert colour_difference(swatch(one.color), swatch(other.color)) < 3 * JUST_NOTICEABLE
        assert one.share == pytest.approx(other.share, abs=0.05)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize(
    "copy",
    [
        "w=400,format=jpeg,quality=40",
        "w=200,format=webp,quality=30",
        "w=801,format=jpeg",
        "w=150,format=png",
        "500x400,fit=fill,format=jpeg",
        "w=300,format=avif",
    ],
)
def test_a_copy_has_nearly_the_same_hash(
    photographs: dict[str, bytes], name: str, copy: str
) -> None:
    assert apart(analysed(photographs[name]), analysed(run(photographs[name], copy).data)) <= 6


def test_other_photographs_have_other_hashes(photographs: dict[str, bytes], data: Path) -> None:
    others = ("cmyk.jpg", "exif-6.jpg", "exif-8.jpg", "photo-1mp.jpg")
    found = [analysed(file) for name, file in photographs.items() if name != "mountains-p3"]
    found += [analysed((data / "photos" / name).read_bytes()) for name in others]
    distances = [apart(one, other) for i, one in enumerate(found) for other in found[:i]]
    assert min(distances) >= 16


def test_16_bits_and_grey_are_seen(data: Path, photographs: dict[str, bytes]) -> None:
    deep = analysed((data / "photos" / "photo-16bit.png").read_bytes())
    assert apart(deep, analysed(photographs["forest"])) <= 6
    grey = opened(photographs["forest"]).convert("L").resize((320, 213), LANCZOS)
    for mode in ("L", "LA"):
        found = analysed(encoded(grey.convert(mode), "PNG"))
        assert apart(found, deep) <= 8
        assert all(len({s.color[1:3], s.color[3:5], s.color[5:]}) == 1 for s in found.colors)


def test_a_drawing_is_told_from_a_photograph_and_what_is_transparent_is_kept(data: Path) -> None:
    check = analysed((data / "photos" / "check.svg").read_bytes())
    assert (check.transparent, check.drawn, check.dominant) == (True, True, "#008000")
    assert preview(check).mode == "RGBA"
    assert base64.b64decode(check.thumbhash)[2] >> 7 == 1
    bug = analysed((data / "photos" / "alpha-bug.png").read_bytes())
    assert (bug.transparent, bug.drawn, bug.dominant) == (True, True, "#000000")
    cut = Image.new("RGBA", (64, 48))
    cut.paste("#345", (10, 8, 30, 40))
    on_white = Image.alpha_composite(Image.new("RGBA", cut.size, "white"), cut)
    found, laid = analysed(encoded(cut, "PNG")), analysed(encoded(on_white, "PNG"))
    assert (found.blurhash, found.phash) == (laid.blurhash, laid.phash)
    assert (found.dominant, laid.dominant) == ("#334455", "#ffffff")
    # An alpha channel that says nothing is none.
    opaque = analysed(encoded(Image.new("RGBA", (50, 40), "#345"), "PNG"))
    assert (opaque.transparent, opaque.drawn) == (False, True)
    assert preview(opaque).mode == "RGB"
    nothing = analysed(encoded(Image.new("RGBA", (50, 40)), "PNG"))
    assert (nothing.transparent, nothing.dominant, nothing.colors) == (True, None, ())


def test_an_animation_is_its_first_frame(data: Path) -> None:
    for name in ("anim-graphic.gif", "anim-graphic.webp"):
        moving = (data / "photos" / name).read_bytes()
        first = encoded(opened(moving).convert("RGBA"), "PNG")
        assert apart(analysed(moving), analysed(first)) <= 4
        assert analysed(moving).dominant == analysed(first).dominant
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("#ff0000", "#0000ff")]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert [colour.color for colour in analysed(moving).colors] == ["#ff0000"]


def test_a_drawing_without_size_is_drawn_as_large_as_it_is_looked_at() -> None:
    small = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 2"><rect width="2" height="2"'
        b' fill="#f00"/><rect x="2" width="2" height="2" fill="#00f"/></svg>'
    )
    found = analysed(small)
    assert preview(found).size == (32, 16)
    assert {(colour.color, colour.share) for colour in found.colors} == {
        ("#ff0000", 0.5),
        ("#0000ff", 0.5),
    }


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 3), (5, 4), (700, 1), (3, 900), (9, 2)])
def test_tiny_and_thin_pictures_have_placeholders_of_their_colour(size: tuple[int, int]) -> None:
    found = analysed(encoded(Image.new("RGB", size, "#c86432"), "PNG"))
    assert [(colour.color, colour.share) for colour in found.colors] == [("#c86432", 1.0)]
    assert found.phash == "0" * 16
    for shown in placeholders(found):
        assert np.abs(shown.astype(int) - (0xC8, 0x64, 0x32)).max() <= 24
    assert max(preview(found).size) == min(32, max(size))


def test_tiny_pictures_are_looked_at_as_if_each_pixel_were_a_square() -> None:
    two = Image.new("RGB", (2, 1), "#f00")
    two.putpixel((1, 0), (0, 0, 255))
    squares = two.resize((16, 8), Image.Resampling.NEAREST)
    found, larger = analysed(encoded(two, "PNG")), analysed(encoded(squares, "PNG"))
    assert (found.thumbhash, found.colors) == (larger.thumbhash, larger.colors)


sides = st.integers(1, 100)


@given(sides, sides, st.sampled_from(("L", "LA", "RGB", "RGBA", "P")), st.randoms())
def test_any_picture_has_all_of_it(width: int, height: int, mode: str, chance: Any) -> None:
    bands = len(Image.new(mode, (1, 1)).getbands())
    noise = Image.frombytes(mode, (width, height), chance.randbytes(width * height * bands))
    found = analysed(encoded(noise, "PNG"))
    scale = min(1, 32 / max(width, height))
    tiny = preview(found)
    assert tiny.width <= max(1, scale * width + 1)
    assert tiny.height <= max(1, scale * height + 1)
    assert found.transparent or mode[-1] != "A" or width * height < 9


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_damaged(kind: str, part: float) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    with pytest.raises(SourceDamaged):
        engine.analyse(whole[: int(len(whole) * part)], Limits())


@given(st.binary(max_size=200))
def test_noise_is_no_picture(noise: bytes) -> None:
    with pytest.raises(SourceError):
        engine.analyse(noise, Limits())


def test_what_is_too_large_is_not_decoded() -> None:
    picture = encoded(lopsided(), "PNG")
    with pytest.raises(SourceTooLarge):
        engine.analyse(picture[:60], Limits(source_pixels=240 * 160 - 1))
    engine.analyse(picture, Limits(source_pixels=240 * 160))


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(Limits(), Workers(processes=1, recycle_jobs=10_000))
    pool.start()
    yield pool
    pool.close()


def refusal(ask: Callable[..., object], *question: object) -> str | None:
    try:
        ask(*question, deadline=time.monotonic() + 10)
    except SafelightError as error:
        return f"{error.status} {error.code}"
    return None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_an_odd_file_is_analysed_or_refused_as_it_is_rendered_or_refused(
    pool: Pool, entry: dict[str, Any]
) -> None:
    with Opened(os.open(ROBUSTNESS / entry["file"], os.O_RDONLY)) as source:
        rendered = refusal(pool.render, source, SMALL)
        analysed = refusal(pool.analyse, source)
    assert pool.replaced == 0, "the worker died"
    assert analysed == rendered
    assert analysed is None or analysed.startswith("4")
