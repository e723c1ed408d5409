"""What a platform tells of uploads, and what it is answered when all of it was tried."""

import time
from pathlib import Path

import pytest

from safelight.errors import EventUnknown, StoreUnavailable
from safelight.events import Event
from safelight.functions.notices import handle
from safelight.pipelines import Outcome
from tests.support.functions import handling
from tests.support.notices import sample

THREE = [{"created": "a.jpg"}, {"created": "b.jpg"}, {"removed": "c.jpg"}]


def done(event: Event) -> list[Outcome]:
    return [Outcome("done", event.key, "uploads")]


def test_what_came_of_each_event_is_told(tmp_path: Path) -> None:
    called, handled = handling(tmp_path, done)
    answer = handle(called, THREE)
    assert answer["outcomes"][2] == {"status": "done", "source": "c.jpg", "pipeline": "uploads"}
    assert handled.heard == ["a.jpg", "b.jpg", "c.jpg"]
    called.service.close()


def test_a_handshake_is_answered_as_it_wants(tmp_path: Path) -> None:
    called, handled = handling(tmp_path, done)
    asked = sample("azure_eventgrid_validation_request")
    assert handle(called, asked) == sample("azure_eventgrid_validation_response")
    assert handled.heard == []
    called.service.close()


def test_what_fails_is_raised_when_its_neighbours_are_done(tmp_path: Path) -> None:
    def does(event: Event) -> list[Outcome]:
        if event.key == "a.jpg":
            raise StoreUnavailable("away")
        return done(event)

    called, handled = handling(tmp_path, does)
    with pytest.raises(StoreUnavailable, match="away"):
        handle(called, THREE)
    assert handled.heard == ["a.jpg", "b.jpg", "c.jpg"]
    with pytest.raises(EventUnknown):
        handle(called, b"no notification")
    called.service.close()


def test_there_is_as_much_time_as_the_call_has_and_pipelines_may_take(tmp_path: Path) -> None:
    called, handled = handling(tmp_path, done)
    most = called.settings.events.seconds
    before = time.monotonic()
    handle(called, THREE[0], deadline=before + most / 2)
    handle(called, THREE[0], deadline=before + 2 * most)
    handle(called, THREE[0])
    after = time.monotonic()
    short, long, unknown = handled.deadlines
    assert short == before + most / 2
    for deadline in (long, unknown):
        assert before + most <= deadline <= after + most
    called.service.close()
