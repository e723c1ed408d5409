"""What pipelines write about pictures: metadata of what was made, and dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec.structs import asdict

from safelight.events import Event
from safelight.picture import Analysis, Developed, Header
from safelight.pipelines.outcomes import Written

SCHEMA = 1
JSON = "application/json"


def metadata(
    key: str,
    version: str,
    size: int,
    developed: Developed,
    outputs: Sequence[Written],
    *,
    include: frozenset[str],
    sha256: str,
    pipeline: str,
) -> bytes:
    """Tell of a source and its outputs, as JSON."""
    header = developed.header
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "filename": key.rpartition("/")[2],
        "source": key,
        "version": version,
        "pipeline": pipeline,
        "original_size": list(header.shown),
        "format": header.format.upper(),
        "mode": mode(header),
        "file_size_bytes": size,
        "processed_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "outputs": [_described(output) for output in outputs],
    }
    if developed.facts is not None:
        document["facts"] = developed.facts
    if developed.analysis is not None:
        document |= _looks(developed.analysis, include)
    if "sha256" in include:
        document["sha256"] = sha256
    if "srcset" in include:
        document["srcset"] = srcset(outputs)
    return _written(document)


def _described(output: Written) -> dict[str, Any]:
    said = msgspec.to_builtins(output)
    return {"key": said.pop("key"), "size": [output.width, output.height], **said}


def mode(header: Header) -> str:
    """Name how colours are stored, as Pillow does, which many who read this know."""
    if header.palette:
        return "P"
    if header.space == "cmyk":
        return "CMYK"
    if header.bands <= 2:
        return "LA" if header.alpha else ("I;16" if header.depth > 1 else "L")
    return "RGBA" if header.alpha else "RGB"


def _looks(analysis: Analysis, include: frozenset[str]) -> dict[str, Any]:
    looks: dict[str, Any] = {}
    if "placeholders" in include:
        looks |= {
            "blurhash": analysis.blurhash,
            "thumbhash": analysis.thumbhash,
            "preview": analysis.preview,
        }
    if "colors" in include:
        looks["dominant"] = analysis.dominant
        looks["colors"] = [
            {"color": swatch.color, "share": swatch.share} for swatch in analysis.colors
        ]
    if "phash" in include:
        looks["phash"] = analysis.phash
    return looks


def srcset(outputs: Sequence[Written]) -> dict[str, str]:
    """List the outputs by their types, each with its width, for a page to choose from.

    Keys are written as in an address: percent-encoded.
    """
    types: dict[str, dict[int, str]] = {}
    for output in outputs:
        types.setdefault(output.type, {}).setdefault(output.width, output.key)
    return {
        type: ", ".join(f"{quote(key)} {width}w" for width, key in sorted(of.items()))
        for type, of in types.items()
    }


def letter(
    key: str,
    version: str,
    pipeline: str,
    *,
    reason: str,
    code: str,
    tries: int,
    interruptions: int,
    event: Event | None,
) -> bytes:
    """Say what could not be done for a source, and why, as JSON."""
    said: Mapping[str, Any] | None = None if event is None else asdict(event)
    return _written(
        {
            "schema": SCHEMA,
            "key": key,
            "version": version,
            "pipeline": pipeline,
            "reason": reason,
            "code": code,
            "tries": tries,
            "interruptions": interruptions,
            "event": said,
            "failed_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
    )


def _written(document: Mapping[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
