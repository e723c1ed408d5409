"""What runs in a worker process: wait for a job, do it, answer, until the pool is gone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import socket
import sys
import threading
import traceback

import msgspec

from safelight import engine
from safelight.errors import SafelightError, SourceChanging, SourceTooLarge, concerning
from safelight.limits import Limits
from safelight.picture import Rendering
from safelight.storage import read_descriptor
from safelight.transform import parse
from safelight.workers.memory import resident_bytes
from safelight.workers.protocol import Job, Output, Picture, Reply, receive_job, send_reply

# How often a worker that has grown gives memory back: each time costs a few milliseconds.
_TRIM_JOBS = 8
_TRIM_MEMORY = 96_000_000

_NICENESS = 5
_MOST_TRACE = 10_000


def main(channel: socket.socket, limits: Limits, idle_seconds: float | None) -> None:
    """Serve jobs one after another; leave after ``idle_seconds`` without one (None: never)."""
    # Ctrl-C in a terminal reaches the whole group; the pool decides when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory(limits.worker_memory)
    # The server has little to do and many who wait for it: it goes first.
    os.nice(_NICENESS)
    engine.prepare(threads=1)
    threading.Thread(target=_leave_with_pool, args=[channel], daemon=True).start()
    # Without a pool there is nobody to answer, and nothing to tell.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        _serve(channel, limits, idle_seconds)


def _leave_with_pool(channel: socket.socket) -> None:
    """End in the middle of a job when the pool is gone: nobody would end a job without end."""
    hung_up = select.poll()
    hung_up.register(channel, 0)
    hung_up.poll()
    os._exit(0)


def _serve(channel: socket.socket, limits: Limits, idle_seconds: float | None) -> None:
    send_reply(channel, Reply(capabilities=engine.capabilities()))
    channel.settimeout(idle_seconds)
    jobs = 0
    while (received := _next_job(channel)) is not None:
        job, descriptors = received
        channel.settimeout(None)
        try:
            reply, pictures = _answer(job, descriptors, limits)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        send_reply(channel, reply, pictures)
        jobs += 1
        if jobs % _TRIM_JOBS == 0 and reply.memory > _TRIM_MEMORY:
            _give_back_memory()
        channel.settimeout(idle_seconds)


def _next_job(channel: socket.socket) -> tuple[Job, list[int]] | None:
    try:
        return receive_job(channel)
    except (TimeoutError, OSError, EOFError):
        return None


def _answer(job: Job, descriptors: list[int], limits: Limits) -> tuple[Reply, list[bytes]]:
    try:
        source = _read(descriptors[0], job.size, limits)
        if job.verb == "probe":
            return Reply(memory=_memory(), header=engine.probe(source)), []
        if job.verb == "analyse":
            return Reply(memory=_memory(), analysis=engine.analyse(source, limits)), []
        others = _read_others(job, descriptors[1:], limits)
        if job.verb == "develop":
            return _developed(job, source, others, limits)
        made = engine.run(source, parse(job.transform), limits, pictures=others)
    except SafelightError as error:
        return _fault(error), []
    except MemoryError:
        return _fault(SourceTooLarge("the image needs more memory than a worker may have")), []
    except Exception:  # noqa: BLE001 - one job's fault shall not end the worker
        told = SafelightError("the server's log has the reason")
        return _fault(told, traceback.format_exc()[-_MOST_TRACE:]), []
    return Reply(memory=_memory(), picture=Picture.of(made)), [made.data]


def _developed(
    job: Job, source: bytes, others: dict[str, bytes], limits: Limits
) -> tuple[Reply, list[bytes]]:
    wishes = [order.wish() for order in job.wishes]
    made = engine.develop(
        source, wishes, limits, pictures=others, analyse=job.analyse, facts=job.facts
    )
    reply = Reply(
        memory=_memory(),
        header=made.header,
        outputs=tuple(_output(one) for one in made.renderings),
        analysis=made.analysis,
        facts=made.facts,
        decodes=made.decodes,
    )
    return reply, [one.data for one in made.renderings if isinstance(one, Rendering)]


def _output(made: Rendering | SafelightError) -> Output:
    if isinstance(made, Rendering):
        return Output(picture=Picture.of(made))
    # Nobody expected an error of no kind; the others say themselves what is wrong.
    known = type(made) is not SafelightError
    trace = "" if known else "".join(traceback.format_exception(made))
    return Output(error=made.code, message=made.detail, trace=trace[-_MOST_TRACE:])


def _read(descriptor: int, size: int, limits: Limits) -> bytes:
    limits.check_bytes(size)
    data = read_descriptor(descriptor, size)
    if len(data) != size:
        raise SourceChanging("the image became shorter while it was read")
    return data


def _read_others(job: Job, descriptors: list[int], limits: Limits) -> dict[str, bytes]:
    others = {}
    for (key, size), descriptor in zip(job.pictures.items(), descriptors, strict=True):
        with concerning(key):
            others[key] = _read(descriptor, size, limits)
    return others


def _give_back_memory() -> None:
    """Let glibc return what large pictures have left behind; other systems do so by themselves."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _fault(error: SafelightError, trace: str = "") -> Reply:
    return Reply(memory=_memory(), error=error.code, message=error.detail, trace=trace)


def _limit_memory(size: int) -> None:
    """Bound the address space: past it a decoder fails or aborts, alone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _memory() -> int:
    """Resident bytes of this process."""
    return resident_bytes(os.getpid()) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(
        socket.socket(fileno=int(sys.argv[1])),
        msgspec.json.decode(sys.argv[2], type=Limits),
        float(sys.argv[3]) or None,
    )
