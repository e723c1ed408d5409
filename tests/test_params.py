import inspect
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight import params
from safelight.operations import PARAMETERS
from safelight.params import COMPASS, Box, Colour, Enum, Flag, Float, Gravity, Int, Kind, half_up
from tests.support.strategies import BY_KIND, values

# Every kind as the operations use it, and some that they do not yet.
KINDS: list[Kind] = [
    *(parameter.kind for parameter in PARAMETERS.values()),
    Int(-50, 50),
    Float(-2, 3),
    Float(0.0005, 0.01),
    Enum(("one", "two"), synonyms=(("1", "one"),)),
    Box(limit=10),
]


def kinds_in_the_module() -> list[type]:
    return [
        kind
        for _, kind in inspect.getmembers(params, inspect.isclass)
        if kind.__module__ == params.__name__ and kind is not Kind and hasattr(kind, "parse")
    ]


def texts_like(kind: Kind) -> st.SearchStrategy[str]:
    """Give texts that are nearly right: a real one with some letters changed, and odd ones."""
    alphabet = st.sampled_from("0123456789.-+:x,eE#abcdef _/%\n\x00٣²½∞\uff11\u017f\u0131\u212a")
    spoilt = st.tuples(
        values(kind).map(kind.build), st.text(alphabet, max_size=3), st.integers(0, 12)
    ).map(lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :])
    return st.one_of(spoilt, st.text(alphabet, max_size=12), st.text(max_size=12))


def test_every_kind_has_a_strategy() -> None:
    assert set(kinds_in_the_module()) == set(BY_KIND)
    assert {type(parameter.kind) for parameter in PARAMETERS.values()} <= set(BY_KIND)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@given(st.data())
def test_what_is_written_is_read_as_the_same_value(kind: Kind, data: st.DataObject) -> None:
    value = data.draw(values(kind))
    read = kind.parse(kind.build(value))
    assert read == value
    # 1 == 1.0, and 1 is a pixel where 1.0 is a whole side.
    assert repr(read) == repr(value)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@given(st.data())
def test_any_text_is_a_value_with_one_form_or_a_valueerror(kind: Kind, data: st.DataObject) -> None:
    text = data.draw(texts_like(kind))
    try:
        value = kind.parse(text)
    except ValueError:
        return
    again = kind.parse(kind.build(value))
    assert repr(again) == repr(value)
    assert kind.build(again) == kind.build(value)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@given(st.data())
def test_what_is_written_follows_the_schema_and_splits_no_list(
    kind: Kind, data: st.DataObject
) -> None:
    value = data.draw(values(kind))
    assert "," not in kind.build(value)
    schema = kind.schema()
    assert json.loads(json.dumps(schema)) == schema
    match schema["type"]:
        case "integer" | "number":
            assert schema["minimum"] <= value <= schema["maximum"]
        case "boolean":
            assert isinstance(value, bool)
        case "string" if "enum" in schema:
            assert kind.build(value) in schema["enum"]
        case "string":
            assert re.search(schema["pattern"], kind.build(value))
        case other:
            pytest.fail(f"a schema of type {other}")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Int(1, 100), "007", 7),
        (Int(-5, 5), "-0", 0),
        (Float(0.1, 8), "2", 2.0),
        (Float(0.1, 8), "0.0996", 0.1),
        (Float(0.1, 8), "8.0004", 8.0),
        (Float(0, 1), ".5", 0.5),
        (Float(-1, 1), "-0.0", 0.0),
        (Flag(), "", True),
        (Flag(), "YES", True),
        (Flag(), "off", False),
        (Enum(("a", "b"), synonyms=(("beta", "b"),)), "BETA", "b"),
        (Colour(), "fff", (255, 255, 255, 255)),
        (Colour(), "F008", (255, 0, 0, 136)),
        (Colour(), "#1a2b3c", (26, 43, 60, 255)),
        (Colour(), "1a2b3c80", (26, 43, 60, 128)),
        (Colour(), "Transparent", (0, 0, 0, 0)),
        (Gravity(), "TOP", "north"),
        (Gravity(), "se", "southeast"),
        (Gravity(), "smart", "smart"),
        (Gravity(), "0.3x0.7", (0.3, 0.7)),
        (Gravity(), "1x0", (1.0, 0.0)),
        (Box(), "10:20:300:200", (10, 20, 300, 200)),
        (Box(), "0.1:.1:0.5:1.0", (0.1, 0.1, 0.5, 1.0)),
        (Box(), "0:0.5:100:0.5", (0, 0.5, 100, 0.5)),
    ],
)
def test_these_are_read(kind: Kind, text: str, value: Any) -> None:
    assert repr(kind.parse(text)) == repr(value)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Int(1, 100), ["", "0", "101", "-1", "+1", "1.0", "1e1", " 1", "1\n", "1_0", "0x1", "٣"]),
        (Int(1, 100), ["9" * 5_000, "one", "1,2", "²"]),
        (
            Float(0.1, 8),
            ["", "0.0994", "8.001", "-1", "nan", "inf", "1e0", "1.", ".", "1,5", "٣", "1" * 400],
        ),
        (Flag(), ["2", "ja", " ", "truee"]),
        (Enum(("a", "b")), ["", "c", "a b", "a\n"]),
        (
            Colour(),
            [
                "",
                "f",
                "ff",
                "fffff",
                "fffffff",
                "ggg",
                "##fff",
                "#white",
                "fff\n",
                "\uff11\uff12\uff13",
            ],
        ),
        (Gravity(), ["", "middle", "x", "0.5x", "0.5x1.1", "-0.1x0.5", "0.5x0.5x0.5", "0.5,0.5"]),
        (Box(), ["", "1:2:3", "1:2:3:4:5", "0:0:0:5", "0:0:5:0", "0:0:0.0:5", "0:0:0.0004:5"]),
        (Box(), ["-1:0:5:5", "0:0:1.5:1", "0:0:65536:1", "a:b:c:d", "1 :2:3:4"]),
    ],
)
def test_these_are_refused(kind: Kind, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=r"\S") as caught:
            kind.parse(text)
        assert type(caught.value) is ValueError


def test_a_refusal_names_the_bounds_or_the_words() -> None:
    for kind, text, expected in (
        (Int(1, 100), "0", "from 1 to 100"),
        (Float(0.1, 8), "9", "from 0.1 to 8"),
        (Enum(("a", "b")), "c", "one of a, b"),
        (Flag(), "ja", "true or false"),
        (Colour(), "pink-ish", "1a2b3c"),
        (Gravity(), "middle", "0.3x0.7"),
        (Box(), "1:2", "10:20:300:200"),
    ):
        with pytest.raises(ValueError, match=expected):
            kind.parse(text)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Float(0, 8), 0.0, "0"),
        (Float(0, 8), 2.5, "2.5"),
        (Float(-8, 8), -0.25, "-0.25"),
        (Flag(), False, "false"),
        (Colour(), (1, 2, 3, 255), "010203"),
        (Colour(), (1, 2, 3, 254), "010203fe"),
        (Gravity(), (0.25, 1.0), "0.25x1"),
        (Box(), (0, 1, 1.0, 0.5), "0:1:1.000:0.500"),
    ],
)
def test_these_are_written(kind: Kind, value: Any, text: str) -> None:
    assert kind.build(value) == text


def test_gravity_knows_nine_places_and_their_synonyms_mean_one_of_them() -> None:
    assert len(set(COMPASS.values())) == 9
    for short, place in {"n": "north", "e": "east", "left": "west", "centre": "center"}.items():
        assert Gravity().parse(short) == place


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(2.5, 3), (3.5, 4), (2.4999, 2), (0.5, 1), (-0.5, 0), (-0.6, -1), (0.0, 0)],
)
def test_halves_are_rounded_up(value: float, rounded: int) -> None:
    assert half_up(value) == rounded
