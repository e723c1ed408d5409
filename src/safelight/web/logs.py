"""How the log is written: for people or for programs."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from safelight import observe
from safelight.observe import Observe
from safelight.signing import redacted
from safelight.web.observing import ACCESS


class Text(logging.Formatter):
    """``WARNING what happened [request id]``."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        text = f"{record.levelname} {super().format(record)}"
        request = observe.current()
        if request.id:
            first, line, rest = text.partition("\n")
            text = f"{first} [{request.id}]{line}{rest}"
        return redacted(text)


class Json(logging.Formatter):
    """One JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = observe.current()
        if request.id:
            told["request_id"] = request.id
        if request.trace:
            told["trace_id"] = request.trace
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return redacted(json.dumps(told, ensure_ascii=False))


def set_up(settings: Observe) -> None:
    """Write everything to the standard error stream."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if settings.log_format == "json" else Text())
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    # What libvips says of each of its steps is for who looks into it.
    steps = logging.WARNING if settings.log_level == "info" else logging.NOTSET
    logging.getLogger("pyvips").setLevel(steps)
    # A line of the access log is complete, and wanted at any level.
    lines = logging.StreamHandler(sys.stderr)
    ACCESS.handlers = [lines]
    ACCESS.setLevel(logging.INFO)
    ACCESS.propagate = False
