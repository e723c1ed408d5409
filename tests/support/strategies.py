"""Random transforms and keys, made from the records of the operations."""

import math
import random
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

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
    Part,
    Ratio,
    Sides,
    Text,
)
from safelight.params.places import COMPASS
from safelight.remote import is_remote, read
from safelight.transform import Transform


def _thousandths(low: float, high: float) -> SearchStrategy[float]:
    whole = st.integers(math.ceil(low * 1000), math.floor(high * 1000))
    return whole.map(lambda number: number / 1000)


def _or_words(numbers: SearchStrategy[Any], kind: Any) -> SearchStrategy[Any]:
    return st.one_of(numbers, st.sampled_from(kind.words)) if kind.words else numbers


def _int(kind: Int) -> SearchStrategy[Any]:
    near = st.integers(kind.low, min(kind.high, kind.low + 4_000))
    ends = st.sampled_from([kind.low, kind.high])
    return _or_words(st.one_of(near, st.integers(kind.low, kind.high), ends), kind)


def _bytes(kind: Bytes) -> SearchStrategy[Any]:
    return st.integers(kind.low, kind.high)


def _float(kind: Float) -> SearchStrategy[Any]:
    return _or_words(_thousandths(kind.low, kind.high), kind)


def _angle(kind: Angle) -> SearchStrategy[Any]:
    return st.one_of(st.sampled_from([0.0, 90.0, 180.0, 270.0]), _thousandths(0, 359.999))


def _flag(kind: Flag) -> SearchStrategy[Any]:
    return st.booleans()


def _enum(kind: Enum) -> SearchStrategy[Any]:
    return st.sampled_from(kind.words)


def _ink() -> SearchStrategy[Any]:
    part = st.integers(0, 255)
    return st.tuples(part, part, part, st.one_of(st.just(255), part))


def _colour(kind: Colour) -> SearchStrategy[Any]:
    return _or_words(_ink(), kind)


def _colours(kind: Colours) -> SearchStrategy[Any]:
    return st.tuples(_ink(), _ink())


def _part(limit: int, *, least: int = 0) -> SearchStrategy[Part]:
    return st.one_of(
        st.integers(least, limit), st.integers(least, least + 2), _thousandths(least / 1000, 1)
    )


def _gravity(kind: Gravity) -> SearchStrategy[Any]:
    words, offset = st.sampled_from(tuple(COMPASS)), _part(65_535)
    moved = st.tuples(words, offset, offset).filter(lambda place: place[1:] != (0, 0))
    point = st.tuples(_thousandths(0, 1), _thousandths(0, 1))
    return st.one_of(st.sampled_from(kind.words), point, moved)


def _length(kind: Length) -> SearchStrategy[Any]:
    px = st.integers(kind.low, kind.high)
    return _or_words(st.one_of(px, _thousandths(0, 1)), kind)


def _box(kind: Box) -> SearchStrategy[Any]:
    corner, size = _part(kind.limit), _part(kind.limit, least=1)
    placed = st.tuples(size, size)
    boxes = st.tuples(corner, corner, size, size)
    return st.one_of(boxes, placed) if kind.placed else boxes


def _boxes(kind: Boxes) -> SearchStrategy[Any]:
    return st.lists(_box(Box()), min_size=1, max_size=kind.most).map(tuple)


def _sides(kind: Sides) -> SearchStrategy[Any]:
    side = _part(kind.limit)
    return st.one_of(
        side.map(lambda same: (same,) * 4),
        st.tuples(side, side).map(lambda two: two * 2),
        st.tuples(side, side, side, side),
    )


def _ratio(kind: Ratio) -> SearchStrategy[Any]:
    pairs = st.tuples(st.integers(1, 999), st.integers(1, 999))
    allowed = pairs.filter(lambda pair: 1 / 100 <= pair[0] / pair[1] <= 100)
    return allowed.map(lambda pair: Ratio().parse(f"{pair[0]}:{pair[1]}"))


def _text(kind: Text) -> SearchStrategy[Any]:
    letter = st.one_of(
        st.characters(exclude_categories=("Cs", "Cc")), st.sampled_from("\n<&>,%%+=; ")
    )
    written = st.text(letter, min_size=1, max_size=min(kind.longest, 40))
    composed = written.map(lambda text: unicodedata.normalize("NFC", text))
    return composed.filter(lambda text: bool(text.replace("\n", " ").strip()))


def _key(kind: Key) -> SearchStrategy[Any]:
    return keys().filter(lambda key: "\\" not in key)


# A new kind of parameter has a row here; a test says so.
BY_KIND: dict[type, Callable[[Any], SearchStrategy[Any]]] = {
    Int: _int,
    Float: _float,
    Flag: _flag,
    Enum: _enum,
    Colour: _colour,
    Gravity: _gravity,
    Box: _box,
    Angle: _angle,
    Boxes: _boxes,
    Bytes: _bytes,
    Colours: _colours,
    Key: _key,
    Length: _length,
    Ratio: _ratio,
    Sides: _sides,
    Text: _text,
}


def values(kind: Kind) -> SearchStrategy[Any]:
    """Give any value that a kind of parameter can have."""
    return BY_KIND[type(kind)](kind)


def arguments() -> SearchStrategy[dict[str, Any]]:
    """Give any set of up to twelve valid arguments, those without effect included."""
    every = {name: values(parameter.kind) for name, parameter in PARAMETERS.items()}
    names = st.sets(st.sampled_from(list(every)), max_size=12)
    return names.flatmap(
        lambda chosen: st.fixed_dictionaries({name: every[name] for name in sorted(chosen)})
    )


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
        text = kind.build(value)
        if text == kind.bare and draw(st.booleans()):
            written.append(word)
            continue
        if isinstance(kind, Enum):
            same = [synonym for synonym, meant in kind.synonyms if meant == value]
            text = draw(st.sampled_from([text, text.upper(), *same]))
        written.append(f"{word}={_escaped(text, draw(st.randoms(use_true_random=False)))}")
    return ",".join(draw(st.permutations(written)))


def _escaped(text: str, chance: random.Random) -> str:
    """Percent-encode some letters, as an over-careful client may."""
    return "".join(
        "".join(f"%{byte:02x}" for byte in letter.encode())
        if letter in "%," or chance.random() < 0.1
        else letter
        for letter in text
    )


def keys() -> SearchStrategy[str]:
    """Give any key that a source can have: folders, spaces, any script, and letters of URLs."""
    letter = st.one_of(
        st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"),
        st.sampled_from("%?#+&=,;: \\~@'\"x0189."),
    )
    part = st.text(letter, min_size=1, max_size=12).filter(lambda text: not text.startswith("."))
    whole = st.lists(part, min_size=1, max_size=4).map("/".join)
    return whole.filter(lambda key: not is_remote(key))


def remotes() -> SearchStrategy[str]:
    """Give the address of any picture on another server, in its one form."""
    label = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]|[a-z]", fullmatch=True)
    host = st.one_of(
        st.lists(label, min_size=1, max_size=3).map(".".join),
        st.ip_addresses(v=4).map(str),
        st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
    )
    port = st.one_of(st.just(""), st.integers(1, 65_535).map(lambda number: f":{number}"))
    query = st.one_of(
        st.just(""), st.text(min_size=1, max_size=8).map(lambda text: f"?{quote(text)}")
    )
    written = st.builds(
        lambda scheme, host, port, path, query: f"{scheme}://{host}{port}/{quote(path)}{query}",
        st.sampled_from(["https", "http"]), host, port, keys(), query,
    )  # fmt: skip
    return written.filter(_readable).map(lambda text: read(text).key)


def _readable(text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True
