"""What CSS has, too: the formulas of Filter Effects Module Level 1, reckoned by numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from safelight.operations import colour
from safelight.operations.frame import Frame
from safelight.transform import Transform, parse
from tests.support.arrays import Pixels, made, noisy, pixels
from tests.support.frames import framed

RGB = noisy(60, 40)
GREY = noisy(60, 40, 1)
AMOUNTS = st.integers(0, 1_000).map(lambda thousandths: thousandths / 1_000)
FACTORS = st.integers(0, 10_000).map(lambda thousandths: thousandths / 1_000)


def matrix(name: str, amount: float) -> Pixels:
    """Write the matrices as the specification does."""
    rest = 1 - amount
    cosine, sine = math.cos(math.radians(amount)), math.sin(math.radians(amount))
    return np.array(
        {
            "grayscale": [
                [0.2126 + 0.7874 * rest, 0.7152 - 0.7152 * rest, 0.0722 - 0.0722 * rest],
                [0.2126 - 0.2126 * rest, 0.7152 + 0.2848 * rest, 0.0722 - 0.0722 * rest],
                [0.2126 - 0.2126 * rest, 0.7152 - 0.7152 * rest, 0.0722 + 0.9278 * rest],
            ],
            "sepia": [
                [0.393 + 0.607 * rest, 0.769 - 0.769 * rest, 0.189 - 0.189 * rest],
                [0.349 - 0.349 * rest, 0.686 + 0.314 * rest, 0.168 - 0.168 * rest],
                [0.272 - 0.272 * rest, 0.534 - 0.534 * rest, 0.131 + 0.869 * rest],
            ],
            "saturation": [
                [0.213 + 0.787 * amount, 0.715 - 0.715 * amount, 0.072 - 0.072 * amount],
                [0.213 - 0.213 * amount, 0.715 + 0.285 * amount, 0.072 - 0.072 * amount],
                [0.213 - 0.213 * amount, 0.715 - 0.715 * amount, 0.072 + 0.928 * amount],
            ],
            "hue": [
                [
                    0.213 + cosine * 0.787 - sine * 0.213,
                    0.715 - cosine * 0.715 - sine * 0.715,
                    0.072 - cosine * 0.072 + sine * 0.928,
                ],
                [
                    0.213 - cosine * 0.213 + sine * 0.143,
                    0.715 + cosine * 0.285 + sine * 0.140,
                    0.072 - cosine * 0.072 - sine * 0.283,
                ],
                [
                    0.213 - cosine * 0.213 - sine * 0.787,
                    0.715 - cosine * 0.715 + sine * 0.715,
                    0.072 + cosine * 0.928 + sine * 0.072,
                ],
            ],
        }[name]
    )


def applied(name: str, amount: float, values: Any = RGB) -> Pixels:
    result: Frame = getattr(colour, name)(framed(made(values)), **{name: amount})
    return pixels(result.image)


def assert_rounded(values: NDArray[Any], expected: NDArray[Any]) -> None:
    assert np.abs(values - np.clip(expected, 0, 255)).max() < 0.51


@given(FACTORS)
def test_brightness_multiplies(factor: float) -> None:
    assert_rounded(applied("brightness", factor), RGB * factor)


@given(FACTORS)
def test_contrast_spreads_from_the_middle(factor: float) -> None:
    assert_rounded(applied("contrast", factor), (RGB / 255 * factor + 0.5 - 0.5 * factor) * 255)


@given(AMOUNTS)
def test_negating_turns_round_the_middle(amount: float) -> None:
    assert_rounded(applied("negate", amount), (amount + RGB / 255 * (1 - 2 * amount)) * 255)


@given(AMOUNTS)
def test_sepia_is_a_matrix(amount: float) -> None:
    assert_rounded(applied("sepia", amount), RGB @ matrix("sepia", amount).T)


@given(AMOUNTS)
def test_grayscale_is_a_matrix(amount: float) -> None:
    values = applied("grayscale", amount)
    assert values.shape[2] == (1 if amount == 1 else 3)
    assert_rounded(np.broadcast_to(values, RGB.shape), RGB @ matrix("grayscale", amount).T)


@given(FACTORS)
def test_saturation_is_a_matrix(factor: float) -> None:
    assert_rounded(applied("saturation", factor), RGB @ matrix("saturation", factor).T)


@given(st.integers(0, 359))
def test_hue_is_a_matrix(degrees: float) -> None:
    assert_rounded(applied("hue", degrees), RGB @ matrix("hue", degrees).T)


@pytest.mark.parametrize(
    ("name", "same"),
    [("brightness", 1), ("contrast", 1), ("saturation", 1), ("hue", 0), ("grayscale", 0),
     ("sepia", 0), ("negate", 0)],
)  # fmt: skip
def test_the_value_that_changes_nothing_changes_nothing_and_is_not_said(
    name: str, same: float
) -> None:
    assert (applied(name, same) == RGB).all()
    assert parse(f"{name}={same}") == Transform()


@pytest.mark.parametrize("name", ["saturation", "hue", "grayscale"])
def test_a_grey_picture_has_no_colours_to_change(name: str) -> None:
    assert (applied(name, 0.3, GREY) == GREY).all()


def test_sepia_colours_a_grey_picture() -> None:
    values = applied("sepia", 1, GREY)
    assert_rounded(values, np.repeat(GREY, 3, axis=2) @ matrix("sepia", 1).T)


def test_negating_twice_gives_the_picture_back() -> None:
    once = applied("negate", 1)
    assert (once == 255 - RGB).all()
    assert (applied("negate", 1, once.astype(np.uint8)) == RGB).all()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("grayscale", "grayscale=1"),
        ("greyscale=0.5", "grayscale=0.5"),
        ("sepia", "sepia=1"),
        ("negate", "negate=1"),
        ("invert=0.25", "negate=0.25"),
        ("saturate=2", "saturation=2"),
        ("hue=360", ""),
        ("hue_rotate=-90", "hue=270"),
    ],
)
def test_names_and_amounts_are_those_of_css(text: str, canonical: str) -> None:
    assert parse(text).canonical == canonical
