"""Which variant answers: source and version, negotiated transform, name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from safelight.dialects import Match
from safelight.errors import NotFound
from safelight.limits import Limits
from safelight.negotiate import viewer_class
from safelight.storage import Source
from safelight.transform import Transform
from safelight.variants import VariantKey, Variants
from safelight.variants.outdated import Outdated


class Located(msgspec.Struct, frozen=True):
    """A request with everything decided: source and version, negotiated transform, variant."""

    key: str
    version: str
    transform: Transform
    variant: VariantKey
    depends_on_accept: bool
    # How it was asked for: by which presets, under which path.
    presets: tuple[str, ...] = ()
    path: str = ""
    # The versions of the other pictures that the transform needs, by key.
    pictures: Mapping[str, str] = msgspec.field(default_factory=dict)


class Locator:
    """Look up what a request means at this moment, and notice what has changed."""

    def __init__(
        self,
        sources: Source,
        variants: Variants,
        limits: Limits,
        *,
        removed: Callable[[str, list[str]], object],
    ) -> None:
        """Name variants of sources in a store, within limits; ``removed``: see Outdated."""
        self._sources = sources
        self._variants = variants
        self._limits = limits
        self._outdated = Outdated(variants, removed)
        # The same few transforms come again and again, and what they need never changes.
        self._needed = lru_cache(maxsize=4_096)(self._checked)

    def close(self) -> None:
        """Begin nothing any more."""
        self._outdated.close()

    def settle(self, deadline: float) -> None:
        """Wait for what is removed beside; see Outdated."""
        self._outdated.settle(deadline)

    def locate(
        self, match: Match, accept: str, *, writable: tuple[str, ...], path: str = ""
    ) -> Located:
        """Decide which variant answers, in one of the ``writable`` formats where it is open.

        ``path`` is what was asked for, decoded, where the variant may be kept under it. Raises
        OutputTooLarge, NotFound, StoreUnavailable.
        """
        needed = self._needed(match.transform)
        negotiable = match.transform["format"] == "auto"
        transform = match.transform
        if negotiable:
            transform = transform.changed(format=viewer_class(accept, writable))
        # Who only sees the path cannot negotiate.
        path = "" if negotiable else path
        return self._located(match.key, transform, needed, negotiable, match.presets, path)

    def _checked(self, transform: Transform) -> tuple[str, ...]:
        """Refuse what is too much to wish for, and name the other pictures that are needed."""
        self._limits.check_wish(transform)
        return transform.pictures()

    def again(self, located: Located) -> Located:
        """Locate what was asked for once more, after the source has changed.

        Raises as ``locate`` does.
        """
        return self._located(
            located.key,
            located.transform,
            tuple(located.pictures),
            located.depends_on_accept,
            located.presets,
            located.path,
        )

    def _located(
        self,
        key: str,
        transform: Transform,
        needed: tuple[str, ...],
        negotiable: bool,
        presets: tuple[str, ...],
        path: str,
    ) -> Located:
        version = self._version_of(key)
        pictures = {other: self._version_of_part(other) for other in needed}
        # A changed watermark makes other pictures, as a changed source does.
        variant = self._variants.key(
            key,
            version,
            transform.canonical,
            others=tuple(pictures.values()),
            presets=presets,
            path=path,
        )
        return Located(key, version, transform, variant, negotiable, presets, path, pictures)

    def _version_of(self, key: str) -> str:
        try:
            version = self._sources.head(key).version
        except NotFound:
            self._outdated.saw(key, None)
            raise
        self._outdated.saw(key, version)
        return version

    def _version_of_part(self, picture: str) -> str:
        try:
            return self._sources.head(picture).version
        except NotFound:
            raise NotFound(f"there is no image {picture} to make this one with") from None
