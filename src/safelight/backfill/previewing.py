"""A dry run of a pipeline over a source: everything is made, and nothing is written."""

from __future__ import annotations

import time

from safelight.backfill.tally import Made
from safelight.errors import NotFound, SafelightError, Unavailable
from safelight.pipelines import Pipeline
from safelight.pipelines.layout import Layout, Subject
from safelight.pipelines.making import Refused
from safelight.pipelines.outputs import Ownership
from safelight.pipelines.reconcile import Parts
from safelight.pipelines.records import Record


def preview(parts: Parts, pipeline: Pipeline, key: str, *, again: bool) -> Made:
    """Tell what would become of a source now; ``again``: what has failed is tried once more.

    Raises Unavailable.
    """
    try:
        found = parts.sources.head(key)
    except NotFound:
        return Made("skipped", reason="it is not there any more")
    refused = pipeline.refuses_size(found.size)
    if not refused and "mark" in parts.sources.attributes(key):
        refused = "it is an output of a pipeline"
    if refused:
        return Made("skipped", reason=refused)
    pictures = parts.maker.versions(pipeline)
    subject = Subject(key, found.version, found.size, 0, pictures)
    record = parts.records.get(pipeline.name, key)
    if record is not None and record.state != subject.state(pipeline):
        record = None
    if record is not None and record.status == "failed" and not again:
        return Made("failed", reason=record.reason)
    layout = Layout(pipeline, key, parts.sources.place(key)[0])
    try:
        if _is_current(parts, layout, subject, record):
            return Made("current")
        made = parts.maker.make(layout, subject, deadline=time.monotonic() + parts.events.seconds)
    except Unavailable:
        raise
    except SafelightError as error:
        return Made("failed", reason=error.reason)
    if made is None:
        return Made("skipped", reason="it is being changed")
    if isinstance(made, Refused):
        return Made("skipped", reason=made.reason)
    return Made("done", sum(product.written.bytes for product in made.products))


def _is_current(parts: Parts, layout: Layout, subject: Subject, record: Record | None) -> bool:
    """Tell whether every output is there as it should be."""
    pipeline = layout.pipeline
    own = Ownership(pipeline, subject.key, parts.places, layout.home.store)
    wanted = {subject.variant(step) for step in pipeline.steps if step.goal is not None}
    if pipeline.metadata is not None:
        wanted.add(subject.state(pipeline))
    there = {
        trace.variant
        for trace in (record.traces if record is not None else layout.known(subject))
        if own.verified(trace) is not None
    }
    return wanted <= there and all(
        parts.variants.lookup(parts.maker.variant_key(subject, step)) is not None
        for step in pipeline.steps
        if step.goal is None
    )
