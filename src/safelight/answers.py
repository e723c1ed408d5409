"""What a service answers with."""

from __future__ import annotations

from dataclasses import dataclass, field

from safelight.locating import Located
from safelight.observe import Timings
from safelight.picture import Analysis, Header


@dataclass(frozen=True, slots=True)
class Answer:
    """A picture to send.

    ``made`` is in seconds since the epoch. ``cached`` says that it came from the store, ``stored``
    that it is there now. ``location`` is where a viewer may fetch it instead, empty when it is to
    be sent; ``data`` may then be missing.
    """

    located: Located
    data: bytes
    mime: str
    made: float
    cached: bool
    stored: bool
    timings: Timings = field(default_factory=Timings)
    location: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What is there: no answer when it has to be made, or when the viewer knows it."""

    located: Located
    answer: Answer | None
    known: bool = False


@dataclass(frozen=True, slots=True)
class Info:
    """What is known of a source; ``analysis`` only where it was asked for."""

    key: str
    version: str
    size: int
    header: Header
    analysis: Analysis | None = None
