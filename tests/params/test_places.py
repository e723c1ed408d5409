from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.params import COMPASS, Box, Boxes, Gravity, Kind, Length, Ratio, Sides


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Gravity(), "TOP", "north"),
        (Gravity(), "se", "southeast"),
        (Gravity(), "smart", "smart"),
        (Gravity(), "0.3x0.7", (0.3, 0.7)),
        (Gravity(), "1x0", (1.0, 0.0)),
        (Gravity(), "se:20:0.1", ("southeast", 20, 0.1)),
        (Gravity(), "north:0:0", "north"),
        (Gravity(), "north:0.0:0", "north"),
        (Length(), "20", 20),
        (Length(), "0.05", 0.05),
        (Length(1, 9, words=("max",)), "MAX", "max"),
        (Box(), "10:20:300:200", (10, 20, 300, 200)),
        (Box(), "0.1:.1:0.5:1.0", (0.1, 0.1, 0.5, 1.0)),
        (Box(), "0:0.5:100:0.5", (0, 0.5, 100, 0.5)),
        (Box(placed=True), "300:0.5", (300, 0.5)),
        (Boxes(), "1:2:3:4;0.1:0.2:0.3:0.4", ((1, 2, 3, 4), (0.1, 0.2, 0.3, 0.4))),
        (Sides(), "20", (20, 20, 20, 20)),
        (Sides(), "10:0.1", (10, 0.1, 10, 0.1)),
        (Sides(), "1:2:3:4", (1, 2, 3, 4)),
        (Ratio(), "16:9", (16, 9)),
        (Ratio(), "32:18", (16, 9)),
        (Ratio(), "1.5", (3, 2)),
        (Ratio(), "1.91:1", (191, 100)),
        (Ratio(), "1:100", (1, 100)),
        (Ratio(), "99999.999:1000.001", (990_099, 9_901)),
    ],
)
def test_these_are_read(kind: Kind, text: str, value: Any) -> None:
    assert repr(kind.parse(text)) == repr(value)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Gravity(), ["", "middle", "x", "0.5x", "0.5x1.1", "-0.1x0.5", "0.5x0.5x0.5", "0.5,0.5"]),
        (
            Gravity(),
            ["north:1", "north:1:2:3", "smart:1:2", "0.5x0.5:1:2", "north:-1:0", "n:1:2.0"],
        ),
        (Gravity(aware=False), ["smart", "entropy"]),
        (Length(5, 9), ["", "4", "10", "1.5", "-0.1", "5px", "max"]),
        (Box(), ["", "1:2:3", "1:2:3:4:5", "0:0:0:5", "0:0:5:0", "0:0:0.0:5", "0:0:0.0004:5"]),
        (Box(), ["-1:0:5:5", "0:0:1.5:1", "0:0:65536:1", "a:b:c:d", "1 :2:3:4", "1:2"]),
        (Box(placed=True), ["1", "1:2:3", "0:5", "5:0.0"]),
        (Boxes(), ["", ";", "1:2:3:4;", "1:2:3:4;1:2", ";".join(["1:2:3:4"] * 21)]),
        (Sides(), ["", "1:2:3", "1:2:3:4:5", "-1", "1.1", "a"]),
        (Ratio(), ["", "0", "0:1", "1:0", "16/9", "101:1", "1:101", "1:1:1", "-1:1", "1e1", "1."]),
    ],
)
def test_these_are_refused(kind: Kind, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=r"\S"):
            kind.parse(text)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Gravity(), "middle", "one of northwest, .*, entropy, a word with .* or .* 0.3x0.7"),
        (Length(5, 9, words=("max",)), "4", "pixels from 5 to 9, or a part .* 0.05, or max"),
        (Box(), "1:2", r"x:y:width:height in pixels \(10:20:300:200\) or .*0.5\)"),
        (Box(placed=True), "1", r".*, or width:height \(300:200\)"),
        (Boxes(most=2), "1:2:3:4;1:2:3:4;1:2:3:4", "at most 2 boxes, separated by ;"),
        (Sides(), "1:2:3", "one, two or four lengths such as .*"),
        (Ratio(), "wide", "a ratio such as 16:9 or 1.5"),
        (Ratio(), "1:0", "a ratio from 1:100 to 100:1, such as 16:9 or 1.5"),
    ],
)
def test_a_refusal_says_what_would_do(kind: Kind, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=rf"^{expected}$"):
        kind.parse(text)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Gravity(), (0.25, 1.0), "0.25x1"),
        (Gravity(), ("north", 0, 0.5), "north:0:0.5"),
        (Length(), 1, "1"),
        (Length(), 1.0, "1.0"),
        (Box(), (0, 1, 1.0, 0.5), "0:1:1.0:0.5"),
        (Boxes(), ((1, 2, 3, 4), (0.0, 0, 1.0, 1)), "1:2:3:4;0.0:0:1.0:1"),
        (Sides(), (20, 20, 20, 20), "20"),
        (Sides(), (20, 0.1, 20, 0.1), "20:0.1"),
        (Sides(), (20, 20, 20, 0), "20:20:20:0"),
        (Ratio(), (16, 9), "16:9"),
    ],
)
def test_these_are_written(kind: Kind, value: Any, text: str) -> None:
    assert kind.build(value) == text


def test_lengths_on_four_sides_are_not_shortened_when_pixels_meet_parts() -> None:
    # In Python 1 equals 1.0; here one is a pixel and the other a whole side.
    mixed = (1, 1, 1.0, 1)
    assert Sides().build(mixed) == "1:1:1.0:1"
    assert repr(Sides().parse(Sides().build(mixed))) == repr(mixed)


def test_gravity_knows_nine_places_and_their_synonyms_mean_one_of_them() -> None:
    assert len(set(COMPASS.values())) == 9
    for short, place in {"n": "north", "e": "east", "left": "west", "centre": "center"}.items():
        assert Gravity().parse(short) == place


decimal = st.integers(1, 99_999_999).map(lambda number: f"{number / 1000:.3f}")


@given(decimal, decimal)
def test_any_ratio_that_is_read_can_be_written_and_read_again(width: str, height: str) -> None:
    try:
        ratio = Ratio().parse(f"{width}:{height}")
    except ValueError:
        assert not 0.01 <= float(width) / float(height) <= 100
        return
    assert Ratio().parse(Ratio().build(ratio)) == ratio
    assert ratio[0] / ratio[1] == pytest.approx(float(width) / float(height), abs=1e-6)
