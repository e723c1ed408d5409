"""Who may tell of uploads, what is answered, and when: with a handler that does as it is told."""

import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight import config
from safelight.errors import (
    EventTooLarge,
    EventUnknown,
    Forbidden,
    MethodNotAllowed,
    NoPipelines,
    RequestError,
    StoreUnavailable,
    Unavailable,
)
from safelight.events import Event
from safelight.limits import Limits
from safelight.observe import Request, current, enter, leave
from safelight.pipelines.outcomes import Outcome
from safelight.web.doors import Doors
from safelight.web.events import MOST_BYTES, Events
from safelight.web.exchange import Incoming, Response
from safelight.workers.inprocess import InProcess
from tests.support.notices import KEY, sample

TOKEN = "not-a-token"
SECRET = "not-a-secret"
UPLOAD = json.dumps(sample("aws_s3_direct")).encode()


class Handled:
    """Note events, and do with each what the test wants."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.deadlines: list[float | None] = []
        self.does: Callable[[Event], list[Outcome]] = lambda event: [
            Outcome("done", event.key, "uploads")
        ]

    def handle(self, event: Event, *, deadline: float | None = None) -> list[Outcome]:
        self.heard.append(event)
        self.deadlines.append(deadline)
        return self.does(event)


@pytest.fixture
def handler() -> Handled:
    return Handled()


@pytest.fixture
def door(handler: Handled) -> Iterator[Events]:
    door = Events(handler, token=TOKEN, secret=SECRET, seconds=20, slots=2)
    yield door
    door.close()


def asking(method: str = "POST", query: str = "", /, **headers: str) -> Incoming:
    named = {n.replace("_", "-").encode(): v.encode() for n, v in headers.items()}
    return Incoming(method, "/events", query, "", named)


BEARER = asking(authorization=f"Bearer {TOKEN}")


def told(door: Events, payload: object, incoming: Incoming = BEARER) -> Any:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    response = door.answer(incoming, body)
    assert response.status == 200
    assert (b"cache-control", b"no-store") in response.headers
    return json.loads(response.body)


def headers_of(response: Response | None) -> dict[bytes, bytes]:
    assert response is not None
    return dict(response.headers)


def signed(body: bytes, secret: str = SECRET) -> Incoming:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return asking(x_safelight_signature=f"sha256={digest}")


@pytest.mark.parametrize(
    "incoming",
    [
        BEARER,
        asking(authorization=f"bearer  {TOKEN} "),
        asking("POST", f"token={TOKEN}"),
        asking("POST", f"x=1&token={TOKEN}"),
        signed(UPLOAD),
    ],
    ids=["bearer", "in any case", "in the address", "among others", "signed"],
)
def test_whoever_has_the_token_or_signs_may_tell(
    door: Events, handler: Handled, incoming: Incoming
) -> None:
    answer = told(door, UPLOAD, incoming)
    assert [event.key for event in handler.heard] == [KEY]
    (outcome,) = answer["handled"]
    assert (outcome["status"], outcome["source"], outcome["pipeline"]) == ("done", KEY, "uploads")


@pytest.mark.parametrize(
    "incoming",
    [
        asking(),
        asking(authorization="Bearer "),
        asking(authorization="Bearer other"),
        asking(authorization=f"Basic {TOKEN}"),
        asking(authorization=TOKEN),
        asking("POST", "token="),
        asking("POST", "token=other"),
        signed(UPLOAD, "other"),
        signed(UPLOAD + b" "),
        asking(x_safelight_signature="sha256="),
        asking(x_safelight_signature=""),
        asking("OPTIONS", webhook_request_origin="eventgrid.azure.net"),
        asking("OPTIONS", x_safelight_signature="sha256=0"),
    ],
)
def test_nobody_else_may(door: Events, handler: Handled, incoming: Incoming) -> None:
    with pytest.raises(Forbidden, match="Authorization: Bearer") as refused:
        door.answer(incoming, UPLOAD)
    assert handler.heard == []
    assert TOKEN not in refused.value.detail


def test_who_has_no_token_is_refused_before_the_body_is_read(door: Events) -> None:
    with pytest.raises(Forbidden):
        door.greeting(asking())
    assert door.greeting(BEARER) is None
    assert door.greeting(signed(UPLOAD)) is None


@pytest.mark.parametrize(
    "incoming",
    [
        asking(),
        asking("POST", "token="),
        asking(authorization="Bearer "),
        asking(x_safelight_signature="sha256=" + hmac.new(b"", UPLOAD, "sha256").hexdigest()),
    ],
)
def test_without_a_token_and_a_secret_the_door_is_shut(
    handler: Handled, incoming: Incoming
) -> None:
    door = Events(handler, token="", secret="", seconds=20, slots=1)
    with pytest.raises(Forbidden, match="SAFELIGHT_EVENTS_TOKEN"):
        door.answer(incoming, UPLOAD)


def test_a_token_alone_opens_no_door_to_signatures(handler: Handled) -> None:
    door = Events(handler, token=TOKEN, secret="", seconds=20, slots=1)
    with pytest.raises(Forbidden, match="Bearer"):
        door.answer(signed(UPLOAD, ""), UPLOAD)


def test_a_token_that_is_given_twice_is_malformed(door: Events) -> None:
    with pytest.raises(RequestError, match="more than once"):
        door.answer(asking("POST", f"token={TOKEN}&token=x"), UPLOAD)


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
def test_without_pipelines_nothing_is_heard_and_the_log_says_so(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    door = Events(None, token=TOKEN, secret="", seconds=20, slots=1)
    with pytest.raises(NoPipelines, match=r"\[\[pipelines\]\]"):
        door.answer(asking(method, f"token={TOKEN}"), UPLOAD)
    # Whoever only looks whether somebody is there lost no event.
    assert ("was not heard" in caplog.text) == (method == "POST")


def test_whoever_looks_whether_somebody_is_there_is_told_so(door: Events) -> None:
    response = door.greeting(asking("HEAD"))
    assert response is not None
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(door: Events, method: str) -> None:
    with pytest.raises(MethodNotAllowed, match="use OPTIONS, POST"):
        door.answer(asking(method, f"token={TOKEN}"), b"")


def test_the_handshake_of_cloudevents_is_answered(door: Events, handler: Handled) -> None:
    asked = sample("azure_cloudevents_validation")
    headers = {n.lower().replace("-", "_"): v for n, v in asked["request"]["headers"].items()}
    response = door.answer(asking("OPTIONS", f"token={TOKEN}", **headers), b"")
    assert response.status == 200
    expected = {n.lower().encode(): v.encode() for n, v in asked["response"]["headers"].items()}
    assert expected.items() <= headers_of(response).items()
    assert handler.heard == []


def test_who_asks_for_options_and_is_no_sender_is_told_the_methods(door: Events) -> None:
    found = headers_of(door.greeting(asking("OPTIONS", f"token={TOKEN}")))
    assert found[b"allow"] == b"OPTIONS, POST"
    assert b"webhook-allowed-origin" not in found


def test_the_handshake_of_event_grid_is_answered(door: Events, handler: Handled) -> None:
    answer = told(door, sample("azure_eventgrid_validation_request"))
    assert answer == sample("azure_eventgrid_validation_response")
    assert handler.heard == []


def test_a_subscription_is_left_to_whoever_runs_the_service(
    door: Events, handler: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:uploads"
    message = {"Type": "SubscriptionConfirmation", "TopicArn": topic, "Token": "ab" * 20}
    assert told(door, message)["handled"] == []
    assert handler.heard == []
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"aws sns confirm-subscription --topic-arn {topic}" in record.message


def test_a_test_event_is_acknowledged(door: Events, handler: Handled) -> None:
    answer = told(door, sample("aws_s3_test_event"))
    assert answer["handled"] == []
    assert "test event" in answer["note"]
    assert handler.heard == []


def test_headers_are_part_of_a_cloudevent(door: Events, handler: Handled) -> None:
    binary = sample("gcs_eventarc_binary")
    headers = {n.replace("-", "_"): v for n, v in binary["headers"].items()}
    told(door, binary["body"], asking("POST", f"token={TOKEN}", **headers))
    assert [event.origin for event in handler.heard] == ["gcs"]


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[[[["])
def test_what_is_not_understood_is_refused(door: Events, body: bytes) -> None:
    with pytest.raises(EventUnknown):
        door.answer(BEARER, body)


def test_what_is_too_long_is_refused(door: Events) -> None:
    with pytest.raises(EventTooLarge, match="1000000 bytes"):
        door.answer(BEARER, bytes(MOST_BYTES + 1))
    announced = asking("POST", f"token={TOKEN}", content_length=str(MOST_BYTES + 1))
    with pytest.raises(EventTooLarge):
        door.greeting(announced)


def several(*keys: str, **more: Any) -> Any:
    """Write one notification about several objects."""
    (record,) = sample("aws_s3_direct")["Records"]
    text = json.dumps(record)
    return {
        "Records": [
            *(json.loads(text.replace("up/a+b%2B%C3%A9%26.jpg", key)) for key in keys),
            *more.get("others", ()),
        ]
    }


def test_several_events_of_a_notification_are_handled_at_once(
    door: Events, handler: Handled
) -> None:
    together = threading.Barrier(2, timeout=20)

    def does(event: Event) -> list[Outcome]:
        together.wait()
        return [Outcome("done", event.key)]

    handler.does = does
    answer = told(door, several("a", "b", "c", "d"))
    assert [outcome["source"] for outcome in answer["handled"]] == ["a", "b", "c", "d"]
    assert len(set(handler.deadlines)) == 1


def test_what_is_logged_on_the_way_bears_the_id_of_the_request(
    door: Events, handler: Handled
) -> None:
    ids: list[str] = []

    def does(event: Event) -> list[Outcome]:
        ids.append(current().id)
        return []

    handler.does = does
    token = enter(Request("told-by-minio"))
    try:
        told(door, several("a", "b", "c"))
    finally:
        leave(token)
    assert ids == ["told-by-minio"] * 3


def test_of_several_events_about_one_object_the_newest_counts(
    door: Events, handler: Handled
) -> None:
    notice = several("a", "a", "b", "a")
    for record, sequencer in zip(notice["Records"], ("02", "01", "01", "03"), strict=True):
        record["s3"]["object"]["sequencer"] = sequencer
    told(door, notice)
    assert sorted((event.key, event.sequencer) for event in handler.heard) == [
        ("a", "03"), ("b", "01"),
    ]  # fmt: skip


def test_what_is_to_be_told_again_is_said_when_its_neighbours_are_done(
    door: Events, handler: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    def does(event: Event) -> list[Outcome]:
        if event.key == "b":
            raise StoreUnavailable("the store does not answer", "s3://photos: refused")
        return [Outcome("done", event.key)]

    handler.does = does
    with pytest.raises(Unavailable, match="1 of 3 are to be told again: the store") as failed:
        door.answer(BEARER, json.dumps(several("a", "b", "c")).encode())
    assert failed.value.status == 503
    assert failed.value.retry_after_seconds
    assert {event.key for event in handler.heard} == {"a", "b", "c"}
    assert "s3://photos: refused" in caplog.text
    assert "refused" not in failed.value.detail


def test_a_fault_nobody_foresaw_is_raised_when_the_neighbours_are_done(
    door: Events, handler: Handled
) -> None:
    def does(event: Event) -> list[Outcome]:
        if event.key == "a":
            raise ZeroDivisionError
        return []

    handler.does = does
    with pytest.raises(ZeroDivisionError):
        door.answer(BEARER, json.dumps(several("a", "b", "c")).encode())
    assert len(handler.heard) == 3


def test_what_there_is_no_time_for_is_to_be_told_again(handler: Handled) -> None:
    door = Events(handler, token=TOKEN, secret="", seconds=-1, slots=1)
    with pytest.raises(Unavailable, match="no time left"):
        door.answer(BEARER, UPLOAD)
    assert handler.heard == []
    door.close()


def test_a_face_that_waits_has_the_same_door(
    photos: Path, tmp_path: Path, handler: Handled
) -> None:
    overrides = {
        "source": {"url": f"file:{photos}"},
        "variants": {"url": f"file:{tmp_path}"},
        "events": {"token": TOKEN},
    }
    settings = config.load(environment={}, overrides=overrides)
    service = config.build(settings, renderer=InProcess(Limits(), threads=1))
    doors = Doors(service, settings, pipelines=handler)
    assert doors.answer(BEARER, UPLOAD).status == 200
    assert [event.key for event in handler.heard] == [KEY]
    assert doors.answer(asking(), UPLOAD).status == 403
    without = Doors(service, settings).answer(BEARER, UPLOAD)
    assert (without.status, json.loads(without.body)["title"]) == (404, NoPipelines.title)
    doors.events.close()


def test_where_less_time_is_left_than_is_set_that_counts(door: Events, handler: Handled) -> None:
    soon = time.monotonic() + 5
    door.answer(BEARER, UPLOAD, deadline=soon)
    door.answer(BEARER, UPLOAD, deadline=soon + 3_600)
    first, second = handler.deadlines
    assert first == soon
    assert second is not None
    assert soon < second < soon + 3_600


def test_a_bad_record_does_not_spoil_its_neighbours_and_is_told(
    door: Events, handler: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    answer = told(door, several("a", others=[{}]))
    assert [event.key for event in handler.heard] == ["a"]
    ((failure,),) = [answer["failed"]]
    assert failure["reason"] in caplog.text


def test_messages_that_are_all_bad_are_refused(door: Events) -> None:
    (message,) = sample("aws_s3_via_sqs")["Records"]
    with pytest.raises(EventUnknown, match="no JSON"):
        door.answer(BEARER, json.dumps({"Records": [message | {"body": "x"}]}).encode())


def test_an_image_that_was_given_up_is_no_reason_to_tell_it_again(
    door: Events, handler: Handled
) -> None:
    handler.does = lambda event: [Outcome("failed", event.key, "uploads", "the jpeg is cut off")]
    (outcome,) = told(door, UPLOAD)["handled"]
    assert (outcome["status"], outcome["reason"]) == ("failed", "the jpeg is cut off")
