"""What a service answers with."""

from __future__ import annotations

import msgspec

from safelight.locating import Located
from safelight.observe import Timings
from safelight.picture import Analysis, Header


class Answer(msgspec.Struct, frozen=True):
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
    timings: Timings = msgspec.field(default_factory=Timings)
    location: str = ""


class Found(msgspec.Struct, frozen=True):
    """What is there: no answer when it has to be made, or when the viewer knows it."""

    located: Located
    answer: Answer | None
    known: bool = False


class Info(msgspec.Struct, frozen=True):
    """What is known of a source; ``analysis`` only where it was asked for."""

    key: str
    version: str
    size: int
    header: Header
    analysis: Analysis | None = None
