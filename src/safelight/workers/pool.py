"""A pool of worker processes: one job each, killed at its deadline, replaced when it dies."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from safelight.errors import (
    Busy,
    DeadlineExceeded,
    DecoderCrashed,
    SafelightError,
    WorkerLost,
    by_code,
)
from safelight.limits import Limits, check_wishes
from safelight.picture import Analysis, Developed, Header, Rendering, Wish
from safelight.storage import Opened
from safelight.transform import Transform
from safelight.workers import NONE, Pictures, Vitals
from safelight.workers.memory import resident_bytes
from safelight.workers.protocol import (
    Job,
    Order,
    Output,
    Picture,
    Reply,
    receive_reply,
    send_job,
)
from safelight.workers.settings import Workers

__all__ = ["Pool", "Workers"]

log = logging.getLogger("safelight")

_START_SECONDS = 30.0
_END_SECONDS = 5.0
_PROBE_IDLE_SECONDS = 60.0
# A worker needs none of the server's secrets. glibc is told what to do before the process starts:
# later is too late. Arenas are bounded, and large pictures get large pages: to have the pixels of
# an upload in small ones takes as long as half of their decoding.
_PASSED_ON = (
    "PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "XDG_CACHE_HOME",
    "FONTCONFIG_FILE", "FONTCONFIG_PATH",
)  # fmt: skip
_SET = {
    "MALLOC_ARENA_MAX": "2", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "VIPS_CONCURRENCY": "1",
    "VIPS_WARNING": "0",
}  # fmt: skip
# Signals that a decoder raises by its own fault; any other was sent from outside.
_OWN_FAULT = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL,
              signal.SIGSYS, signal.SIGTRAP)  # fmt: skip


class Pool:
    """Render in worker processes. Safe to use from many threads."""

    def __init__(self, limits: Limits, settings: Workers | None = None) -> None:
        """Prepare ``settings.processes`` workers; ``start`` starts them."""
        self._settings = settings or Workers()
        self.slots = self._settings.processes or os.cpu_count() or 1
        # Headers have a process of their own, so that a question never waits behind a picture.
        self._render = _Lane(self.slots, limits, self._settings, idle_seconds=None)
        self._probe = _Lane(1, limits, self._settings, idle_seconds=_PROBE_IDLE_SECONDS)

    @property
    def replaced(self) -> int:
        """How many workers died or were killed or recycled since the start."""
        return self._render.replaced + self._probe.replaced

    def pids(self) -> list[int]:
        """List the processes that render now."""
        return self._render.pids()

    def start(self) -> dict[str, Any]:
        """Start the workers and wait until the first is ready.

        Raises WorkerLost when it does not become ready.
        """
        return self._render.start()

    def render(
        self, source: Opened, transform: Transform, *, deadline: float, pictures: Pictures = NONE
    ) -> Rendering:
        """Make a picture in a worker.

        Raises SourceError for the image's faults, DeadlineExceeded, Busy when no worker came free
        in time, WorkerLost when its process was killed from outside.
        """
        job = Job("render", source.size, transform.canonical, _sizes(pictures))
        reply, (data,) = _done(self._render, job, _descriptors(source, pictures), deadline)
        return cast("Picture", reply.picture).rendering(data)

    def develop(
        self,
        source: Opened,
        wishes: Sequence[Wish],
        *,
        deadline: float,
        pictures: Pictures = NONE,
        analyse: bool = False,
        facts: str = "none",
    ) -> Developed:
        """Make several pictures at once in a worker, and tell of the source what is asked for.

        Raises as ``render`` does; what is wrong with one of several pictures stands in its place.
        """
        check_wishes(wishes)
        orders = tuple(Order.of(wish) for wish in wishes)
        job = Job(
            "develop", source.size, pictures=_sizes(pictures), wishes=orders, analyse=analyse,
            facts=facts,
        )  # fmt: skip
        reply, pictured = _done(self._render, job, _descriptors(source, pictures), deadline)
        data = iter(pictured)
        return Developed(
            cast("Header", reply.header),
            tuple(
                output.picture.rendering(next(data)) if output.picture else _error(output)
                for output in reply.outputs
            ),
            reply.analysis,
            reply.facts,
            reply.decodes,
        )

    def probe(self, source: Opened, *, deadline: float) -> Header:
        """Read a source's header in a worker. Raises as ``render`` does."""
        reply, _ = _done(self._probe, Job("probe", source.size), [source.descriptor], deadline)
        return cast("Header", reply.header)

    def analyse(self, source: Opened, *, deadline: float) -> Analysis:
        """Tell what a source looks like, in a worker. Raises as ``render`` does."""
        reply, _ = _done(self._render, Job("analyse", source.size), [source.descriptor], deadline)
        return cast("Analysis", reply.analysis)

    def vitals(self) -> Vitals:
        """Tell how the workers are."""
        found = (resident_bytes(pid) for pid in (*self._render.pids(), *self._probe.pids()))
        # One that has died and is not buried yet has none.
        return Vitals(self.replaced, tuple(size for size in found if size))

    def close(self) -> None:
        """End all workers; jobs under way fail."""
        self._render.close()
        self._probe.close()


def _sizes(pictures: Pictures) -> dict[str, int]:
    return {key: picture.size for key, picture in pictures.items()}


def _descriptors(source: Opened, pictures: Pictures) -> list[int]:
    return [source.descriptor, *(picture.descriptor for picture in pictures.values())]


def _done(
    lane: _Lane, job: Job, descriptors: list[int], deadline: float
) -> tuple[Reply, list[bytes]]:
    reply, pictures = lane.call(job, descriptors, deadline)
    if reply.error:
        raise _error(reply)
    return reply, pictures


def _error(said: Reply | Output) -> SafelightError:
    if said.trace:
        # Written here, where the line bears the id of the request, and has the form of the others.
        log.error("a rendering process failed for no reason that is known\n%s", said.trace)
    try:
        kind = by_code(said.error)
    except KeyError:
        kind = SafelightError
    return kind(said.message)


class _Lane:
    """Some workers of one purpose, handed out to one job each."""

    def __init__(
        self, size: int, limits: Limits, settings: Workers, *, idle_seconds: float | None
    ) -> None:
        self._limits = limits
        self._settings = settings
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._workers: set[_Worker] = set()
        self._closed = False
        self.replaced = 0
        # A place is None until its first job, then a worker. The last one used is taken first:
        # its memory is warm, and the others may rest.
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(None)

    def start(self) -> dict[str, Any]:
        places = [self._idle.get() for _ in range(self._idle.qsize())]
        workers = [place or self._spawn() for place in places]
        try:
            deadline = time.monotonic() + _START_SECONDS
            return next(worker.wait_ready(deadline) for worker in workers)
        finally:
            for worker in workers:
                self._idle.put(worker)

    def pids(self) -> list[int]:
        with self._lock:
            return [worker.process.pid for worker in self._workers]

    def call(self, job: Job, descriptors: list[int], deadline: float) -> tuple[Reply, list[bytes]]:
        try:
            worker = self._idle.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise Busy("no worker came free in time: try again") from None
        try:
            if worker is None or worker.process.poll() is not None:
                worker = self._replaced(worker)
            try:
                reply, pictures = worker.call(job, descriptors, deadline)
            except _LeftError:
                worker = self._replaced(worker)
                try:
                    reply, pictures = worker.call(job, descriptors, deadline)
                except _LeftError:
                    raise DecoderCrashed("decoding the image ended the decoder") from None
        except Busy:
            # It is still starting. Ended for one job that was late, it would be late for the next.
            raise
        except BaseException:
            # The successor is started at once: it is ready before the next request needs it.
            worker = self._successor(worker)
            raise
        else:
            worn = worker.jobs >= self._settings.recycle_jobs
            if worn or reply.memory > self._settings.recycle_memory:
                worker = self._successor(worker)
            return reply, pictures
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, set()
        for worker in workers:
            worker.end()

    def _replaced(self, worn: _Worker | None) -> _Worker:
        if worn is not None:
            with self._lock:
                self.replaced += 1
                self._workers.discard(worn)
            worn.end()
        return self._spawn()

    def _successor(self, worn: _Worker | None) -> _Worker | None:
        """Replace a worker now, or leave its place to be filled by the next job."""
        try:
            return self._replaced(worn)
        except WorkerLost as error:
            log.warning("%s", error.detail)
            return None

    def _spawn(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise WorkerLost("the server is stopping")
            try:
                worker = _Worker(self._limits, self._idle_seconds)
            except OSError as error:
                raise WorkerLost(
                    f"no rendering process can be started: {error.strerror}"
                ) from error
            self._workers.add(worker)
            return worker


class _LeftError(Exception):
    """A worker had left for want of work before the job reached it."""


class _Worker:
    """One process and the socket to it."""

    def __init__(self, limits: Limits, idle_seconds: float | None) -> None:
        self.jobs = 0
        self._spawned = time.monotonic()
        self._ready: dict[str, Any] | None = None
        self._channel, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as undone:
            undone.callback(self._channel.close)
            self.process = subprocess.Popen(  # noqa: S603 - our own module
                [
                    sys.executable, "-m", "safelight.workers.child", str(theirs.fileno()),
                    msgspec.json.encode(limits).decode(), str(idle_seconds or 0),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # Out of reach of Ctrl-C in a terminal, from its first moment.
                process_group=0,
                env=_environment(os.environ),
            )  # fmt: skip
            undone.pop_all()

    def wait_ready(self, deadline: float) -> dict[str, Any]:
        """Wait for the first word. Raises Busy when it may still come, else WorkerLost."""
        if self._ready is None:
            try:
                reply, _ = receive_reply(self._channel, deadline)
            except (OSError, EOFError, ValueError) as error:
                patient = time.monotonic() < self._spawned + _START_SECONDS
                if isinstance(error, TimeoutError) and patient:
                    raise Busy("no worker was ready in time: try again") from None
                raise WorkerLost(
                    "a rendering process did not start: its message is in the server's log"
                ) from error
            self._ready = reply.capabilities or {}
        return self._ready

    def call(self, job: Job, descriptors: list[int], deadline: float) -> tuple[Reply, list[bytes]]:
        self.wait_ready(deadline)
        self.jobs += 1
        try:
            send_job(self._channel, job, descriptors)
            reply, pictures = receive_reply(self._channel, deadline)
        except TimeoutError:
            raise DeadlineExceeded(
                "the picture was not ready in time: ask for a smaller or simpler one"
            ) from None
        except ValueError as error:
            raise DecoderCrashed("the image confused its decoder") from error
        except (OSError, EOFError) as error:
            raise self._death() from error
        if not reply.answers(job):
            raise DecoderCrashed("the image confused its decoder")
        return reply, pictures

    def _death(self) -> Exception:
        try:
            code = self.process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            return WorkerLost("the rendering process closed its connection: try again")
        if code == 0:
            return _LeftError()
        if code > 0 or -code in _OWN_FAULT:
            return DecoderCrashed(
                "decoding the image crashed the decoder: it is damaged or hostile"
            )
        return WorkerLost("the rendering process was killed from outside: try again")

    def end(self) -> None:
        """Make sure that the process is gone."""
        self.process.kill()
        self._channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=_END_SECONDS)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    return {name: ours[name] for name in _PASSED_ON if name in ours} | _SET
