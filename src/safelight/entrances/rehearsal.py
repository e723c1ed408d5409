"""A dry run: what would be done for a source, and why not, without making or writing anything."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from safelight.errors import NotFound, TransformInvalid
from safelight.pipelines import Pipeline, Pipelines
from safelight.pipelines.layout import Layout, Subject
from safelight.pipelines.pipeline import HEAD_BYTES, hidden


@dataclass(frozen=True, slots=True)
class Line:
    """One object that would be written: what it is, where, and in which store.

    Fields that only the making would tell stand in the key as the settings have them.
    """

    what: str
    key: str
    store: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What one pipeline would do for a source: write ``lines``, or nothing because of ``reason``.

    ``gone``: there is no such source, and what was made of it would be removed; ``unknown``: nor is
    it known that anything was.
    """

    source: str
    pipeline: str
    reason: str = ""
    gone: bool = False
    unknown: bool = False
    lines: tuple[Line, ...] = ()


def rehearse(pipelines: Pipelines, key: str, *, only: Collection[str] = ()) -> Iterator[Rehearsal]:
    """Say what each pipeline would do for a source.

    ``only``: names of pipelines or presets. Raises StoreUnavailable.
    """
    for pipeline in pipelines.pipelines:
        if only and pipeline.name not in only and not pipeline.presets.intersection(only):
            continue
        yield _rehearsed(pipelines, pipeline, key)


def _rehearsed(pipelines: Pipelines, pipeline: Pipeline, key: str) -> Rehearsal:
    refused = hidden(key) or pipeline.refuses(key)
    if refused:
        return Rehearsal(key, pipeline.name, refused)
    try:
        found = pipelines.sources.head(key)
        reason = pipeline.refuses_size(found.size) or _refused(pipelines, pipeline, key)
    except NotFound as error:
        kept = "; what was made of it stays" if pipeline.keeps else ""
        record = pipelines.parts.records.get(pipeline.name, key)
        unknown = record is None or record.status == "removed"
        reason = f"{error.detail}{kept}"
        return Rehearsal(key, pipeline.name, reason, gone=not kept, unknown=unknown)
    if reason:
        return Rehearsal(key, pipeline.name, reason)
    pictures = pipelines.parts.maker.versions(pipeline)
    if absent := [name for name, version in pictures.items() if not version]:
        reason = f"there is no image {', '.join(absent)} to make its outputs with"
        return Rehearsal(key, pipeline.name, reason)
    layout = Layout(pipeline, key, pipelines.sources.place(key)[0])
    subject = Subject(key, found.version, found.size, 0, pictures)
    try:
        return Rehearsal(key, pipeline.name, lines=tuple(_lines(layout, subject)))
    except TransformInvalid as error:
        return Rehearsal(key, pipeline.name, error.detail)


def _refused(pipelines: Pipelines, pipeline: Pipeline, key: str) -> str:
    """Look whether a source is an output itself, or what it holds makes it none."""
    if "mark" in pipelines.sources.attributes(key):
        return "it is an output of a pipeline itself"
    try:
        with pipelines.sources.open(key) as source:
            return pipeline.refuses_content(key, os.pread(source.descriptor, HEAD_BYTES, 0))
    except NotFound:
        return "it is there, and cannot be opened"


def _lines(layout: Layout, subject: Subject) -> Iterator[Line]:
    home = layout.home.url
    for step in layout.pipeline.steps:
        what = step.preset or step.transform.canonical or "a copy"
        if step.goal is None:
            yield Line(what, f"as /{step.path or what}/{layout.key} asks for it", "variants")
            continue
        trace = layout.output(step, subject, step.format(), "")
        store = step.goal.place.url if step.goal.place else home
        yield Line(what, trace.key if trace else step.goal.template.text, store)
    goal = layout.pipeline.metadata
    if goal is not None:
        trace = layout.metadata(subject, "")
        store = goal.place.url if goal.place else home
        yield Line("metadata", trace.key if trace else goal.template.text, store)
