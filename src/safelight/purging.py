"""What is removed on purpose is removed everywhere: from the variant store, then from a CDN."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from safelight.cdn import Stale
from safelight.errors import Unavailable
from safelight.variants import Variants, folder_tags, preset_tag, source_tag

if TYPE_CHECKING:
    from safelight.cdn.forgetting import Cdn

log = logging.getLogger("safelight")


class Purged(msgspec.Struct, frozen=True):
    """Where the removed variants were, and what a CDN was told (empty: there is none)."""

    paths: list[str]
    cdn: str


class Purger:
    """Remove variants, and have a CDN forget them. All raise StoreUnavailable and Unavailable."""

    def __init__(self, variants: Variants, cdn: Cdn | None) -> None:
        """Remove from a variant store and, if there is one, from a CDN."""
        self._variants = variants
        self._cdn = cdn

    def key(self, source: str) -> Purged:
        """Remove the variants of a source."""
        return self._purge(lambda: self._variants.purge(source), [source_tag(source)])

    def prefix(self, sources: str) -> Purged:
        """Remove the variants of all sources whose keys begin so."""
        # A CDN knows whole folders: of the last one in the prefix it forgets all.
        tags = folder_tags(sources)[-1:]
        return self._purge(lambda: self._variants.purge_prefix(sources), tags)

    def preset(self, name: str) -> Purged:
        """Remove the variants that were asked for by a preset."""
        return self._purge(lambda: self._variants.purge_preset(name), [preset_tag(name)])

    def all(self) -> Purged:
        """Remove all variants."""
        return self._purge(self._variants.purge_all, [])

    def outdated(self, source: str, paths: list[str]) -> None:
        """Have the CDN forget a source that has changed or is gone; never fails.

        One that could only forget everything keeps it until it is purged, or too old.
        """
        if self._cdn is None or not self._cdn.precise:
            return
        try:
            self._tell(paths, [source_tag(source)])
        except Unavailable as error:
            log.warning("the CDN keeps old variants of %s: %s", source, error.detail)

    def _purge(self, remove: Callable[[], list[str]], tags: list[str]) -> Purged:
        paths = remove()
        return Purged(paths, self._tell(paths, tags))

    def _tell(self, paths: list[str], tags: list[str]) -> str:
        if self._cdn is None:
            return ""
        self._cdn.forget(Stale(tuple(tags), tuple(paths), everything=not tags))
        return self._cdn.kind
