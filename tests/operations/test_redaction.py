"""What is redacted cannot be brought back, and nothing else is touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from safelight import engine
from safelight.limits import Limits
from safelight.operations.frame import Frame
from safelight.operations.redaction import redact
from safelight.params import Boxes, Part
from safelight.transform import parse
from tests.support.arrays import Pixels, made, noisy, pixels
from tests.support.frames import flat, framed
from tests.support.pictures import encoded, picture_of, pixels_of
from tests.support.strategies import values

MODES = ("blur", "pixelate", (0, 0, 0, 255))
BOX = (30, 20, 48, 32)


def redacted(frame: Frame, *boxes: tuple[Part, ...], mode: Any = "blur") -> Pixels:
    return pixels(redact(frame, redact=boxes, redact_mode=mode).image)


def inside(width: int, height: int, box: tuple[int, int, int, int]) -> Any:
    left, top, across, down = box
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + down, left : left + across] = True
    return mask


@pytest.mark.parametrize("mode", MODES)
def test_only_what_is_in_the_box_changes(mode: Any) -> None:
    levels = noisy(120, 80)
    shown = redacted(framed(made(levels)), BOX, mode=mode)
    box = inside(120, 80, BOX)
    assert (shown[~box] == levels[~box]).all()
    assert np.abs(shown[box] - levels[box]).mean() > 10


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_every_kind_of_picture_keeps_its_kind(bands: int, bits: int, mode: Any) -> None:
    levels = np.random.default_rng(2).integers(0, 2**bits, (80, 120, bands)).astype(f"uint{bits}")
    shown = redact(framed(made(levels)), redact=(BOX,), redact_mode=mode).image
    assert (shown.bands, shown.format) == (bands, "uchar" if bits == 8 else "ushort")
    box = inside(120, 80, BOX)
    assert (pixels(shown)[~box] == levels[~box]).all()
    if mode == MODES[2]:
        opaque = [2**bits - 1] if bands in (2, 4) else []
        assert (pixels(shown)[box] == [0] * (bands - len(opaque)) + opaque).all()


def test_a_colour_leaves_no_trace_whatever_its_opacity() -> None:
    one, other = (
        redacted(framed(made(noisy(120, 80, seed=seed))), BOX, mode=(255, 128, 0, 40))
        for seed in (1, 2)
    )
    box = inside(120, 80, BOX)
    assert (one[box] == (255, 128, 0)).all()
    assert (one[box] == other[box]).all()


def test_a_colour_on_a_grey_picture_makes_it_coloured_and_grey_does_not() -> None:
    frame = framed(flat(120, 80, (90,)))
    assert redacted(frame, BOX, mode=(255, 0, 0, 255)).shape[2] == 3
    assert redacted(frame, BOX, mode=(7, 7, 7, 255)).shape[2] == 1


@pytest.mark.parametrize("size", [(8, 8), (47, 9), (48, 48), (300, 40), (40, 300), (400, 400)])
@pytest.mark.parametrize("mode", ["blur", "pixelate"])
def test_few_values_are_left_of_a_box_whatever_its_size(mode: str, size: tuple[int, int]) -> None:
    """What is left is a picture of at most 6 x 6 values: it can hold no more than they do."""
    width, height = size
    levels = np.random.default_rng(5).integers(0, 256, (height, width, 1)).astype(np.uint8)
    shown = redacted(framed(made(levels)), (0, 0, width, height), mode=mode)[..., 0]
    rank = np.linalg.matrix_rank(shown - shown.mean(), tol=40)
    cells = max(1, min(6, max(size) // 8))
    assert rank <= cells
    if mode == "pixelate":
        assert len(np.unique(shown)) <= cells**2
        changes = np.flatnonzero((np.diff(shown, axis=1) != 0).any(axis=0))
        assert len(changes) < cells
        assert all(change >= 7 for change in np.diff([-1, *changes, width - 1]))


@pytest.mark.parametrize("mode", ["blur", "pixelate"])
def test_two_texts_cannot_be_told_apart(mode: str) -> None:
    """A line of writing, redacted, is the same haze whatever it says."""
    source = encoded(Image.new("RGB", (400, 60), "white"), "PNG")
    plain = "text_color=black,text_position=center,text_shadow=none,text_size=30,format=png"
    shown = []
    for content in ("4539 1488 0343 6467", "4716 5210 8899 2205"):
        written = engine.run(source, parse(f"text={content},{plain}"), Limits()).data
        hidden = f"redact=0.0:0.0:1.0:1.0,redact_mode={mode},format=png"
        shown.append(pixels_of(picture_of(written, hidden)))
    assert np.abs(shown[0] - shown[1]).max() < 12


def test_transparency_is_redacted_too() -> None:
    levels = np.zeros((80, 120, 4), dtype=np.uint8)
    levels[::2, ::2, 3] = 255
    shown = redacted(framed(made(levels)), (0, 0, 120, 80))[..., 3]
    assert np.ptp(shown) < 40
    assert (redacted(framed(made(levels)), (0, 0, 120, 80), mode=MODES[2])[..., 3] == 255).all()


@pytest.mark.parametrize(
    ("box", "touched"),
    [
        ((0.25, 0.25, 0.5, 0.5), (30, 20, 60, 40)),
        ((110, 70, 50, 50), (110, 70, 10, 10)),
        ((0, 0, 65_535, 65_535), (0, 0, 120, 80)),
        ((119, 79, 1, 1), (119, 79, 1, 1)),
        ((0.0, 0.5, 1.0, 10), (0, 40, 120, 10)),
    ],
)
def test_boxes_are_of_px_and_parts_and_end_with_the_picture(
    box: tuple[Part, ...], touched: tuple[int, int, int, int]
) -> None:
    shown = redacted(framed(flat(120, 80, (9, 9, 9))), box, mode=(0, 0, 0, 255))
    assert ((shown == 0).all(axis=-1) == inside(120, 80, touched)).all()


def test_a_box_beyond_the_picture_has_nothing_to_hide() -> None:
    shown = redacted(framed(flat(120, 80, (9, 9, 9))), (120, 0, 10, 10), (0, 80, 5, 5))
    assert (shown == 9).all()


@given(values(Boxes()), st.sampled_from(MODES))
@settings(max_examples=40)
def test_any_boxes_can_be_redacted(boxes: tuple[tuple[Part, ...], ...], mode: Any) -> None:
    assert redacted(framed(made(noisy(50, 40))), *boxes, mode=mode).shape == (40, 50, 3)


@given(
    st.integers(1, 60), st.integers(1, 60), st.integers(0, 300), st.integers(0, 200),
    st.integers(1, 300), st.integers(1, 200),
)  # fmt: skip
@settings(max_examples=60)
def test_a_picture_that_was_decoded_smaller_is_covered_wholly(
    across: int, down: int, left: int, top: int, width: int, height: int
) -> None:
    """Whatever pixel has something of the box in it is covered."""
    small = framed(flat(across, down, (9, 9, 9)), (300, 200))
    shown = redacted(small, (left, top, width, height), mode=(0, 0, 0, 255))[..., 0] == 0
    x = np.arange(across + 1) * 300 / across
    y = np.arange(down + 1) * 200 / down
    columns = (x[1:] > left) & (x[:-1] < left + width)
    rows = (y[1:] > top) & (y[:-1] < top + height)
    assert shown[np.ix_(rows, columns)].all()


@pytest.mark.parametrize(
    ("format", "options"),
    [
        # Blocks of 8 px that end with the box, so that the encoder itself spreads nothing.
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("WEBP", {"lossless": True}),
        ("PNG", {}),
        ("TIFF", {}),
    ],
)
@pytest.mark.parametrize("size", ["", "w=300,", "w=120,", "w=60,", "w=7,"])
@pytest.mark.parametrize("mode", ["000", "ffffff00"])
def test_a_secret_is_gone_at_every_size(
    format: str, options: dict[str, Any], size: str, mode: str
) -> None:
    """Two pictures that differ in the box alone become the same picture."""
    levels = noisy(600, 400)
    secret = levels.copy()
    secret[104:200, 304:496] = 255 - secret[104:200, 304:496]
    transform = f"{size}redact=304:104:192:96,redact_mode={mode},format=png"
    one, other = (
        pixels_of(picture_of(encoded(Image.fromarray(picture), format, **options), transform))
        for picture in (levels, secret)
    )
    assert (one == other).all()


def test_boxes_are_those_of_the_picture_as_it_is_shown_and_before_it_is_cut() -> None:
    source = encoded(Image.new("RGB", (100, 60), "white"), "PNG")
    upright = pixels_of(picture_of(source, "rotate=90,redact=0:0:10:20,redact_mode=000,format=png"))
    assert upright.shape[:2] == (100, 60)
    assert (upright[:20, :10] == 0).all()
    assert (upright[20:] == 255).all()
    cut = pixels_of(
        picture_of(source, "redact=10:10:20:20,redact_mode=000,crop=10:10:40:40,w=80,enlarge")
    )
    assert (cut[:36, :36] == 0).all()
    assert (cut[44:] == 255).all()


def test_an_edge_that_is_redacted_draws_no_attention() -> None:
    """What is to be cropped is found in what is left."""
    levels = np.full((60, 300, 3), 128, dtype=np.uint8)
    levels[:, 200:260] = noisy(60, 60)
    source = encoded(Image.fromarray(levels), "PNG")
    redacting = "redact=200:0:60:60,redact_mode=808080,60x60,gravity=smart,format=png"
    assert np.ptp(pixels_of(picture_of(source, redacting))) == 0


def test_the_first_frame_is_redacted_like_the_others() -> None:
    first = framed(made(noisy(60, 40)))
    second = replace(framed(made(noisy(60, 40, seed=2))), decisions=first.decisions)
    one = redacted(first, (0, 0, 60, 40), mode=MODES[2])
    assert (one == redacted(second, (0, 0, 60, 40), mode=MODES[2])).all()


@pytest.mark.parametrize(
    ("said", "canonical"),
    [
        ("redact=1:2:3:4;0.1:0.1:0.5:0.5", "redact=1:2:3:4;0.1:0.1:0.5:0.5"),
        ("redact=1:2:3:4,redact_mode=PIXELATE", "redact=1:2:3:4,redact_mode=pixelate"),
        ("redact=1:2:3:4,redact_mode=black", "redact=1:2:3:4,redact_mode=000000"),
        ("redact_mode=black", ""),
    ],
)
def test_words_of_redacting(said: str, canonical: str) -> None:
    assert parse(said).canonical == canonical


def test_the_edges_of_a_picture_that_stick_out_are_not_counted() -> None:
    """A loader may give a pixel that lies only half in the picture."""
    small = replace(framed(flat(11, 11, (9, 9, 9)), (100, 100)), overhang=(0.5, 0.5, 0.5, 0.5))
    covered = redacted(small, (20, 0, 20, 10), mode=(0, 0, 0, 255))[..., 0] == 0
    # From 0.5 + 2 to 0.5 + 4 across, from 0.5 to 1.5 down.
    assert (covered == inside(11, 11, (2, 0, 3, 2))).all()
