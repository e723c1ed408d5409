"""What is written and removed of one source, under its lease: outputs first, metadata last."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from safelight.errors import Busy, TransformInvalid
from safelight.events import Event
from safelight.pipelines import documents
from safelight.pipelines.layout import Subject
from safelight.pipelines.making import Made, Product
from safelight.pipelines.outputs import Ownership
from safelight.pipelines.pipeline import Pipeline
from safelight.pipelines.records import Kind, Record, Trace
from safelight.variants import VariantKey, Variants
from safelight.variants.leases import Lease

log = logging.getLogger("safelight")

# What says that all is there goes first, what says why nothing is goes last.
_ORDER: tuple[Kind, ...] = ("metadata", "output", "letter")
# A store far away takes its time for each.
_AT_ONCE = 8

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


class Writer(msgspec.Struct, frozen=True):
    """Write and remove the objects of one source in a pipeline, while a lease holds."""

    pipeline: Pipeline
    own: Ownership
    variants: Variants
    lease: Lease

    def hold(self) -> None:
        """Make sure that nobody else is at work on the source. Raises Busy."""
        if not self.lease.sure:
            raise Busy("another process may have taken over: try again")

    def refuse_conflicts(self, traces: Iterable[Trace], listed: Iterable[Trace]) -> None:
        """Make sure that nothing else lies where outputs shall go. Raises TransformInvalid.

        ``listed``: where outputs were written before.
        """
        places = {trace.place for trace in listed}

        def refuse(trace: Trace) -> None:
            if conflict := self.own.conflict(trace, listed=trace.place in places):
                raise TransformInvalid(f"{trace.key} is not written: {conflict}")

        self._each(refuse, traces)

    def write(
        self,
        subject: Subject,
        made: Made,
        known: Mapping[Trace, str],
        left: Iterable[Trace],
    ) -> None:
        """Write all that was made, and remove what is ``left`` and no longer wanted.

        ``known``: the digests of outputs that are there. Raises Busy, StoreUnavailable.
        """
        left = list(left)
        wanted = {trace.place for trace in made.traces}
        # Metadata that is there says that all is: not while outputs are written over.
        state = made.metadata.variant if made.metadata else ""
        self.remove(trace for trace in left if trace.kind == "metadata" and trace.variant != state)
        self._each(lambda product: self._put(subject, product, known), made.products)
        if made.metadata is not None:
            self._put_metadata(subject, made, made.metadata)
        self.remove((trace for trace in left if trace.place not in wanted), kept=made.traces)
        self.remove_outdated(subject.version)

    @property
    def _minds_variants(self) -> bool:
        """Whether old variants are looked for: also where a website serves them by itself."""
        return self.pipeline.stores_variants or self.variants.by_path

    def remove_outdated(self, version: str) -> None:
        """Remove the variants of other versions of the source."""
        if self._minds_variants:
            self.hold()
            self.variants.purge_outdated(self.own.key, version)

    def remove_variants(self) -> bool:
        """Remove all variants of the source, and tell whether there were any."""
        if not self._minds_variants:
            return False
        self.hold()
        return bool(self.variants.purge(self.own.key))

    def _put(self, subject: Subject, product: Product, known: Mapping[Trace, str]) -> None:
        rendering, target = product.rendering, product.target
        canonical = product.step.transform.canonical
        self.hold()
        if isinstance(target, VariantKey):
            self.variants.publish(
                target,
                rendering.data,
                rendering.mime,
                source=subject.key,
                canonical=canonical,
                version=subject.version,
            )
            return
        if known.get(target) != self.own.digest(rendering.data):
            self.own.put(subject, target, rendering.data, rendering.mime, transform=canonical)

    def _put_metadata(self, subject: Subject, made: Made, target: Trace) -> None:
        data = documents.metadata(
            subject.key,
            subject.version,
            subject.size,
            made.developed,
            [product.written for product in made.products],
            include=self.pipeline.include,
            sha256=made.sha256,
            pipeline=self.pipeline.name,
        )
        self.hold()
        self.own.put(subject, target, data, documents.JSON)

    def put_letter(
        self, subject: Subject, record: Record, target: Trace, event: Event | None
    ) -> None:
        """Write a dead letter, unless something else lies there: then the log has to do."""
        if conflict := self.own.conflict(target, listed=False):
            log.error("no dead letter for %s at %s: %s", subject.key, target.key, conflict)
            return
        data = documents.letter(
            subject.key,
            subject.version,
            self.pipeline.name,
            reason=record.reason,
            code=record.code,
            tries=record.tries,
            interruptions=record.interruptions,
            event=event,
        )
        self.hold()
        self.own.put(subject, target, data, documents.JSON)

    def remove(
        self, traces: Iterable[Trace], *, listed: bool = True, kept: Iterable[Trace] = ()
    ) -> bool:
        """Remove what is this source's, metadata first; tell whether anything was there.

        ``kept``: what is wanted, and stays however its store was written before.
        """
        variants = {(trace.key, trace.variant) for trace in kept}

        def removed(trace: Trace) -> bool:
            self.hold()
            return self.own.remove(trace, listed=listed, kept=variants)

        wanted = dict.fromkeys(traces)
        found: list[bool] = []
        for kind in _ORDER:
            found += self._each(removed, [trace for trace in wanted if trace.kind == kind])
        return any(found)

    def _each(self, act: Callable[[_Item], _Done], items: Iterable[_Item]) -> list[_Done]:
        """Do it for each: at once where a network is waited for, one after the other in folders."""
        items = list(items)
        if len(items) < 2 or self.own.local:
            return [act(item) for item in items]
        with ThreadPoolExecutor(min(_AT_ONCE, len(items)), "safelight-write") as threads:
            return list(threads.map(act, items))
