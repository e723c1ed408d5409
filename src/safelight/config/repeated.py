"""Read and check ``[[pipelines]]``, the one section of which there may be several."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from safelight.errors import SettingError
from safelight.hooks import HookSettings
from safelight.pipelines.settings import PipelineSettings, Target, WriteSettings, named

_EXAMPLE = '[[pipelines]]\non = "uploads/"\nwrite = [{ preset = "thumb", to = "thumbs/{name}" }]'
# Of settings whose types do not say what may be in them.
_EXAMPLES = {
    "suffix": 'suffix = [".jpg", ".png"]',
    "types": 'types = ["jpeg", "png"]',
    "max_bytes": 'max_bytes = "40MB"',
    "write": 'write = [{ preset = "thumb", to = "thumbs/{name}" }]',
    "include": 'include = ["exif", "placeholders", "colors", "phash", "sha256", "srcset"]',
    "facts": 'facts = "copyright", or all, or all-with-gps',
    "removed": 'removed = "keep", or remove',
    "hooks": 'hooks = [{ on = "failure", url = "https://example.com/failed" }]',
    "hooks.on": 'on = "failure", or success, or both',
    "hooks.command": 'command = ["logger", "--tag", "safelight"]',
}
# Settings that are tables themselves, or lists of them.
_TABLES: Mapping[str, type] = {
    "write": WriteSettings,
    "hooks": HookSettings,
    "metadata": Target,
    "failed": Target,
}


def read(given: Any, size: Callable[[str, Any], Any]) -> tuple[PipelineSettings, ...]:
    """Check [[pipelines]] as they stand in a file; ``size`` reads "64MB".

    Raises SettingError with the pipeline, the setting, and what is wrong.
    """
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise SettingError(f"pipelines: write one table for each (example: {_EXAMPLE})")
    return tuple(
        named([_one(each, f"pipelines[{number}]", size) for number, each in enumerate(given, 1)])
    )


def _one(given: Any, where: str, size: Callable[[str, Any], Any]) -> PipelineSettings:
    if not isinstance(given, Mapping):
        raise SettingError(f"{where}: write a table (example: {_EXAMPLE})")
    _refuse_unknown(given, PipelineSettings, where)
    for name, kind in _TABLES.items():
        tables = given.get(name, ())
        for table in tables if isinstance(tables, list) else [tables]:
            if isinstance(table, Mapping):
                _refuse_unknown(table, kind, f"{where}.{name}")
    plain = {name: size(name, value) for name, value in given.items()}
    try:
        return msgspec.convert(plain, PipelineSettings)
    except msgspec.ValidationError as error:
        fault, _, path = str(error).partition(" - at `$")
        setting = re.sub(r"\[(\d+)\]", lambda at: f"[{int(at[1]) + 1}]", path.rstrip("`"))
        name = re.sub(r"\[\d+\]", "", path.rstrip("`")).lstrip(".")
        example = f" (example: {_EXAMPLES[name]})" if name in _EXAMPLES else ""
        raise SettingError(f"{where}{setting}: {fault[:1].lower()}{fault[1:]}{example}") from error


def _refuse_unknown(given: Mapping[str, Any], kind: type[msgspec.Struct], where: str) -> None:
    known = kind.__struct_fields__
    for name in given:
        if name not in known:
            raise SettingError(f"{where}.{name} is no setting: known are {', '.join(known)}")
