"""Random transforms and keys, made from the records of the operations."""

import math
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from safelight.operations import PARAMETERS
from safelight.params import (
    COMPASS,
    CONTENT_AWARE,
    Box,
    Colour,
    Enum,
    Flag,
    Float,
    Gravity,
    Int,
    Kind,
)
from safelight.transform import Transform


def _thousandths(low: float, high: float) -> SearchStrategy[float]:
    whole = st.integers(math.ceil(low * 1000), math.floor(high * 1000))
    return whole.map(lambda number: number / 1000)


def _int(kind: Int) -> SearchStrategy[Any]:
    near = st.integers(kind.low, min(kind.high, kind.low + 4_000))
    return st.one_of(near, st.integers(kind.low, kind.high), st.sampled_from([kind.low, kind.high]))


def _float(kind: Float) -> SearchStrategy[Any]:
    return _thousandths(kind.low, kind.high)


def _flag(kind: Flag) -> SearchStrategy[Any]:
    return st.booleans()


def _enum(kind: Enum) -> SearchStrategy[Any]:
    return st.sampled_from(kind.words)


def _colour(kind: Colour) -> SearchStrategy[Any]:
    part = st.integers(0, 255)
    return st.tuples(part, part, part, st.one_of(st.just(255), part))


def _gravity(kind: Gravity) -> SearchStrategy[Any]:
    words = st.sampled_from((*COMPASS, *CONTENT_AWARE))
    return st.one_of(words, st.tuples(_thousandths(0, 1), _thousandths(0, 1)))


def _box(kind: Box) -> SearchStrategy[Any]:
    corner = st.one_of(st.integers(0, kind.limit), st.integers(0, 2), _thousandths(0, 1))
    size = st.one_of(st.integers(1, kind.limit), st.integers(1, 2), _thousandths(0.001, 1))
    return st.tuples(corner, corner, size, size)


# A new kind of parameter has a row here; a test says so.
BY_KIND: dict[type, Callable[[Any], SearchStrategy[Any]]] = {
    Int: _int,
    Float: _float,
    Flag: _flag,
    Enum: _enum,
    Colour: _colour,
    Gravity: _gravity,
    Box: _box,
}


def values(kind: Kind) -> SearchStrategy[Any]:
    """Give any value that a kind of parameter can have."""
    return BY_KIND[type(kind)](kind)


def arguments() -> SearchStrategy[dict[str, Any]]:
    """Give any set of valid arguments, those without effect included."""
    every = {name: values(parameter.kind) for name, parameter in PARAMETERS.items()}
    return st.fixed_dictionaries({}, optional=every)


def transforms() -> SearchStrategy[Transform]:
    """Give any valid transform."""
    return arguments().map(lambda given: Transform.of(**given))


def tokens(given: dict[str, Any]) -> list[str]:
    """Write arguments in the plainest way, a token each."""
    return [
        f"{name}={quote(PARAMETERS[name].kind.build(value), safe='')}"
        for name, value in given.items()
    ]


@st.composite
def spellings(draw: st.DrawFn, given: dict[str, Any]) -> str:
    """Write arguments in one of their many ways: any order, aliases, bare sizes, bare flags."""
    left = dict(given)
    written = []
    sized = "w" in left or "h" in left
    if sized and draw(st.booleans()):
        written.append(f"{left.pop('w', '')}x{left.pop('h', '')}")
    for name, value in left.items():
        kind = PARAMETERS[name].kind
        word = draw(st.sampled_from((name, *kind.aliases)))
        if value is True and draw(st.booleans()):
            written.append(word)
            continue
        text = kind.build(value)
        if isinstance(kind, Enum):
            same = [synonym for synonym, meant in kind.synonyms if meant == value]
            text = draw(st.sampled_from([text, text.upper(), *same]))
        written.append(f"{word}={_escaped(text, draw(st.randoms(use_true_random=False)))}")
    return ",".join(draw(st.permutations(written)))


def _escaped(text: str, chance: random.Random) -> str:
    """Percent-encode some letters, as an over-careful client may."""
    return "".join(
        f"%{ord(letter):02x}" if letter in "%," or chance.random() < 0.1 else letter
        for letter in text
    )


def keys() -> SearchStrategy[str]:
    """Give any key that a source can have: folders, spaces, any script, and letters of URLs."""
    letter = st.one_of(
        st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"),
        st.sampled_from("%?#+&=,;: \\~@'\"x0189."),
    )
    part = st.text(letter, min_size=1, max_size=12).filter(lambda text: not text.startswith("."))
    return st.lists(part, min_size=1, max_size=4).map("/".join)
