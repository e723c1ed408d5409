"""More is asked for than can be made: the rest is refused at once, and what is cheap goes on."""

from pathlib import Path

import pytest

from tests.support.load import ask, busy_renderer, kinds, together, told
from tests.support.serving import serving

HIT = "/w=100/small.jpg"


def slow(number: int) -> str:
    """Name a picture that takes seconds, and that no other request asks for."""
    return f"/w={1000 + number},format=webp,lossless/sunset.jpg"


def test_past_the_queue_a_request_is_refused_at_once_and_cheap_ones_are_answered(
    pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = {"SAFELIGHT_SERVER_QUEUE": "4", "SAFELIGHT_LIMITS_SECONDS": "30"}
    with serving(pictures, home, "--workers", "1", environment=full) as server:
        assert server.get(HIT).status == 200
        herd = together([server], [slow(number) for number in range(4)])
        busy_renderer(server)
        refused = [ask(server.port, slow(number)) for number in range(10, 40)]
        upload = server.ask("POST", "/resize", body=(pictures / "small.jpg").read_bytes())
        cheap = [ask(server.port, path) for path in (HIT, "/info/small.jpg", "/healthz")]
        # None of it had to wait for the pictures: they are still being made.
        assert len(herd.so_far) < 4
        told(
            capsys,
            f"refused within {max(outcome.seconds for outcome in refused) * 1e3:.0f} ms, "
            f"cheap ones answered within {max(outcome.seconds for outcome in cheap) * 1e3:.0f} ms",
        )
        assert kinds(refused) == {"503 busy": 30}
        assert upload.code == "busy"
        assert kinds(cheap) == {"200": 3}
        for outcome in refused:
            assert outcome.reply is not None
            assert int(outcome.reply["retry-after"] or 0) >= 1
            assert outcome.reply["cache-control"] == "no-store"
        assert kinds(herd.outcomes) == {"200": 4}
        # With the queue empty again, what was refused is made.
        assert server.get("/w=101/small.jpg").status == 200


def test_who_asks_for_what_is_being_made_already_needs_no_room(pictures: Path, home: Path) -> None:
    full = {"SAFELIGHT_SERVER_QUEUE": "1", "SAFELIGHT_LIMITS_SECONDS": "30"}
    with serving(pictures, home, "--workers", "1", environment=full) as server:
        herd = together([server], [slow(0)] * 20)
        assert kinds(herd.outcomes) == {"200": 20}


def test_questions_and_stored_pictures_do_not_wait_for_a_flood(
    pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(pictures, home, "--workers", "1") as server:
        assert server.get(HIT).status == 200
        herd = together([server], [slow(number) for number in range(200)])
        busy_renderer(server)
        cheap = []
        for _ in range(30):
            cheap += [ask(server.port, path) for path in (HIT, "/info/small.jpg", "/healthz")]
        slowest = max(outcome.seconds for outcome in cheap)
        assert kinds(cheap) == {"200": 90}
        counted = kinds(herd.outcomes)
        told(capsys, f"200 slow ones at once: {dict(counted)}; a cheap one {slowest:.2f} s at most")
        assert set(counted) <= {"200", "503 busy", "504 deadline_exceeded"}
        assert counted["503 busy"] >= 72
        assert server.get(HIT).status == 200
