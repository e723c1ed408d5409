"""What the calls of a function have in common, whatever the cloud."""

import time
from pathlib import Path

import pytest

from safelight.errors import DeadlineExceeded, EventUnknown, SafelightError, StoreUnavailable
from safelight.events import Event, Notice
from safelight.functions.runtime import shortened
from safelight.pipelines import Outcome
from safelight.web.exchange import Incoming
from tests.support.functions import handling, runtime

EVENTS = tuple(Event("created", "local", "", key) for key in ("a.jpg", "b.jpg", "c.jpg"))


def done(event: Event) -> list[Outcome]:
    return [Outcome("done", event.key)]


def asked(path: bytes) -> Incoming:
    return Incoming.of("GET", path, b"", "", [])


def test_a_call_ends_when_all_that_was_begun_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, _ = handling(tmp_path, done)
    settled: list[float] = []
    monkeypatch.setattr(called.service, "settle", settled.append)
    until = time.monotonic() + 60
    called.answer(lambda: asked(b"/healthz"), deadline=until)
    called.each(Notice(EVENTS), deadline=until + 1)
    assert settled == [until, until + 1]
    called.service.close()


def test_whoever_may_come_may_not_ask_for_anything_unless_that_is_said(tmp_path: Path) -> None:
    for security, status in (({}, 500), ({"unsigned": True}, 404), ({"presets_only": True}, 403)):
        called = runtime(tmp_path, **security)
        assert called.answer(lambda: asked(b"/64x64/nothing.jpg")).status == status
        called.service.close()


def test_what_fails_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    def does(event: Event) -> list[Outcome]:
        if event.key == "a.jpg":
            raise ZeroDivisionError
        if event.key == "b.jpg":
            raise StoreUnavailable("away")
        return done(event)

    called, handled = handling(tmp_path, does)
    (_, first), (_, second), (_, third) = called.each(Notice(EVENTS))
    assert handled.heard == ["a.jpg", "b.jpg", "c.jpg"]
    assert isinstance(first, SafelightError)
    assert isinstance(second, StoreUnavailable)
    assert third == [Outcome("done", "c.jpg")]
    with pytest.raises(SafelightError, match="ZeroDivisionError"):
        called.treat(Notice(EVENTS))
    called.service.close()


def test_what_there_is_no_time_for_is_not_begun(tmp_path: Path) -> None:
    called, handled = handling(tmp_path, done)
    ended = called.each(Notice(EVENTS), deadline=time.monotonic() - 1)
    assert [type(end) for _, end in ended] == [DeadlineExceeded] * 3
    assert handled.heard == []
    called.service.close()


def test_what_cannot_be_understood_is_raised_when_its_neighbours_are_done(tmp_path: Path) -> None:
    called, handled = handling(tmp_path, done)
    with pytest.raises(EventUnknown, match="no JSON"):
        called.treat(Notice(EVENTS, failed=(("1", "it is no JSON"),)))
    assert handled.heard == ["a.jpg", "b.jpg", "c.jpg"]
    called.service.close()


@pytest.mark.parametrize(("seconds", "left"), [(30.0, 29.0), (5.0, 4.0), (2.0, 1.6), (0.0, 0.0)])
def test_some_of_the_time_of_a_call_is_kept_for_its_answer(seconds: float, left: float) -> None:
    assert shortened(seconds) == pytest.approx(left)
