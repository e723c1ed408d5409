"""What can be set of pipelines: [events], and one [[pipelines]] for each."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from safelight.confidential import Confidential
from safelight.errors import SettingError
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


def named(settings: Sequence[PipelineSettings]) -> list[PipelineSettings]:
    """Give each pipeline a name. Raises SettingError for one that is none, or taken.

    One may do without: by their order two would be told apart only until it changes.
    """
    if sum(not each.name for each in settings) > 1:
        raise SettingError(
            "pipelines.name: only one of them may have none, for by their names it is known whose "
            'an output is (example: name = "thumbnails")'
        )
    found = [
        replace(each, name=each.name or f"pipeline-{number}")
        for number, each in enumerate(settings, 1)
    ]
    names = [each.name for each in found]
    for name in names:
        if not re.fullmatch(r"[a-z0-9_-]{1,64}", name):
            raise SettingError(
                f"pipelines.name: {name!r} has more than a-z, 0-9, _ and - (example: uploads)"
            )
        if names.count(name) > 1:
            raise SettingError(f"pipelines.name: two are called {name}: give each its own")
    return found
