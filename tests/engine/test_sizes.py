"""Whatever geometry is asked of whatever picture: it is made, in the size that was planned."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from PIL import Image

from safelight import engine
from safelight.errors import OutputTooLarge
from safelight.limits import Limits
from safelight.operations import PARAMETERS
from safelight.params import Colour, Ratio
from safelight.plan import plan, reading
from safelight.transform import Transform, parse
from tests.support.pictures import encoded, exif, opened
from tests.support.strategies import values

LIMITS = Limits(output_edge=1_000, source_pixels=1_000_000)
# Modes of Pillow that a format can hold; of JPEG and WebP the loader may shrink.
MODES = {
    "PNG": ("RGB", "RGBA", "L", "LA", "I;16", "P", "1"),
    "JPEG": ("RGB", "L", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("P", "L"),
    "TIFF": ("RGB", "RGBA", "L"),
}
MOVING = ("GIF", "WEBP")
SIDE = st.one_of(st.integers(1, 40), st.integers(1, 130))
PART = st.one_of(st.integers(0, 50), st.integers(0, 1_000).map(lambda number: number / 1000))
SIZE = st.one_of(st.integers(1, 90), st.integers(1, 1_000).map(lambda number: number / 1000))
# What the records allow goes to 65,535 px, and pictures are small here.
SMALL: dict[str, SearchStrategy[Any]] = {
    **dict.fromkeys(("w", "h", "min_w", "min_h", "max_w", "max_h"), SIDE),
    "dpr": st.sampled_from([0.1, 0.5, 1.0, 1.5, 2.0, 3.0]),
    "zoom": st.integers(1, 3_000).map(lambda number: number / 1000),
    "crop": st.one_of(st.tuples(SIZE, SIZE), st.tuples(PART, PART, SIZE, SIZE)),
    "pad": st.tuples(PART, PART, PART, PART),
    "aspect": st.sampled_from(["1", "16:9", "2:3", "1:100", "100:1"]).map(Ratio().parse),
    "extend": st.sampled_from(["1", "16:9", "2:3", "1:9", "9:1"]).map(Ratio().parse),
    "bg": st.sampled_from(["fff", "f80", "0008", "transparent"]).map(Colour().parse)
    | st.just("blur"),
}
GEOMETRY = (*SMALL, "rotate", "flip", "fit", "enlarge", "gravity", "orient")


def transforms(*names: str) -> SearchStrategy[Transform]:
    every = {name: values(PARAMETERS[name].kind) for name in names}
    small = {name: strategy for name, strategy in SMALL.items() if name in names}
    given = st.fixed_dictionaries({}, optional=every | small)
    return given.map(lambda arguments: Transform.of(**arguments))


@st.composite
def pictures(draw: st.DrawFn) -> bytes:
    format = draw(st.sampled_from(list(MODES)))
    mode = draw(st.sampled_from(MODES[format]))
    orientation = draw(st.integers(1, 8)) if format != "GIF" else 1
    frames = draw(st.integers(1, 3)) if format in MOVING else 1
    return picture(format, mode, draw(SIDE), draw(SIDE), orientation, frames)


@cache
def picture(
    format: str, mode: str, width: int, height: int, orientation: int, frames: int = 1
) -> bytes:
    first, *others = (noise(mode, width, height, seed) for seed in range(frames))
    options: dict[str, Any] = {} if format == "GIF" else {"exif": exif(orientation)}
    if others:
        options |= {"save_all": True, "append_images": others, "duration": 50}
    return encoded(first, format, **options)


def noise(mode: str, width: int, height: int, seed: int) -> Image.Image:
    chance = np.random.default_rng((width, height, seed))
    values = chance.integers(0, 256, (height, width, 4), dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(values[..., 0].astype(np.uint16) * 257)
    made = Image.fromarray(values)
    return made if mode == "RGBA" else made.convert("RGB").convert(mode)


@settings(max_examples=400)
@given(pictures(), transforms(*GEOMETRY))
@example(picture("JPEG", "RGB", 1, 34, 1), parse("rotate=2.5,w=1,h=1"))
@example(picture("WEBP", "RGB", 1, 34, 1), parse("rotate=2.5,w=1,h=1"))
def test_every_picture_has_the_size_that_was_planned(source: bytes, transform: Transform) -> None:
    header = engine.probe(source)
    shown = header.shown if reading(transform).orient else (header.width, header.height)
    planned = plan(*shown, transform)
    try:
        made = engine.run(source, transform, LIMITS)
    except OutputTooLarge:
        assert max(planned.size) > 1_000 or planned.largest * header.pages > 1_000_000
        return
    assert (made.width, made.height) == planned.size
    assert opened(made.data).size == planned.size


@settings(max_examples=100)
@given(pictures(), transforms("trim", "trim_color", *GEOMETRY))
def test_what_is_trimmed_is_at_most_as_large_as_planned(
    source: bytes, transform: Transform
) -> None:
    """How much is border is known only when it is seen; what follows may be planned anew then."""
    try:
        made = engine.run(source, transform, LIMITS)
    except OutputTooLarge:
        return
    assert opened(made.data).size == (made.width, made.height)
