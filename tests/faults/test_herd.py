"""Many ask at once for a picture that nobody has made yet: it is made once."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.load import (
    Outcome,
    busy_renderer,
    shown,
    stored,
    temporary_files,
    together,
    told,
)
from tests.support.serving import Server, serving, wait_for

COLD = "/w=640,format=webp/sunset.jpg"
# Takes some seconds.
SLOW = "/w=1200,format=webp,lossless/sunset.jpg"


@contextlib.contextmanager
def several(count: int, pictures: Path, home: Path) -> Iterator[list[Server]]:
    """Start servers on one folder and one variant store."""
    store = {"SAFELIGHT_VARIANTS_URL": f"file:{home / 'variants'}"}
    with contextlib.ExitStack() as stack:
        servers = []
        for number in range(count):
            alone = home / str(number)
            alone.mkdir()
            server = serving(pictures, alone, "--workers", "1", environment=store)
            servers.append(stack.enter_context(server))
        yield servers


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_500_requests_for_one_missing_picture_make_it_once(
    pictures: Path, home: Path, processes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with several(processes, pictures, home) as servers:
        outcomes = together(servers, [COLD] * 500).outcomes
        made = [outcome for outcome in outcomes if is_made_here(outcome)]
        bodies = {outcome.reply.body for outcome in outcomes if outcome.reply}
        slowest = max(outcome.seconds for outcome in outcomes)
        told(
            capsys,
            f"500 requests, {processes} servers: {len(made)} render, slowest {slowest:.2f} s",
        )
        assert [outcome.kind for outcome in outcomes] == ["200"] * 500
        assert len(made) == 1
        assert len(bodies) == 1
        assert outcomes[0].reply is not None
        assert shown(outcomes[0].reply).width == 640
        assert len(stored(home / "variants")) == 1
        assert temporary_files(home / "variants") == []


def test_the_worker_that_a_herd_waits_for_is_killed_and_all_are_told(
    pictures: Path, home: Path
) -> None:
    with several(1, pictures, home) as (server,):
        herd = together([server], [SLOW] * 50)
        os.kill(busy_renderer(server), signal.SIGKILL)
        assert {outcome.kind for outcome in herd.outcomes} <= {"503 worker_lost", "200"}
        assert server.get(SLOW).status == 200


def test_a_server_that_dies_while_others_wait_for_its_picture_is_followed_by_another(
    pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with several(2, pictures, home) as (leader, follower):
        leading = together([leader], [SLOW])
        busy_renderer(leader)
        following = together([follower], [SLOW] * 20)
        # The lease of the leader is what the follower waits for.
        wait_for(lambda: temporary_files(home / "variants"))
        leader.process.send_signal(signal.SIGKILL)
        leader.process.wait()
        outcomes = following.outcomes
        slowest = max(outcome.seconds for outcome in outcomes)
        told(capsys, f"the leader killed, the followers were answered within {slowest:.2f} s")
        assert [outcome.kind for outcome in leading.outcomes] == ["unanswered"]
        assert [outcome.kind for outcome in outcomes] == ["200"] * 20
        assert sum(map(is_made_here, outcomes)) == 1
        assert temporary_files(home / "variants") == []


def is_made_here(outcome: Outcome) -> bool:
    """Tell whether a request made the picture itself, by Cache-Status (RFC 9211)."""
    assert outcome.reply is not None
    status = outcome.reply["cache-status"] or ""
    return "fwd=uri-miss" in status and "stored" in status and "collapsed" not in status
