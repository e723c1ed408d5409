"""The URL of a queue: which broker, where, and what it is called there."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from safelight.entrances.message import Queue
from safelight.errors import SettingError

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class _Broker:
    module: str
    extra: str
    example: str
    options: tuple[str, ...] = ()


_NATS = _Broker("nats", "nats", "nats://127.0.0.1:4222/uploads", ("stream", "durable"))
_REDIS = _Broker("redis", "redis", "redis://127.0.0.1:6379/uploads", ("group", "field", "db"))
_AMQP = _Broker("amqp", "amqp", "amqp://127.0.0.1:5672/uploads", ("vhost",))
_SQS = _Broker("sqs", "sqs", "sqs://uploads?region=eu-west-1", ("region",))
BROKERS: Mapping[str, _Broker] = MappingProxyType(
    {
        "nats": _NATS, "tls": _NATS,
        "redis": _REDIS, "rediss": _REDIS,
        "amqp": _AMQP, "amqps": _AMQP,
        "sqs": _SQS, "https": _SQS, "http": _SQS,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """What the URL of a queue says.

    ``name`` is the subject, stream or queue; ``server`` the URL without name and options, with the
    credentials; of SQS it is empty, or the ``url`` is the queue's own.
    """

    kind: str
    name: str
    server: str = field(repr=False)
    host: str = ""
    port: int | None = None
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    url: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Name the queue, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{self.kind}://{host}{port}/{self.name}" if host else f"{self.kind}://{self.name}"


def parse(url: str) -> Address:
    """Read the URL of a queue. Raises SettingError, which never shows credentials."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _no_queue() from None
    broker = BROKERS.get(parts.scheme)
    if broker is None or parts.fragment or not parts.hostname:
        raise _no_queue()
    options = _options(broker, parts)
    if parts.scheme == "sqs":
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,80}", parts.netloc):
            raise SettingError(f"this names no queue (example: {broker.example})")
        return Address("sqs", parts.netloc, "", options=options)
    name = unquote(parts.path.removeprefix("/"))
    if not name or len(name) > 1_024 or re.search(r"[\x00-\x20\x7f]", name):
        raise SettingError(f"the URL names a server, and no queue (example: {broker.example})")
    return Address(
        parts.scheme,
        name,
        f"{parts.scheme}://{parts.netloc}",
        parts.hostname,
        port,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        f"{parts.scheme}://{parts.netloc}/{quote(name)}" if broker is _SQS else "",
        options,
    )


def _options(broker: _Broker, parts: SplitResult) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in broker.options or name in options:
            raise SettingError(
                f"a queue of {parts.scheme}:// takes {', '.join(broker.options)}, each once"
            )
        if name != "vhost" and not _WORD.fullmatch(value):
            raise SettingError(
                f"{name}: expected letters, digits, _ and - (example: {name}=photos)"
            )
        options[name] = value
    return options


def _no_queue() -> SettingError:
    known = ", ".join(dict.fromkeys(broker.example for broker in BROKERS.values()))
    return SettingError(f"this names no queue: use {known}")


def queue(url: str, *, at_once: int, patience_seconds: int | None = None) -> Queue:
    """Make the queue that a URL names; it still has to be opened.

    ``at_once``: how many messages are worked on at the same time. ``patience_seconds``: after so
    long without a sign of life a message is given to another consumer, 5 to 43,200; if nothing is
    said, it is 30, or what a consumer of NATS was made with. Raises SettingError, also when the
    broker's library is not installed.
    """
    address = parse(url)
    broker = BROKERS[address.kind]
    try:
        module: Any = importlib.import_module(f"safelight.entrances.{broker.module}")
    except ModuleNotFoundError as error:
        raise SettingError(
            f"{address.kind}:// needs a library that is not installed ({error.name}): "
            f"pip install 'safelight[{broker.extra}]'"
        ) from error
    made: Queue = module.open_queue(address, at_once, patience_seconds)
    return made
