"""A validated, immutable transform: what to do with an image, with one canonical text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from safelight.errors import TransformInvalid
from safelight.operations import OPERATIONS, PARAMETERS, Operation, in_order
from safelight.params import Key

MAX_TEXT = 4_096
# The word for a transform that changes nothing.
ORIGINAL = "original"

_BY_ALIAS = {
    alias: name for name, parameter in PARAMETERS.items() for alias in parameter.kind.aliases
}


class Transform(msgspec.Struct, frozen=True):
    """An ordered set of arguments; only those that differ from their defaults are kept.

    Two transforms that mean the same are equal and have the same text, ``canonical``, which
    ``parse`` reads.
    """

    arguments: tuple[tuple[str, Any], ...] = ()
    # Compared, too: in Python 1 (a pixel) equals 1.0 (a whole side), and pictures do not.
    canonical: str = ""

    def __post_init__(self) -> None:
        """Write the text once: it is asked for at every request."""
        msgspec.structs.force_setattr(self, "canonical", _canonical(self.arguments))

    @classmethod
    def of(cls, **arguments: Any) -> Transform:
        """Build a transform from parameter names and values that are already valid."""
        kept = {
            name: value
            for name, value in arguments.items()
            if value is not None and value != PARAMETERS[name].default
        }
        for name in _without_effect(kept):
            kept.pop(name, None)
        return cls(tuple((name, kept[name]) for name in PARAMETERS if name in kept))

    def __getitem__(self, name: str) -> Any:
        """Return the value of a parameter, its default when it is not set."""
        for set_name, value in self.arguments:
            if set_name == name:
                return value
        return PARAMETERS[name].default

    def __contains__(self, name: object) -> bool:
        """Tell whether a parameter is set."""
        return any(name == set_name for set_name, _ in self.arguments)

    def steps(self) -> list[tuple[Operation, dict[str, Any]]]:
        """List the operations with their arguments in the order in which they run."""
        arguments = dict(self.arguments)
        return [
            (
                operation,
                {p.name: arguments[p.name] for p in operation.parameters if p.name in arguments},
            )
            for operation in in_order(PARAMETERS[name].operation for name in arguments)
        ]

    def pictures(self) -> tuple[str, ...]:
        """List the keys of the other pictures that this one is made with, sorted."""
        return tuple(
            sorted({v for name, v in self.arguments if isinstance(PARAMETERS[name].kind, Key)})
        )

    def changed(self, **arguments: Any) -> Transform:
        """Replace some arguments; None takes one out."""
        return Transform.of(**(dict(self.arguments) | arguments))


def _without_effect(arguments: Mapping[str, Any]) -> list[str]:
    """Name the parameters that cannot change the result, so that one picture has one text."""
    concerned = {PARAMETERS[name].operation for name in arguments}
    return [name for operation in concerned for name in OPERATIONS[operation].idle(arguments)]


def _canonical(arguments: tuple[tuple[str, Any], ...]) -> str:
    return ",".join(
        f"{name}={quote(PARAMETERS[name].kind.build(value), safe=':!$()*;@|~')}"
        for name, value in arguments
    )


class Wording(msgspec.Struct, frozen=True):
    """A transform and how it was said: which presets were named, and which parameters."""

    transform: Transform
    presets: tuple[str, ...]
    names: frozenset[str]


def parse(
    text: str, presets: Mapping[str, Transform] | None = None, defaults: Transform | None = None
) -> Transform:
    """Read ``name=value`` pairs, bare sizes, flags and preset names, separated by commas.

    ``text`` is still percent-encoded, as in a URL, so that a value may hold ``%2C``. Explicit
    arguments win over those of a preset, and those over ``defaults``; an empty one (``crop=``)
    takes the preset's away. Raises TransformInvalid.
    """
    return parse_wording(text, presets or {}, defaults or Transform()).transform


def parse_wording(text: str, presets: Mapping[str, Transform], defaults: Transform) -> Wording:
    """Read what ``parse`` reads, and note how it was said. Raises TransformInvalid."""
    named, explicit = _read(text, presets)
    given = dict(defaults.arguments) | _together(named, presets) | explicit
    return Wording(Transform.of(**given), named, frozenset(explicit))


def parse_preset(text: str) -> Transform:
    """Read a transform that others are built upon: a preset, or the defaults.

    It keeps what has no effect by itself ("fit=fill" without a size) or is the default anyhow
    ("fit=cover"): it counts once the rest is known. Raises TransformInvalid.
    """
    _, given = _read(text, {})
    kept = (name for name in PARAMETERS if given.get(name) is not None)
    return Transform(tuple((name, given[name]) for name in kept))


def _read(text: str, presets: Mapping[str, Transform]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Read the names of presets, and what is said in so many words."""
    if len(text) > MAX_TEXT:
        raise TransformInvalid(f"the transform is longer than {MAX_TEXT} characters")
    explicit: dict[str, Any] = {}
    named: list[str] = []
    for token in filter(None, text.split(",")):
        name, equals, raw = token.partition("=")
        word = unquote(name)
        if equals and not raw:
            _unset(explicit, _known(word))
        elif equals:
            _set(explicit, _known(word), unquote(raw))
        elif word == ORIGINAL:
            continue
        elif word in presets:
            named.append(word)
        elif (size := bare_size(word)) is not None:
            for side, length in zip(("w", "h"), size, strict=True):
                if length:
                    _set(explicit, side, length)
        elif (bare := _bare(word)) is not None:
            _set(explicit, _known(word), bare)
        else:
            raise TransformInvalid(_unknown(word, presets))
    return tuple(named), explicit


def _together(named: tuple[str, ...], presets: Mapping[str, Transform]) -> dict[str, Any]:
    """Put presets together; they may not differ."""
    together: dict[str, Any] = {}
    for name in named:
        for key, value in presets[name].arguments:
            # By their texts: 1 equals 1.0, and is not the same crop.
            if repr(together.setdefault(key, value)) != repr(value):
                raise TransformInvalid(f"two presets set {key!r} to different values")
    return together


def _unset(arguments: dict[str, Any], name: str) -> None:
    """Take back what a preset says: ``crop=`` is no crop."""
    if name in arguments:
        raise TransformInvalid(f"{name!r} is given more than once")
    arguments[name] = None


def bare_size(word: str) -> tuple[str, str] | None:
    """Split ``800x600``, ``800x`` or ``x600`` into its sides; None for anything else."""
    width, cross, height = word.partition("x")
    if not cross or not (width or height):
        return None
    return (
        (width, height)
        if all(not s or (s.isascii() and s.isdigit()) for s in (width, height))
        else None
    )


def _set(arguments: dict[str, Any], name: str, text: str) -> None:
    if name in arguments:
        raise TransformInvalid(f"{name!r} is given more than once")
    try:
        arguments[name] = PARAMETERS[name].kind.parse(text)
    except ValueError as expected:
        example = OPERATIONS[PARAMETERS[name].operation].example
        raise TransformInvalid(
            f"{name}={text[:80]!r} is not valid: expected {expected} (example: {example})"
        ) from None


def _known(word: str) -> str:
    name = _BY_ALIAS.get(word, word)
    if name not in PARAMETERS:
        raise TransformInvalid(_unknown(word, {}))
    return name


def _bare(word: str) -> str | None:
    name = _BY_ALIAS.get(word, word)
    return PARAMETERS[name].kind.bare if name in PARAMETERS else None


def _unknown(word: str, presets: Mapping[str, Transform]) -> str:
    name = _BY_ALIAS.get(word, word)
    if name in PARAMETERS:
        example = OPERATIONS[PARAMETERS[name].operation].example
        return f"{word!r} needs a value (example: {example})"
    from difflib import get_close_matches

    alike = get_close_matches(word[:40], (*PARAMETERS, *_BY_ALIAS, *presets))
    meant = f"did you mean {' or '.join(alike)}? " if alike else ""
    named = f"the presets are {', '.join(presets)}; " if presets else ""
    return f"unknown name {word[:80]!r}: {meant}{named}all names are told at /openapi.json"
