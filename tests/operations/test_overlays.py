"""A gradient, another picture and text, each where and as large as was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from safelight.engine.materials import Studio
from safelight.operations import in_order
from safelight.operations.frame import Frame
from safelight.operations.overlays import gradient, text, watermark
from safelight.params import Gravity, Ink, Part, Place
from safelight.transform import parse
from tests.support.arrays import Pixels, made, noisy, pixels
from tests.support.frames import flat, framed
from tests.support.pictures import encoded
from tests.support.strategies import values

RED, BLUE = (200, 10, 20), (10, 20, 200)
BLACK: Ink = (0, 0, 0, 255)


def ground(
    width: int = 200, height: int = 100, colour: tuple[int, ...] = BLUE, **given: Any
) -> Frame:
    return framed(flat(width, height, colour), **given)


def marked(frame: Frame, mark: Image.Image | None = None, **arguments: Any) -> Frame:
    """Lay a mark over a picture: by default of 20 x 10 px, red, opaque."""
    mark = mark or Image.new("RGB", (20, 10), RED)
    drawn = replace(frame, materials=Studio({"mark": encoded(mark, "PNG")}), decisions={})
    return watermark(drawn, watermark="mark", **arguments)


def box_of(frame: Frame, colour: tuple[int, ...] = BLUE) -> tuple[int, int, int, int]:
    """Tell where a picture is not of a colour: left, top, width, height."""
    differs = (pixels(frame.image) != np.array(colour)).any(axis=-1)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


# In this order they lie on each other.


def test_a_gradient_lies_below_a_watermark_and_that_below_text() -> None:
    assert [op.name for op in in_order(["text", "round", "watermark", "redact", "gradient"])] == [
        "redact",
        "gradient",
        "watermark",
        "text",
        "round",
    ]


@pytest.mark.parametrize(
    ("said", "canonical"),
    [
        ("text_size=0.1,text_color=red,watermark_tile,gradient_to=1", ""),
        ("gradient", "gradient=000000"),
        ("text=a,text_outline", "text=a,text_outline=000000"),
        ("mark=a%2Fb.png,watermark_tile", "watermark=a%2Fb.png,watermark_tile=true"),
        ("text=%3Cb%3E%0A%26%2C", "text=%3Cb%3E%0A%26%2C"),
        ("gradient=black,gradient_side=top", "gradient=000000,gradient_side=north"),
    ],
)
def test_what_has_no_effect_is_dropped_and_one_word_is_enough(said: str, canonical: str) -> None:
    assert parse(said).canonical == canonical


# The gradient.


def ramp(towards: Pixels, start: float, end: float, length: float) -> Pixels:
    """Rise smoothly from one opacity to another over the last part of the way."""
    risen = np.clip((towards - (1 - length)) / length, 0, 1)
    opacity: Pixels = start + (end - start) * (3 * risen**2 - 2 * risen**3)
    return opacity


def towards(side: str, width: int, height: int) -> Pixels:
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    ways = {"north": 1 - y, "south": y, "west": 1 - x, "east": x}
    parts = [way for word, way in ways.items() if word in side]
    mean: Pixels = np.mean(parts, axis=0)
    return mean


@pytest.mark.parametrize(
    "side",
    ["north", "south", "west", "east", "northwest", "northeast", "southwest", "southeast"],
)
@pytest.mark.parametrize(("start", "end", "length"), [(0, 1, 1), (0, 0.7, 0.6), (0.9, 0.2, 0.3)])
def test_a_gradient_rises_smoothly_towards_its_side(
    side: str, start: float, end: float, length: float
) -> None:
    shown = gradient(
        ground(40, 30, (255, 255, 255)),
        gradient=(0, 0, 0, 255),
        gradient_side=side,
        gradient_from=start,
        gradient_to=end,
        gradient_length=length,
    )
    wanted = 255 * (1 - ramp(towards(side, 40, 30), start, end, length))
    assert np.abs(pixels(shown.image) - wanted[..., None]).max() <= 1


def test_a_gradient_alone_darkens_the_lower_part() -> None:
    shown = pixels(gradient(ground(9, 100, (255, 255, 255)), gradient=BLACK).image)[:, 0, 0]
    assert (shown[:40] == 255).all()
    assert (np.diff(shown[40:]) <= 0).all()
    assert shown[-1] == pytest.approx(255 * 0.3, abs=1)


def test_the_opacity_of_a_gradients_colour_counts() -> None:
    half = gradient(ground(5, 50, (0, 0, 0)), gradient=(255, 255, 255, 128), gradient_to=1.0)
    assert pixels(half.image).max() == 128


def test_a_grey_gradient_leaves_a_grey_picture_grey_and_a_coloured_one_colours_it() -> None:
    assert gradient(framed(flat(8, 8, (90,))), gradient=BLACK).image.bands == 1
    assert gradient(framed(flat(8, 8, (90,))), gradient=(255, 0, 0, 255)).image.bands == 3


# The watermark.


@pytest.mark.parametrize(
    ("arguments", "box"),
    [
        # A fifth of 200 px, and 3 % of them from the sides.
        ({}, (154, 74, 40, 20)),
        ({"watermark_scale": 0.5}, (94, 44, 100, 50)),
        ({"watermark_scale": "original"}, (174, 84, 20, 10)),
        ({"watermark_position": "north"}, (80, 6, 40, 20)),
        ({"watermark_position": ("southwest", 1, 2)}, (1, 78, 40, 20)),
        ({"watermark_position": (0.5, 0.5)}, (80, 40, 40, 20)),
        ({"watermark_padding": 0}, (160, 80, 40, 20)),
        ({"watermark_padding": 11}, (149, 69, 40, 20)),
        # No larger than fits: 88 px high, or 200 - 2 * 6 wide.
        ({"watermark_scale": 1.0}, (18, 6, 176, 88)),
        ({"watermark_scale": 1.0, "watermark_padding": 0}, (0, 0, 200, 100)),
    ],
)
def test_a_watermark_has_its_size_and_its_place(
    arguments: dict[str, Any], box: tuple[int, int, int, int]
) -> None:
    shown = marked(ground(), **arguments)
    assert box_of(shown) == box
    left, top, width, height = box
    assert (pixels(shown.image)[top : top + height, left : left + width] == RED).all()
    assert (shown.width, shown.height) == (200, 100)


def test_the_own_size_of_a_watermark_is_in_css_px() -> None:
    shown = marked(ground(dpr=2.0), watermark_scale="original", watermark_padding=5)
    assert box_of(shown) == (150, 70, 40, 20)


@given(
    st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.integers(1, 40),
    st.one_of(st.just("original"), st.floats(0.01, 1)), values(Gravity(aware=False)),
)  # fmt: skip
@settings(max_examples=50)
def test_a_watermark_of_any_size_fits_into_a_picture_of_any_size(
    width: int, height: int, across: int, down: int, scale: float | str, position: Place
) -> None:
    mark = Image.new("RGB", (across, down), RED)
    shown = marked(ground(width, height), mark, watermark_scale=scale, watermark_position=position)
    left, top, shown_across, shown_down = box_of(shown)
    assert 0 <= left <= width - shown_across
    assert 0 <= top <= height - shown_down
    # The proportions stay, as far as whole px let them.
    assert any(
        abs(shown_across - max(1, across * factor)) <= 1
        and abs(shown_down - max(1, down * factor)) <= 1
        for factor in (shown_across / across, shown_down / down)
    )


@pytest.mark.parametrize(
    ("mode", "pixel"),
    [
        ("L", (70, 70, 70)),
        ("LA", (70, 70, 70)),
        ("RGB", RED),
        ("RGBA", RED),
        ("P", RED),
        ("1", (255, 255, 255)),
        ("I;16", (70, 70, 70)),
    ],
)
def test_any_picture_may_be_a_watermark(mode: str, pixel: tuple[int, int, int]) -> None:
    if mode == "I;16":
        mark = Image.fromarray(np.full((10, 20), 70 * 257, dtype=np.uint16))
    elif mode in ("L", "LA"):
        mark = Image.new("L", (20, 10), 70).convert(mode)
    elif mode == "1":
        mark = Image.new("1", (20, 10), 1)
    else:
        mark = Image.new("RGB", (20, 10), RED)
        mark = mark.quantize(4) if mode == "P" else mark.convert(mode)
    shown = marked(ground(), mark)
    assert tuple(pixels(shown.image)[84, 174]) == pixel


def test_a_watermark_has_no_fringe_of_what_cannot_be_seen_in_it() -> None:
    # A white disc on clear green, made much smaller: green must not come through at its edge.
    x, y = np.meshgrid(np.arange(200) - 99.5, np.arange(200) - 99.5)
    inside = np.hypot(x, y) < 80
    levels = np.where(inside[..., None], (255, 255, 255, 255), (0, 255, 0, 0)).astype(np.uint8)
    shown = marked(ground(100, 100, (255, 255, 255)), Image.fromarray(levels), watermark_scale=0.3)
    assert (pixels(shown.image) == 255).all()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_a_watermark_lies_on_every_kind_of_picture(bands: int, bits: int) -> None:
    peak = 255 if bits == 8 else 65_535
    levels = np.full((100, 200, bands), peak // 5, dtype=f"uint{bits}")
    shown = marked(framed(made(levels)), watermark_opacity=0.5).image
    assert shown.hasalpha() == (bands in (2, 4))
    assert shown.format == ("uchar" if bits == 8 else "ushort")
    found = pixels(shown)[84, 174, :3] / peak
    alpha = 128 / 255
    clear = alpha * np.array(RED) / 255 + (1 - alpha) * 0.2 * (0.2 if bands in (2, 4) else 1)
    opacity = alpha + (1 - alpha) * 0.2 if bands in (2, 4) else 1
    assert np.abs(found - clear / opacity).max() < 0.006


def test_a_grey_watermark_leaves_a_grey_picture_grey() -> None:
    grey = framed(flat(200, 100, (90,)))
    assert marked(grey, Image.new("L", (20, 10), 30)).image.bands == 1
    assert marked(grey).image.bands == 3


def test_a_blend_is_passed_on() -> None:
    shown = marked(ground(colour=(100, 100, 100)), watermark_blend="multiply")
    assert tuple(pixels(shown.image)[84, 174]) == (78, 4, 8)


def test_a_tiled_watermark_is_repeated_from_where_it_is_with_the_padding_between() -> None:
    once = marked(ground(), watermark_padding=10)
    tiled = marked(ground(), watermark_padding=10, watermark_tile=True)
    left, top, width, height = box_of(once)
    x, y = np.meshgrid(np.arange(200), np.arange(100))
    mark = ((x - left) % (width + 10) < width) & ((y - top) % (height + 10) < height)
    wanted = np.where(mark[..., None], RED, BLUE)
    assert (pixels(tiled.image) == wanted).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 1_000), (1_000, 1)])
def test_the_smallest_tile_is_repeated_quickly(size: tuple[int, int]) -> None:
    mark = Image.new("RGB", size, RED)
    shown = marked(
        ground(2_000, 1_500), mark, watermark_tile=True, watermark_scale="original",
        watermark_padding=0,
    )  # fmt: skip
    assert (pixels(shown.image) == RED).all()


# Text.


def written(frame: Frame, **arguments: Any) -> Frame:
    """Write plainly: opaque white without a shadow."""
    plain: dict[str, Any] = {"text": "Hx", "text_opacity": 1.0, "text_shadow": "none"}
    return text(replace(frame, decisions={}), **(plain | arguments))


@pytest.mark.parametrize(
    ("position", "left", "top", "right", "bottom"),
    [
        ("southeast", None, None, 20, 20),
        ("northwest", 20, 20, None, None),
        ("north", None, 20, None, None),
        (("southeast", 7, 3), None, None, 7, 3),
    ],
)
@pytest.mark.parametrize("content", ["Safelight", "gjpqy", "©", "ÄÖÜ", "two\nlines", "العربية"])
def test_the_ink_of_text_keeps_the_padding(
    content: str,
    position: Place,
    left: int | None,
    top: int | None,
    right: int | None,
    bottom: int | None,
) -> None:
    frame = ground(600, 300)
    x, y, width, height = box_of(
        written(frame, text=content, text_position=position, text_padding=20)
    )
    # The first and last px of a letter may be too faint to be seen.
    for found, wanted in (
        (x, left),
        (y, top),
        (600 - x - width, right),
        (300 - y - height, bottom),
    ):
        assert wanted is None or 0 <= found - wanted <= 1


@pytest.mark.parametrize(
    ("size", "least", "dpr", "height"),
    [
        (40, 12, 1.0, 40),
        (40, 12, 2.0, 80),
        (0.1, 12, 1.0, 60),
        (0.01, 20, 1.0, 20),
        (0.01, 20, 2.0, 40),
        # What is said in px is meant.
        (14, 20, 1.0, 14),
    ],
)
def test_text_has_the_size_that_is_asked_for(
    size: Part, least: int, dpr: float, height: int
) -> None:
    frame = ground(600, 300, dpr=dpr)
    shown = written(frame, text="H", text_size=size, text_min=least)
    # A capital letter of DejaVu Sans is 0.729 of the size of its line.
    assert box_of(shown)[3] == pytest.approx(0.729 * height, abs=1.5)


def test_letters_have_their_colour_and_opacity() -> None:
    stem = {"text": "▉", "text_size": 60, "text_position": "center"}
    at = (50, 100)
    frame = ground(200, 100, (0, 0, 0))
    assert tuple(pixels(written(frame, **stem, text_color=(1, 2, 3, 255)).image)[at]) == (1, 2, 3)
    for shown in (
        written(frame, **stem, text_color=(255, 255, 255, 128)),
        written(frame, **stem, text_opacity=0.5),
    ):
        assert tuple(pixels(shown.image)[at]) == (128, 128, 128)


def test_an_outline_goes_around_the_letters_and_stays_inside_the_padding() -> None:
    frame = ground(600, 300)
    bare = written(frame, text="H", text_size=0.2, text_padding=30)
    lined = written(frame, text="H", text_size=0.2, text_padding=30, text_outline=BLACK)
    _, _, width, height = box_of(bare)
    x, y, lined_width, lined_height = box_of(lined)
    rim = 9  # 7 % of 120 px
    assert abs(lined_width - width - 2 * rim) <= 2
    assert abs(lined_height - height - 2 * rim) <= 2
    assert abs(600 - x - lined_width - 30) <= 1
    assert abs(300 - y - lined_height - 30) <= 1
    left = pixels(lined.image)[y + lined_height // 2]
    assert (left[x + 1 : x + rim - 2] == 0).all(), "black where the outline is"


@pytest.mark.parametrize(
    ("ink", "ground_level", "darker"), [((255, 255, 255, 255), 200, True), (BLACK, 60, False)]
)
def test_a_shadow_makes_letters_stand_out(ink: Ink, ground_level: int, *, darker: bool) -> None:
    frame = ground(300, 100, (ground_level,) * 3)
    plain = pixels(written(frame, text_color=ink, text_size=50).image)[..., 0]
    cast = pixels(written(frame, text_color=ink, text_size=50, text_shadow="auto").image)[..., 0]
    around = plain == ground_level
    change = cast[around] - ground_level
    assert (change.min() < -40 and change.max() <= 0) if darker else change.max() > 40
    own = pixels(written(frame, text_color=ink, text_size=50, text_shadow=(255, 0, 0, 255)).image)
    assert (own[..., 0] - own[..., 1]).max() > 60


def test_markup_is_shown_as_it_is_typed() -> None:
    frame = ground(800, 100)
    sizes = [box_of(written(frame, text=content, text_size=40))[2] for content in ("<b>x</b>", "x")]
    assert sizes[0] > 6 * sizes[1]
    for content in ("&", "&amp;", "&#x0;", "<", "</span>", "<span size='9999999'>", "&bogus;"):
        written(frame, text=content)
    amp, entity = (box_of(written(frame, text=t, text_size=40))[2] for t in ("&", "&amp;"))
    assert entity > 3 * amp


def test_lines_are_aligned_to_the_side_where_they_stand() -> None:
    def lines(position: str, content: str) -> list[tuple[int, int]]:
        """Tell how far the upper and the lower half are from the left and the right."""
        shown = written(ground(600, 300), text=content, text_position=position, text_size=60)
        x, y, width, height = box_of(shown)
        inked = (pixels(shown.image) != BLUE).any(axis=-1)[y : y + height, x : x + width]
        halves = [inked[: height // 2], inked[height // 2 + 1 :]]
        columns = [np.flatnonzero(half.any(axis=0)) for half in halves]
        return [(int(found[0]), int(width - 1 - found[-1])) for found in columns]

    assert lines("southwest", "HHHHH\nH")[1][0] <= 1
    assert lines("southeast", "HHHHH\nH")[1][1] <= 1
    left, right = lines("south", "HHHHH\nH")[1]
    assert abs(left - right) <= 2
    # Hebrew runs the other way and is aligned to the same sides.
    assert lines("southwest", "םםםםם\nם")[1][0] <= 1
    assert lines("southeast", "םםםםם\nם")[1][1] <= 1


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 65_535), st.booleans())
@settings(max_examples=30)
def test_text_of_any_size_fits_into_a_picture_of_any_size(
    width: int, height: int, size: int, outlined: bool
) -> None:
    content = "Much text, and\nmore of it"
    shown = written(
        ground(width, height), text=content, text_size=size,
        text_outline=BLACK if outlined else None,
    )  # fmt: skip
    assert (shown.width, shown.height) == (width, height)


@pytest.mark.parametrize("content", ["W" * 200, "\n".join("W" * 100), "﷽" * 200, "i" * 200])
@pytest.mark.parametrize("size", [65_535, 1.0])
def test_a_long_text_becomes_as_small_as_it_must(content: str, size: Part) -> None:
    x, y, width, height = box_of(
        written(ground(400, 300), text=content, text_size=size, text_padding=10)
    )
    assert x >= 10
    assert y >= 10
    assert width <= 380
    assert height <= 280
    # And not smaller than that.
    assert width > 340 or height > 240


@pytest.mark.parametrize("content", ["\u200b", "\u00ad", "\u2066\u2069"])
def test_text_without_ink_changes_nothing(content: str) -> None:
    frame = ground()
    shown = text(frame, text=content, text_outline=BLACK)
    assert (pixels(shown.image) == BLUE).all()


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60))
@settings(max_examples=150)
def test_any_text_can_be_written(content: str) -> None:
    shown = text(ground(120, 40), text=content)
    assert (shown.width, shown.height, shown.image.bands) == (120, 40, 3)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_text_is_written_on_every_kind_of_picture(bands: int, bits: int) -> None:
    levels = np.zeros((100, 200, bands), dtype=f"uint{bits}")
    stem = {"text": "▉", "text_size": 60, "text_position": "center"}
    white = written(framed(made(levels)), **stem).image
    assert (white.bands, white.format) == (bands, "uchar" if bits == 8 else "ushort")
    assert (pixels(white)[50, 100] == 2**bits - 1).all()
    red = written(framed(made(levels)), **stem, text_color=(255, 0, 0, 255)).image
    assert red.bands == (3 if bands in (1, 3) else 4)
    assert tuple(pixels(red)[50, 100][:3]) == (2**bits - 1, 0, 0)


def test_the_watermark_of_the_well_known_tutorial_is_one_preset() -> None:
    """Bottom right, 20 px from the sides, max(20 px, width / 20) high, white at half opacity."""
    preset = (
        "text=Hg,text_size=0.05,text_min=20,text_padding=20,text_color=ffffff80,text_opacity=1,"
        "text_shadow=none"
    )
    arguments = dict(parse(preset).arguments)
    for width, size in ((1_000, 50), (300, 20)):
        shown = text(ground(width, 400, (0, 0, 0)), **arguments)
        x, y, across, down = box_of(shown, (0, 0, 0))
        assert abs(width - x - across - 20) <= 1
        assert abs(400 - y - down - 20) <= 1
        # From the top of a capital letter to the end of a g: 0.729 and 0.207 of the size.
        assert down == pytest.approx(0.936 * size, abs=1.5)
        assert pixels(shown.image).max() == 128


def test_what_is_laid_on_is_made_once_for_all_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = Studio.text

    def counted(self: Studio, *arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return real(self, *arguments, **options)

    monkeypatch.setattr(Studio, "text", counted)
    first = framed(made(noisy(60, 40)))
    second = replace(framed(made(noisy(60, 40, seed=2))), decisions=first.decisions)
    one = text(first, text="a")
    number = len(calls)
    two = text(second, text="a")
    assert len(calls) == number > 0
    assert isinstance(one.image, pyvips.Image)
    assert (pixels(one.image) != pixels(two.image)).any()
