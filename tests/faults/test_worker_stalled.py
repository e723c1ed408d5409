"""A rendering process hangs: it is ended at the deadline, and nobody else waits for it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.load import ask, busy_renderer, kinds, renderers, running, together
from tests.support.serving import Server, serving, wait_for

# Takes much longer than any deadline here.
ENDLESS = "/format=avif,effort=9/sunset.jpg"
DEADLINE = {"SAFELIGHT_LIMITS_SECONDS": "2"}


def test_a_stopped_worker_is_ended_at_the_deadline_while_its_neighbours_work(
    pictures: Path, home: Path
) -> None:
    with serving(pictures, home, "--workers", "2", environment=DEADLINE) as server:
        with_worker, asking = asked(server)
        os.kill(with_worker, signal.SIGSTOP)
        neighbours = [ask(server.port, f"/w={width}/small.jpg") for width in range(20, 40)]
        assert kinds(neighbours) == {"200": 20}
        assert asking() == (504, "deadline_exceeded")
        wait_for(lambda: not running(with_worker))
        wait_for(lambda: len(renderers(server)) == 2)


def test_a_decoder_that_never_ends_is_ended_at_the_deadline(pictures: Path, home: Path) -> None:
    with serving(pictures, home, "--workers", "1", environment=DEADLINE) as server:
        with_worker, asking = asked(server)
        assert asking() == (504, "deadline_exceeded")
        wait_for(lambda: not running(with_worker))
        # It is not tried again at once: each try would hold a worker to the deadline.
        assert server.get(ENDLESS).status == 504
        assert server.get("/w=100/small.jpg").status == 200


def test_a_worker_that_is_stopped_while_idle_costs_one_request(pictures: Path, home: Path) -> None:
    with serving(pictures, home, "--workers", "1", environment=DEADLINE) as server:
        (stopped,) = renderers(server)
        os.kill(stopped, signal.SIGSTOP)
        assert server.get("/w=100/small.jpg").code == "deadline_exceeded"
        wait_for(lambda: not running(stopped))
        assert server.get("/w=101/small.jpg").status == 200


def asked(server: Server) -> tuple[int, Callable[[], tuple[int, str]]]:
    """Begin a request that does not end; returns its worker, and how to wait for the answer."""
    herd = together([server], [ENDLESS])

    def answer() -> tuple[int, str]:
        (outcome,) = herd.outcomes
        assert outcome.reply is not None
        return outcome.reply.status, outcome.reply.code

    return busy_renderer(server), answer
