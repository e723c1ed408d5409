"""What there is of a source: which outputs are there as they should be, and what else is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress

from safelight.errors import TransformInvalid
from safelight.pipelines.layout import Layout, Subject
from safelight.pipelines.making import Maker
from safelight.pipelines.outputs import Ownership
from safelight.pipelines.records import Record, Trace
from safelight.pipelines.writing import Writer
from safelight.variants import Variants


class Inventory:
    """The outputs of one source in a pipeline.

    ``listed`` is where some may be, as far as anything says: who overtakes this process may forget
    it.
    """

    def __init__(
        self, layout: Layout, own: Ownership, writer: Writer, variants: Variants, maker: Maker
    ) -> None:
        """Look in the places of a layout."""
        self._layout = layout
        self._pipeline = layout.pipeline
        self._own = own
        self._writer = writer
        self._variants = variants
        self._maker = maker
        self.listed: dict[Trace, None] = {}

    def list(self, traces: Iterable[Trace]) -> None:
        """Note where outputs may be."""
        self.listed |= dict.fromkeys(traces)

    def known(
        self, subject: Subject, record: Record | None, same: Record | None
    ) -> dict[Trace, str]:
        """Look which of the wanted outputs are there, with their digests, up to one that is not.

        ``same``: the record, if it is of these very outputs. What was ended is believed to be whole
        where it says what it is.
        """
        if record is not None and same is None:
            return {}
        found: dict[Trace, str] = {}
        for trace, stamp in self._expected(subject, same):
            digest = self._own.verified(trace, stamp=stamp)
            if digest is not None:
                found[trace] = digest
            elif same is None:
                break
        return found

    def _expected(
        self, subject: Subject, same: Record | None
    ) -> Iterator[tuple[Trace, str | None]]:
        """List where outputs should be, with their stamps if they were done."""
        if same is None:
            with suppress(TransformInvalid):
                yield from ((trace, None) for trace in self._layout.known(subject))
            return
        wanted = self._wanted(subject)
        stamps = same.stamps if same.status == "done" else (None,) * len(same.traces)
        for trace, stamp in zip(same.traces, stamps, strict=True):
            if trace.variant in wanted:
                yield trace, stamp

    def _wanted(self, subject: Subject) -> set[str]:
        wanted = {subject.variant(step) for step in self._pipeline.steps if step.goal is not None}
        return wanted | ({subject.state(self._pipeline)} if self._pipeline.metadata else set())

    def complete(self, subject: Subject, known: Mapping[Trace, str]) -> bool:
        """Tell whether every output is there as it should be."""
        if not self._wanted(subject) <= {trace.variant for trace in known}:
            return False
        return all(
            self._variants.lookup(self._maker.variant_key(subject, step)) is not None
            for step in self._pipeline.steps
            if step.goal is None
        )

    def stamps(self, traces: Iterable[Trace]) -> tuple[str, ...]:
        """Take the stamps of outputs that were just written, or verified."""
        return tuple(map(self._own.stamp, traces))

    def leave(self, wanted: Collection[Trace], version: str, *, outdated: bool) -> bool:
        """Remove what somebody who was late may have written beside what is wanted.

        ``outdated``: variants of other versions than this one, too. Tells whether there was
        anything beside those.
        """
        places = {trace.place for trace in wanted}
        late = [trace for trace in self.listed if trace.place not in places]
        removed = self._writer.remove(late, kept=wanted)
        letter = self._layout.letter()
        others = self._layout.candidates() if letter.place in places else [letter]
        late = [trace for trace in others if trace.place not in places]
        removed = self._writer.remove(late, listed=False, kept=wanted) or removed
        if outdated:
            self._writer.remove_outdated(version)
        return removed
