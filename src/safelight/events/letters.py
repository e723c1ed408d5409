"""Messages of Amazon SNS and SQS, which carry the notifications of others as text."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from safelight.events.event import Notice
from safelight.events.shapes import Shape, shaped

_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")
_TOKEN = re.compile(r"[0-9a-f]{16,512}")


class Letter(msgspec.Struct, frozen=True):
    """A message: what is in it is read as if it had come by itself."""

    receipt: str
    body: str


class _Queued(Shape):
    message_id: str
    body: str


class _Published(Shape, rename="pascal"):
    message: str
    message_id: str = ""


class _ByLambda(Shape, rename="pascal"):
    sns: _Published


def letter(value: dict[str, Any]) -> Letter | None:
    """Read a message of a queue or topic. Raises EventUnknown."""
    if value.get("eventSource") == "aws:sqs":
        queued = shaped(value, _Queued, "a message of SQS")
        return Letter(queued.message_id, queued.body)
    if value.get("EventSource") == "aws:sns":
        inner = shaped(value, _ByLambda, "a message of SNS").sns
    elif value.get("Type") == "Notification":
        inner = shaped(value, _Published, "a message of SNS")
    else:
        return None
    return Letter(inner.message_id, inner.message)


def subscription(value: dict[str, Any]) -> Notice | None:
    """Read that SNS began or ended to send: nothing is fetched, but the log says what to do."""
    match value.get("Type"):
        case "SubscriptionConfirmation":
            topic, token = str(value.get("TopicArn", "")), str(value.get("Token", ""))
            if not (_TOPIC.fullmatch(topic) and _TOKEN.fullmatch(token)):
                return Notice(
                    kind="confirmation",
                    note="a message asks to confirm a subscription, but it is not one of SNS's",
                )
            command = f"aws sns confirm-subscription --topic-arn {topic} --token {token}"
            return Notice(
                kind="confirmation",
                note=f"SNS asks whether it may send here; if this is your topic: {command}",
            )
        case "UnsubscribeConfirmation":
            return Notice(kind="confirmation", note="a subscription of SNS has ended")
        case _:
            return None
