"""A rendering process dies: by a kill from outside, or of the image that it decodes."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.support.load import Load, ask, busy_renderer, kinds, renderers, running, shown, told
from tests.support.serving import Server, serving, wait_for

# Takes about a second.
SLOW = "/w=1000,format=webp,lossless/sunset.jpg"


def quick(number: int) -> str:
    return f"/w={20 + number % 300},q={1 + number // 300 % 100}/small.jpg"


def test_a_killed_worker_costs_at_most_the_request_that_it_served(
    pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = 5
    with serving(pictures, home, "--workers", "2") as server:
        with Load(server, quick, clients=8) as load:
            load.more(50)
            for _ in range(kills):
                victim = renderers(server)[0]
                os.kill(victim, signal.SIGKILL)
                wait_for(lambda: len(set(renderers(server)) - {victim}) == 2)  # noqa: B023
                load.more(30)
        counted = kinds(load.outcomes)
        for outcome in load.outcomes:
            if outcome.reply is not None and outcome.reply.status == 200:
                shown(outcome.reply)
    told(capsys, f"{kills} workers killed during load: {dict(counted)}")
    assert set(counted) <= {"200", "503 worker_lost"}
    assert counted["503 worker_lost"] <= kills


def test_the_request_of_a_killed_worker_is_told_so_and_the_next_one_succeeds(
    pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(pictures, home, "--workers", "1") as server:
        answer = interrupted(server, signal.SIGKILL)
        started = time.monotonic()
        assert server.get("/w=100/small.jpg").status == 200
        told(capsys, f"the next picture {(time.monotonic() - started) * 1e3:.0f} ms after a kill")
        assert answer == (503, "worker_lost", "1")
        assert server.get(SLOW).status == 200


@pytest.mark.parametrize("crash", [signal.SIGSEGV, signal.SIGABRT])
def test_an_image_that_crashes_its_decoder_is_refused_and_nothing_else_is(
    pictures: Path, home: Path, crash: signal.Signals
) -> None:
    with serving(pictures, home, "--workers", "1") as server:
        assert interrupted(server, crash) == (422, "decoder_crashed", None)
        assert server.get("/w=100/small.jpg").status == 200
        # It is not decoded again for some seconds: whatever crashes once would crash again.
        assert server.get(SLOW).code == "decoder_crashed"


def test_workers_that_die_while_nothing_is_asked_cost_no_request(
    pictures: Path, home: Path
) -> None:
    with serving(pictures, home, "--workers", "2") as server:
        for number in range(3):
            victims = renderers(server)
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            wait_for(lambda: not any(map(running, victims)))  # noqa: B023
            assert server.get(quick(number)).status == 200
        assert server.get("/info/small.jpg").status == 200


def interrupted(server: Server, number: int) -> tuple[int, str, str | None]:
    """Send a signal to the worker of a slow request, and return what the client was told."""
    replies = []
    asking = threading.Thread(target=lambda: replies.append(ask(server.port, SLOW).reply))
    asking.start()
    os.kill(busy_renderer(server), number)
    asking.join()
    (reply,) = replies
    assert reply is not None
    return reply.status, reply.code, reply["retry-after"]
