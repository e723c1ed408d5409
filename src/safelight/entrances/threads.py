"""Blocking work beside the event loop, in threads that nobody waits for when the process ends."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

_Made = TypeVar("_Made")
_Told = TypeVar("_Told")


async def in_thread(work: Callable[[], _Made]) -> _Made:
    """Do blocking work in a thread of its own, and return or raise what it does.

    Who is cancelled here stops waiting; the work goes on, and its end is not awaited at exit, which
    those of ``asyncio.to_thread`` are.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[_Made] = loop.create_future()
    context = contextvars.copy_context()

    def tell(end: Callable[[_Told], None], value: _Told) -> None:
        if not ended.done():
            end(value)

    def run() -> None:
        # The loop may have been closed meanwhile: then nobody waits.
        with contextlib.suppress(RuntimeError):
            try:
                made = context.run(work)
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                loop.call_soon_threadsafe(tell, ended.set_exception, error)
            else:
                loop.call_soon_threadsafe(tell, ended.set_result, made)

    threading.Thread(target=run, name="safelight-entrance", daemon=True).start()
    return await ended
