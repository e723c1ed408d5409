"""``safelight.toml`` and ``SAFELIGHT_…`` variables: read, checked, and wired into a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.config.reading import grammar, load
from safelight.config.settings import (
    FILE,
    RESERVED,
    RequestSettings,
    ServerSettings,
    Settings,
    SourceSettings,
)
from safelight.config.wiring import build, purger, sources, variants

if TYPE_CHECKING:
    from safelight.config.uploads import pipelines

__all__ = [
    "FILE",
    "RESERVED",
    "RequestSettings",
    "ServerSettings",
    "Settings",
    "SourceSettings",
    "build",
    "grammar",
    "load",
    "pipelines",
    "purger",
    "sources",
    "variants",
]


def __getattr__(name: str) -> Any:
    """Load what handles uploads where it is asked for: a cold start counts."""
    if name == "pipelines":
        from safelight.config.uploads import pipelines

        return pipelines
    raise AttributeError(name)
