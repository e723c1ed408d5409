"""``safelight.toml`` and ``SAFELIGHT_…`` variables, read and checked."""

from __future__ import annotations

import math
import os
import re
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from safelight.config.settings import FILE, NAMED, REPEATED, RESERVED, Settings, sections
from safelight.dialects import Grammar
from safelight.errors import SafelightError, SettingError
from safelight.operations import PARAMETERS
from safelight.pipelines.settings import PipelineSettings
from safelight.signing import MARK
from safelight.transform import Transform, bare_size, parse_preset

_ENVIRONMENT = "SAFELIGHT_"
_PARAMETER_NAMES = frozenset(
    name for parameter in PARAMETERS.values() for name in (parameter.name, *parameter.kind.aliases)
)
_SIZES = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
# Of settings that are nothing unless they are set.
_EXAMPLES = {"variants.max_bytes": "10GB", "server.max_inline_bytes": "4MB"}


def load(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings: file, then environment, then ``overrides``; the last one wins.

    ``file``: by default ``safelight.toml`` in the working directory, if it is there. Raises
    SettingError with the setting's name, what is wrong with it, and an example.
    """
    given = _from_file(file)
    _refuse_unknown(given)
    for section, name, value in _from_environment(environment):
        if section == REPEATED:
            given[section] = _json(value)
        else:
            given.setdefault(section, {})[name] = value
    for section, values in (overrides or {}).items():
        if section == REPEATED:
            given[section] = values
        else:
            given.setdefault(section, {}).update(values)
    _refuse_unknown(given)
    settings = _convert(given)
    _refuse_negotiation(settings, grammar(settings))
    return settings


def _from_file(file: Path | None) -> dict[str, Any]:
    path = file or Path(FILE)
    if file is None and not path.exists():
        return {}
    import tomllib

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
        if section not in sections() or bool(name) == (section == REPEATED):
            known = ", ".join(f"{_ENVIRONMENT}{s.upper()}_…" for s in sections())
            raise SettingError(f"{variable} is no setting: known are {known}")
        found.append((section, name, value))
    return found


def _json(value: str) -> Any:
    """Read [[pipelines]] where there is no file: all of them in one variable."""
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise SettingError(
            f"{_ENVIRONMENT}{REPEATED.upper()} is not valid JSON: {error} (example: "
            '[{"on": "uploads/", "write": [{"preset": "thumb"}]}])'
        ) from error


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    for section, values in given.items():
        kind = sections().get(section)
        if kind is None:
            raise SettingError(f"[{section}] is no section: known are {', '.join(sections())}")
        if section == REPEATED:
            continue
        if not isinstance(values, dict):
            raise SettingError(f"{section} is a section: write [{section}] and its settings below")
        if section in NAMED:
            continue
        known = kind.__struct_fields__
        for name in values:
            if name not in known:
                raise SettingError(f"{section}.{name} is no setting: known are {', '.join(known)}")


def _pipelines(_: str, given: Any) -> tuple[PipelineSettings, ...]:
    # All that pipelines are made of is loaded where there are some: a cold start counts.
    from safelight.config import repeated

    return repeated.read(given, _bytes)


def _convert(given: Mapping[str, Any]) -> Settings:
    # Each for itself: what is not set need not be understood.
    readers: dict[str, Callable[[str, Any], Any]] = {
        **dict.fromkeys(sections(), _section),
        **dict.fromkeys(NAMED, _texts),
        REPEATED: _pipelines,
    }
    values = {section: readers[section](section, said) for section, said in given.items()}
    settings = Settings(**values)
    _refuse_impossible(settings)
    settings.security.check_settings()
    settings.remote.check_settings()
    settings.variants.check()
    if settings.cdn.kind:
        from safelight.cdn.forgetting import Cdn

        Cdn(settings.cdn)
    return settings


def _texts(section: str, given: dict[str, Any]) -> dict[str, str]:
    """Read a section whose settings have names of the user's."""
    meaning, example = NAMED[section]
    for name, text in given.items():
        if not isinstance(text, str):
            raise SettingError(f'{section}.{name}: no {meaning} (example: {name} = "{example}")')
    return given


def _section(section: str, given: dict[str, Any]) -> Any:
    kind = sections()[section]
    plain = {name: _plain(kind(), name, value) for name, value in given.items()}
    try:
        return msgspec.convert(plain, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SettingError(_explained(section, str(error))) from error


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
        usual = type(values)()
        for name in values.__struct_fields__:
            value, default = getattr(values, name), getattr(usual, name)
            if not isinstance(value, int | float) or isinstance(value, bool):
                continue
            nothing = default == 0 or section in ("source", "remote", "server")
            if not math.isfinite(value) or value < 0 or (value == 0 and not nothing):
                least = "from 0" if nothing else "above 0"
                raise SettingError(
                    f"{section}.{name}: expected a number {least}, got {value:g} "
                    f"(example: {name} = {_toml(default)})"
                )


def _plain(usual: Any, name: str, value: Any) -> Any:
    """Read "64MB" where a number of bytes is set, and "a, b" where a list is."""
    if not isinstance(value, str):
        return value
    if isinstance(getattr(usual, name), tuple):
        return [item.strip() for item in value.split(",") if item.strip()]
    return _bytes(name, value)


def _bytes(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not re.search(r"bytes$|memory$", name):
        return value
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*", value)
    if not found or found[2].lower() not in _SIZES:
        return value
    return round(float(found[1]) * _SIZES[found[2].lower()])


def _explained(section: str, message: str) -> str:
    fault, _, path = message.partition(" - at `$.")
    setting = re.sub(r"\[.*", "", path.rstrip("`"))
    kind = sections()[section]
    hint = typing.get_type_hints(kind)[setting]
    if typing.get_origin(hint) is typing.Literal:
        fault += f", expected {', '.join(map(str, typing.get_args(hint)))}"
    default = getattr(kind(), setting)
    shown = _EXAMPLES.get(f"{section}.{setting}") if default is None else default
    example = f" (example: {setting} = {_toml(shown)})" if shown is not None else ""
    return f"{section}.{setting}: {fault[:1].lower()}{fault[1:]}{example}"


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
