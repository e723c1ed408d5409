"""Pictures that are broken off when their time is over, where no process can be killed for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import pyvips

from safelight.errors import DeadlineExceeded, SafelightError


class _Watch:
    """Until when there is patience, and what is watched: it has to live as long as its pixels."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.images: list[pyvips.Image] = []


_WATCH: ContextVar[_Watch | None] = ContextVar("safelight_watch", default=None)


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Break off what is decoded, drawn or written in the block when its time is over.

    ``deadline``: a time of ``time.monotonic()``. libvips asks between some rows; an encoder that
    takes a picture whole, as that of AVIF, is not interrupted. Raises DeadlineExceeded.
    """
    watch = _Watch(deadline)
    token = _WATCH.set(watch)
    try:
        yield
    except (pyvips.Error, SafelightError) as error:
        if time.monotonic() <= deadline:
            raise
        raise DeadlineExceeded("the picture was not ready in time: try again") from error
    finally:
        _WATCH.reset(token)
        # Each holds what holds it, and pixels that Python's collector knows nothing of.
        watch.images.clear()


def watched(image: pyvips.Image) -> pyvips.Image:
    """Watch an image, and all that is made of it, if there is a deadline."""
    watch = _WATCH.get()
    if watch is None:
        return image

    def look(evaluated: pyvips.Image, _progress: object) -> None:
        if time.monotonic() > watch.deadline:
            evaluated.set_kill(True)

    image.set_progress(True)
    image.signal_connect("eval", look)
    watch.images.append(image)
    return image
