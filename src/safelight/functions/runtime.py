"""The service in a function: settings read once, the rest made at the first call, nothing beside.

A function is a process that serves one call at a time and is frozen between calls. So everything is
done before the answer goes out, by the thread that was called.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from safelight import config
from safelight.config import Settings
from safelight.errors import DeadlineExceeded, EventUnknown, SafelightError, SettingError
from safelight.observe import Request, enter, identified, leave
from safelight.service import Service
from safelight.web import logs
from safelight.web.doors import Doors, failure
from safelight.web.exchange import Incoming, Response
from safelight.web.observing import Notes
from safelight.workers.inprocess import InProcess

if TYPE_CHECKING:
    # Not loaded by a function that only answers requests.
    from safelight.events import Event, Notice
    from safelight.pipelines import Outcome, Pipelines

# What storing and answering take once pictures are made; of a call that is short, a fifth.
_MARGIN_SECONDS = 1.0
_MARGIN_SHARE = 0.2

log = logging.getLogger("safelight")


def shortened(seconds: float) -> float:
    """Leave some of a call's time for its answer."""
    return seconds - min(_MARGIN_SECONDS, _MARGIN_SHARE * seconds)


class Runtime:
    """What the calls of one process share.

    ``deadline`` is a time of ``time.monotonic()`` everywhere, by default what the limits say;
    ``name`` is the platform's id of a call, which is logged.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        folder: Path | None = None,
        threads: int | None = None,
        own_log: bool = True,
    ) -> None:
        """Take settings, by default those of ``safelight.toml`` and of the environment.

        ``folder`` is where that file and relative paths are looked for, by default the working
        directory; ``threads`` how many make one picture, by default as many as there are cores;
        ``own_log`` whether the log is written here, and not by who has set logging up already.
        Raises SettingError.
        """
        if settings is None:
            file = (folder or Path()) / config.FILE
            settings = config.load(file if file.exists() else None)
        self.settings = replace(settings, observe=replace(settings.observe, log_format="json"))
        self._folder = folder
        self._threads = threads or os.cpu_count() or 1
        self._own_log = own_log
        self._lock = threading.RLock()

    @property
    def service(self) -> Service:
        """The service, ready. Raises SettingError."""
        with self._lock:
            return self._service

    @cached_property
    def _service(self) -> Service:
        if self._own_log:
            logs.set_up(self.settings.observe)
        renderer = InProcess(self.settings.limits, threads=self._threads)
        service = config.build(self.settings, base=self._folder, renderer=renderer)
        service.start()
        return service

    @cached_property
    def doors(self) -> Doors:
        """What answers requests: to whoever may come, only what is said to be shown to all."""
        settings = self.settings
        index = settings.server.index == "on" and settings.security.unrestricted
        metrics = settings.observe.metrics == "on"
        # Loaded by the first event, and not by requests for pictures.
        handler = self if settings.pipelines else None
        return Doors(self.service, settings, index=index, metrics=metrics, pipelines=handler)

    @property
    def pipelines(self) -> Pipelines:
        """What handles events. Raises SettingError when nothing is to be done for them."""
        with self._lock:
            return self._pipelines

    @cached_property
    def _pipelines(self) -> Pipelines:
        service = self.service
        found = config.pipelines(
            self.settings, base=self._folder, renderer=service.renderer, stored=service.variants
        )
        if found is None:
            raise SettingError(
                "pipelines: an event came, and nothing is to be done for it (example: "
                '[[pipelines]] with on = "uploads/" and write = [{ preset = "thumb", '
                'to = "thumbnails/{name}" }])'
            )
        return found

    @cached_property
    def _notes(self) -> Notes:
        return Notes(self.service.metrics, access_log=self.settings.observe.access_log)

    def answer(
        self,
        ask: Callable[[], Incoming],
        body: bytes = b"",
        *,
        given: str = "",
        name: str = "",
        deadline: float | None = None,
        most_bytes: int | None = None,
    ) -> Response:
        """Answer a request, which ``ask`` reads; its errors are answered, too.

        ``given`` is the id that the request itself bears. ``most_bytes``: see Doors. The response
        has all of its headers, and a body also when the method was HEAD. Raises SettingError when
        there can be no service.
        """
        until = self._until(deadline)
        with self._call(given or name, until) as request:
            method, path = "", b""
            try:
                incoming = ask()
                method, path = incoming.method, incoming.path.encode()
                self._check_exposed()
            except SafelightError as error:
                response = failure(error)
            else:
                response = self.doors.answer(incoming, body, deadline=until, most_bytes=most_bytes)
            self._notes.end(request, method, path, response)
            return Response(response.status, response.complete(), response.body, [])

    def handle(self, event: Event, *, deadline: float | None = None) -> list[Outcome]:
        """Bring up to date what depends on a source; within a call. Raises Unavailable."""
        return self.pipelines.handle(event, deadline=self._until(deadline))

    def treat(self, notice: Notice, *, name: str = "", deadline: float | None = None) -> None:
        """Do what events ask for, all that can be done; then raise what shall be told once more.

        Raises EventUnknown, Unavailable, SettingError.
        """
        faults = [ended for _, ended in self.each(notice, name=name, deadline=deadline)]
        for fault in faults:
            if isinstance(fault, SafelightError):
                raise fault
        for _, reason in notice.failed:
            raise EventUnknown(reason)

    def each(
        self, notice: Notice, *, name: str = "", deadline: float | None = None
    ) -> list[tuple[Event, list[Outcome] | SafelightError]]:
        """Handle one event after the other: what came of each, or why it shall be told once more.

        What fails is no reason to leave out its neighbours. Raises SettingError.
        """
        until = self._until(deadline)
        with self._call(name, until):
            if notice.note:
                log.info("%s", notice.note)
            for receipt, reason in notice.failed:
                log.warning("message %s cannot be understood: %s", receipt, reason)
            # Without events nothing needs to be set up for them.
            return [(event, _handled(self.pipelines, event, until)) for event in notice.events]

    @contextmanager
    def _call(self, name: str, deadline: float) -> Iterator[Request]:
        """Do something for a call; what was begun beside ends in time, or would be frozen."""
        request = Request(identified(name))
        token = enter(request)
        try:
            service = self.service
            yield request
            service.settle(deadline)
        finally:
            leave(token)

    def _until(self, deadline: float | None) -> float:
        return time.monotonic() + self.settings.limits.seconds if deadline is None else deadline

    def _check_exposed(self) -> None:
        if not self.settings.security.exposable:
            raise SettingError(
                "security: whoever reaches this function could ask for anything: set "
                "security.keys, so that only signed addresses are answered, or "
                "security.presets_only, or security.unsigned = true if that is what you want"
            )


def _handled(pipelines: Pipelines, event: Event, deadline: float) -> list[Outcome] | SafelightError:
    if time.monotonic() > deadline:
        return DeadlineExceeded("there was no time left for it: try again")
    try:
        return pipelines.handle(event, deadline=deadline)
    except SafelightError as error:
        log.warning("%s/%s is to be tried again: %s", event.bucket, event.key, error.detail)
        return error
    except Exception as error:
        log.exception("%s/%s failed for no reason that is known", event.bucket, event.key)
        return SafelightError(f"it failed for no reason that is known: {error!r}")
