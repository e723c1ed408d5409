"""Workers that die, hang, talk nonsense or grow old cost one request an error, and no more."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from safelight.errors import (
    Busy,
    DeadlineExceeded,
    DecoderCrashed,
    OutputTooLarge,
    SafelightError,
    SourceDamaged,
    SourceTooLarge,
    TransformInvalid,
    UnsupportedFormat,
    WorkerLost,
)
from safelight.limits import Limits
from safelight.picture import MAX_WISHES, Rendering, Wish
from safelight.storage import Opened, opened_bytes
from safelight.transform import Transform, parse
from safelight.workers.pool import Pool, _error
from safelight.workers.protocol import Reply
from tests.support.serving import wait_for

SMALL = Transform.of(w=80)
PoolOf = Callable[..., Pool]


def soon() -> float:
    return time.monotonic() + 20


def state(pid: int) -> str:
    """Read the state of a process: R, S, T (stopped), Z (dead, with all of its threads)."""
    letter = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    threads = [*Path(f"/proc/{pid}/task").iterdir()]
    return "ending" if letter == "Z" and len(threads) > 1 else letter


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def under_way(pool: Pool, photo: Opened) -> tuple[int, Future[Rendering]]:
    """Begin a job that a stopped worker has and cannot finish."""
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: state(pid) == "T")
    executor = ThreadPoolExecutor(1)
    flight = executor.submit(pool.render, photo, SMALL, deadline=soon())
    executor.shutdown(wait=False)
    wait_for(lambda: any(worker.jobs for worker in pool._render._workers))
    return pid, flight


def test_a_picture_comes_back_with_its_sizes_and_times(pool_of: PoolOf, photo: Opened) -> None:
    made = pool_of().render(photo, Transform.of(w=80, format="webp"), deadline=soon())
    assert made.data[8:12] == b"WEBP"
    assert (made.mime, made.width) == ("image/webp", 80)
    assert made.source_width > made.source_height > 80
    assert made.decode_ms > 0
    assert made.encode_ms > 0


def test_a_header_comes_from_a_process_of_its_own(pool_of: PoolOf, photo: Opened) -> None:
    pool = pool_of()
    _, flight = under_way(pool, photo)
    header = pool.probe(photo, deadline=soon())
    assert header.format == "jpeg"
    assert not flight.done()


def test_starting_tells_what_can_be_read_and_written(pool_of: PoolOf) -> None:
    capabilities = pool_of().start()
    assert {"jpeg", "png", "webp", "avif", "gif", "tiff", "svg"} <= set(capabilities["reads"])
    assert {"jpeg", "png", "webp", "avif"} <= set(capabilities["writes"])
    assert capabilities["libvips"].count(".") == 2


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", UnsupportedFormat),
        (b"<html>no image</html>", UnsupportedFormat),
        (b"\xff\xd8\xff\xe0 not really", SourceDamaged),
        (b"x" * 2_000, SourceTooLarge),
    ],
)
def test_a_fault_of_the_image_is_named_and_the_worker_stays(
    pool_of: PoolOf, content: bytes, error: type[SafelightError]
) -> None:
    pool = pool_of(Limits(source_bytes=1_999))
    pids = pool.pids()
    with opened_bytes(content, version="1") as source, pytest.raises(error):
        pool.render(source, SMALL, deadline=soon())
    assert pool.pids() == pids
    assert pool.replaced == 0


def test_a_picture_that_would_be_too_large_is_refused(pool_of: PoolOf, photo: Opened) -> None:
    with pytest.raises(OutputTooLarge):
        pool_of().render(photo, Transform.of(w=9_000, enlarge=True), deadline=soon())


def test_a_worker_knows_none_of_the_secrets(
    pool_of: PoolOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "SAFELIGHT_SECURITY_KEYS", "AZURE_STORAGE_KEY", "TOKEN"):
        monkeypatch.setenv(name, "hunter2")
    (pid,) = pool_of().pids()
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    assert not any("hunter2" in variable for variable in environment)
    assert "MALLOC_ARENA_MAX=2" in environment
    assert "VIPS_CONCURRENCY=1" in environment
    assert "GLIBC_TUNABLES=glibc.malloc.hugetlb=1" in environment
    assert b"hunter2" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_worker_is_bounded_in_memory_and_leaves_no_core(pool_of: PoolOf) -> None:
    (pid,) = pool_of(Limits(worker_memory=1_234_567_168)).pids()
    limits = Path(f"/proc/{pid}/limits").read_text()
    rows = {line[:25].strip(): line[25:].split()[:2] for line in limits.splitlines()}
    assert rows["Max address space"] == ["1234567168", "1234567168"]
    assert rows["Max core file size"] == ["0", "0"]


def test_a_worker_yields_to_the_server(pool_of: PoolOf) -> None:
    (pid,) = pool_of().pids()
    ours, theirs = (os.getpriority(os.PRIO_PROCESS, process) for process in (os.getpid(), pid))
    assert theirs == min(19, ours + 5)


def test_a_worker_holds_no_files_but_its_own(pool_of: PoolOf, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"")
    with secret.open("rb"):
        (pid,) = pool_of().pids()
        held = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    assert str(secret) not in held
    assert len([name for name in held if name.startswith("socket:")]) == 1


def test_a_worker_is_replaced_after_its_number_of_jobs(pool_of: PoolOf, photo: Opened) -> None:
    pool = pool_of(recycle_jobs=2)
    first = pool.pids()
    pool.render(photo, SMALL, deadline=soon())
    assert pool.pids() == first
    pool.render(photo, SMALL, deadline=soon())
    assert pool.pids() != first
    assert gone(first[0])
    assert pool.render(photo, SMALL, deadline=soon()).width == 80
    assert pool.replaced == 1


def test_a_worker_that_has_grown_is_replaced(pool_of: PoolOf, photo: Opened) -> None:
    pool = pool_of(recycle_memory=1)
    first = pool.pids()
    assert pool.render(photo, SMALL, deadline=soon()).width == 80
    assert pool.pids() != first


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_an_idle_worker_that_is_killed_costs_no_request(
    pool_of: PoolOf, photo: Opened, number: signal.Signals
) -> None:
    pool = pool_of()
    (pid,) = pool.pids()
    os.kill(pid, number)
    wait_for(lambda: state(pid) == "Z")
    assert pool.render(photo, SMALL, deadline=soon()).width == 80
    assert pool.replaced == 1


def test_a_job_past_its_deadline_is_killed_and_the_next_one_served(
    pool_of: PoolOf, photo: Opened
) -> None:
    pool = pool_of()
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: state(pid) == "T")
    with pytest.raises(DeadlineExceeded):
        pool.render(photo, SMALL, deadline=time.monotonic() + 0.2)
    assert gone(pid)
    assert pool.render(photo, SMALL, deadline=soon()).width == 80


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (signal.SIGSEGV, DecoderCrashed),
        (signal.SIGABRT, DecoderCrashed),
        (signal.SIGBUS, DecoderCrashed),
        (signal.SIGKILL, WorkerLost),
        (signal.SIGTERM, WorkerLost),
    ],
)
def test_a_worker_that_dies_at_its_work_costs_that_one_request_a_typed_error(
    pool_of: PoolOf, photo: Opened, number: signal.Signals, error: type[SafelightError]
) -> None:
    pool = pool_of()
    pid, flight = under_way(pool, photo)
    os.kill(pid, number)
    os.kill(pid, signal.SIGCONT)
    with pytest.raises(error):
        flight.result(20)
    assert pool.render(photo, SMALL, deadline=soon()).width == 80
    assert gone(pid)
    assert pool.replaced == 1


def test_a_job_waits_for_a_worker_no_longer_than_it_may(pool_of: PoolOf, photo: Opened) -> None:
    pool = pool_of()
    pid, flight = under_way(pool, photo)
    with pytest.raises(Busy):
        pool.render(photo, SMALL, deadline=time.monotonic() + 0.1)
    os.kill(pid, signal.SIGCONT)
    assert flight.result(20).width == 80


def test_many_threads_share_few_workers(pool_of: PoolOf, photo: Opened) -> None:
    pool = pool_of(processes=2)
    with ThreadPoolExecutor(8) as executor:
        flights = [
            executor.submit(pool.render, photo, Transform.of(w=width), deadline=soon())
            for width in range(40, 72)
        ]
        assert [flight.result(30).width for flight in flights] == list(range(40, 72))
    assert len(pool.pids()) == 2
    assert pool.replaced == 0


def test_a_closed_pool_has_no_process_left_and_takes_no_job(pool_of: PoolOf, photo: Opened) -> None:
    pool = pool_of(processes=2)
    pool.probe(photo, deadline=soon())
    pids = pool.pids() + pool._probe.pids()
    assert len(pids) == 3
    pool.close()
    assert all(gone(pid) for pid in pids)
    with pytest.raises(WorkerLost):
        pool.render(photo, SMALL, deadline=soon())
    pool.close()


def test_a_pool_that_is_closed_under_a_job_fails_it(pool_of: PoolOf, photo: Opened) -> None:
    pool = pool_of()
    _, flight = under_way(pool, photo)
    pool.close()
    with pytest.raises(WorkerLost):
        flight.result(20)


def impostor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    """Let the pool start this instead of a worker: ready as usual, then `act` for each job."""
    script = tmp_path / "impostor"
    script.write_text(
        f"#!{sys.executable}\n"
        "import os, socket, struct, sys, time\n"
        "from safelight.workers.protocol import *\n"
        "channel = socket.socket(fileno=int(sys.argv[3]))\n"
        "send_reply(channel, Reply(capabilities={'reads': []}))\n"
        "while (job := receive_job(channel)) is not None:\n"
        f"    {act}\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr("safelight.workers.pool.sys.executable", str(script))


GOOD_SIZES = "width=1, height=1, source_width=1, source_height=1, decode_ms=1.0, encode_ms=1.0"


@pytest.mark.parametrize(
    ("act", "error"),
    [
        ("channel.sendall(b'<html>' * 9)", DecoderCrashed),
        ("channel.sendall(struct.pack('>I', 2) + b'[]')", DecoderCrashed),
        ("channel.sendall(struct.pack('>I', 2**31))", DecoderCrashed),
        (
            f"send_reply(channel, Reply(picture=Picture(mime='text/html', {GOOD_SIZES}, size=8)),"
            " b'<script>')",
            DecoderCrashed,
        ),
        (
            f"send_reply(channel, Reply(picture=Picture(mime='image/png', {GOOD_SIZES}, size=9)),"
            " b'<script>'); os._exit(3)",
            DecoderCrashed,
        ),
        ("send_reply(channel, Reply())", SafelightError),
        ("send_reply(channel, Reply(error='no such code', message='x'))", SafelightError),
        ("send_reply(channel, Reply(error='busy', message='x'))", Busy),
        ("os._exit(1)", DecoderCrashed),
        ("os._exit(0)", DecoderCrashed),
        ("os.abort()", DecoderCrashed),
        ("channel.shutdown(socket.SHUT_RDWR); time.sleep(60)", WorkerLost),
        ("time.sleep(60)", DeadlineExceeded),
    ],
)
def test_a_worker_that_has_been_taken_over_gives_an_error_and_no_picture(
    pool_of: PoolOf,
    photo: Opened,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    error: type[SafelightError],
) -> None:
    monkeypatch.setattr("safelight.workers.pool._END_SECONDS", 0.2)
    with monkeypatch.context() as patched:
        impostor(tmp_path, patched, act)
        pool = pool_of()
        for _ in range(2):
            with pytest.raises(error):
                pool.render(photo, SMALL, deadline=time.monotonic() + 2)
    # A real one takes its place.
    for pid in pool.pids():
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid: state(pid) == "Z")
    assert pool.render(photo, SMALL, deadline=soon()).width == 80


def test_a_worker_that_cannot_start_says_so(
    pool_of: PoolOf, photo: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of()
    (pid,) = pool.pids()
    with monkeypatch.context() as patched:
        patched.setattr("safelight.workers.pool.sys.executable", str(tmp_path / "gone"))
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: state(pid) == "Z")
        for _ in range(3):
            with pytest.raises(WorkerLost, match="can be started"):
                pool.render(photo, SMALL, deadline=soon())
    assert pool.render(photo, SMALL, deadline=soon()).width == 80


def test_a_worker_that_is_still_starting_is_not_ended_for_a_job_that_is_late(
    pool_of: PoolOf, photo: Opened
) -> None:
    pool = pool_of()
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: state(pid) == "Z")
    for _ in range(3):
        with pytest.raises(Busy, match="ready in time"):
            pool.render(photo, SMALL, deadline=time.monotonic() + 0.005)
    (starting,) = pool.pids()
    assert pool.render(photo, SMALL, deadline=soon()).width == 80
    assert pool.pids() == [starting]


def test_no_thread_is_left_behind(pool_of: PoolOf, photo: Opened) -> None:
    before = threading.active_count()
    pool = pool_of()
    pool.render(photo, SMALL, deadline=soon())
    pool.close()
    assert threading.active_count() == before


def test_what_nobody_expected_in_a_worker_is_logged_here(caplog: pytest.LogCaptureFixture) -> None:
    reply = Reply(error="internal", message="the server's log has the reason", trace="Traceback …")
    assert _error(reply).detail == "the server's log has the reason"
    assert "Traceback …" in caplog.text
    caplog.clear()
    assert isinstance(_error(Reply(error="damaged", message="it is cut off")), SourceDamaged)
    assert caplog.text == ""


# Several pictures


def wishes(*texts: str) -> list[Wish]:
    return [Wish(parse(text), "upload") for text in texts]


def test_several_pictures_come_back_in_the_order_of_the_wishes(
    pool_of: PoolOf, photo: Opened
) -> None:
    pool = pool_of()
    made = pool.develop(
        photo, wishes("w=40,format=png", "w=9000,enlarge", "w=80"), deadline=soon(), analyse=True,
        facts="all",
    )  # fmt: skip
    first, fault, last = made.renderings
    assert isinstance(first, Rendering)
    assert isinstance(fault, OutputTooLarge)
    assert isinstance(last, Rendering)
    assert [(one.width, one.data[:3]) for one in (first, last)] == [
        (40, b"\x89PN"), (80, b"\xff\xd8\xff"),
    ]  # fmt: skip
    assert (made.header.format, made.decodes, made.facts) == ("jpeg", 1, {"orientation": 1})
    assert made.analysis == pool.analyse(photo, deadline=soon())


def test_one_other_picture_serves_several_wishes(pool_of: PoolOf, photo: Opened) -> None:
    with opened_bytes(b"no picture", version="1") as logo:
        made = pool_of().develop(
            photo, wishes("w=90,watermark=a.png", "w=80,watermark=a.png", "w=40"), deadline=soon(),
            pictures={"a.png": logo},
        )  # fmt: skip
    kinds = [type(one) for one in made.renderings]
    assert kinds == [UnsupportedFormat, UnsupportedFormat, Rendering]


def test_a_source_that_cannot_be_used_is_an_error_for_all(pool_of: PoolOf) -> None:
    pool = pool_of(Limits(source_bytes=1_999))
    for content, error in ((b"no image", UnsupportedFormat), (b"x" * 2_000, SourceTooLarge)):
        with opened_bytes(content, version="1") as source, pytest.raises(error):
            pool.develop(source, wishes("w=80", "w=40"), deadline=soon())
    assert pool.replaced == 0


def test_too_many_wishes_are_refused_before_they_are_sent(pool_of: PoolOf, photo: Opened) -> None:
    with pytest.raises(TransformInvalid):
        pool_of().develop(
            photo, wishes(*(f"w={n + 1}" for n in range(MAX_WISHES + 1))), deadline=soon()
        )


def test_many_wishes_have_one_deadline(pool_of: PoolOf, photo: Opened) -> None:
    pool = pool_of()
    first = pool.pids()
    slow = wishes(*(f"w={1000 + n},format=webp,lossless,effort=9" for n in range(MAX_WISHES)))
    with pytest.raises(DeadlineExceeded):
        pool.develop(photo, slow, deadline=time.monotonic() + 0.5)
    assert pool.pids() != first
    assert pool.render(photo, SMALL, deadline=soon()).width == 80
