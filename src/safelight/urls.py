"""Addresses of pictures for the pages of an application: light, without any input or output.

A transform is written as in an address: a size, ``name=value`` pairs, presets, by commas. Names and
values are checked here; presets are known to the server alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from html import escape
from urllib.parse import quote, unquote

from safelight.formats import WRITABLE
from safelight.operations import PARAMETERS
from safelight.params import half_up
from safelight.signing import Signer
from safelight.transform import ORIGINAL, Transform, bare_size, parse

__all__ = ["FORMATS", "WIDTHS", "Signer", "picture", "srcset", "url"]

# Steps of the responsive script, too: one list, so that caches hit.
WIDTHS = (320, 480, 640, 800, 960, 1200, 1600, 1920, 2560)
FORMATS = ("avif", "webp")

# Seen where a browser knows no srcset, and by those who share a page.
_FALLBACK_WIDTH = 960
_NAMES = {
    alias: parameter.name
    for parameter in PARAMETERS.values()
    for alias in (parameter.name, *parameter.kind.aliases)
}
_MIMES = {format.name: format.mime for format in WRITABLE}
_PRESET = re.compile(r"[a-z0-9_-]{1,64}")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What may stand in an address as it is. Not the comma of a key: at its end it would end the address
# in a srcset.
_IN_TRANSFORM = "%=:!$&'()*+;@|~"
_IN_KEY = "/~!$&'()*+;=:@"

Attribute = str | int | bool | None


def url(
    key: str,
    transform: str | Transform = "",
    *,
    base: str = "",
    signer: Signer | None = None,
    expires: int | datetime | None = None,
) -> str:
    """Write the address of what a transform makes of a source.

    ``base`` is where the service is: ``https://img.example.com``, ``/images``. With a ``signer``
    the address is signed, until ``expires``: seconds since the epoch, or a time with its zone.
    Raises TransformInvalid, ValueError.
    """
    return _Site(base, signer, _seconds(expires)).address(key, _read(transform))


def srcset(
    key: str,
    transform: str | Transform = "",
    *,
    widths: Iterable[int] = WIDTHS,
    width: int | None = None,
    base: str = "",
    signer: Signer | None = None,
    expires: int | datetime | None = None,
) -> str:
    """Write the ``srcset`` of an image: one picture at several widths in px.

    A transform that says width and height gives the shape of all of them. ``width`` is that of the
    largest picture there is, where it is known: nothing wider is listed. Raises as ``url`` does.
    """
    site = _Site(base, signer, _seconds(expires))
    return site.listed(key, _read(transform), _steps(widths, width))


def picture(
    key: str,
    transform: str | Transform = "",
    *,
    alt: str = "",
    sizes: str = "100vw",
    formats: Iterable[str] = FORMATS,
    widths: Iterable[int] = WIDTHS,
    width: int | None = None,
    height: int | None = None,
    base: str = "",
    signer: Signer | None = None,
    expires: int | datetime | None = None,
    **attributes: Attribute,
) -> str:
    """Write a ``<picture>`` in HTML, everything in it escaped.

    ``formats``: what is offered before the format that the transform says, best first. ``width``
    and ``height`` in px are those of the largest picture, where they are known, so that the page
    does not jump. ``attributes`` are the image's: ``class_``, ``data_name``, ``loading="eager"``.
    Raises as ``url`` does.
    """
    site = _Site(base, signer, _seconds(expires))
    wish, steps = _read(transform), _steps(widths, width)
    sources = [
        {
            "type": _mime(name),
            "srcset": site.listed(key, wish.without("format").adding(f"format={name}"), steps),
            "sizes": sizes,
        }
        for name in formats
    ]
    usual = min(steps, key=lambda step: abs(step - _FALLBACK_WIDTH))
    image: dict[str, Attribute] = {
        "src": site.address(key, wish.at(usual)),
        "srcset": site.listed(key, wish, steps),
        "sizes": sizes,
        "alt": alt,
        "width": width,
        "height": height,
        "loading": "lazy",
        "decoding": "async",
        **{name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()},
    }
    inside = "".join(_element("source", source) for source in sources)
    return f"<picture>{inside}{_element('img', image)}</picture>"


@dataclass(frozen=True, slots=True)
class _Site:
    """Where the service is, and who signs for it."""

    base: str
    signer: Signer | None
    expires: int | None

    def address(self, key: str, wish: _Wish) -> str:
        target = f"/{wish.text or ORIGINAL}/{quote(key, safe=_IN_KEY)}"
        if self.signer is not None:
            target = self.signer.sign(target, expires=self.expires)
        elif self.expires is not None:
            raise ValueError("only a signed address can expire: give a signer")
        return self.base.rstrip("/") + target

    def listed(self, key: str, wish: _Wish, steps: Iterable[int]) -> str:
        return ", ".join(f"{self.address(key, wish.at(step))} {step}w" for step in steps)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A transform, token by token, each with the parameters that it sets."""

    tokens: tuple[tuple[str, frozenset[str]], ...]
    shape: tuple[int | None, int | None]

    @property
    def text(self) -> str:
        return ",".join(token for token, _ in self.tokens)

    def without(self, *names: str) -> _Wish:
        kept = tuple(token for token in self.tokens if token[1].isdisjoint(names))
        return _Wish(kept, self.shape)

    def adding(self, token: str) -> _Wish:
        return _Wish((*self.tokens, (token, frozenset())), self.shape)

    def at(self, width: int) -> _Wish:
        """Say another width, and the height that keeps the shape."""
        w, h = self.shape
        if w is None and h is not None:
            raise ValueError("a picture of several widths cannot have one height: say w, or both")
        resized = self.without("w", "h").adding(f"w={width}")
        return resized.adding(f"h={max(1, half_up(width * h / w))}") if w and h else resized


def _read(transform: str | Transform) -> _Wish:
    return _wish(transform if isinstance(transform, str) else transform.canonical)


@lru_cache(maxsize=1_024)
def _wish(text: str) -> _Wish:
    """Check a transform, and take it apart. Raises TransformInvalid."""
    named = {token: unquote(token.partition("=")[0]) for token in filter(None, text.split(","))}
    presets = {
        word: Transform()
        for token, word in named.items()
        if "=" not in token
        and word not in _NAMES
        and not bare_size(word)
        and _PRESET.fullmatch(word)
    }
    said = parse(text, presets)
    tokens = tuple(
        (_STRAY.sub("%25", quote(token, safe=_IN_TRANSFORM)), _sets(token, word))
        for token, word in named.items()
    )
    return _Wish(tokens, (said["w"], said["h"]))


def _sets(token: str, word: str) -> frozenset[str]:
    if "=" not in token and bare_size(word):
        return frozenset(("w", "h"))
    return frozenset((_NAMES.get(word, word),))


def _steps(widths: Iterable[int], largest: int | None) -> tuple[int, ...]:
    """Sort widths, up to the largest picture that there is. Raises ValueError."""
    steps = set(widths)
    if largest is not None:
        steps = {step for step in steps if step < largest} | {largest}
    if not steps or min(steps) < 1:
        raise ValueError("widths are numbers of pixels, one or more")
    return tuple(sorted(steps))


def _seconds(expires: int | datetime | None) -> int | None:
    if not isinstance(expires, datetime):
        return expires
    if expires.tzinfo is None:
        raise ValueError("a time without its zone could be any: use datetime.now(timezone.utc)")
    return int(expires.timestamp())


def _mime(name: str) -> str:
    if name not in _MIMES:
        raise ValueError(f"{name!r} is no format that is written: there are {', '.join(_MIMES)}")
    return _MIMES[name]


def _element(name: str, attributes: Mapping[str, Attribute]) -> str:
    """Write a void element; an attribute that is None or False is left out, True has no value."""
    words = [name]
    for attribute, value in attributes.items():
        if not _ATTRIBUTE.fullmatch(attribute):
            raise ValueError(f"{attribute!r} is no name of an attribute")
        if value is True:
            words.append(attribute)
        elif value is not None and value is not False:
            words.append(f'{attribute}="{escape(str(value))}"')
    return f"<{' '.join(words)}>"
