"""The laws that every kind of parameter obeys."""

import inspect
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safelight import params
from safelight.operations import PARAMETERS
from safelight.params import (
    Angle,
    Box,
    Boxes,
    Bytes,
    Colour,
    Colours,
    Enum,
    Flag,
    Float,
    Gravity,
    Int,
    Key,
    Kind,
    Length,
    Ratio,
    Sides,
    Text,
)
from tests.support.strategies import BY_KIND, values

# Every kind as the operations use it, whatever its names, and with each of its choices.
KINDS: list[Kind] = [
    *dict.fromkeys(replace(p.kind, aliases=()) for p in PARAMETERS.values()),  # type: ignore[type-var]
    Int(-50, 50),
    Int(1, 100, words=("auto",)),
    Float(-2, 3),
    Float(0.0005, 0.01),
    Float(0, 1, words=("none", "all")),
    Enum(("one", "two"), synonyms=(("1", "one"),)),
    Angle(),
    Flag(),
    Colour(),
    Colour(words=("blur",)),
    Colours(),
    Gravity(),
    Gravity(aware=False),
    Length(),
    Length(5, 9, words=("max",)),
    Box(limit=10),
    Box(placed=True),
    Boxes(),
    Bytes(500, 9_000_000),
    Sides(),
    Ratio(),
    Text(),
    Key(),
]


def kinds_in_the_package() -> set[type]:
    classes = (kind for _, kind in inspect.getmembers(params, inspect.isclass))
    return {kind for kind in classes if kind is not Kind and hasattr(kind, "parse")}


def texts_like(kind: Kind) -> st.SearchStrategy[str]:
    """Give texts that are nearly right: a real one with some letters changed, and odd ones."""
    alphabet = st.sampled_from("0123456789.-+:;x,eE#abcdef _/%\n\x00٣²½∞\uff11\u017f\u0131\u212a")
    spoilt = st.tuples(
        values(kind).map(kind.build), st.text(alphabet, max_size=3), st.integers(0, 12)
    ).map(lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :])
    return st.one_of(spoilt, st.text(alphabet, max_size=12), st.text(max_size=12))


def follows(schema: dict[str, Any], value: Any, written: str) -> bool:
    """Tell whether a value is one that its schema describes; text is matched as it is written."""
    if "oneOf" in schema:
        return sum(follows(choice, value, written) for choice in schema["oneOf"]) == 1
    if schema["type"] in ("integer", "number"):
        number = isinstance(value, int | float)
        return number and bool(schema["minimum"] <= value <= schema["maximum"])
    if schema["type"] == "boolean":
        return isinstance(value, bool)
    assert schema["type"] == "string"
    if "enum" in schema:
        return written in schema["enum"]
    if "pattern" in schema:
        return re.search(schema["pattern"], written) is not None
    return bool(schema["minLength"] <= len(written) <= schema["maxLength"])


def test_every_kind_has_a_strategy_and_is_tested() -> None:
    assert kinds_in_the_package() == set(BY_KIND)
    assert {type(kind) for kind in KINDS} == set(BY_KIND)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@settings(max_examples=40)
@given(st.data())
def test_what_is_written_is_read_as_the_same_value(kind: Kind, data: st.DataObject) -> None:
    value = data.draw(values(kind))
    read = kind.parse(kind.build(value))
    assert read == value
    # 1 == 1.0, and 1 is a pixel where 1.0 is a whole side.
    assert repr(read) == repr(value)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@settings(max_examples=40)
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
@settings(max_examples=40)
@given(st.data())
def test_what_is_written_follows_the_schema(kind: Kind, data: st.DataObject) -> None:
    value = data.draw(values(kind))
    schema = kind.schema()
    assert json.loads(json.dumps(schema)) == schema
    assert follows(schema, value, kind.build(value))


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_a_bare_name_stands_for_a_value(kind: Kind) -> None:
    if kind.bare is not None:
        value = kind.parse(kind.bare)
        assert repr(kind.parse(kind.build(value))) == repr(value)
