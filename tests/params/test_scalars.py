from typing import Any

import pytest

from safelight.params import Angle, Bytes, Enum, Flag, Float, Int, Kind


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Int(1, 100), "007", 7),
        (Int(-5, 5), "-0", 0),
        (Int(1, 100, words=("auto",)), "AUTO", "auto"),
        (Float(0.1, 8), "2", 2.0),
        (Float(0.1, 8), "0.0996", 0.1),
        (Float(0.1, 8), "8.0004", 8.0),
        (Float(0, 1), ".5", 0.5),
        (Float(-1, 1), "-0.0", 0.0),
        (Float(0, 1, words=("all",)), "all", "all"),
        (Bytes(1, 9_000_000), "500", 500),
        (Bytes(1, 9_000_000), "050b", 50),
        (Bytes(1, 9_000_000), "50kB", 50_000),
        (Bytes(1, 9_000_000), "50K", 50_000),
        (Bytes(1, 9_000_000), "2mb", 2_000_000),
        (Angle(), "90", 90.0),
        (Angle(), "-90", 270.0),
        (Angle(), "360", 0.0),
        (Angle(), "-0.0001", 0.0),
        (Angle(), "359.9999", 0.0),
        (Angle(), "12.3456", 12.346),
        (Flag(), "YES", True),
        (Flag(), "off", False),
        (Enum(("a", "b"), synonyms=(("beta", "b"),)), "BETA", "b"),
    ],
)
def test_these_are_read(kind: Kind, text: str, value: Any) -> None:
    assert repr(kind.parse(text)) == repr(value)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Int(1, 100), ["", "0", "101", "-1", "+1", "1.0", "1e1", " 1", "1\n", "1_0", "0x1", "٣"]),
        (Int(1, 100), ["9" * 5_000, "one", "1,2", "²", "auto"]),
        (
            Float(0.1, 8),
            ["", "0.0994", "8.001", "-1", "nan", "inf", "1e0", "1.", ".", "1,5", "٣", "1" * 400],
        ),
        (Bytes(100, 900_000), ["", "99", "1mb", "kb", "5 kb", "5kib", "0.5kb", "-500", "٣٠٠"]),
        (Bytes(100, 900_000), ["9" * 5_000, "500\n", "500\u212a"]),
        (Angle(), ["", "361", "-360.001", "90deg", "right"]),
        (Flag(), ["", "2", "ja", " ", "truee"]),
        (Enum(("a", "b")), ["", "c", "a b", "a\n"]),
    ],
)
def test_these_are_refused(kind: Kind, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=r"\S"):
            kind.parse(text)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Int(1, 100), "0", "a whole number from 1 to 100"),
        (Int(1, 100, words=("auto",)), "0", "a whole number from 1 to 100, or auto"),
        (Float(0.1, 8), "9", "a number from 0.1 to 8"),
        (Float(0, 1, words=("none", "all")), "9", "a number from 0 to 1, or none, or all"),
        (Bytes(1, 9), "10", "bytes from 1 to 9, such as 50000 or 50kb"),
        (Angle(), "400", "degrees from -360 to 360"),
        (Enum(("a", "b")), "c", "one of a, b"),
        (Flag(), "ja", "true or false"),
    ],
)
def test_a_refusal_names_the_bounds_or_the_words(kind: Kind, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=rf"^{expected}$"):
        kind.parse(text)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Float(0, 8), 0.0, "0"),
        (Float(0, 8), 2.5, "2.5"),
        (Float(-8, 8), -0.25, "-0.25"),
        (Float(0, 8, words=("all",)), "all", "all"),
        (Angle(), 90.0, "90"),
        (Angle(), 12.3, "12.3"),
        (Flag(), False, "false"),
    ],
)
def test_these_are_written(kind: Kind, value: Any, text: str) -> None:
    assert kind.build(value) == text


def test_the_bare_name_of_a_switch_is_yes() -> None:
    assert Flag().bare is not None
    assert Flag().parse(Flag().bare or "") is True
