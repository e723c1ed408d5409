import copy
import json
from typing import Any

import pytest

from safelight.errors import EventUnknown
from safelight.events import read
from tests.support.notices import KEY, sample

S3 = json.dumps(sample("aws_s3_direct"))
TOPIC = "arn:aws:sns:eu-west-1:123456789012:uploads"
TOKEN = "2336412f37fb687f5d51e6e2425a8a5a" * 4


def queued(*bodies: str) -> Any:
    blank = sample("aws_s3_via_sqs")["Records"][0]
    return {
        "Records": [
            copy.deepcopy(blank) | {"messageId": f"m{number}", "body": body}
            for number, body in enumerate(bodies)
        ]
    }


def published(message: str, **more: str) -> str:
    """Write a message as SNS sends it to a queue or to an address."""
    return json.dumps(
        {"Type": "Notification", "MessageId": "n", "TopicArn": TOPIC, "Message": message, **more}
    )


@pytest.mark.parametrize(
    "name", ["aws_s3_direct", "aws_s3_via_sns", "aws_s3_via_sqs", "aws_s3_via_sns_sqs"]
)
def test_an_upload_is_the_same_however_it_came(name: str) -> None:
    (event,) = read(sample(name)).events
    assert (event.kind, event.bucket, event.key, event.sequencer) == (
        "created", "img", KEY, "0C0F6F405D6ED209E1",
    )  # fmt: skip


def test_the_receipt_is_that_of_the_message_which_has_to_be_deleted() -> None:
    (event,) = read(sample("aws_s3_via_sns_sqs")).events
    assert event.receipt == "79406a00-bf15-46ca-978c-22c3613fcb30"
    (event,) = read(sample("aws_s3_via_sns")).events
    assert event.receipt == "95df01b4-ee98-5cb9-9903-4c221d41eb5e"


@pytest.mark.parametrize(
    "body",
    [
        S3,
        published(S3),
        json.dumps(sample("aws_s3_via_eventbridge")),
        published(json.dumps(sample("aws_s3_via_eventbridge"))),
    ],
    ids=["raw", "topic", "EventBridge", "EventBridge by a topic"],
)
def test_a_queue_carries_anything(body: str) -> None:
    (event,) = read(queued(body)).events
    assert (event.key, event.receipt) == (KEY, "m0")


def test_a_topic_may_send_to_an_address() -> None:
    (event,) = read(published(S3).encode()).events
    assert (event.key, event.receipt) == (KEY, "n")


def test_one_bad_message_does_not_spoil_its_neighbours() -> None:
    bad = json.dumps({"Records": [{"eventSource": "aws:s3", "s3": {}}]})
    notice = read(queued(S3, "not json", S3, bad, "{}", published("?")))
    assert [event.receipt for event in notice.events] == ["m0", "m2"]
    assert [receipt for receipt, _ in notice.failed] == ["m1", "m3", "m4", "m5"]
    assert all(reason for _, reason in notice.failed)


def test_a_message_that_is_half_good_fails_and_its_good_half_is_told_all_the_same() -> None:
    records = sample("aws_s3_direct")["Records"]
    notice = read(queued(json.dumps({"Records": [*records, {}]})))
    assert [event.receipt for event in notice.events] == ["m0"]
    assert [receipt for receipt, _ in notice.failed] == ["m0"]


def test_a_queue_of_bad_messages_names_each() -> None:
    assert [receipt for receipt, _ in read(queued("x", "y")).failed] == ["m0", "m1"]


def test_test_events_in_a_queue_are_acknowledged() -> None:
    test = json.dumps(sample("aws_s3_test_event"))
    assert read(queued(test)).kind == "test"
    notice = read(queued(test, S3))
    assert (notice.kind, len(notice.events), notice.failed) == ("events", 1, ())


@pytest.mark.parametrize("missing", ["messageId", "body"])
def test_a_message_without_id_or_body_is_refused(missing: str) -> None:
    value = queued(S3)
    del value["Records"][0][missing]
    with pytest.raises(EventUnknown, match=missing):
        read(value)


def test_a_subscription_is_confirmed_by_whoever_runs_the_service() -> None:
    notice = read({
        "Type": "SubscriptionConfirmation", "TopicArn": TOPIC, "Token": TOKEN,
        "SubscribeURL": "https://example.com/", "Message": "You have chosen …",
    })  # fmt: skip
    assert (notice.kind, notice.events) == ("confirmation", ())
    command = f"aws sns confirm-subscription --topic-arn {TOPIC} --token {TOKEN}"
    assert command in notice.note
    assert "example.com" not in notice.note


@pytest.mark.parametrize(
    ("topic", "token"),
    [("arn:aws:sns:x:1:t", TOKEN), (TOPIC, "$(reboot)"), (f"{TOPIC};reboot", TOKEN), (None, None)],
)
def test_a_subscription_of_somebody_else_puts_nothing_into_a_command(
    topic: object, token: object
) -> None:
    notice = read({"Type": "SubscriptionConfirmation", "TopicArn": topic, "Token": token})
    assert notice.kind == "confirmation"
    assert "reboot" not in notice.note
    assert "confirm-subscription" not in notice.note


def test_the_end_of_a_subscription_is_noted() -> None:
    notice = read({"Type": "UnsubscribeConfirmation", "TopicArn": TOPIC})
    assert (notice.kind, bool(notice.note)) == ("confirmation", True)


def test_messages_may_not_be_put_into_one_another_for_ever() -> None:
    body = S3
    for _ in range(12):
        body = published(body)
    ((_, reason),) = read(body).failed
    assert "into one another" in reason
