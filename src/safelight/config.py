"""``safelight.toml`` and ``SAFELIGHT_…`` variables: read, checked, and wired into a service."""

from __future__ import annotations

import math
import os
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from safelight.access import Security
from safelight.cdn import Cdn, CdnSettings
from safelight.delivery import Delivery, VariantSettings
from safelight.dialects import DIALECTS, Grammar
from safelight.errors import SafelightError, SettingError
from safelight.fetch import Remotes, allowed_servers, fixed_origin, server_of
from safelight.limits import Limits
from safelight.observe import Histogram, Metrics, Observe
from safelight.operations import PARAMETERS
from safelight.purging import Purger
from safelight.remote import is_remote
from safelight.service import Service
from safelight.signing import MARK
from safelight.storage import Mount, Mounted, Remembered, Source, Store, open_store
from safelight.storage.observed import observed_source, observed_store
from safelight.transform import ORIGINAL, Transform, bare_size, parse_preset
from safelight.variants import Variants
from safelight.workers import Renderer
from safelight.workers.pool import Pool, Workers

FILE = "safelight.toml"
_ENVIRONMENT = "SAFELIGHT_"
_ROUTES = ("info", "static", "healthz", "readyz", "resize", "metrics", "events", "purge")
# First segments of addresses that mean something else than a preset.
RESERVED = frozenset((*DIALECTS, *_ROUTES, ORIGINAL))
_PARAMETER_NAMES = frozenset(
    name for parameter in PARAMETERS.values() for name in (parameter.name, *parameter.kind.aliases)
)
# Sections whose settings have names of the user's.
_NAMED = {"presets": ("transform", "w=300,h=300"), "sources": ("store", "s3://archive")}
_SIZES = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}

# Of settings that are nothing unless they are set.
_EXAMPLES = {"variants.max_bytes": "10GB", "server.max_inline_bytes": "4MB"}
_KEPT_BYTES = 10_000_000_000

Positive = Annotated[int, msgspec.Meta(ge=1)]
Calls: typing.TypeAlias = Histogram | None
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where the originals are.

    How long it is believed what a store in a cloud said of a source: ``remember_seconds`` of its
    version, ``missing_seconds`` that there is none. A folder is asked each time.
    """

    url: str = "file:./photos"
    remember_seconds: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    missing_seconds: Annotated[float, msgspec.Meta(ge=0)] = 5.0


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """What a request leaves open: ``defaults`` is a transform such as "fit=fill,format=auto"."""

    defaults: str = ""


@dataclass(frozen=True, slots=True)
class ServerSettings:
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


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. ``base`` is the folder that relative paths start from."""

    source: SourceSettings = field(default_factory=SourceSettings)
    sources: dict[str, str] = field(default_factory=dict)
    variants: VariantSettings = field(default_factory=VariantSettings)
    presets: dict[str, str] = field(default_factory=dict)
    request: RequestSettings = field(default_factory=RequestSettings)
    limits: Limits = field(default_factory=Limits)
    workers: Workers = field(default_factory=Workers)
    server: ServerSettings = field(default_factory=ServerSettings)
    security: Security = field(default_factory=Security)
    remote: Remotes = field(default_factory=Remotes)
    cdn: CdnSettings = field(default_factory=CdnSettings)
    observe: Observe = field(default_factory=Observe)


def load(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Read the settings: file, then environment, then ``overrides``; the last one wins.

    ``file``: by default ``safelight.toml`` in the working directory, if it is there. Raises
    SettingError with the setting's name, what is wrong with it, and an example.
    """
    given = _from_file(file)
    _refuse_unknown(given)
    for section, name, value in _from_environment(environment):
        given.setdefault(section, {})[name] = value
    for section, values in (overrides or {}).items():
        given.setdefault(section, {}).update(values)
    _refuse_unknown(given)
    settings = _convert(given)
    _refuse_negotiation(settings, grammar(settings))
    return settings


def _from_file(file: Path | None) -> dict[str, Any]:
    path = file or Path(FILE)
    if file is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not valid TOML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Split ``SAFELIGHT_SERVER_PORT`` into ("server", "port") and its value."""
    found = []
    for variable, value in environment.items():
        if not variable.startswith(_ENVIRONMENT):
            continue
        section, _, name = variable[len(_ENVIRONMENT) :].lower().partition("_")
        if section not in _sections() or not name:
            known = ", ".join(f"{_ENVIRONMENT}{s.upper()}_…" for s in _sections())
            raise SettingError(f"{variable} is no setting: known are {known}")
        found.append((section, name, value))
    return found


def _sections() -> dict[str, Any]:
    return typing.get_type_hints(Settings)


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    for section, values in given.items():
        kind = _sections().get(section)
        if kind is None:
            raise SettingError(f"[{section}] is no section: known are {', '.join(_sections())}")
        if not isinstance(values, dict):
            raise SettingError(f"{section} is a section: write [{section}] and its settings below")
        if not is_dataclass(kind):
            continue
        known = [setting.name for setting in fields(kind)]
        for name in values:
            if name not in known:
                raise SettingError(f"{section}.{name} is no setting: known are {', '.join(known)}")


def _convert(given: Mapping[str, Any]) -> Settings:
    plain = {
        section: {name: _plain(section, name, value) for name, value in values.items()}
        if section not in _NAMED
        else values
        for section, values in given.items()
    }
    for section, (meaning, example) in _NAMED.items():
        for name, text in plain.get(section, {}).items():
            if not isinstance(text, str):
                raise SettingError(
                    f'{section}.{name}: no {meaning} (example: {name} = "{example}")'
                )
    try:
        settings = msgspec.convert(plain, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingError(_explained(str(error))) from error
    _refuse_impossible(settings)
    settings.security.check_settings()
    settings.remote.check_settings()
    settings.variants.check()
    if settings.cdn.kind:
        Cdn(settings.cdn)
    return settings


def _refuse_negotiation(settings: Settings, rules: Grammar) -> None:
    """Refuse what whoever serves stored variants by their paths could not do."""
    if settings.variants.layout != "path":
        return
    named = {f"presets.{name}": transform for name, transform in rules.presets.items()}
    for name, transform in {**named, "request.defaults": rules.defaults}.items():
        if dict(transform.arguments).get("format") == "auto":
            raise SettingError(
                f'{name}: format=auto is not for variants.layout = "path", where one address has '
                "one picture (example: format=webp)"
            )


def _refuse_impossible(settings: Settings) -> None:
    """Refuse numbers that no size, count or time can be."""
    for section in ("source", "remote", "limits", "workers", "server"):
        values = getattr(settings, section)
        for setting in fields(values):
            value = getattr(values, setting.name)
            if not isinstance(value, int | float) or isinstance(value, bool):
                continue
            nothing = setting.default == 0 or section in ("source", "remote", "server")
            if not math.isfinite(value) or value < 0 or (value == 0 and not nothing):
                least = "from 0" if nothing else "above 0"
                raise SettingError(
                    f"{section}.{setting.name}: expected a number {least}, got {value:g} "
                    f"(example: {setting.name} = {_toml(setting.default)})"
                )


def _plain(section: str, name: str, value: Any) -> Any:
    """Read "64MB" where a number of bytes is set, and "a, b" where a list is."""
    if not isinstance(value, str):
        return value
    if typing.get_origin(typing.get_type_hints(_sections()[section]).get(name)) is tuple:
        return [item.strip() for item in value.split(",") if item.strip()]
    if not re.search(r"bytes$|memory$", name):
        return value
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*", value)
    if not found or found[2].lower() not in _SIZES:
        return value
    return round(float(found[1]) * _SIZES[found[2].lower()])


def _explained(message: str) -> str:
    fault, _, path = message.partition(" - at `$.")
    name = re.sub(r"\[.*", "", path.rstrip("`"))
    section, _, setting = name.partition(".")
    values = getattr(Settings(), section, None)
    default = getattr(values, setting, None)
    hint = typing.get_type_hints(type(values)).get(setting)
    if typing.get_origin(hint) is typing.Literal:
        fault += f", expected {', '.join(map(str, typing.get_args(hint)))}"
    shown = _EXAMPLES.get(name) if default is None else default
    example = f" (example: {setting} = {_toml(shown)})" if shown is not None else ""
    return f"{name}: {fault[:1].lower()}{fault[1:]}{example}"


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else msgspec.json.encode(value).decode()


def grammar(settings: Settings) -> Grammar:
    """Parse the presets and defaults. Raises SettingError."""
    presets: dict[str, Transform] = {}
    for name, text in settings.presets.items():
        if not re.fullmatch(r"[a-z0-9_-]{1,64}", name):
            raise SettingError(
                f"presets.{name}: a name has only a-z, 0-9, _ and - (example: thumb-300)"
            )
        taken = name in RESERVED or name in _PARAMETER_NAMES or name.startswith(MARK)
        if taken or bare_size(name):
            raise SettingError(
                f"presets.{name}: the name means something else in an address; "
                f"choose another (example: my-{name})"
            )
        presets[name] = _transform(f"presets.{name}", text)
    return Grammar(presets, _transform("request.defaults", settings.request.defaults))


def _transform(name: str, text: str) -> Transform:
    try:
        return parse_preset(text)
    except SafelightError as error:
        raise SettingError(f"{name}: {error.detail}") from error


def build(
    settings: Settings, *, base: Path | None = None, renderer: Renderer | None = None
) -> Service:
    """Wire a service out of settings; it still has to be started.

    ``base``: where relative paths start. ``renderer``: by default a pool of processes. Raises
    SettingError.
    """
    renderer = renderer or Pool(settings.limits, settings.workers)
    kept = settings.variants
    metrics = Metrics()
    stored = variants(settings, base=base, counted=metrics.store_calls)
    delivery = Delivery(
        kept.deliver, kept.public_url, kept.sign_seconds, settings.server.max_inline_bytes
    )
    return Service(
        sources(settings, base=base, counted=metrics.store_calls),
        stored,
        renderer,
        settings.limits,
        queue=settings.server.queue,
        delivery=delivery,
        removed=purger(settings, stored).outdated,
        metrics=metrics,
    )


def variants(settings: Settings, *, base: Path | None = None, counted: Calls = None) -> Variants:
    """Open the variant store. Raises SettingError."""
    kept = settings.variants
    store = _store("variants.url", kept.url, base, settings.limits)
    store = observed_store(store, "variants", counted)
    return Variants(
        store,
        max_bytes=kept.max_bytes or (_KEPT_BYTES if store.local else None),
        by_path=kept.layout == "path",
        cache_control=kept.cache_control,
    )


def purger(settings: Settings, stored: Variants) -> Purger:
    """Wire what removes variants, here and from a CDN. Raises SettingError."""
    cdn = Cdn(settings.cdn, settings.variants.public_url) if settings.cdn.kind else None
    return Purger(stored, cdn)


def sources(settings: Settings, *, base: Path | None = None, counted: Calls = None) -> Source:
    """Open the places of the originals as one. Raises SettingError."""
    default = _source("source.url", settings.source.url, settings, base, counted)
    mounts = []
    for name, url in settings.sources.items():
        if not re.fullmatch(r"[a-z0-9_-]{1,64}", name):
            raise SettingError(
                f"sources.{name}: a name has only a-z, 0-9, _ and - (example: archive)"
            )
        mounts.append(Mount(f"{name}/", _source(f"sources.{name}", url, settings, base, counted)))
    remote = settings.remote
    if remote.allow:
        everywhere = Remembered(
            observed_source(allowed_servers(remote, settings.limits), "remote", counted),
            seconds=remote.remember_seconds,
            missing_seconds=remote.missing_seconds,
            server=server_of,
        )
        mounts += [Mount(f"{scheme}://", everywhere, whole=True) for scheme in ("https", "http")]
    return Mounted(default, mounts) if mounts else default


def _source(name: str, url: str, settings: Settings, base: Path | None, counted: Calls) -> Source:
    limits = settings.limits
    source: Source
    if is_remote(url):
        with _naming(name):
            source = fixed_origin(url, settings.remote, limits)
    else:
        source = _store(name, url, base, limits, most_bytes=limits.source_bytes)
    if source.local:
        return source
    remember = settings.source.remember_seconds
    source = observed_source(source, name.removesuffix(".url"), counted)
    return Remembered(source, seconds=remember, missing_seconds=settings.source.missing_seconds)


def _store(
    name: str, url: str, base: Path | None, limits: Limits, *, most_bytes: int | None = None
) -> Store:
    with _naming(name):
        return open_store(url, base=base, seconds=limits.seconds, most_bytes=most_bytes)


@contextmanager
def _naming(setting: str) -> Iterator[None]:
    try:
        yield
    except SettingError as error:
        raise SettingError(f"{setting}: {error.detail}") from error
