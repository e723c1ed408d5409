"""Objects that pipelines write: their attributes, whose they are, whether they are there."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Collection, Mapping

import msgspec

from safelight.errors import NotFound, SettingError
from safelight.pipelines.layout import Subject
from safelight.pipelines.pipeline import Pipeline
from safelight.pipelines.places import Places
from safelight.pipelines.records import Trace, digest
from safelight.storage import Store

log = logging.getLogger("safelight")


class Ownership(msgspec.Struct, frozen=True):
    """Tell the objects that a pipeline writes of a source from all others.

    Attributes may lose long values; the digest of the source's key is never one of them.
    """

    pipeline: Pipeline
    key: str
    places: Places
    home: Store

    @property
    def local(self) -> bool:
        """Whether no store that it writes to waits for a network."""
        goals = self.pipeline.goals()
        return self.home.local and all(g.place is None or g.place.store.local for g in goals)

    @property
    def mark(self) -> str:
        """What stands for the source in the attributes of its outputs."""
        return digest(self.key)

    def put(
        self, subject: Subject, trace: Trace, data: bytes, mime: str, *, transform: str = ""
    ) -> None:
        """Write an object, and beside it what it is and what it was made of."""
        attributes = {
            "Content-Type": mime,
            "source": self.key,
            "mark": self.mark,
            "version": subject.version,
            "variant": trace.variant,
            "pipeline": self.pipeline.name,
            "transform": transform,
            "digest": self.digest(data),
            "hops": str(subject.hops + 1),
            "made": f"{time.time():.3f}",
        }
        self.places.at(trace.store).store.put(trace.key, data, attributes)

    @staticmethod
    def digest(data: bytes) -> str:
        """Fingerprint what is written."""
        return hashlib.sha256(data).hexdigest()

    def has(self, attributes: Mapping[str, str]) -> bool:
        """Tell whether an object is an output of this source and pipeline.

        What a pipeline wrote that is no more, or has another name now, is taken over.
        """
        ours = attributes.get("mark") == self.mark
        return ours and attributes.get("pipeline") not in self.pipeline.others

    def conflict(self, trace: Trace, *, listed: bool) -> str:
        """Say what lies where an output shall go and is none; empty where it may be written.

        ``listed``: it was written there before, so that what says nothing of itself is its own: in
        a folder what is said of an object may get lost when two are at work.
        """
        found = attributes_of(self.places.at(trace.store).store, trace.key)
        if found is None or self.has(found) or (listed and not found):
            return ""
        if "mark" not in found:
            return "something lies there that is no output"
        if found["mark"] == self.mark:
            return f"the pipeline {found.get('pipeline')} writes there, too"
        return f"an output of {found.get('source', 'another source')} lies there"

    def verified(self, trace: Trace, *, stamp: str | None = None) -> str | None:
        """Give the digest of an object that is there as it should be, None when it is not.

        ``stamp`` is what its store said of it when it was written: then it is believed, else read.
        """
        store = self.places.at(trace.store).store
        found = attributes_of(store, trace.key)
        if found is None or not self.has(found) or found.get("variant") != trace.variant:
            return None
        said = found.get("digest", "")
        if stamp is not None and stamp == self.stamp(trace):
            return said
        try:
            return said if self.digest(store.get(trace.key).data) == said else None
        except NotFound:
            return None

    def stamp(self, trace: Trace) -> str:
        """Name the state of an object: empty in a cloud, where it is written with what is said.

        In a folder two files are written, and two writers may mix theirs.
        """
        store = self.places.at(trace.store).store
        try:
            return store.head(trace.key).version if store.local else ""
        except NotFound:
            return "gone"

    def remove(self, trace: Trace, *, listed: bool, kept: Collection[tuple[str, str]] = ()) -> bool:
        """Remove an object if it is this source's; tell whether there was one.

        ``listed``: see ``conflict``. ``kept``: keys of what is wanted, each with its variant, which
        stays wherever it is found: a store's address may have been written in another way before.
        """
        try:
            store = self.places.at(trace.store).store
            found = attributes_of(store, trace.key)
        except SettingError as error:
            # Of a store that is no longer set: what it holds is not ours to judge.
            log.warning("%s stays in %s: %s", trace.key, trace.store, error.detail)
            return False
        if found is None or not (self.has(found) or (listed and not found)):
            return False
        if (trace.key, found.get("variant", "")) in kept:
            return False
        store.delete(trace.key)
        return True


def attributes_of(store: Store, key: str) -> Mapping[str, str] | None:
    """Read the attributes of an object; None when it is not there."""
    try:
        if store.local:
            # In a folder they lie beside it, and may be there without it.
            store.head(key)
        return store.attributes(key)
    except NotFound:
        return None
