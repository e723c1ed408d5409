"""Notifications that come faster than they are worked on."""

import asyncio
import logging
import threading
from typing import Any

import pytest

from safelight.errors import Busy
from safelight.events import Event
from safelight.http import events
from safelight.http.events import Notifications
from safelight.pipelines import Outcome
from safelight.web.events import Events
from safelight.web.exchange import Incoming


class Slow:
    """Works on an event until told to end."""

    def __init__(self) -> None:
        self.end = threading.Event()

    def handle(self, event: Event, *, deadline: float | None = None) -> list[Outcome]:
        assert self.end.wait(20)
        return [Outcome("done", event.key)]


def test_what_is_too_much_is_refused_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events, "_MOST_AT_ONCE", 2)
    slow = Slow()
    told = Events(slow, token="not-a-token", secret="", seconds=30, slots=2)
    notifications = Notifications(told, body_seconds=5)
    incoming = Incoming("POST", "/events", "token=not-a-token", "", {})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b'{"created": "a.jpg"}', "more_body": False}

    async def told_thrice() -> list[int]:
        begun = [asyncio.ensure_future(notifications.answer(incoming, receive)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="tell this one again"):
            await notifications.answer(incoming, receive)
        slow.end.set()
        return [(await one).status for one in begun]

    with caplog.at_level(logging.WARNING, "safelight"):
        assert asyncio.run(told_thrice()) == [200, 200]
    assert "a notification was refused: 2 are worked on" in caplog.text
    notifications.close()
