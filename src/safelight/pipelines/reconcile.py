"""One source in one pipeline: what its outputs are is made to agree with what the source is now.

An event only says that it is worth a look, so duplicates, disorder and a second delivery after a
crash all end in the same state. Whoever works here has the lease of the source. Should it be lost,
as by a machine that froze, two may be at work at once; so before each write it is looked whether
the lease still holds, and after the last write whether the source is still what it was: if not, all
begins again. Who is killed before that look has not acknowledged the event, and gets it again.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress

import msgspec
from msgspec.structs import replace as changed

from safelight.errors import (
    DeadlineExceeded,
    NotFound,
    RequestError,
    SafelightError,
    SettingError,
    SourceChanging,
    SourceTooLarge,
    StoreUnavailable,
    TransformInvalid,
    Unavailable,
)
from safelight.events import Event
from safelight.pipelines.inventory import Inventory
from safelight.pipelines.layout import Layout, Subject
from safelight.pipelines.making import Made, Maker, Refused
from safelight.pipelines.outcomes import Outcome
from safelight.pipelines.outcomes import Status as Result
from safelight.pipelines.outputs import Ownership
from safelight.pipelines.pipeline import Pipeline
from safelight.pipelines.places import Places, Sources
from safelight.pipelines.records import Record, Records, Status, Trace
from safelight.pipelines.settings import EventSettings
from safelight.pipelines.writing import Writer
from safelight.storage.store import Stat
from safelight.variants import Variants
from safelight.variants.leases import Lease

log = logging.getLogger("safelight")

# How often a source may change while it is worked on, and how often work on it may be cut off.
_MOST_CHANGES = 5
_MOST_INTERRUPTIONS = 10
# In a record, who is at work: what this process began and did not end, it was not killed at.
_MYSELF = uuid.uuid4().hex
_UNFORESEEN = "something went wrong here: the log has the reason"
_GONE = "there is no such source"
_REMOVED = "the source is gone, and its outputs with it"
_KEPT = "the source is gone; its outputs are kept"


class Parts(msgspec.Struct, frozen=True):
    """What the work needs: stores, the memory of what was done, and who makes pictures.

    ``guarded``: sources may be outputs, which their attributes tell.
    """

    sources: Sources
    places: Places
    records: Records
    variants: Variants
    maker: Maker
    events: EventSettings
    guarded: bool = True


class Work:
    """A source in a pipeline, for one delivery of an event."""

    def __init__(
        self,
        parts: Parts,
        pipeline: Pipeline,
        key: str,
        *,
        lease: Lease,
        event: Event | None,
        deadline: float,
        again: bool = False,
    ) -> None:
        """``again``: try once more what has failed before."""
        self._parts = parts
        self._records = parts.records
        self._tries = parts.events.tries
        self._pipeline = pipeline
        self._key = key
        self._lease = lease
        self._event = event
        self._deadline = deadline
        self._again = again
        home, _ = parts.sources.place(key)
        self._layout = Layout(pipeline, key, home)
        self._own = Ownership(pipeline, key, parts.places, home.store)
        self._writer = Writer(pipeline, self._own, parts.variants, lease)
        self._there = Inventory(self._layout, self._own, self._writer, parts.variants, parts.maker)
        # Whether somebody was killed at it before.
        self.cut_off = False
        self._begun: Record | None = None
        self._repeated = False

    def done(self) -> Outcome:
        """Make the outputs agree with the source. Raises Unavailable: it has to be told again."""
        try:
            for _ in range(_MOST_CHANGES):
                outcome = self._once()
                if outcome is not None:
                    return outcome
                self._repeated = True
            raise SourceChanging("the image is being changed at the moment: try again")
        except Unavailable:
            if self._begun is not None and self._lease.sure:
                # Given up, and not cut off.
                with suppress(StoreUnavailable):
                    self._records.put(changed(self._begun, by=""))
            raise
        except SettingError:
            raise
        except Exception as fault:
            if not self._counted():
                raise
            log.exception("%s cannot be brought up", self._key)
            raise Unavailable(_UNFORESEEN, f"{_UNFORESEEN} ({type(fault).__name__})") from fault

    def _counted(self) -> bool:
        """Count what nobody foresaw as being cut off, where that brings it to an end."""
        begun = self._begun
        if begun is None or begun.interruptions > _MOST_INTERRUPTIONS or not self._lease.sure:
            return False
        count = begun.interruptions + 1
        self._records.put(changed(begun, by="", interruptions=count, reason=_UNFORESEEN))
        return True

    def _once(self) -> Outcome | None:
        """Do it for the source as it is now; None when it has changed meanwhile."""
        record = self._records.get(self._pipeline.name, self._key)
        self._there.list(record.traces if record else ())
        found = self._head()
        if found is None:
            return self._gone(record)
        hops = self._hops()
        refused = self._pipeline.refuses_size(found.size) or self._refuses_hops(hops)
        if refused:
            return self._unfit(record, found.version, refused)
        pictures = self._parts.maker.versions(self._pipeline)
        subject = Subject(self._key, found.version, found.size, hops, pictures)
        same = self._same(record, subject)
        if same is not None and same.status == "failed" and not self._again:
            return self._still_failed(same, subject)
        known = self._there.known(subject, record, same)
        if self._there.complete(subject, known) and (same is None or same.status == "done"):
            touched = self._there.leave({*known}, subject.version, outdated=self._repeated)
            touched = self._note(subject, same, known) or touched
            outcome = self._outcome("current", version=subject.version)
            return None if touched and self._changed(subject) else outcome
        return self._bring_up(subject, same, known)

    def _same(self, record: Record | None, subject: Subject) -> Record | None:
        """Give the record if it is of the very outputs that are wanted now."""
        if record is None or record.status == "removed":
            return None
        return record if record.state == subject.state(self._pipeline) else None

    # A source that is there.

    def _bring_up(
        self,
        subject: Subject,
        same: Record | None,
        known: Mapping[Trace, str],
    ) -> Outcome | None:
        try:
            planned = self._layout.known(subject)
            self._writer.refuse_conflicts(planned, self._there.listed)
        except TransformInvalid as fault:
            begun = self._begin(subject, same, self._there.listed)
            return self._fail(subject, _tried(begun, fault))
        begun = self._begin(subject, same, _together(self._there.listed, planned))
        if begun.interruptions > _MOST_INTERRUPTIONS:
            why = f"; {_UNFORESEEN}" if begun.reason == _UNFORESEEN else ""
            reason = f"the work on it was cut off {begun.interruptions} times{why}"
            return self._fail(subject, changed(begun, reason=reason, code="interrupted"))
        if begun.tries >= self._tries:
            return self._fail(subject, begun)
        made = self._made(subject, begun)
        if made is None:
            return None
        if isinstance(made, Refused):
            return self._unfit(begun, subject.version, made.reason)
        if isinstance(made, Record):
            return self._fail(subject, made)
        more = [trace for trace in made.traces if trace not in begun.traces]
        try:
            self._writer.refuse_conflicts(more, self._there.listed)
        except TransformInvalid as fault:
            return self._fail(subject, _tried(begun, fault))
        if more:
            begun = changed(begun, traces=_together(begun.traces, more))
            self._remember(begun)
        self._writer.write(subject, made, known, begun.traces)
        if self._changed(subject):
            return None
        outputs = tuple(product.written for product in made.products)
        outcome = changed(self._outcome("done", version=subject.version), outputs=outputs)
        return self._ended(subject, self._done(subject, made.traces), outcome)

    def _begin(self, subject: Subject, same: Record | None, traces: Iterable[Trace]) -> Record:
        """Write down what will be done before it is: a crash leaves a trace of what lies about."""
        begun = self._record(subject, "begun", traces)
        if same is not None and same.status == "begun" and not self._again:
            self.cut_off = same.by not in ("", _MYSELF)
            begun = changed(
                begun,
                tries=same.tries,
                interruptions=same.interruptions + self.cut_off,
                reason=same.reason,
                code=same.code,
            )
        begun = changed(begun, by=_MYSELF)
        self._remember(begun)
        return begun

    def _made(self, subject: Subject, begun: Record) -> Made | Refused | Record | None:
        """Make everything, or give the record that says why it cannot be."""
        while True:
            try:
                return self._parts.maker.make(self._layout, subject, deadline=self._deadline)
            except DeadlineExceeded as late:
                begun = _tried(begun, late)
                if begun.tries >= self._tries:
                    return begun
                self._remember(begun)
                raise
            except (Unavailable, SettingError):
                raise
            except (RequestError, SourceTooLarge) as fault:
                # What is asked for, or how large it is, does not become another by a second look.
                return _tried(begun, fault)
            except SafelightError as fault:
                # One of no kind is nobody's: what makes pictures did not foresee it.
                if type(fault) is SafelightError:
                    raise
                begun = _tried(begun, fault)
            if begun.tries >= self._tries:
                return begun
            self._remember(begun)

    # A source that cannot be used.

    def _fail(self, subject: Subject, begun: Record) -> Outcome | None:
        """Leave one dead letter in the place of everything else; None when the source changed."""
        if self._changed(subject):
            return None
        letter = self._layout.letter(begun.state)
        begun = changed(begun, traces=_together(begun.traces, [letter]))
        self._remember(begun)
        self._writer.remove(trace for trace in begun.traces if trace.place != letter.place)
        self._writer.remove_outdated(subject.version)
        self._writer.put_letter(subject, begun, letter, self._event)
        if self._changed(subject):
            return None
        outcome = self._outcome("failed", reason=begun.reason, version=subject.version)
        failed = changed(begun, status="failed", by="", traces=(letter,))
        return self._ended(subject, failed, outcome)

    def _still_failed(self, failed: Record, subject: Subject) -> Outcome | None:
        """Say again why, and write the dead letter again if it got lost."""
        letter = self._layout.letter(failed.state)
        lost = self._own.verified(letter) is None
        if lost:
            self._writer.put_letter(subject, failed, letter, self._event)
        touched = self._there.leave({letter}, subject.version, outdated=True) or lost
        outcome = self._outcome("failed", reason=failed.reason, version=subject.version)
        return None if touched and self._changed(subject) else outcome

    # A source that is gone, or none any more.

    def _gone(self, record: Record | None) -> Outcome | None:
        """Remove what was made of a source that is no more; None when it is there again."""
        keeps = self._pipeline.keeps
        removed = self._writer.remove(self._removed(self._there.listed))
        candidates = self._removed(self._layout.candidates())
        removed = self._writer.remove(candidates, listed=False) or removed
        if not keeps:
            removed = self._writer.remove_variants() or removed
        self._forget(record)
        if self._head() is not None:
            return None
        if removed or (record is not None and record.status != "removed"):
            return self._outcome("removed", reason=_KEPT if keeps else _REMOVED)
        # Who says that it was removed knows that, and is right.
        told = self._event is not None and self._event.kind == "removed"
        return self._outcome("skipped" if told else "missing", reason=_GONE)

    def _removed(self, traces: Iterable[Trace]) -> list[Trace]:
        """List what goes with its source: all, or where outputs are kept, its dead letter."""
        return [trace for trace in traces if trace.kind == "letter" or not self._pipeline.keeps]

    def _unfit(self, record: Record | None, version: str, reason: str) -> Outcome:
        """Pass a source over, and remove what was made of it when it was another one."""
        if record is not None:
            self._writer.remove(self._there.listed)
            self._writer.remove_outdated(version)
            self._forget(record)
        return self._outcome("skipped", reason=reason)

    def _forget(self, record: Record | None) -> None:
        if record is None:
            return
        self._writer.hold()
        if self._pipeline.hashed:
            # Nothing else could tell where somebody who was late has written.
            self._records.put(changed(record, status="removed", by="", tries=0, interruptions=0))
        else:
            self._records.delete(self._pipeline.name, self._key)
        self._begun = None

    # What is there.

    def _head(self) -> Stat | None:
        try:
            return self._parts.sources.head(self._key)
        except NotFound:
            return None

    def _changed(self, subject: Subject) -> bool:
        found = self._head()
        return found is None or found.version != subject.version

    def _hops(self) -> int:
        """Count the pipelines that a source has been through."""
        if not self._parts.guarded:
            return 0
        found = self._parts.sources.attributes(self._key)
        text = found.get("hops", "") if "mark" in found else ""
        return int(text) if text.isascii() and text.isdigit() else 0

    def _refuses_hops(self, hops: int) -> str:
        return "it is an output of a pipeline" if hops >= self._parts.events.hops else ""

    # What is remembered.

    def _record(self, subject: Subject, status: Status, traces: Iterable[Trace]) -> Record:
        return Record(
            source=self._key,
            pipeline=self._pipeline.name,
            status=status,
            version=subject.version,
            state=subject.state(self._pipeline),
            traces=tuple(traces),
        )

    def _done(self, subject: Subject, traces: Iterable[Trace]) -> Record:
        record = self._record(subject, "done", traces)
        return changed(record, stamps=self._there.stamps(record.traces))

    def _note(self, subject: Subject, same: Record | None, known: Iterable[Trace]) -> bool:
        """Remember what is all there, where nothing does; tell whether that was so."""
        done = self._done(subject, known)
        if same is not None and {*zip(same.traces, same.stamps, strict=True)} == {
            *zip(done.traces, done.stamps, strict=True)
        }:
            return False
        self._remember(done)
        return True

    def _remember(self, record: Record) -> None:
        self._writer.hold()
        self._records.put(record)
        self._there.list(record.traces)
        self._begun = record if record.status == "begun" else None

    def _ended(self, subject: Subject, record: Record, outcome: Outcome) -> Outcome | None:
        """Tell those who want to know, and write down that nothing is left to be done."""
        if self._pipeline.hooks is not None:
            record = changed(record, faults=tuple(self._pipeline.hooks(outcome)))
        self._remember(record)
        # Where only a record tells what there is, it may not be that of an older version.
        return None if self._pipeline.hashed and self._changed(subject) else outcome

    def _outcome(self, status: Result, *, reason: str = "", version: str = "") -> Outcome:
        return Outcome(status, self._key, self._pipeline.name, reason, version=version)


def _tried(begun: Record, fault: SafelightError) -> Record:
    """Count a try that failed, and say why."""
    return changed(begun, tries=begun.tries + 1, reason=fault.detail, code=fault.code)


def _together(some: Iterable[Trace], others: Iterable[Trace]) -> tuple[Trace, ...]:
    return tuple(dict.fromkeys((*some, *others)))
