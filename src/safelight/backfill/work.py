"""The work on a chunk of sources, as it is sent to threads, processes and other machines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from safelight import __version__
from safelight.backfill.tally import Made, Tally
from safelight.errors import SettingError, Unavailable

# Between the tries of what nobody could do at the moment, in seconds.
_PAUSES = (0.2, 1.0, 3.0)
# One process may be at work for several back-fills of several people.
_MOST_KEPT = 4


class Maker(Protocol):
    """Who makes what belongs to a source."""

    def bring_up(self, key: str) -> Made:
        """Make what is missing of a source. Raises Unavailable where it may work later."""

    def close(self) -> None:
        """Let go of everything."""


class Previewer(Maker, Protocol):
    """Who can also tell what it would come to."""

    def preview(self, key: str) -> Made:
        """Tell what ``bring_up`` would come to, without writing anything. Raises as it does."""


def bring_up(
    maker: Maker,
    keys: Iterable[str],
    *,
    stop: threading.Event | None = None,
    each: Callable[[Made], object] = lambda _: None,
) -> Tally:
    """Make what is missing of sources, one after the other.

    ``stop`` ends it before the next source; ``each`` is told what became of each.
    """
    stop = stop or threading.Event()
    tally = Tally()
    pauses: tuple[float, ...] = _PAUSES
    for key in keys:
        made = _patiently(maker, key, pauses, stop)
        if made is None:
            return Tally(cut=True)
        # What waiting did not help is not waited for with each source, as long as it lasts.
        pauses = () if made.status == "delayed" else _PAUSES
        tally = tally.plus(key, made)
        each(made)
    return tally


def _patiently(
    maker: Maker, key: str, pauses: tuple[float, ...], stop: threading.Event
) -> Made | None:
    """Try again what nobody could do at the moment; None when it shall not be done any more."""
    for pause in (*pauses, None):
        if stop.is_set():
            return None
        try:
            return maker.bring_up(key)
        except Unavailable as error:
            if pause is None:
                return Made("delayed", reason=error.reason)
            stop.wait(pause)
    return None


@dataclass(frozen=True, slots=True)
class Work:
    """The work as it is sent to other processes and machines.

    ``build`` is called once in each process, and what it gives is kept there under ``name``.
    """

    build: Callable[[], Maker]
    name: str
    version: str = __version__

    def __call__(self, keys: tuple[str, ...]) -> Tally:
        """Do a chunk. Raises SettingError where another Safelight is installed."""
        if self.version != __version__:
            raise SettingError(
                f"a worker has Safelight {__version__}, and whoever sends the work {self.version}: "
                "install the same on both"
            )
        return bring_up(_kept(self), keys)


_lock = threading.Lock()
_makers: dict[str, Maker] = {}


def _kept(work: Work) -> Maker:
    with _lock:
        maker = _makers.get(work.name)
        if maker is None:
            while len(_makers) >= _MOST_KEPT:
                _makers.pop(next(iter(_makers))).close()
            maker = _makers[work.name] = work.build()
        return maker


def release(name: str) -> None:
    """Let go of what was built in this process for work of that name."""
    with _lock:
        maker = _makers.pop(name, None)
    if maker is not None:
        maker.close()
