"""`safelight consume` on real brokers: consumers are killed, brokers restart, nothing is lost.

A test waits for the time after which a broker believes that a consumer is dead.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from safelight.entrances.consumer import Consumer, Handle
from safelight.entrances.queues import queue
from safelight.errors import SettingError, Unavailable
from safelight.events import Event
from safelight.pipelines import Outcome
from tests.support.brokers import BROKERS, Broker, broker
from tests.support.notices import s3_created
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, SmallS3, small_s3
from tests.support.serving import clean_environment, wait_for

pytestmark = [pytest.mark.full, pytest.mark.timeout(240)]

SOURCES = 24
# As short as it may be.
PATIENCE_SECONDS = 5
SETTINGS = """
[source]
url = "s3://photos?endpoint={endpoint}&region=us-east-1"
[variants]
url = "file:{home}/variants"
[workers]
processes = 1
[[pipelines]]
name = "uploads"
on = "uploads/"
write = [
    {{ transform = "w=300", to = "small/{{name}}" }},
    {{ transform = "w=900", to = "large/{{name}}" }},
]
metadata = "metadata/{{name}}.json"
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Broker]]:
    """Start each broker when a test first asks for it."""
    with contextlib.ExitStack() as ended:
        yield cache(lambda name: ended.enter_context(broker(name, tmp_path_factory.mktemp(name))))


@pytest.fixture(params=BROKERS)
def running(request: pytest.FixtureRequest, started: Callable[[str], Broker]) -> Broker:
    return started(request.param)


@pytest.fixture
def store() -> Iterator[SmallS3]:
    with small_s3() as found:
        yield found


class Consumers:
    """Processes that consume from one queue, and what they logged."""

    def __init__(self, home: Path, url: str, broker: Broker, store: SmallS3) -> None:
        self.home = home
        self.url = url
        self.processes: list[subprocess.Popen[bytes]] = []
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        self.environment = {**clean_environment(), **broker.environment, **keys}
        settings = SETTINGS.format(endpoint=store.endpoint, home=home)
        (home / "safelight.toml").write_text(settings)

    def start(self) -> subprocess.Popen[bytes]:
        with (self.home / f"log-{len(self.processes)}").open("wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "safelight", "consume", self.url,
                    "--patience", str(PATIENCE_SECONDS),
                ],
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def log(self) -> str:
        return "".join(path.read_text() for path in sorted(self.home.glob("log-*")))

    def done(self) -> Counter[str]:
        """Count how often each source was made."""
        lines = map(json.loads, self.log().splitlines())
        return Counter(line["source"] for line in lines if line.get("status") == "done")

    def stop(self) -> list[int]:
        """Tell all to stop, and give their exit codes."""
        left = [process for process in self.processes if process.poll() is None]
        for process in left:
            process.send_signal(signal.SIGTERM)
        return [process.wait(30) for process in left]


@contextlib.contextmanager
def consumers(home: Path, name: str, broker: Broker, store: SmallS3) -> Iterator[Consumers]:
    found = Consumers(home, broker.url(name), broker, store)
    try:
        yield found
    finally:
        for process in found.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def test_nothing_is_lost_when_a_consumer_is_killed_and_the_broker_restarts(
    running: Broker, store: SmallS3, tmp_path: Path, data: Path
) -> None:
    photo = (data / "photos" / "photo-1mp.jpg").read_bytes()
    keys = [f"uploads/{number}.jpg" for number in range(SOURCES)]
    for key in keys:
        store.put("photos", key, photo)
    store.put("photos", "uploads/bad.jpg", b"no image")
    bodies = [s3_created(key) for key in keys]
    # Duplicates, a message of several events, one that nobody understands, a picture that is none.
    bodies[3:3] = [b"poison: no JSON", s3_created("uploads/bad.jpg"), s3_created(*keys[:3])]
    bodies += [s3_created(key) for key in keys[::4]]
    running.make("uploads")
    running.send("uploads", bodies)
    bucket = store.bucket("photos")

    def written(folder: str = "metadata") -> set[str]:
        return {key for key in list(bucket) if key.startswith(f"{folder}/")}

    with consumers(tmp_path, "uploads", running, store) as found:
        killed, _ = found.start(), found.start()
        wait_for(lambda: len(written()) >= 3, seconds=60)
        killed.kill()
        # A zombie would keep its leases until their silence tells.
        killed.wait()
        wait_for(lambda: len(written()) >= 8, seconds=60)
        running.stop()
        running.start()
        found.start()
        wait_for(lambda: len(written()) == SOURCES, seconds=120)
        wait_for(lambda: running.left("uploads") == 0, seconds=120)
        names = {f"{number}.jpg" for number in range(SOURCES)}
        assert written() == {f"metadata/{name}.json" for name in names}
        assert written("small") == {f"small/{name}" for name in names}
        assert written("large") == {f"large/{name}" for name in names}
        assert written("failed") == {"failed/uploads/bad.jpg.json"}
        assert running.dead("uploads") == [b"poison: no JSON"]
        assert max(found.done().values()) == 1
        assert "the payload is no JSON" in found.log()
        assert found.stop() == [0, 0]


def consumed(
    running: Broker,
    name: str,
    handle: Handle,
    monkeypatch: pytest.MonkeyPatch,
    until: Callable[[], bool],
    *,
    processes: int = 1,
    patience_seconds: int = PATIENCE_SECONDS,
) -> None:
    """Consume in this process with a handler of the test's own, until a condition holds."""
    for variable, value in running.environment.items():
        monkeypatch.setenv(variable, value)

    async def run() -> None:
        stop = asyncio.Event()
        runs = [
            asyncio.create_task(
                Consumer(
                    queue(running.url(name), at_once=2, patience_seconds=patience_seconds),
                    handle,
                    at_once=2,
                    grace_seconds=10,
                ).run(stop)
            )
            for _ in range(processes)
        ]
        deadline = time.monotonic() + 60
        while not until() and not any(task.done() for task in runs):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*runs), 30)

    asyncio.run(run())


def test_a_message_that_takes_long_is_not_given_to_others(
    running: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.make("slow")
    running.send("slow", [s3_created("a.jpg")])
    handled: list[str] = []
    ended = threading.Event()

    def handle(event: Event) -> Sequence[Outcome]:
        handled.append(event.key)
        time.sleep(4)
        ended.set()
        return []

    consumed(running, "slow", handle, monkeypatch, ended.is_set, processes=2, patience_seconds=2)
    assert running.left("slow") == 0
    assert handled == ["a.jpg"]


def test_what_is_unavailable_comes_again_and_does_not_hold_up_others(
    running: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.make("again")
    running.send(
        "again", [s3_created("first.jpg"), s3_created("second.jpg"), s3_created("third.jpg")]
    )
    tries: Counter[str] = Counter()

    def handle(event: Event) -> Sequence[Outcome]:
        tries[event.key] += 1
        if event.key == "first.jpg" and tries[event.key] == 1:
            raise Unavailable("not now")
        return []

    consumed(running, "again", handle, monkeypatch, lambda: tries["first.jpg"] == 2)
    assert tries == {"first.jpg": 2, "second.jpg": 1, "third.jpg": 1}
    assert running.left("again") == 0
    assert running.dead("again") == []


def test_deliveries_are_counted(running: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in running.environment.items():
        monkeypatch.setenv(variable, value)
    running.make("counted")
    running.send("counted", [s3_created("a.jpg")])

    async def deliveries() -> list[int]:
        source = queue(running.url("counted"), at_once=1, patience_seconds=PATIENCE_SECONDS)
        await source.open()
        found: list[int] = []
        deadline = time.monotonic() + 30
        while len(found) < 3 and time.monotonic() < deadline:
            for message in await source.receive(1):
                found.append(message.tries)
                await (message.again(0) if len(found) < 3 else message.done())
        await source.close()
        return found

    assert asyncio.run(deliveries()) == [1, 2, 3]
    assert running.left("counted") == 0


def test_a_consumer_that_is_told_to_stop_gives_back_what_it_cannot_finish(
    running: Broker, store: SmallS3, tmp_path: Path, data: Path
) -> None:
    running.make("stopped")
    running.send("stopped", [s3_created("uploads/a.jpg")])
    with consumers(tmp_path, "stopped", running, store) as found:
        # A store that does not answer is what takes long.
        store.lock.acquire()
        try:
            process = found.start()
            wait_for(lambda: "consuming" in found.log() and store.asked, seconds=30)
            process.send_signal(signal.SIGINT)
            wait_for(lambda: "finishing 1 messages" in found.log())
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            store.lock.release()
        store.put("photos", "uploads/a.jpg", (data / "photos" / "exif-6.jpg").read_bytes())
        found.start()
        wait_for(lambda: "metadata/a.jpg.json" in store.bucket("photos"), seconds=90)
        wait_for(lambda: running.left("stopped") == 0, seconds=30)
        assert found.stop() == [0]


@pytest.mark.parametrize("name", ["nats", "rabbitmq", "sqs"])
def test_a_queue_that_is_not_there_is_said_at_the_start(
    name: str, started: Callable[[str], Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingError, match="none"):
        consumed(started(name), "none", lambda _: [], monkeypatch, lambda: False)


def test_a_message_of_redis_that_was_trimmed_is_passed_over(
    started: Callable[[str], Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    import redis

    running = started("redis")
    running.send("trimmed", [s3_created("a.jpg")])
    with redis.Redis(port=running.port) as client:
        client.xgroup_create("trimmed", "safelight", id="0")
        client.xreadgroup("safelight", "who-died", {"trimmed": ">"})
        client.xtrim("trimmed", maxlen=0)
    running.send("trimmed", [s3_created("b.jpg")])
    handled: list[str] = []

    def handle(event: Event) -> Sequence[Outcome]:
        handled.append(event.key)
        return []

    consumed(
        running,
        "trimmed",
        handle,
        monkeypatch,
        lambda: bool(handled) and running.left("trimmed") == 0,
        patience_seconds=1,
    )
    assert handled == ["b.jpg"]


def test_what_a_consumer_of_nats_was_made_with_is_kept_unless_it_is_said(
    started: Callable[[str], Broker],
) -> None:
    running = started("nats")
    running.make("made")

    async def seconds(patience: int | None) -> float:
        found = queue(running.url("made"), at_once=1, patience_seconds=patience)
        await found.open()
        await found.close()
        return found.extend_seconds * 3

    assert [asyncio.run(seconds(said)) for said in (None, 6, None, 9)] == [30, 6, 6, 9]
