"""Libraries that only an extra of the package brings."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import msgspec

from safelight.errors import UnsupportedFormat


class Extra(msgspec.Struct, frozen=True):
    """An extra and its library, by their names."""

    name: str
    module: str

    def unavailable(self) -> str | None:
        """Say how to get the library when it is missing. It is not imported for that."""
        if importlib.util.find_spec(self.module):
            return None
        return f"safelight[{self.name}] is not installed: pip install 'safelight[{self.name}]'"

    def library(self) -> Any:
        """Import the library. Raises UnsupportedFormat when it is missing or cannot be loaded."""
        try:
            return importlib.import_module(self.module)
        except ImportError as error:
            reason = self.unavailable() or f"{self.module} cannot be loaded here"
            raise UnsupportedFormat(f"{self.name} is recognised, but {reason}") from error


HEIC = Extra("heic", "pillow_heif")
PDF = Extra("pdf", "pypdfium2")
