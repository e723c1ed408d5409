"""What can be set of pipelines: [events], and one [[pipelines]] for each."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from safelight.confidential import Confidential
from safelight.hooks import HookSettings


class EventSettings(Confidential, frozen=True):
    """How the service hears of uploads, and what it promises.

    ``token``: what a sender has to say as a bearer; or ``secret``: what it signs the body with.
    ``state``: the store that remembers what was done, empty for the variant store. ``tries``: how
    often an image that cannot be used is tried. ``seconds``: for all outputs of a source. ``hops``:
    how many pipelines may follow one another.
    """

    hidden = frozenset({"token", "secret"})

    token: str = ""
    secret: str = ""
    state: str = ""
    tries: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    seconds: Annotated[float, msgspec.Meta(gt=0, le=3_600)] = 60.0
    hops: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1


class Target(msgspec.Struct, frozen=True):
    """Where an object is written: a template of its key, and a store if it is another one."""

    to: str
    store: str = ""


class WriteSettings(msgspec.Struct, frozen=True):
    """One output: a preset or a transform, and where it goes.

    Without ``to`` it goes into the variant store, as the very variant that a request makes.
    """

    preset: str = ""
    transform: str = ""
    to: str = ""
    store: str = ""


class PipelineSettings(msgspec.Struct, frozen=True):
    """What is written when a source arrives.

    ``on`` is what the keys of its sources begin with; ``suffix``, ``types`` (formats by content),
    ``min_bytes`` and ``max_bytes`` bound them further. ``store`` is for all that is written, empty
    for the store of the source. ``metadata`` and ``failed`` say where those documents go;
    ``include`` what is more in the metadata, of the source's own ``facts`` as that policy keeps
    them. ``removed``: what becomes of the outputs of a source that is removed.
    """

    name: str = ""
    on: str = ""
    suffix: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    min_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_bytes: Annotated[int, msgspec.Meta(ge=1)] | None = None
    store: str = ""
    write: tuple[WriteSettings, ...] = ()
    metadata: str | Target = ""
    include: tuple[
        Literal["exif", "iptc", "xmp", "placeholders", "colors", "phash", "sha256", "srcset"], ...
    ] = ()
    facts: Literal["copyright", "all", "all-with-gps"] = "all"
    failed: str | Target = ""
    removed: Literal["remove", "keep"] = "remove"
    hooks: tuple[HookSettings, ...] = ()
