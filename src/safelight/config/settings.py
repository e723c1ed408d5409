"""What can be set: the sections of ``safelight.toml``, and what they are unless they are set."""

import typing
from functools import cache
from typing import Annotated, Any

import msgspec

from safelight.access import Security
from safelight.cdn import CdnSettings
from safelight.delivery import VariantSettings
from safelight.dialects import DIALECTS
from safelight.fetch import Remotes
from safelight.limits import Limits
from safelight.observe import Observe
from safelight.pipelines.settings import EventSettings, PipelineSettings
from safelight.transform import ORIGINAL
from safelight.workers.settings import Workers

FILE = "safelight.toml"
_ROUTES = ("info", "static", "healthz", "readyz", "resize", "metrics", "events", "purge")
# First segments of addresses that mean something else than a preset.
RESERVED = frozenset((*DIALECTS, *_ROUTES, ORIGINAL))
# The one section of which there may be several: [[pipelines]].
REPEATED = "pipelines"
# Sections whose settings have names of the user's: what each is, and an example.
NAMED = {"presets": ("transform", "w=300,h=300"), "sources": ("store", "s3://archive")}

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class SourceSettings(msgspec.Struct, frozen=True):
    """Where the originals are.

    How long it is believed what a store in a cloud said of a source: ``remember_seconds`` of its
    version, ``missing_seconds`` that there is none. A folder is asked each time.
    """

    url: str = "file:./photos"
    remember_seconds: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    missing_seconds: Annotated[float, msgspec.Meta(ge=0)] = 5.0


class RequestSettings(msgspec.Struct, frozen=True):
    """What a request leaves open: ``defaults`` is a transform such as "fit=fill,format=auto"."""

    defaults: str = ""


class ServerSettings(msgspec.Struct, frozen=True):
    """How the server listens and answers.

    ``max_age`` (seconds) is for Cache-Control. ``queue`` is how many pictures may wait or be made
    at once. ``body_seconds`` is how long a body may take to arrive, ``idle_seconds`` how long a
    connection may say nothing, ``grace_seconds`` how long what was begun may take when the server
    stops. ``index`` lists sources at ``/``: "local" only on this machine. ``max_inline_bytes`` is
    what the platform carries of a picture, None where it carries any.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8000
    max_age: NotNegative = 3_600
    queue: Positive = 128
    body_seconds: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    idle_seconds: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    grace_seconds: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    index: typing.Literal["local", "on", "off"] = "local"
    max_inline_bytes: NotNegative | None = None


class Settings(msgspec.Struct, frozen=True):
    """Everything that can be set. ``base`` is the folder that relative paths start from."""

    source: SourceSettings = msgspec.field(default_factory=SourceSettings)
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    variants: VariantSettings = msgspec.field(default_factory=VariantSettings)
    presets: dict[str, str] = msgspec.field(default_factory=dict)
    request: RequestSettings = msgspec.field(default_factory=RequestSettings)
    limits: Limits = msgspec.field(default_factory=Limits)
    workers: Workers = msgspec.field(default_factory=Workers)
    server: ServerSettings = msgspec.field(default_factory=ServerSettings)
    security: Security = msgspec.field(default_factory=Security)
    remote: Remotes = msgspec.field(default_factory=Remotes)
    cdn: CdnSettings = msgspec.field(default_factory=CdnSettings)
    observe: Observe = msgspec.field(default_factory=Observe)
    events: EventSettings = msgspec.field(default_factory=EventSettings)
    pipelines: tuple[PipelineSettings, ...] = ()


@cache
def sections() -> dict[str, Any]:
    """Name the sections, each with its type."""
    usual = Settings()
    return {name: type(getattr(usual, name)) for name in usual.__struct_fields__}
