"""A queue of Amazon SQS, or of who else speaks its protocol."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.session

from safelight.entrances.message import PATIENCE_SECONDS
from safelight.entrances.queues import Address
from safelight.entrances.threads import in_thread
from safelight.errors import SettingError, Unavailable

log = logging.getLogger("safelight")
# Of every session it says where the credentials come from.
logging.getLogger("botocore").setLevel(logging.WARNING)

# The longest that SQS waits, and the cheapest: an empty answer costs as much as a full one.
_WAIT_SECONDS = 20
_MOST_MESSAGES = 10
_OURS = re.compile(r"https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com")
_WRONG = (
    "NonExistentQueue", "QueueDoesNotExist", "AccessDenied", "InvalidClientTokenId",
    "SignatureDoesNotMatch", "UnrecognizedClient", "InvalidAddress", "OptInRequired",
)  # fmt: skip


def open_queue(address: Address, at_once: int, patience_seconds: int | None) -> Queue:
    """Make the queue of an address."""
    return Queue(address, at_once, patience_seconds or PATIENCE_SECONDS)


class Queue:
    """A queue, by its name or by its URL; credentials are those that AWS's own tools find."""

    def __init__(self, address: Address, at_once: int, patience_seconds: int) -> None:
        """``region`` is an option, else it is the URL's or the environment's."""
        self.patience_seconds = patience_seconds
        self.extend_seconds = patience_seconds / 3
        self._address = address
        self._connections = at_once + 4
        self.client: Any = None
        self.url = address.url
        self.dead_letters = False

    def __str__(self) -> str:
        """Name it."""
        return str(self._address)

    async def open(self) -> None:
        """Find the queue, and whether it has another one for what nobody can treat."""
        await in_thread(self._open)

    def _open(self) -> None:
        with self.faults():
            session = botocore.session.get_session()
            self.client = session.create_client(
                "sqs",
                region_name=self._region(),
                endpoint_url=self._endpoint(),
                config=botocore.config.Config(
                    connect_timeout=5,
                    read_timeout=_WAIT_SECONDS + 10,
                    retries={"mode": "standard", "total_max_attempts": 3},
                    max_pool_connections=self._connections,
                ),
            )
            if not self.url:
                self.url = self.client.get_queue_url(QueueName=self._address.name)["QueueUrl"]
            self.dead_letters = self._has_dead_letters()

    def _region(self) -> str | None:
        found = _OURS.match(self._address.url)
        named = (found[1] or found[2]) if found else None
        return self._address.options.get("region") or named or os.environ.get("AWS_REGION")

    def _endpoint(self) -> str | None:
        """Another server than Amazon's is the one that the queue's URL names."""
        return None if not self.url or _OURS.match(self.url) else self._address.server

    def _has_dead_letters(self) -> bool:
        try:
            answer = self.client.get_queue_attributes(
                QueueUrl=self.url, AttributeNames=["RedrivePolicy"]
            )
        except botocore.exceptions.ClientError as error:
            if "AccessDenied" not in _code(error):
                raise
            log.warning("%s: sqs:GetQueueAttributes is not allowed, so dead letters are left", self)
            return True
        return "RedrivePolicy" in answer.get("Attributes", {})

    async def receive(self, most: int) -> list[Message]:
        """Wait for messages, as long as SQS does."""
        return await in_thread(lambda: self._receive(min(most, _MOST_MESSAGES)))

    def _receive(self, most: int) -> list[Message]:
        with self.faults():
            answer = self.client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=most,
                WaitTimeSeconds=_WAIT_SECONDS,
                VisibilityTimeout=self.patience_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [Message(self, message) for message in answer.get("Messages", ())]

    async def close(self) -> None:
        """Leave it."""
        client, self.client = self.client, None
        if client is not None:
            client.close()

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Say of this queue what its client says. Raises Unavailable, SettingError."""
        try:
            yield
        except botocore.exceptions.ClientError as error:
            if any(word in _code(error) for word in _WRONG):
                raise SettingError(f"{self}: {error}") from error
            raise Unavailable(f"{self}: {error}") from error
        except (
            botocore.exceptions.NoCredentialsError,
            botocore.exceptions.NoRegionError,
            botocore.exceptions.ProfileNotFound,
        ) as error:
            raise SettingError(f"{self}: {error}") from error
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.HTTPClientError) as error:
            raise Unavailable(f"{self}: {error}") from error


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


class Message:
    """One message of a queue."""

    def __init__(self, queue: Queue, delivered: dict[str, Any]) -> None:
        """Answer for it by the receipt of this delivery."""
        self._queue = queue
        self._client = queue.client
        self._receipt = delivered["ReceiptHandle"]
        self.id = str(delivered["MessageId"])
        self.body = str(delivered["Body"]).encode()
        self.tries = int(delivered.get("Attributes", {}).get("ApproximateReceiveCount", 1))

    async def extend(self) -> None:
        """Keep it from others for as long again."""
        await self._visible(self._queue.patience_seconds)

    async def done(self) -> None:
        """Delete it."""

        def delete() -> None:
            with self._queue.faults():
                self._client.delete_message(QueueUrl=self._queue.url, ReceiptHandle=self._receipt)

        await in_thread(delete)

    async def again(self, seconds: float) -> None:
        """Have it seen by others later."""
        await self._visible(round(seconds))

    async def drop(self, reason: str) -> None:  # noqa: ARG002 - SQS keeps none
        """Leave it to the queue of dead letters, which gets it after so many deliveries.

        Without such a queue it is deleted.
        """
        if self._queue.dead_letters:
            await self._visible(0)
        else:
            await self.done()

    async def _visible(self, seconds: int) -> None:
        def change() -> None:
            with self._queue.faults():
                self._client.change_message_visibility(
                    QueueUrl=self._queue.url,
                    ReceiptHandle=self._receipt,
                    VisibilityTimeout=seconds,
                )

        await in_thread(change)
