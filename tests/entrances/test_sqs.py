"""What SQS is asked, with made-up answers; a server that speaks as it does is in tests/full."""

import asyncio
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from safelight.entrances.queues import parse
from safelight.entrances.sqs import Message, Queue, open_queue
from safelight.errors import SettingError, Unavailable

URL = "https://sqs.eu-west-1.amazonaws.com/000000000000/uploads"
PATIENCE_SECONDS = 77
TOLD = {"MessageId": "1", "ReceiptHandle": "receipt", "Body": "{}"}


@pytest.fixture
def queue() -> Iterator[tuple[Queue, Stubber]]:
    """Give an open queue, and who answers instead of Amazon."""
    opened: Any = open_queue(parse(URL), 2, PATIENCE_SECONDS)
    opened.client = botocore.session.Session().create_client(
        "sqs", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    with Stubber(opened.client) as amazon:
        yield opened, amazon
        amazon.assert_no_pending_responses()


def visible(seconds: int) -> dict[str, Any]:
    return {"QueueUrl": URL, "ReceiptHandle": "receipt", "VisibilityTimeout": seconds}


def test_messages_are_kept_from_others_for_as_long_as_is_said(queue: tuple[Queue, Stubber]) -> None:
    opened, amazon = queue
    asked = {
        "QueueUrl": URL,
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 20,
        "VisibilityTimeout": PATIENCE_SECONDS,
        "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
    }
    message = TOLD | {"Attributes": {"ApproximateReceiveCount": "3"}}
    amazon.add_response("receive_message", {"Messages": [message]}, asked)
    # More than ten cannot be asked for.
    (found,) = asyncio.run(opened.receive(50))
    assert (found.id, found.body, found.tries) == ("1", b"{}", 3)
    amazon.add_response("change_message_visibility", {}, visible(PATIENCE_SECONDS))
    asyncio.run(found.extend())
    assert 0 < opened.extend_seconds < PATIENCE_SECONDS / 2


def test_what_is_done_is_deleted_and_what_comes_again_is_seen_later(
    queue: tuple[Queue, Stubber],
) -> None:
    opened, amazon = queue
    message = Message(opened, TOLD)
    amazon.add_response("delete_message", {}, {"QueueUrl": URL, "ReceiptHandle": "receipt"})
    asyncio.run(message.done())
    amazon.add_response("change_message_visibility", {}, visible(32))
    asyncio.run(message.again(32.0))


@pytest.mark.parametrize("dead_letters", [True, False])
def test_what_is_dropped_is_left_to_the_dead_letters_or_deleted(
    queue: tuple[Queue, Stubber], dead_letters: bool
) -> None:
    opened, amazon = queue
    opened.dead_letters = dead_letters
    if dead_letters:
        amazon.add_response("change_message_visibility", {}, visible(0))
    else:
        amazon.add_response("delete_message", {}, {"QueueUrl": URL, "ReceiptHandle": "receipt"})
    asyncio.run(Message(opened, TOLD).drop("nobody understands it"))


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", SettingError),
        ("AccessDenied", SettingError),
        ("InternalError", Unavailable),
        ("RequestThrottled", Unavailable),
    ],
)
def test_a_refusal_is_a_wrong_setting_or_passes(
    queue: tuple[Queue, Stubber], code: str, fault: type[Exception]
) -> None:
    opened, amazon = queue
    amazon.add_client_error("receive_message", code)
    with pytest.raises(fault, match="uploads"):
        asyncio.run(opened.receive(1))
