"""A worker by itself: what it says when it is ready, to odd jobs, and without a pool."""

import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from safelight.limits import Limits
from safelight.storage import Opened, opened_bytes
from safelight.workers import pool
from safelight.workers.protocol import Job, Order, Reply, receive_reply, send_job
from tests.support.serving import wait_for

LIMITS = Limits(source_bytes=10**6)


class Child:
    """A worker and our end of the channel to it."""

    def __init__(self, limits: Limits = LIMITS, idle_seconds: float = 0.0) -> None:
        self.channel, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "safelight.workers.child", str(theirs.fileno()),
                    msgspec.json.encode(limits).decode(), str(idle_seconds),
                ],
                # As a pool starts it: the arenas of many threads would fill what it may address.
                env=pool._environment(os.environ),
                pass_fds=[theirs.fileno()],
                stderr=subprocess.PIPE,
            )  # fmt: skip

    def reply(self) -> tuple[Reply, list[bytes]]:
        return receive_reply(self.channel, time.monotonic() + 20)

    def ask(self, job: Job, source: Opened) -> tuple[Reply, list[bytes]]:
        send_job(self.channel, job, [source.descriptor])
        return self.reply()

    def end(self) -> tuple[int, str]:
        """Hang up; returns exit code and what it wrote."""
        self.channel.close()
        _, wrote = self.process.communicate(timeout=20)
        return self.process.returncode, wrote.decode()


@pytest.fixture
def child() -> Iterator[Child]:
    """Give a worker that is ready."""
    worker = Child()
    reply, _ = worker.reply()
    assert reply.capabilities
    yield worker
    worker.process.kill()
    worker.end()


def test_a_worker_renders_and_probes_until_the_pool_hangs_up(child: Child, photo: Opened) -> None:
    for width in (80, 90):
        reply, (data,) = child.ask(Job("render", photo.size, f"w={width},format=png"), photo)
        assert reply.picture is not None
        assert (reply.picture.width, reply.picture.mime) == (width, "image/png")
        assert data.startswith(b"\x89PNG")
        assert len(data) == reply.picture.size
        assert reply.memory > 10**7
    reply, pictures = child.ask(Job("probe", photo.size), photo)
    assert reply.header is not None
    assert (reply.header.format, pictures) == ("jpeg", [])
    assert child.end() == (0, "")


def test_it_reads_from_the_start_whoever_read_before(child: Child, photo: Opened) -> None:
    os.lseek(photo.descriptor, 0, os.SEEK_END)
    reply, _ = child.ask(Job("probe", photo.size), photo)
    assert reply.header is not None


@pytest.mark.parametrize(
    ("content", "size", "code"),
    [
        (b"no image", 8, "unsupported_format"),
        (b"\xff\xd8\xff", 3, "damaged"),
        (b"short", 50, "source_changing"),
        (bytes(10**6 + 1), 10**6 + 1, "too_large"),
    ],
)
def test_a_fault_is_told_by_its_code_and_the_worker_goes_on(
    child: Child, photo: Opened, content: bytes, size: int, code: str
) -> None:
    for verb in ("render", "probe"):
        with opened_bytes(content, version="1") as source:
            reply, data = child.ask(Job(verb, size, "w=80"), source)
        assert (reply.error, data) == (code, [])
        assert reply.message
    reply, _ = child.ask(Job("render", photo.size, "w=80"), photo)
    assert reply.picture is not None


def test_a_transform_that_is_none_is_told_too(child: Child, photo: Opened) -> None:
    reply, _ = child.ask(Job("render", photo.size, "w=much"), photo)
    assert reply.error == "transform_invalid"


def test_a_picture_that_needs_more_memory_than_there_is_costs_itself_only(photo: Opened) -> None:
    worker = Child(replace(LIMITS, worker_memory=245_000_000))
    try:
        worker.reply()
        large = "w=5000,h=5000,fit=fill,enlarge,rotate=90,format=png"
        reply, _ = worker.ask(Job("render", photo.size, large), photo)
        assert reply.error in ("damaged", "too_large")
        reply, _ = worker.ask(Job("render", photo.size, "w=80"), photo)
        assert reply.picture is not None
    finally:
        worker.process.kill()
        worker.end()


def test_a_worker_leaves_when_it_has_nothing_to_do(photo: Opened) -> None:
    worker = Child(idle_seconds=0.1)
    worker.reply()
    wait_for(lambda: worker.process.poll() is not None)
    assert worker.end() == (0, "")


def test_ctrl_c_in_the_terminal_does_not_end_a_worker(child: Child, photo: Opened) -> None:
    child.process.send_signal(2)
    reply, _ = child.ask(Job("probe", photo.size), photo)
    assert reply.header is not None


@pytest.mark.parametrize("said", [b"", b"\x00", struct.pack(">I", 5), struct.pack(">I", 2) + b"{}"])
def test_a_pool_that_leaves_in_the_middle_ends_the_worker(child: Child, said: bytes) -> None:
    child.channel.sendall(said)
    code, wrote = child.end()
    assert (code, wrote) == (0, "")


def test_what_nobody_expected_is_told_for_the_log_and_the_worker_goes_on(
    child: Child, photo: Opened
) -> None:
    # It names another picture, and none comes with it.
    reply, _ = child.ask(Job("render", photo.size, "w=10", {"logo.png": 5}), photo)
    assert (reply.error, reply.message) == ("internal", "the server's log has the reason")
    assert reply.trace.startswith("Traceback (most recent call last)")
    assert "ValueError" in reply.trace
    reply, _ = child.ask(Job("render", photo.size, "w=10"), photo)
    assert reply.picture is not None
    assert reply.trace == ""
    assert child.end() == (0, "")


def test_several_pictures_come_at_once_and_what_is_wrong_with_one_in_its_place(
    child: Child, photo: Opened
) -> None:
    orders = [Order(text, "upload") for text in ("w=80,format=png", "w=9000,enlarge", "w=40")]
    job = Job("develop", photo.size, wishes=tuple(orders), analyse=True, facts="all")
    reply, pictures = child.ask(job, photo)
    assert [output.error for output in reply.outputs] == ["", "output_too_large", ""]
    assert [output.picture and output.picture.width for output in reply.outputs] == [80, None, 40]
    assert pictures[0].startswith(b"\x89PNG")
    assert pictures[1].startswith(b"\xff\xd8")
    assert not any(output.trace for output in reply.outputs)
    assert reply.answers(job)
    assert (reply.analysis is not None, reply.facts, reply.decodes) == (True, {"orientation": 1}, 1)


def test_the_profile_reaches_the_encoder(child: Child, photo: Opened) -> None:
    orders = tuple(Order("w=200,format=avif", profile) for profile in ("request", "upload"))
    _, (quick, patient) = child.ask(Job("develop", photo.size, wishes=orders), photo)
    _, (asked,) = child.ask(Job("render", photo.size, "w=200,format=avif"), photo)
    assert quick == asked
    assert patient != asked


def test_a_wish_that_is_none_is_told(child: Child, photo: Opened) -> None:
    job = Job("develop", photo.size, wishes=(Order("w=much", "upload"),))
    assert child.ask(job, photo)[0].error == "transform_invalid"
