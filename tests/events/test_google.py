import base64
import json
from typing import Any

import pytest
from hypothesis import given

from safelight.errors import EventUnknown
from safelight.events import Event, newer, read
from tests.support.notices import KEY, KEYS, sample

STRUCTURED = sample("gcs_eventarc_structured")
BINARY = sample("gcs_eventarc_binary")
PUSHED = sample("gcs_pubsub_push")
EVENT = Event(
    "created", "gcs", "img", KEY, "1587627537231057", 352, "00001587627537231057", 1601379120.0
)


def pushed(**attributes: str) -> Any:
    message = PUSHED["message"]
    return {"message": message | {"attributes": message["attributes"] | attributes}}


def test_an_upload_is_read_from_a_whole_event() -> None:
    assert read(STRUCTURED).events == (EVENT,)


def test_an_upload_is_read_from_headers_and_a_body() -> None:
    assert read(json.dumps(BINARY["body"]).encode(), BINARY["headers"]).events == (EVENT,)


def test_headers_may_be_written_in_capitals() -> None:
    headers = {name.upper(): value for name, value in BINARY["headers"].items()}
    assert read(BINARY["body"], headers).events == (EVENT,)


def test_an_upload_is_read_from_what_pubsub_pushes() -> None:
    (event,) = read(PUSHED).events
    assert event.receipt == "1215011316659232"
    assert (event.key, event.version, event.size) == (KEY, EVENT.version, 352)
    assert event.sequencer == EVENT.sequencer


def test_eventarc_may_carry_a_message_of_pubsub() -> None:
    name = "google.cloud.pubsub.topic.v1.messagePublished"
    (event,) = read({"specversion": "1.0", "type": name, "data": PUSHED}).events
    assert event.key == KEY


def test_data_of_a_cloudevent_may_be_base64() -> None:
    data = base64.b64encode(json.dumps(STRUCTURED["data"]).encode()).decode()
    value = {name: text for name, text in STRUCTURED.items() if name != "data"}
    assert read(value | {"data_base64": data}).events == (EVENT,)


def as_structured(key: str) -> str:
    return json.dumps(STRUCTURED | {"data": STRUCTURED["data"] | {"name": key}})


def as_pushed(key: str) -> str:
    data = json.dumps({"name": key, "size": "1"}).encode()
    value = pushed(objectId=key)
    value["message"]["data"] = base64.b64encode(data).decode()
    return json.dumps(value)


@pytest.mark.parametrize("written", [as_structured, as_pushed])
@given(key=KEYS)
def test_any_key_comes_back_as_it_was(written: Any, key: str) -> None:
    assert read(written(key)).events[0].key == key


@pytest.mark.parametrize(
    ("in_eventarc", "in_pubsub", "kind"),
    [
        ("finalized", "OBJECT_FINALIZE", "created"),
        ("deleted", "OBJECT_DELETE", "removed"),
        ("archived", "OBJECT_ARCHIVE", "removed"),
        ("metadataUpdated", "OBJECT_METADATA_UPDATE", ""),
    ],
)
def test_what_came_and_what_went(in_eventarc: str, in_pubsub: str, kind: str) -> None:
    name = f"google.cloud.storage.object.v1.{in_eventarc}"
    for value in (STRUCTURED | {"type": name}, pushed(eventType=in_pubsub)):
        notice = read(value)
        assert [event.kind for event in notice.events] == ([kind] if kind else [])
        assert bool(notice.note) == (not kind)


def test_a_generation_that_was_written_over_is_no_removal() -> None:
    notice = read(pushed(eventType="OBJECT_DELETE", overwrittenByGeneration="1587627537231058"))
    assert notice.events == ()
    assert "written over" in notice.note


def test_a_message_without_a_description_says_enough() -> None:
    value = pushed()
    del value["message"]["data"]
    (event,) = read(value).events
    assert (event.key, event.size) == (KEY, None)


def test_generations_are_numbers() -> None:
    earlier, later = (
        read(pushed(objectGeneration=number)).events[0].sequencer for number in ("9", "10")
    )
    assert newer(later, earlier)
    assert not newer(earlier, later)
    assert read(pushed(objectGeneration="?")).events[0].sequencer == ""


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (STRUCTURED | {"type": "google.cloud.audit.log.v1.written"}, "not known"),
        (STRUCTURED | {"type": 7}, "not known"),
        (STRUCTURED | {"data": None}, "Cloud Storage"),
        (STRUCTURED | {"data": {"bucket": "img"}}, "name"),
        (STRUCTURED | {"data_base64": "?"}, "base64"),
        (STRUCTURED | {"data_base64": 7}, "base64"),
        ({"message": {"data": "aGk="}}, "attributes"),
        ({"message": PUSHED["message"] | {"data": "?"}}, "base64"),
        (pushed(objectId=""), "key is empty"),
    ],
)
def test_what_is_wrong_with_an_event_is_said(value: object, reason: str) -> None:
    with pytest.raises(EventUnknown, match=reason):
        read(value)
