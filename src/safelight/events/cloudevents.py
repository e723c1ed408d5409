"""CloudEvents 1.0: the form that Azure and Google put around their own, and its handshake."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from safelight.errors import EventUnknown

_ORIGIN = re.compile(r"[A-Za-z0-9.*-]{1,255}")
_RATE = re.compile(r"[1-9][0-9]{0,8}|\*")


def structured(value: object, headers: Mapping[str, str]) -> object:
    """Put an event whose attributes came as headers (``ce-…``) into the form of a whole one.

    What says everything itself stays as it is: a whole event, and the records of Ceph.
    """
    lowered = {name.lower(): text for name, text in headers.items()}
    whole = isinstance(value, dict) and {"specversion", "Records"} & value.keys()
    if "ce-type" not in lowered or whole:
        return value
    names = ("specversion", "type", "source", "subject", "id", "time")
    event: dict[str, Any] = {
        name: unquote(lowered[f"ce-{name}"]) for name in names if f"ce-{name}" in lowered
    }
    return {"specversion": "1.0", **event, "data": value}


def data_of(event: Mapping[str, Any]) -> object:
    """Return what a CloudEvent holds. Raises EventUnknown."""
    if "data_base64" not in event:
        return event.get("data")
    try:
        return msgspec.json.decode(base64.b64decode(event["data_base64"], validate=True))
    except (TypeError, ValueError, binascii.Error, RecursionError):
        raise EventUnknown("data_base64 of a CloudEvent is no JSON in base64") from None


def allowed_origin(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Answer the handshake of CloudEvents (OPTIONS): the headers that say who may send, how often.

    Empty when nobody asks.
    """
    lowered = {name.lower(): text for name, text in headers.items()}
    origin = lowered.get("webhook-request-origin", "")
    if not _ORIGIN.fullmatch(origin):
        return {}
    rate = lowered.get("webhook-request-rate", "*")
    return {
        "WebHook-Allowed-Origin": origin,
        "WebHook-Allowed-Rate": rate if _RATE.fullmatch(rate) else "*",
    }
