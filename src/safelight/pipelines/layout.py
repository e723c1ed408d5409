"""Where everything goes that a pipeline writes of one source, and what it is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from safelight import formats
from safelight.errors import TransformInvalid
from safelight.formats import WRITABLE, Format
from safelight.pipelines.pipeline import Goal, Pipeline, Step
from safelight.pipelines.places import Place
from safelight.pipelines.records import Kind, Trace, digest
from safelight.pipelines.templates import Named
from safelight.storage.store import is_plain_key

_MOST_KEY_BYTES = 1_024


class Subject(msgspec.Struct, frozen=True):
    """A source as it is now.

    ``pictures`` are the versions of the other pictures that its outputs need; ``hops`` how many
    pipelines it comes from.
    """

    key: str
    version: str
    size: int
    hops: int = 0
    pictures: Mapping[str, str] = msgspec.field(default_factory=dict)

    def state(self, pipeline: Pipeline) -> str:
        """Abbreviate all that the outputs depend on."""
        return digest(self.key, self.version, pipeline.plan, *self._versions(self.pictures))

    def variant(self, step: Step) -> str:
        """Abbreviate what one output depends on."""
        needed = self._versions(step.transform.pictures())
        return digest(self.key, self.version, *step.identity, *needed)

    def _versions(self, keys: Mapping[str, str] | tuple[str, ...]) -> list[str]:
        return [f"{key}\0{self.pictures[key]}" for key in sorted(keys)]


class Layout(msgspec.Struct, frozen=True):
    """The keys of what a pipeline writes of one source; ``home`` is the store of the source."""

    pipeline: Pipeline
    key: str
    home: Place

    @property
    def _named(self) -> Named:
        return self.pipeline.named(self.key)

    def output(
        self, step: Step, subject: Subject, format: Format | None, hash: str
    ) -> Trace | None:
        """Say where an output goes; None while the format or hash that it needs is not known.

        Raises TransformInvalid where that is no key.
        """
        assert step.goal is not None
        fields = step.goal.template.fields
        if ("ext" in fields and format is None) or ("hash" in fields and not hash):
            return None
        ext = self._suffix(format) if format else ""
        return self._trace("output", step.goal, subject.variant(step), ext=ext, hash=hash)

    def metadata(self, subject: Subject, hash: str) -> Trace | None:
        """Say where the metadata goes; None while the hash that it needs is not known."""
        goal = self.pipeline.metadata
        if goal is None or ("hash" in goal.template.fields and not hash):
            return None
        return self._trace("metadata", goal, subject.state(self.pipeline), hash=hash)

    def letter(self, state: str = "") -> Trace:
        """Say where a dead letter goes: where that would be no key, a digest stands for it."""
        try:
            return self._trace("letter", self.pipeline.letters, state)
        except TransformInvalid:
            # What is too long for its outputs is too long here, and has to be told somewhere.
            short = digest(self.key)
            return self._trace(
                "letter", self.pipeline.letters, state, of=Named(short, short, short, "", short, "")
            )

    def known(self, subject: Subject) -> list[Trace]:
        """List the outputs and metadata whose places do not depend on what the source holds."""
        traces = [
            self.output(step, subject, step.format(), "")
            for step in self.pipeline.steps
            if step.goal is not None
        ]
        return [trace for trace in (*traces, self.metadata(subject, "")) if trace is not None]

    def candidates(self) -> Iterator[Trace]:
        """List every place where something of the source may lie, but those that need its hash."""
        own = self._named.suffix
        suffixes = dict.fromkeys((*(f.suffixes[0] for f in WRITABLE), *([own] if own else [])))
        for goal in self.pipeline.goals():
            fields = goal.template.fields
            if "hash" in fields:
                continue
            kind = self._kind(goal)
            for ext in suffixes if "ext" in fields else ("",):
                try:
                    yield self._trace(kind, goal, "", ext=ext)
                except TransformInvalid:
                    # Nothing could ever be written there.
                    continue

    def _kind(self, goal: Goal) -> Kind:
        if goal is self.pipeline.letters:
            return "letter"
        return "metadata" if goal is self.pipeline.metadata else "output"

    def _suffix(self, format: Format) -> str:
        """Write the suffix of a format, as the source spells it if it is the source's own."""
        own = self._named.suffix
        return own if formats.by_suffix(own or "-") is format else format.suffixes[0]

    def _trace(
        self,
        kind: Kind,
        goal: Goal,
        variant: str,
        *,
        ext: str = "",
        hash: str = "",
        of: Named | None = None,
    ) -> Trace:
        place = goal.place or self.home
        key = goal.template.filled(of or self._named, ext=ext, hash=hash)
        if not is_plain_key(key) or len(key.encode()) > _MOST_KEY_BYTES:
            raise TransformInvalid(f"{key[:200]!r} cannot be the key of an output")
        if place.address.kind == "file":
            _check_names(key)
        return Trace(kind, place.url, key, variant)


def _check_names(key: str) -> None:
    """Refuse a key with a part that no folder takes. Raises TransformInvalid."""
    # Loaded where there is a folder: a cold start counts.
    from safelight.storage.folder import MOST_NAME_BYTES

    if max(map(len, key.encode().split(b"/"))) > MOST_NAME_BYTES:
        raise TransformInvalid(
            f"{key[:200]!r} cannot be an output in a folder: a name there has at most"
            f" {MOST_NAME_BYTES} bytes"
        )
