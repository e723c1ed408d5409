"""Take messages from a queue, handle their events, and acknowledge them when that is done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from safelight.entrances.message import Message, Queue
from safelight.entrances.threads import in_thread
from safelight.errors import EventUnknown, SettingError, Unavailable
from safelight.events import Event, Notice, read
from safelight.pipelines import Outcome

log = logging.getLogger("safelight")

Handle: TypeAlias = Callable[[Event], Sequence[Outcome]]
OnOutcome: TypeAlias = Callable[[Outcome], None]
_Value = TypeVar("_Value")

_MOST_PAUSE_SECONDS = 300.0
_MOST_RECONNECT_SECONDS = 15.0
# Of deliveries that ended by a fault nobody foresaw.
_MOST_TRIES = 10
_SHOWN_BYTES = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a message, and why; ``outcomes`` are what its events have led to."""

    settled: Literal["done", "again", "drop"]
    reason: str = ""
    outcomes: tuple[Outcome, ...] = ()


def treat(body: bytes, handle: Handle, *, tries: int = 1) -> Verdict:
    """Do what a message asks for. It blocks.

    ``tries``: how often it was delivered. Whatever happens to one event, the others are handled.
    """
    try:
        notice = read(body)
    except EventUnknown as error:
        return Verdict("drop", error.reason)
    outcomes: list[Outcome] = []
    later: list[str] = []
    unforeseen: list[str] = []
    for event in notice.events:
        try:
            outcomes += handle(event)
        except (Unavailable, SettingError) as error:
            # What is set wrongly will be mended, and the message is not to blame.
            later.append(f"{event.key}: {error.reason}")
        except Exception as error:
            log.exception("%s of %s could not be handled", event.kind, event.key)
            unforeseen.append(f"{event.key}: {type(error).__name__}")
    done = tuple(outcomes)
    if later or (unforeseen and tries < _MOST_TRIES):
        return Verdict("again", "; ".join(later + unforeseen), done)
    if unforeseen:
        return Verdict("drop", f"after {tries} deliveries: {'; '.join(unforeseen)}", done)
    if notice.failed:
        return Verdict("drop", "; ".join(f"{id}: {why}" for id, why in notice.failed), done)
    return Verdict("done", _passed_over(notice), done)


def _passed_over(notice: Notice) -> str:
    if notice.events or notice.note:
        return notice.note
    return f"nothing to do for a message of the kind {notice.kind}"


class Consumer:
    """Takes messages from a queue until it is told to stop."""

    def __init__(
        self,
        queue: Queue,
        handle: Handle,
        *,
        at_once: int,
        grace_seconds: float,
        on_outcome: OnOutcome = lambda _: None,
    ) -> None:
        """``at_once``: messages that are worked on at the same time; ``on_outcome`` hears of each.

        ``grace_seconds``: how long what was begun may take when it is told to stop.
        """
        self._queue = queue
        self._handle = handle
        self._at_once = at_once
        self._grace_seconds = grace_seconds
        self._on_outcome = on_outcome
        self._working: set[asyncio.Task[None]] = set()
        # Those that are worked on no more, and whose broker still has to be told.
        self._settling: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event, hurry: asyncio.Event | None = None) -> None:
        """Consume until ``stop``; ``hurry`` ends the time of grace.

        A broker that is gone is waited for. Raises SettingError when there is no such queue at the
        start.
        """
        fails = 0
        opened = False
        while not stop.is_set():
            try:
                await self._queue.open()
                opened, fails = True, 0
                log.info("consuming %s", self._queue)
                await self._take(stop)
                continue
            except SettingError as error:
                if not opened:
                    await self._queue.close()
                    raise
                reason = error.reason
            except Unavailable as error:
                reason = error.reason
            except Exception:
                reason = f"{self._queue}: its library failed"
                log.exception("%s", reason)
            fails += 1
            seconds = min(0.25 * 2**fails, _MOST_RECONNECT_SECONDS)
            log.warning("%s; trying again in %.1f s", reason, seconds)
            await self._queue.close()
            await _unless(stop, asyncio.sleep(seconds))
        log.info("stopping")
        await self._finish(hurry or asyncio.Event())
        await self._queue.close()

    async def _take(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            free = self._at_once - len(self._working)
            if not free:
                working = asyncio.wait(self._working, return_when=asyncio.FIRST_COMPLETED)
                await _unless(stop, working)
                continue
            for message in await _unless(stop, self._queue.receive(free)) or ():
                _kept(self._working, self._work(message))

    async def _work(self, message: Message) -> None:
        """Treat a message, and have it settled without holding its place."""
        extending = asyncio.create_task(self._extend(message))
        try:
            verdict = await in_thread(
                lambda: treat(message.body, self._handle, tries=message.tries)
            )
        except asyncio.CancelledError:
            _kept(self._settling, self._settle(message, Verdict("again", "the time is over"), 0.0))
            raise
        finally:
            extending.cancel()
        for outcome in verdict.outcomes:
            try:
                self._on_outcome(outcome)
            except OSError as error:
                # Whoever listened is gone, which is no fault of the message.
                log.warning(
                    "what came of %s cannot be told: %s", outcome.source, error.strerror or error
                )
        seconds = min(2.0 ** min(message.tries, 16), _MOST_PAUSE_SECONDS)
        _kept(self._settling, self._settle(message, verdict, seconds))

    async def _extend(self, message: Message) -> None:
        while self._queue.extend_seconds:
            await asyncio.sleep(self._queue.extend_seconds)
            try:
                await message.extend()
            except (Unavailable, SettingError) as error:
                log.warning("message %s is not kept from others: %s", message.id, error.reason)

    async def _settle(self, message: Message, verdict: Verdict, seconds: float) -> None:
        try:
            match verdict.settled:
                case "done":
                    await message.done()
                    if verdict.reason:
                        log.info("message %s: %s", message.id, verdict.reason)
                case "again":
                    log.warning("message %s comes again: %s", message.id, verdict.reason)
                    await message.again(seconds)
                case "drop":
                    shown = message.body[:_SHOWN_BYTES]
                    log.error("message %s is dropped: %s: %r", message.id, verdict.reason, shown)
                    await message.drop(verdict.reason)
        except (Unavailable, SettingError) as error:
            log.warning("message %s will come again: %s", message.id, error.reason)

    async def _finish(self, hurry: asyncio.Event) -> None:
        """Wait for what is worked on, and give back what takes too long."""
        if self._working:
            log.info("finishing %d messages", len(self._working))
            ended = asyncio.wait(self._working, timeout=self._grace_seconds)
            await _unless(hurry, ended)
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        # What waits to be given back later is given back by the end of the connection.
        if self._settling:
            await asyncio.wait(self._settling, timeout=2.0)


def _kept(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    """Start a task: the loop itself holds it weakly."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, _Value]) -> _Value | None:
    """Wait for work, and give it up when told to stop: None then."""
    doing = asyncio.ensure_future(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        doing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await doing
        return None
    finally:
        stopping.cancel()
        doing.cancel()
