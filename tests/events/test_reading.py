import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safelight.errors import EventUnknown
from safelight.events import Event, Notice, allowed_origin, newer, read
from tests.support.notices import JSON, SAMPLES, sample

# Nothing to read: what is answered, and a handshake that has no body.
ANSWERS = {
    "aws_s3_batch_operations_response", "aws_sqs_batch_response", "azure_cloudevents_validation",
    "azure_eventgrid_validation_response",
}  # fmt: skip
NOTIFICATIONS = sorted({path.stem for path in SAMPLES.glob("*.json")} - ANSWERS)


def test_every_sample_has_an_origin() -> None:
    told = (SAMPLES / "ORIGIN.md").read_text("utf-8")
    for path in SAMPLES.glob("*.json"):
        assert f"`{path.stem}`" in told or path.stem.startswith("azure_eventgrid_")


@pytest.mark.parametrize("name", NOTIFICATIONS)
def test_every_sample_is_read(name: str) -> None:
    value = sample(name)
    body, headers = (value["body"], value["headers"]) if "headers" in value else (value, {})
    notice = read(json.dumps(body), headers)
    assert notice.events or notice.kind in ("test", "handshake")
    assert notice.failed == ()


def understood(payload: object, headers: dict[str, str]) -> None:
    try:
        notice = read(payload, headers)
    except EventUnknown:
        return
    assert isinstance(notice, Notice)
    for event in notice.events:
        assert event.bucket or event.origin == "local"
        assert event.key
        assert event.sequencer.isascii()
    json.dumps(notice.reply)


@given(
    value=JSON,
    headers=st.dictionaries(
        st.sampled_from(["ce-type", "CE-Subject", "ce-time", "x"]), st.text(max_size=20)
    ),
)
@example(value={"Records": [{"cos": {"cosObject": {}}}]}, headers={})
def test_anything_is_a_notice_or_refused(value: object, headers: dict[str, str]) -> None:
    understood(value, headers)
    understood(json.dumps(value), headers)


@given(payload=st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_are_a_notice_or_refused(payload: bytes | str) -> None:
    understood(payload, {})


def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Walk every place in a sample that may be changed."""
    if path:
        yield path
    pairs: Any = value.items() if isinstance(value, dict) else ()
    pairs = enumerate(value) if isinstance(value, list) else pairs
    for name, inner in pairs:
        yield from places(inner, (*path, name))


@given(data=st.data(), name=st.sampled_from(NOTIFICATIONS))
def test_a_sample_with_anything_in_some_place_is_a_notice_or_refused(
    data: st.DataObject, name: str
) -> None:
    value = sample(name)
    *way, last = data.draw(st.sampled_from(list(places(value))))
    place = value
    for step in way:
        place = place[step]
    place[last] = data.draw(JSON | st.integers(-(2**70), 2**70) | st.just("%ff"))
    understood(value, {})


@pytest.mark.parametrize("number", [10**400, -(10**400), 2**63, float("nan"), float("inf")])
def test_numbers_that_are_none_are_not_believed(number: float) -> None:
    value = sample("tencent_cos_trigger")
    value["Records"][0]["cos"]["cosObject"]["size"] = number
    understood(value, {})
    value["Records"][0]["event"]["eventTime"] = number
    understood(value, {})


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("null", "no JSON object"),
        ("7", "no JSON object"),
        ("{}", "with nothing"),
        ('{"a": 1, "b": 2}', "with a, b"),
        ([[[[[[[[[[[{}]]]]]]]]]]], "into one another"),
        (b" " * (8 * 1024 * 1024 + 1), "more than 8388608 bytes"),
        ([{}] * 10_001, "more than 10000 events"),
    ],
)
def test_what_is_not_known_is_refused_with_a_reason(payload: object, reason: str) -> None:
    with pytest.raises(EventUnknown, match=reason):
        read(payload)


def test_half_a_letter_is_no_text() -> None:
    # What decodes JSON by Python's own means has taken it for text.
    event = {"eventType": "Microsoft.Storage.BlobCreated", "data": "\ud800", "subject": ""}
    with pytest.raises(EventUnknown, match="an event of Azure is not as it should be"):
        read(event)


def test_messages_together_may_not_hold_too_many_events() -> None:
    records = sample("aws_s3_direct")["Records"] * 2_001
    body = json.dumps({"Records": records})
    message = sample("aws_s3_via_sqs")["Records"][0] | {"body": body}
    with pytest.raises(EventUnknown, match="more than 10000 events"):
        read({"Records": [message] * 5})


def test_an_empty_list_says_that_it_is_empty() -> None:
    assert read({"Records": []}) == Notice(note="there is nothing in it")


def test_one_bad_record_does_not_spoil_its_neighbours() -> None:
    (record,) = sample("aws_s3_direct")["Records"]
    notice = read({"Records": [{}, record]})
    assert len(notice.events) == 1
    assert notice.failed == (("", "the payload has a shape that is not known, with nothing"),)


def test_notes_are_told_once_and_not_without_end() -> None:
    (record,) = sample("aws_s3_direct")["Records"]
    names = [f"Other:{number % 9}" for number in range(100)]
    notice = read({"Records": [record | {"eventName": name} for name in names]})
    assert notice.note.count("changes no picture") == 5


def test_the_handshake_of_cloudevents_is_answered() -> None:
    told = sample("azure_cloudevents_validation")
    assert allowed_origin(told["request"]["headers"]) == told["response"]["headers"]


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({}, {}),
        ({"WebHook-Request-Origin": "a\r\nb"}, {}),
        (
            {"webhook-request-origin": "eventgrid.azure.net", "webhook-request-rate": "x"},
            {"WebHook-Allowed-Origin": "eventgrid.azure.net", "WebHook-Allowed-Rate": "*"},
        ),
    ],
)
def test_a_handshake_holds_what_a_header_may(
    headers: dict[str, str], answer: dict[str, str]
) -> None:
    assert allowed_origin(headers) == answer


@pytest.mark.parametrize(
    ("one", "other", "later"),
    [
        ("0055AED6DCD90281E5", "0055AED6DCD90281E4", True),
        ("0055AED6DCD90281E4", "0055AED6DCD90281E5", False),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E5", False),
        # As S3 has it: the shorter one is filled with zeros at its right.
        ("0055AED6DCD90281E5", "0055AED6DCD9", True),
        ("0055AED6DD", "0055AED6DCD90281E5", True),
        ("0055AED6DC", "0055AED6DC00", False),
        ("", "0055AED6DC", False),
        ("0055AED6DC", "", False),
    ],
)
def test_sequencers_are_ordered_as_s3_has_it(one: str, other: str, later: bool) -> None:
    assert newer(one, other) is later


def test_an_event_is_a_value() -> None:
    event = Event("created", "local", "", "a.jpg")
    assert event == Event("created", "local", "", "a.jpg")
    assert hash(event)
