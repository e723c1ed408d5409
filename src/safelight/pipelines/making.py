"""Make all outputs of one source: opened once, decoded once, nothing written yet."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import ExitStack

import msgspec

from safelight import formats
from safelight.errors import NotFound, SafelightError, TransformInvalid
from safelight.limits import Limits
from safelight.picture import Developed, Rendering
from safelight.pipelines.layout import Layout, Subject
from safelight.pipelines.outcomes import Written
from safelight.pipelines.pipeline import FACTS, HEAD_BYTES, Pipeline, Step
from safelight.pipelines.places import Sources
from safelight.pipelines.records import Trace
from safelight.storage import Opened, Source
from safelight.variants import VariantKey, Variants
from safelight.workers import Renderer

# Digits of a source's SHA-256 that stand for {hash} in a key.
_HASH = 16
_ANALYSED = {"placeholders", "colors", "phash"}


class Product(msgspec.Struct, frozen=True):
    """An output that is made: where it goes, a trace or a variant's key, and what it is."""

    step: Step
    target: Trace | VariantKey
    rendering: Rendering
    written: Written


class Made(msgspec.Struct, frozen=True):
    """All that is made of a source."""

    products: tuple[Product, ...]
    developed: Developed
    metadata: Trace | None
    sha256: str

    @property
    def traces(self) -> list[Trace]:
        """Where all of it goes that is not left to the variant store, metadata last."""
        traces = [made.target for made in self.products if isinstance(made.target, Trace)]
        return traces if self.metadata is None else [*traces, self.metadata]


class Refused(msgspec.Struct, frozen=True):
    """What a source holds makes it none of the pipeline's."""

    reason: str


class Maker:
    """Make the outputs of sources."""

    def __init__(
        self,
        sources: Sources,
        pictures: Source,
        renderer: Renderer,
        variants: Variants,
        limits: Limits,
        *,
        variants_url: str,
    ) -> None:
        """Open sources, and the other ``pictures`` that they are made with."""
        self._sources = sources
        self._pictures = pictures
        self._renderer = renderer
        self._variants = variants
        self._limits = limits
        self._variants_url = variants_url

    def versions(self, pipeline: Pipeline) -> Mapping[str, str]:
        """Look up the other pictures that a pipeline needs; a missing one has no version."""
        found = {}
        for key in sorted({key for step in pipeline.steps for key in step.transform.pictures()}):
            try:
                found[key] = self._pictures.head(key).version
            except NotFound:
                found[key] = ""
        return found

    def make(self, layout: Layout, subject: Subject, *, deadline: float) -> Made | Refused | None:
        """Make all outputs; None when the source is not what it was looked up as.

        Raises SourceError, or TransformInvalid, OutputTooLarge and NotFound for what an output
        asks for; Unavailable.
        """
        pipeline = layout.pipeline
        self._limits.check_bytes(subject.size)
        with ExitStack() as stack:
            try:
                source = stack.enter_context(self._sources.open(subject.key))
            except NotFound:
                self._refuse_closed(subject)
                return None
            if source.version != subject.version:
                return None
            head = os.pread(source.descriptor, HEAD_BYTES, 0)
            if refused := pipeline.refuses_content(subject.key, head):
                return Refused(refused) if source.unchanged else None
            pictures = {key: stack.enter_context(self._picture(key)) for key in subject.pictures}
            try:
                made = self._made(layout, subject, source, pictures, deadline)
            except SafelightError:
                if source.unchanged:
                    raise
                return None
            if not source.unchanged:
                return None
        return made

    def _refuse_closed(self, subject: Subject) -> None:
        """Say of a source that it cannot be opened, unless it is gone meanwhile. Raises NotFound.

        Its next look would find it there again, and so for ever.
        """
        try:
            found = self._sources.head(subject.key)
        except NotFound:
            return
        if found.version == subject.version:
            raise NotFound(
                f"{subject.key!r} is there, and cannot be opened: it may be a link out of its "
                "folder, in an archive, or nothing that may be read here"
            )

    def _picture(self, key: str) -> Opened:
        try:
            return self._pictures.open(key)
        except NotFound:
            raise TransformInvalid(f"there is no image {key} to make this one with") from None

    def _made(
        self,
        layout: Layout,
        subject: Subject,
        source: Opened,
        pictures: Mapping[str, Opened],
        deadline: float,
    ) -> Made:
        pipeline = layout.pipeline
        wishes = [step.wish for step in pipeline.steps]
        developed = self._renderer.develop(
            source,
            wishes,
            deadline=deadline,
            pictures=pictures,
            analyse=bool(_ANALYSED & pipeline.include),
            facts=pipeline.facts if FACTS & pipeline.include else "none",
        )
        sha256 = ""
        if pipeline.hashed or "sha256" in pipeline.include:
            sha256 = hashlib.sha256(source.read()).hexdigest()
        products = []
        for step, rendering in zip(pipeline.steps, developed.renderings, strict=True):
            if isinstance(rendering, SafelightError):
                raise _named(rendering, step)
            products.append(self._product(layout, subject, step, rendering, sha256[:_HASH]))
        metadata = layout.metadata(subject, sha256[:_HASH])
        made = Made(tuple(products), developed, metadata, sha256)
        _refuse_twice(made.traces)
        return made

    def _product(
        self, layout: Layout, subject: Subject, step: Step, rendering: Rendering, hash: str
    ) -> Product:
        format = formats.BY_MIME[rendering.mime]
        target: Trace | VariantKey | None
        if step.goal is None:
            target = self.variant_key(subject, step)
            key, store = target.path, self._variants_url
        else:
            target = layout.output(step, subject, format, hash)
            # With a format and a hash every key is known.
            assert target is not None
            key, store = target.key, target.store
        written = Written(
            key=key,
            # How a store is reached is nothing for documents that may be public.
            store=store.partition("?")[0],
            type=rendering.mime,
            format=format.name,
            width=rendering.width,
            height=rendering.height,
            bytes=len(rendering.data),
            transform=step.transform.canonical,
            preset=step.preset,
            compression_ratio=round(subject.size / len(rendering.data), 2),
        )
        return Product(step, target, rendering, written)

    def variant_key(self, subject: Subject, step: Step) -> VariantKey:
        """Name the variant that a request for a step's transform would look for."""
        others = tuple(subject.pictures[key] for key in step.transform.pictures())
        return self._variants.key(
            subject.key,
            subject.version,
            step.transform.canonical,
            others=others,
            presets=(step.preset,) if step.preset else (),
            path=f"{step.path}/{subject.key}" if step.path else "",
        )


def _named(fault: SafelightError, step: Step) -> SafelightError:
    """Say which output a fault is about."""
    about = step.preset or step.transform.canonical
    return type(fault)(f"{about}: {fault.detail}")


def _refuse_twice(traces: list[Trace]) -> None:
    seen = set()
    for trace in traces:
        if trace.place in seen:
            raise TransformInvalid(f"two outputs would be {trace.key}: choose other templates")
        seen.add(trace.place)
