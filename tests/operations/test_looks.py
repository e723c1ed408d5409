"""What holds for every operation that changes how a picture looks, whatever the picture is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from safelight.operations import OPERATIONS, Operation, Stage
from safelight.operations.frame import Frame
from safelight.params import Float, Int
from safelight.transform import parse
from tests.support.arrays import Pixels, made, pixels
from tests.support.frames import framed

LOOKS = {
    name: operation
    for name, operation in OPERATIONS.items()
    if operation.stage in (Stage.COLOUR, Stage.EFFECT)
}
SIZE = (41, 30)


def scene(bands: int, *, hidden: int = 0) -> NDArray[np.uint16]:
    """Paint a smooth picture with an edge and some noise, 16 bits a value, rows first.

    An even number of bands has alpha: see-through to the right, with that colour there.
    """
    width, height = SIZE
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    noise = np.random.default_rng(3).normal(0, 0.02, (height, width, 3))
    rgb = np.stack([x * 0.8, 0.2 + y * 0.6, np.where(x + y > 1.1, 0.9, 0.3) - x * 0.2], axis=-1)
    values = np.clip((rgb + noise) * 65_535, 0, 65_535).astype(np.uint16)
    values = values if bands > 2 else values[..., 2:]
    if bands % 2:
        return values
    alpha = np.clip((0.9 - x) * 3, 0, 1)[..., None]
    values[alpha[..., 0] == 0] = hidden
    return np.concatenate([values, (alpha * 65_535).astype(np.uint16)], axis=-1)


def painted(bands: int, bits: int, *, hidden: int = 0) -> Frame:
    values = scene(bands, hidden=hidden)
    return framed(made(values if bits == 16 else (values >> 8).astype(np.uint8)))


def shown(operation: Operation, frame: Frame, **given: Any) -> Pixels:
    """Apply an operation as in its example, or with other arguments; values are 0 to 255."""
    result = operation.apply(frame, **(given or example(operation)))
    shown: Pixels = pixels(result.image) / (result.peak / 255)
    return shown


def example(operation: Operation) -> dict[str, Any]:
    return next(given for step, given in parse(operation.example).steps() if step is operation)


def on_white(values: Pixels) -> Pixels:
    alpha = values[..., -1:] / 255
    return values[..., :-1] * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("name", LOOKS)
def test_size_depth_and_alpha_stay_and_grey_becomes_coloured_only_by_colours(
    name: str, bands: int, bits: int
) -> None:
    before = painted(bands, bits)
    after = LOOKS[name].apply(before, **example(LOOKS[name]))
    image = after.image
    assert (after.width, after.height) == (image.width, image.height) == SIZE
    assert (image.format, after.peak) == (before.image.format, before.peak)
    assert image.hasalpha() == before.image.hasalpha()
    assert image.interpretation == {
        (False, 8): "b-w", (False, 16): "grey16", (True, 8): "srgb", (True, 16): "rgb16",
    }[image.bands >= 3, bits]  # fmt: skip
    if bands < 3 and image.bands >= 3:
        assert np.ptp(pixels(image)[..., :3], axis=2).max() > 0, "it is still grey"


@pytest.mark.parametrize("bands", [1, 4])
@pytest.mark.parametrize("name", LOOKS)
def test_by_itself_it_changes_nothing(name: str, bands: int) -> None:
    before = painted(bands, 8)
    values = pixels(before.image)
    values[:9, :9] = 200
    after = LOOKS[name].apply(framed(made(values.astype(np.uint8))))
    assert (pixels(after.image) == values).all()


@pytest.mark.parametrize("bands", [2, 4])
@pytest.mark.parametrize("name", LOOKS)
def test_what_cannot_be_seen_changes_nothing_that_can(name: str, bands: int) -> None:
    one, other = (
        on_white(shown(LOOKS[name], painted(bands, 16, hidden=value))) for value in (0, 65_535)
    )
    assert np.abs(one - other).max() <= 1


@pytest.mark.parametrize("bands", [2, 4])
@pytest.mark.parametrize("name", [n for n, op in LOOKS.items() if op.stage == Stage.COLOUR])
def test_colours_leave_alpha_alone(name: str, bands: int) -> None:
    for bits in (8, 16):
        before = painted(bands, bits)
        after = LOOKS[name].apply(before, **example(LOOKS[name]))
        assert (pixels(after.image)[..., -1] == pixels(before.image)[..., -1]).all()


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("name", LOOKS)
def test_sixteen_bits_look_like_eight_and_are_finer(name: str, bands: int) -> None:
    coarse, fine = (shown(LOOKS[name], painted(bands, bits)) for bits in (8, 16))
    if bands % 2 == 0:
        assert np.abs(on_white(coarse) - on_white(fine)).mean() < 1.5
    else:
        assert np.abs(coarse - fine).mean() < 1.5
    colours = fine if bands % 2 else fine[..., :-1]
    if set(np.unique(colours)) != {0, 255}:
        assert (colours % 1 > 0).any(), "the values are those of 8 bits"


def extremes(operation: Operation) -> list[dict[str, Any]]:
    """List the arguments of the example, with each number in turn at its ends."""
    given = example(operation)
    return [
        given | {parameter.name: end}
        for parameter in operation.parameters
        if isinstance(parameter.kind, Float | Int)
        for end in (parameter.kind.low, parameter.kind.high)
    ]


@pytest.mark.parametrize("name", LOOKS)
def test_values_are_clipped_and_never_wrap_around(name: str) -> None:
    for given in extremes(LOOKS[name]):
        for paint in (lambda bits: painted(3, bits), stripes):
            # What wraps around at 256 does not at 65,536.
            coarse, fine = (shown(LOOKS[name], paint(bits), **given) for bits in (8, 16))
            assert (np.abs(coarse - fine) > 100).mean() < 0.01, given


def stripes(bits: int) -> Frame:
    """Paint black, white and colours side by side."""
    inks = np.array([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 1]])
    values = np.repeat(np.repeat(inks[None], 8, axis=1), 40, axis=0)
    peak, kind = (65_535, np.uint16) if bits == 16 else (255, np.uint8)
    return framed(made((values * peak).astype(kind)))


@pytest.mark.parametrize("name", LOOKS)
def test_frames_of_an_animation_are_treated_alike(name: str) -> None:
    decisions: dict[str, Any] = {}
    first, other, same = (
        framed(made(values.astype(np.uint8)), decisions=decisions)
        for values in (scene(3) >> 8, (scene(3) >> 9) + 60, scene(3) >> 8)
    )
    given = example(LOOKS[name])
    images = [LOOKS[name].apply(frame, **given).image for frame in (first, other, same)]
    alone = LOOKS[name].apply(framed(first.image), **given).image
    assert (pixels(images[0]) == pixels(images[2])).all()
    assert (pixels(images[0]) == pixels(alone)).all()


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (2, 3)])
def test_the_smallest_pictures_are_pictures(name: str, size: tuple[int, int]) -> None:
    for given in (example(LOOKS[name]), *extremes(LOOKS[name])):
        for bands in (1, 4):
            values = np.full((size[1], size[0], bands), 90, np.uint8)
            after = LOOKS[name].apply(framed(made(values), dpr=2.0), **given)
            assert pixels(after.image).shape[:2] == (size[1], size[0])


def test_the_order_is_that_of_a_photographer() -> None:
    order = [
        *("normalize", "exposure", "brightness", "contrast", "gamma", "clahe", "hue", "saturation"),
        *("grayscale", "negate", "threshold", "sepia", "tint", "duotone", "colorize"),
        *("denoise", "median", "blur", "unsharp", "sharpen", "pixelate"),
    ]
    examples = [OPERATIONS[name].example.partition(",")[2] for name in reversed(order)]
    steps = [step.name for step, _ in parse(",".join(examples)).steps()]
    assert steps == order
