"""Google Cloud: a service of Cloud Run, and functions for the functions-framework.

``python -m safelight.functions.gcp`` is the ordinary server on the port that Cloud Run names. With
``events`` behind it also believes what is posted to ``/``: CloudEvents of Eventarc, binary and
structured, and what Pub/Sub pushes. Who posts there, Cloud Run itself has to check: it verifies the
sender's token (OIDC) by IAM, unless the service allows unauthenticated calls. So a service for
everybody and one for events are two, of the same image.

Anything but 2xx is delivered again.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from safelight.errors import EventUnknown, SettingError
from safelight.functions.notices import handle
from safelight.functions.runtime import Runtime, shortened
from safelight.web.exchange import Incoming

if TYPE_CHECKING:
    from werkzeug import Request
    from werkzeug import Response as Answer

log = logging.getLogger("safelight")

# A request and an answer that is not streamed may have 32 MiB.
_MOST_BYTES = 32_000_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve on 0.0.0.0 at the port of ``PORT``, 8080 by default, until SIGTERM.

    ``arguments``: "web", the default, or "events"; by default those of the command. Raises
    SettingError.
    """
    kind, *more = arguments or sys.argv[1:] or ["web"]
    if kind not in ("web", "events") or more:
        raise SettingError("python -m safelight.functions.gcp takes web or events")
    port = os.environ.get("PORT", "8080")
    if kind == "web":
        _serve(port)
    from safelight.functions.listening import Platform, cores, listen

    platform = Platform(
        events=frozenset(("/", "/events")), seconds=_seconds(), most_bytes=_MOST_BYTES
    )
    at_once = cores()
    runtime = Runtime(threads=at_once)
    listen(runtime, platform, port=int(port), at_once=at_once)


def _serve(port: str) -> None:
    """Become ``safelight serve``: strangers reach it, many at a time."""
    command = [sys.executable, "-m", "safelight", "serve", "--host", "0.0.0.0", "--port", port]  # noqa: S104 - Cloud Run asks for it
    os.environ.setdefault("SAFELIGHT_SERVER_MAX_INLINE_BYTES", str(_MOST_BYTES))
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted


def cloud_event(event: Any) -> None:
    """Do what a CloudEvent asks for, as the functions-framework hands it over.

    Raises SettingError and Unavailable, for what is raised is delivered again. What cannot be
    understood would be no better then: it is logged.
    """
    payload = {**event.get_attributes(), "data": event.get_data()}
    try:
        handle(_runtime(), payload, name=str(payload.get("id", "")), deadline=_deadline())
    except EventUnknown as error:
        log.error("an event of %s is passed over: %s", payload.get("source"), error.detail)


def http(request: Request) -> Answer:
    """Answer a request, as the functions-framework hands it over."""
    from werkzeug import Response as Answer

    environ = request.environ
    # As it was sent: the framework's servers keep it there, and decode the path elsewhere.
    sent = environ.get("RAW_URI") or environ["REQUEST_URI"]
    path, _, query = (part.encode("latin-1") for part in sent.partition("?"))
    headers = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in request.headers]
    response = _runtime().answer(
        lambda: Incoming.of(request.method, path, query, "", headers),
        request.get_data(),
        given=request.headers.get("x-request-id", ""),
        deadline=_deadline(),
        most_bytes=_MOST_BYTES,
    )
    lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
    return Answer(response.body, response.status, lines)


def _seconds() -> float | None:
    """Tell how long a call may take, as Cloud Run says it."""
    limit = os.environ.get("CLOUD_RUN_TIMEOUT_SECONDS", "")
    return float(limit) if limit.isascii() and limit.isdigit() else None


def _deadline() -> float | None:
    seconds = _seconds()
    return None if seconds is None else time.monotonic() + shortened(seconds)


@cache
def _runtime() -> Runtime:
    return Runtime()


if __name__ == "__main__":
    try:
        main()
    except SettingError as error:
        sys.exit(f"Error: {error.detail}")
