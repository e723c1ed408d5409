"""Tell another server something by POST, and again where that may help.

No redirect is followed: what signs or authorises is for one server only. What was answered is not
read, so that nothing of it can come into a log.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from time import sleep
from typing import Any

import msgspec

TRIES = 3
_PAUSE_SECONDS = 0.5
_MOST_PAUSE_SECONDS = 10.0


class Post(msgspec.Struct, frozen=True):
    """What is told: to an http or https address, with these headers."""

    url: str
    headers: Mapping[str, str]
    body: bytes = b""


def post(message: Post, *, seconds: float = 10.0) -> str:
    """Send a POST, three times at most; return what went wrong, empty when it was taken.

    ``seconds``: how long a try waits for a sign of life. Between the tries are pauses of up to 10
    seconds, the server's Retry-After if it gives one. What is answered by 4xx, except 408 and 429,
    is not sent again.
    """
    status = 0
    for attempt in range(1, TRIES + 1):
        status, retry_after = _answer_to(message, seconds)
        if 200 <= status < 300:
            return ""
        if 400 <= status < 500 and status not in (408, 429):
            break
        if attempt < TRIES:
            # Who was refused together shall not come back together.
            pause = _PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311
            sleep(min(retry_after or pause, _MOST_PAUSE_SECONDS))
    return f"answered {status}" if status else "did not answer"


def _answer_to(message: Post, seconds: float) -> tuple[int, int]:
    """Post once: the status, 0 when there is no answer, and the seconds of Retry-After."""
    # Most never tell anybody anything: TLS and all else is loaded by those who do.
    import http.client
    import urllib.error
    import urllib.request

    class NoRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            """Follow nothing."""

    posted = urllib.request.Request(  # noqa: S310 - the scheme is checked at the start
        message.url, message.body, dict(message.headers), method="POST"
    )
    try:
        opener = urllib.request.build_opener(NoRedirects)
        with opener.open(posted, timeout=seconds) as answer:
            return int(answer.status), 0
    except urllib.error.HTTPError as error:
        with error:
            wait = error.headers.get("Retry-After", "")
            return error.code, int(wait) if wait.isdecimal() and len(wait) < 6 else 0
    except (OSError, http.client.HTTPException):
        return 0, 0
