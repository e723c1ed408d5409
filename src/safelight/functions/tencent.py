"""Tencent's Serverless Cloud Function, as a container image: the wheel of libvips needs glibc 2.28.

An image listens on port 9000. ``python -m safelight.functions.tencent`` is a web function, which
answers requests as everywhere: ``/pic/{width}/{name}`` and all other doors. With ``events`` behind
it is an event function: SCF posts what COS tells to ``/event-invoke``, where nobody else gets.
``main_handler`` is for an event function that is no image.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from safelight.errors import SettingError
from safelight.functions.notices import handle
from safelight.functions.runtime import Runtime, shortened

_PORT = 9_000
_INVOKED = "/event-invoke"
# An answer may have 6 MB.
_MOST_BYTES = 6_000_000
# An image gets the credentials of its function's role with each call, other functions have them as
# variables. Nobody can set variables of these names for a function, so fixed ones have others.
_CREDENTIALS = {
    "TENCENTCLOUD_SECRETID": ("COS_SECRETID", "x-scf-secret-id"),
    "TENCENTCLOUD_SECRETKEY": ("COS_SECRETKEY", "x-scf-secret-key"),
    "TENCENTCLOUD_SESSIONTOKEN": ("COS_SESSIONTOKEN", "x-scf-session-token"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve on 0.0.0.0:9000 until SCF ends the instance; at another ``PORT`` where that is set.

    ``arguments``: "web", the default, or "events"; by default those of the command. Raises
    SettingError.
    """
    from safelight.functions.listening import Platform, cores, listen

    kind, *more = arguments or sys.argv[1:] or ["web"]
    if kind not in ("web", "events") or more:
        raise SettingError("python -m safelight.functions.tencent takes web or events")
    platform = Platform(
        events=frozenset([_INVOKED] if kind == "events" else []),
        name="x-scf-request-id",
        time="x-scf-timeout",
        most_bytes=_MOST_BYTES,
        begin=(lambda _: None) if _fixed_credentials() else _take_credentials,
    )
    at_once = cores()
    runtime = Runtime(threads=at_once)
    listen(runtime, platform, port=int(os.environ.get("PORT", _PORT)), at_once=at_once)


def main_handler(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """Do what an event of COS asks for, and tell what became of it.

    Raises EventUnknown, SettingError, and Unavailable: SCF calls again then, as it is set up to.
    """
    call = context if isinstance(context, Mapping) else vars(context)
    milliseconds = call.get("time_limit_in_ms")
    left = None if milliseconds is None else shortened(milliseconds / 1_000)
    deadline = None if left is None else time.monotonic() + left
    return handle(_runtime(), event, name=str(call.get("request_id", "")), deadline=deadline)


@cache
def _runtime() -> Runtime:
    return Runtime(folder=Path(os.environ.get("USER_CODE_ROOT", ".")))


def _fixed_credentials() -> bool:
    """Take the credentials that somebody has set, and tell whether there are any."""
    for variable, (own, _) in _CREDENTIALS.items():
        if os.environ.get(own):
            os.environ[variable] = os.environ[own]
    return bool(os.environ.get("TENCENTCLOUD_SECRETID") or os.environ.get("TENCENTCLOUD_SECRET_ID"))


def _take_credentials(headers: Mapping[str, str]) -> None:
    """Take the credentials of the function's role, which change now and then."""
    if not headers.get("x-scf-secret-id"):
        return
    for variable, (_, header) in _CREDENTIALS.items():
        os.environ[variable] = headers.get(header, "")


if __name__ == "__main__":
    try:
        main()
    except SettingError as error:
        sys.exit(f"Error: {error.detail}")
