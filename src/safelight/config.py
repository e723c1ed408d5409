"""``safelight.toml`` and ``SAFELIGHT_…`` variables: read, checked, and wired into a service."""

from __future__ import annotations

import math
import os
import re
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from safelight.access import Security
from safelight.dialects import DIALECTS, Grammar
from safelight.errors import SafelightError, SettingError
from safelight.limits import Limits
from safelight.operations import PARAMETERS
from safelight.service import Service
from safelight.signing import MARK
from safelight.storage import Store, open_store
from safelight.transform import ORIGINAL, Transform, bare_size, parse_preset
from safelight.variants import Variants
from safelight.workers import Renderer
from safelight.workers.pool import Pool, Workers

FILE = "safelight.toml"
_ENVIRONMENT = "SAFELIGHT_"
# First segments of addresses that mean something else than a preset.
RESERVED = frozenset(
    (*DIALECTS, "info", "static", "healthz", "readyz", "resize", "metrics", "events", ORIGINAL)
)
_PARAMETER_NAMES = frozenset(
    name for parameter in PARAMETERS.values() for name in (parameter.name, *parameter.kind.aliases)
)
_SIZES = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where the originals are."""

    url: str = "file:./photos"


@dataclass(frozen=True, slots=True)
class VariantSettings:
    """Where variants are stored, and how many bytes of them are kept."""

    url: str = "file:./.safelight/variants"
    max_bytes: Positive = 10_000_000_000


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
    stops. ``index`` lists sources at ``/``: "local" only on this machine.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8000
    max_age: NotNegative = 3_600
    queue: Positive = 128
    body_seconds: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    idle_seconds: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    grace_seconds: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    index: typing.Literal["local", "on", "off"] = "local"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. ``base`` is the folder that relative paths start from."""

    source: SourceSettings = field(default_factory=SourceSettings)
    variants: VariantSettings = field(default_factory=VariantSettings)
    presets: dict[str, str] = field(default_factory=dict)
    request: RequestSettings = field(default_factory=RequestSettings)
    limits: Limits = field(default_factory=Limits)
    workers: Workers = field(default_factory=Workers)
    server: ServerSettings = field(default_factory=ServerSettings)
    security: Security = field(default_factory=Security)


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
    grammar(settings)
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
        if section != "presets"
        else values
        for section, values in given.items()
    }
    for name, text in plain.get("presets", {}).items():
        if not isinstance(text, str):
            raise SettingError(f'presets.{name}: no transform (example: {name} = "w=300,h=300")')
    try:
        settings = msgspec.convert(plain, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingError(_explained(str(error))) from error
    _refuse_impossible(settings)
    settings.security.check_settings()
    return settings


def _refuse_impossible(settings: Settings) -> None:
    """Refuse numbers that no size, count or time can be."""
    for section in ("limits", "workers", "server"):
        values = getattr(settings, section)
        for setting in fields(values):
            value = getattr(values, setting.name)
            if not isinstance(value, int | float) or isinstance(value, bool):
                continue
            nothing = setting.default == 0 or section == "server"
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
        fault += f", expected {', '.join(typing.get_args(hint))}"
    example = f" (example: {setting} = {_toml(default)})" if default is not None else ""
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
    variants = Variants(
        _store("variants.url", settings.variants.url, base), max_bytes=settings.variants.max_bytes
    )
    return Service(
        sources(settings, base=base),
        variants,
        renderer,
        settings.limits,
        queue=settings.server.queue,
    )


def sources(settings: Settings, *, base: Path | None = None) -> Store:
    """Open the store of the originals. Raises SettingError."""
    return _store("source.url", settings.source.url, base)


def _store(name: str, url: str, base: Path | None) -> Store:
    try:
        return open_store(url, base=base)
    except SettingError as error:
        raise SettingError(f"{name}: {error.detail}") from error
