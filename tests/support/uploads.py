"""Pipelines over stores in memory that fail where a test wants it, with pictures made of words.

What is tried is the order of calls to stores, at each of which a process may die: thousands of
them, for which real pictures would take hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from safelight.dialects import Grammar
from safelight.errors import NotFound, SourceDamaged
from safelight.limits import Limits
from safelight.picture import Analysis, Developed, Header, Rendering, Wish
from safelight.pipelines import Pipelines
from safelight.pipelines.building import build
from safelight.pipelines.making import Maker
from safelight.pipelines.places import Place, Places, Sources
from safelight.pipelines.reconcile import Parts
from safelight.pipelines.records import Records
from safelight.pipelines.settings import EventSettings, PipelineSettings
from safelight.storage import Entry, Object, Opened, Stat, opened_bytes
from safelight.storage.addresses import Address
from safelight.transform import Transform, parse_preset
from safelight.variants import Variants
from safelight.variants.leases import Lease
from safelight.workers import NONE, Pictures, Vitals

HEADER = Header(
    "jpeg", 40, 30, 3, 1, 1, 1, alpha=False, palette=False, space="srgb", profile=None,
    buffered=False, coefficients=2.0, scans=1,
)  # fmt: skip
PRESETS = {
    "thumb": parse_preset("w=30,h=30,fit=inside,format=jpeg"),
    "card": parse_preset("w=60,format=webp"),
}


class Crash(BaseException):
    """The process was killed."""


class Shelf:
    """A store in memory, as a folder is one: what is said of an object lies beside it.

    ``interrupt`` is called before each effect; what it raises leaves the rest undone.
    """

    local = True

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.notes: dict[str, Mapping[str, str]] = {}
        self.interrupt: Callable[[], None] = lambda: None
        self._versions = count(1)

    def check(self) -> None: ...

    def head(self, key: str) -> Stat:
        self.interrupt()
        data, version = self._object(key)
        return Stat(version, len(data), 0.0)

    def open(self, key: str) -> Opened:
        self.interrupt()
        data, version = self._object(key)
        return opened_bytes(data, version=version)

    def get(self, key: str) -> Object:
        self.interrupt()
        return Object(*self._object(key), None)

    def attributes(self, key: str) -> Mapping[str, str]:
        self.interrupt()
        return self.notes.get(key, {})

    def put(self, key: str, data: bytes, attributes: Mapping[str, str]) -> None:
        self.interrupt()
        self.notes[key] = dict(attributes)
        self.interrupt()
        self.objects[key] = (data, f"v{next(self._versions)}")
        self.interrupt()

    def create(self, key: str, data: bytes) -> bool:
        self.interrupt()
        if key in self.objects:
            return False
        self.objects[key] = (data, f"v{next(self._versions)}")
        return True

    def delete(self, key: str) -> None:
        self.interrupt()
        self.objects.pop(key, None)
        self.interrupt()
        self.notes.pop(key, None)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        self.interrupt()
        below = f"{prefix}/" if prefix else ""
        for key, (data, _) in sorted(self.objects.items()):
            if key.startswith(below):
                yield Entry(key, len(data), 0.0)

    def sign(self, key: str, seconds: int) -> None: ...

    def tidy(self, before: float) -> int:
        return 0

    def _object(self, key: str) -> tuple[bytes, str]:
        if key not in self.objects:
            raise NotFound(f"there is no image {key!r}")
        return self.objects[key]


class Wordy:
    """A renderer whose pictures are words: what they are made of, and how."""

    slots = 1

    def __init__(self) -> None:
        self.made = 0
        self.fault: Callable[[bytes], None] = _damaged

    def start(self) -> dict[str, Any]:
        return {}

    def develop(
        self,
        source: Opened,
        wishes: Sequence[Wish],
        *,
        deadline: float,
        pictures: Pictures = NONE,
        analyse: bool = False,
        facts: str = "none",
    ) -> Developed:
        data = source.read()
        self.fault(data)
        self.made += 1
        return Developed(HEADER, tuple(_rendering(data, wish) for wish in wishes))

    def render(self, source: Opened, transform: Transform, **_: Any) -> Rendering:
        raise NotImplementedError

    def probe(self, source: Opened, *, deadline: float) -> Header:
        raise NotImplementedError

    def analyse(self, source: Opened, *, deadline: float) -> Analysis:
        raise NotImplementedError

    def vitals(self) -> Vitals:
        return Vitals()

    def close(self) -> None: ...


def _damaged(data: bytes) -> None:
    if data.startswith(b"bad"):
        raise SourceDamaged("the picture is damaged")


def _rendering(data: bytes, wish: Wish) -> Rendering:
    mime = "image/webp" if wish.transform["format"] == "webp" else "image/jpeg"
    return Rendering(picture(data, wish.transform), mime, 20, 15, 40, 30, 0.0, 0.0)


def picture(data: bytes, transform: Transform) -> bytes:
    """Say what a picture of words looks like."""
    return data + b"|" + transform.canonical.encode()


class Alone:
    """Leases where nobody else asks for one, and nobody ever learns that one is lost."""

    @contextmanager
    def lease(self, name: str) -> Iterator[Lease]:
        yield Lease(1e9, mine=True)


@dataclass
class World:
    """Stores that outlive the processes, and the settings that all of these have."""

    settings: Sequence[PipelineSettings]
    events: EventSettings = field(default_factory=EventSettings)
    shelves: dict[str, Shelf] = field(default_factory=dict)
    renderer: Wordy = field(default_factory=Wordy)
    grammar: Grammar = field(default_factory=lambda: Grammar(PRESETS))
    homes: Mapping[str, str] = field(default_factory=lambda: {"": "s3://photos"})

    def shelf(self, url: str) -> Shelf:
        """Give the store of a URL."""
        return self.shelves.setdefault(url, Shelf())

    def process(self) -> Pipelines:
        """Start another process, which remembers nothing."""
        places = Places(lambda url: Place(url, _address(url), self.shelf(url)))
        sources = Sources({prefix: places.at(url) for prefix, url in self.homes.items()})
        built = build(self.settings, self.grammar, sources, places, self.events, Limits())
        variants = Variants(self.shelf("s3://variants"), max_bytes=None)
        maker = Maker(
            sources,
            self.shelf("s3://photos"),
            self.renderer,
            variants,
            Limits(),
            variants_url="s3://variants",
        )
        state = self.shelf("s3://state")
        parts = Parts(sources, places, Records(state), variants, maker, self.events)
        pipelines = Pipelines(built, parts, state, self.renderer)
        pipelines._leases = Alone()  # type: ignore[assignment]
        return pipelines

    def interrupt(self, interrupt: Callable[[], None]) -> None:
        """Have all stores call something before each effect."""
        for url in ("s3://photos", "s3://variants", "s3://state", "s3://other"):
            self.shelf(url).interrupt = interrupt


def _address(url: str) -> Address:
    name, _, prefix = url.removeprefix("s3://").partition("/")
    return Address("s3", name, prefix)
