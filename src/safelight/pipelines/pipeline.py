"""A pipeline, ready to be used: which sources it is for, and what it writes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from safelight import formats
from safelight.formats import Format
from safelight.picture import Wish
from safelight.pipelines.outcomes import Outcome
from safelight.pipelines.places import Place
from safelight.pipelines.records import digest
from safelight.pipelines.templates import Named, Template, named
from safelight.storage.store import is_plain_key
from safelight.transform import Transform
from safelight.variants import EPOCH

# So many bytes at the beginning of a source tell what it is.
HEAD_BYTES = 65_536
# What `include` may name of the facts that a source tells of itself.
FACTS = frozenset({"exif", "iptc", "xmp"})

# Told of what came of a source; gives back what could not be told. It does not raise.
Hooks: TypeAlias = Callable[[Outcome], Sequence[str]]


class Goal(msgspec.Struct, frozen=True):
    """Where something is written: a key with fields, in a store, or None for the source's own."""

    template: Template
    place: Place | None

    @property
    def identity(self) -> tuple[str, ...]:
        """Where that is, as text."""
        return (self.template.text, self.place.url if self.place else "")


class Step(msgspec.Struct, frozen=True):
    """One output: what is made, and where it goes; without a goal, into the variant store.

    ``preset`` is its name, empty where it is made by a transform alone; ``path`` is what a request
    for it begins with.
    """

    wish: Wish
    goal: Goal | None
    preset: str = ""
    path: str = ""

    @property
    def transform(self) -> Transform:
        """What is made of the source."""
        return self.wish.transform

    @property
    def identity(self) -> tuple[str, ...]:
        """All that decides what is written where, as text."""
        where = () if self.goal is None else self.goal.identity
        return (self.transform.canonical, self.wish.profile, str(EPOCH), *where)

    def format(self) -> Format | None:
        """Name the format that is written, where that does not depend on the source."""
        wanted = self.transform["format"]
        return formats.BY_NAME.get(wanted) if wanted else None


class Pipeline(msgspec.Struct, frozen=True):
    """What is written when a source arrives whose key begins with ``on``.

    ``others`` are the names of the other pipelines, whose outputs are none of its own.
    """

    name: str
    on: str
    steps: tuple[Step, ...]
    letters: Goal
    metadata: Goal | None = None
    suffixes: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    min_bytes: int = 0
    max_bytes: int | None = None
    include: frozenset[str] = frozenset()
    facts: str = "all"
    keeps: bool = False
    hooks: Hooks | None = None
    others: frozenset[str] = frozenset()

    @property
    def presets(self) -> frozenset[str]:
        """The names of the presets that it writes."""
        return frozenset(step.preset for step in self.steps if step.preset)

    @property
    def plan(self) -> str:
        """What it does, abbreviated: another plan makes other outputs."""
        steps = [part for step in self.steps for part in step.identity]
        if self.metadata is None:
            return digest(*steps)
        # The metadata tells them of outputs whose bytes stay the same.
        names = [step.preset for step in self.steps]
        return digest(*steps, *names, *self.metadata.identity, *sorted(self.include), self.facts)

    @property
    def hashed(self) -> bool:
        """Whether the bytes of a source are part of where its outputs go."""
        return any("hash" in goal.template.fields for goal in self.goals())

    @property
    def stores_variants(self) -> bool:
        """Whether some outputs go into the variant store."""
        return any(step.goal is None for step in self.steps)

    def goals(self) -> Iterator[Goal]:
        """List where it writes what is not left to the variant store, its dead letters last."""
        yield from (step.goal for step in self.steps if step.goal is not None)
        if self.metadata is not None:
            yield self.metadata
        yield self.letters

    def named(self, key: str) -> Named:
        """Take apart the key of one of its sources."""
        return named(key, self.on)

    def refuses(self, key: str) -> str:
        """Say why a key is not one of its sources; empty when it is."""
        if not key.startswith(self.on):
            return f"its key does not begin with {self.on}"
        suffix = key.rpartition("/")[2].rpartition(".")[2].lower() if _has_suffix(key) else ""
        if self.suffixes:
            return (
                "" if suffix in self.suffixes else f"its suffix is none of {_listed(self.suffixes)}"
            )
        if suffix and not self.types and formats.by_suffix(suffix) is None:
            return f"no format of images has the suffix .{suffix}"
        return ""

    def refuses_size(self, size: int) -> str:
        """Say why a source of so many bytes is none of its own; empty when it is."""
        if not size:
            return "it is empty"
        if size < self.min_bytes:
            return f"it has {size:,} bytes, and min_bytes is {self.min_bytes:,}"
        if self.max_bytes is not None and size > self.max_bytes:
            return f"it has {size:,} bytes, and max_bytes is {self.max_bytes:,}"
        return ""

    def refuses_content(self, key: str, head: bytes) -> str:
        """Say why what a source begins with makes it none of its own; empty when it does not.

        ``head``: its first `HEAD_BYTES`.
        """
        found = formats.sniff(head)
        if self.types:
            known = found.name if found else "nothing known"
            return "" if known in self.types else f"it is {known}, not {_listed(self.types)}"
        # Without a suffix only its bytes could say that it is meant as an image.
        if found is None and not self.suffixes and not _has_suffix(key):
            return "nothing says that it is an image"
        return ""


def hidden(key: str) -> str:
    """Say why a key is nobody's source; empty when it may be one."""
    if not key or key.endswith("/"):
        return "it is a folder"
    if any(part.startswith(".") for part in key.split("/")):
        return "it is hidden"
    if not is_plain_key(key):
        return (
            "nothing with an empty part, a backslash or a control character in its key, or with "
            "more than 1,024 characters, can be asked for"
        )
    return ""


def _has_suffix(key: str) -> bool:
    base, dot, _ = key.rpartition("/")[2].rpartition(".")
    return bool(dot and base)


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words))
