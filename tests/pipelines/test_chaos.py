"""Three processes, events in any order and more than once, and kill -9: what is there in the end.

The sources change while they are worked on. Each picture is of one colour, which says whose it is
and of which version, so that what was made can be told from what should have been.
"""

import io
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from safelight.events import Event
from safelight.storage import Store, open_store
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, small_s3

_PROCESSES = 3
_SECONDS = 400
_SETTINGS = """
[source]
url = "{source}"
[variants]
url = "{state}"
[events]
tries = 2
[[pipelines]]
name = "album"
on = "in/"
store = "{outputs}"
write = [
  {{ transform = "w=32,format=jpeg", to = "small/{{stem}}.jpg" }},
  {{ transform = "w=48,format=png", to = "named/{{stem}}-{{hash}}.png" }},
]
metadata = "metadata/{{name}}.json"
failed = "failed/{{name}}.json"
"""


@dataclass
class Queue:
    """Events that were not acknowledged yet; who takes one gets any of them."""

    chance: random.Random
    waiting: list[Event] = field(default_factory=list)
    out: int = 0
    closed: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, event: Event) -> None:
        with self.changed:
            self.waiting.append(event)
            self.changed.notify()

    def take(self) -> Event | None:
        with self.changed:
            while not self.waiting:
                if self.closed and not self.out:
                    return None
                self.changed.wait(0.1)
            self.out += 1
            return self.waiting.pop(self.chance.randrange(len(self.waiting)))

    def settle(self, event: Event, *, again: bool) -> None:
        with self.changed:
            self.out -= 1
            if again:
                self.waiting.append(event)
            self.changed.notify_all()


class Handler:
    """A process that handles events, started again whenever it was killed."""

    def __init__(self, base: Path, queue: Queue, environment: dict[str, str]) -> None:
        self._base, self._queue, self._environment = base, queue, environment
        self._lock = threading.Lock()
        self.process = self._started()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _started(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.handling", str(self._base)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | self._environment,
            text=True,
        )

    def _serve(self) -> None:
        while (event := self._queue.take()) is not None:
            while not (answer := self._asked(event)):
                self._buried()
                with self._lock:
                    self.process = self._started()
            if answer != "done":
                time.sleep(0.02)
            self._queue.settle(event, again=answer != "done")
        self._buried()

    def _asked(self, event: Event) -> str:
        """Give an event to the process; an empty answer is that of one that was killed."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(msgspec.json.encode(event).decode() + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return ""
        while (line := self.process.stdout.readline()) == "ready\n":
            pass
        return line.partition(" ")[0].strip()

    def killed(self) -> bool:
        """Kill the process wherever it is; tell whether there was one."""
        with self._lock:
            alive = self.process.poll() is None
            self.process.kill()
            return alive

    def _buried(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                assert pipe
                pipe.close()
            except BrokenPipeError:
                pass
        self.process.wait(timeout=60)


def _picture(color: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Album:
    """Sources that are written, written anew and removed, and an event for each change."""

    store: Store
    queue: Queue
    chance: random.Random
    keys: list[str]
    live: dict[str, tuple[int, int, int] | None] = field(default_factory=dict)
    changes: int = 0

    def change(self) -> None:
        key = self.chance.choice(self.keys)
        self.changes += 1
        kind = "removed" if key in self.live and self.chance.random() < 0.25 else "created"
        if kind == "removed":
            self.store.delete(key)
            del self.live[key]
        else:
            bad = self.chance.random() < 0.08
            color = tuple(self.chance.randrange(256) for _ in range(3))
            self.live[key] = None if bad else (color[0], color[1], color[2])
            data = (
                b"\xff\xd8\xff\xe0 no picture %d" % self.changes
                if bad
                else _picture((color[0], color[1], color[2]))
            )
            self.store.put(key, data, {})
        event = Event(
            kind="removed" if kind == "removed" else "created",
            origin="local",
            bucket="",
            key=key,
            sequencer=f"{self.changes:016X}",
        )
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            self.queue.put(event)


def _run(base: Path, urls: dict[str, str], environment: dict[str, str], *, keys: int, changes: int,
         kills: int) -> tuple[Album, int]:  # fmt: skip
    """Let everything happen at once; returns the sources as they are in the end, and the kills."""
    (base / "safelight.toml").write_text(_SETTINGS.format(**urls))
    chance = random.Random(20)
    queue = Queue(random.Random(21))
    named = [f"in/{number % 7}/picture {number}.png" for number in range(keys)]
    album = Album(open_store(urls["source"], base=base), queue, chance, named)
    handlers = [Handler(base, queue, environment) for _ in range(_PROCESSES)]
    killed = 0
    try:
        for number in range(changes):
            album.change()
            # The next change comes while the last ones are still worked on.
            bound = time.monotonic() + _SECONDS
            while len(queue.waiting) > 40 and time.monotonic() < bound:
                time.sleep(0.005)
            if number * kills // changes < (number + 1) * kills // changes:
                time.sleep(chance.random() * 0.05)
                killed += chance.choice(handlers).killed()
    finally:
        with queue.changed:
            queue.closed = True
            queue.changed.notify_all()
        for handler in handlers:
            handler.thread.join(_SECONDS)
            assert not handler.thread.is_alive()
    return album, killed


def _check(album: Album, outputs: Store) -> None:
    """Compare everything that is there with everything that should be."""
    there = {entry.key for entry in outputs.list()}
    expected: set[str] = set()
    for key, color in album.live.items():
        name = key.removeprefix("in/")
        stem = name.removesuffix(".png")
        if color is None:
            expected.add(f"failed/{name}.json")
            assert json.loads(outputs.get(f"failed/{name}.json").data)["key"] == key
            continue
        metadata = json.loads(outputs.get(f"metadata/{name}.json").data)
        assert metadata["version"] == album.store.head(key).version, key
        made = {output["key"] for output in metadata["outputs"]}
        assert f"small/{stem}.jpg" in made
        assert len(made) == 2
        for output in made:
            with Image.open(io.BytesIO(outputs.get(output).data)) as picture:
                shown = picture.convert("RGB").getpixel((10, 10))
            assert isinstance(shown, tuple)
            assert all(abs(a - b) <= 6 for a, b in zip(shown, color, strict=True)), (key, shown)
        expected |= made | {f"metadata/{name}.json"}
    assert there == expected


@contextmanager
def _in_folders(base: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    urls = {name: f"file:./{name}" for name in ("source", "state", "outputs")}
    yield urls, {}
    # What a writer that was killed has left is found by its name, and nothing else is left.
    open_store(urls["outputs"], base=base).tidy(time.time())
    left = {p.name for p in (base / "outputs").rglob("*") if p.is_file()}
    assert not {name for name in left if name.startswith(".")}


@contextmanager
def _in_buckets(base: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    with small_s3() as server, pytest.MonkeyPatch.context() as patch:
        for name in ("source", "state", "outputs"):
            server.bucket(name)
        environment = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        for name, value in environment.items():
            patch.setenv(name, value)
        place = f"endpoint={server.endpoint}&region={server.region}"
        yield {name: f"s3://{name}?{place}" for name in ("source", "state", "outputs")}, environment


def _everything(base: Path, *, buckets: bool, keys: int, changes: int, kills: int) -> None:
    with (_in_buckets if buckets else _in_folders)(base) as (urls, environment):
        album, killed = _run(base, urls, environment, keys=keys, changes=changes, kills=kills)
        # One that is just being started anew cannot be killed once more.
        assert killed > kills * 0.8
        _check(album, open_store(urls["outputs"], base=base))


@pytest.mark.timeout(_SECONDS)
@pytest.mark.parametrize("buckets", [False, True], ids=["folders", "buckets"])
def test_whoever_is_killed_the_outputs_agree_with_the_sources(
    tmp_path: Path, *, buckets: bool
) -> None:
    _everything(tmp_path, buckets=buckets, keys=20, changes=80, kills=8)


@pytest.mark.full
@pytest.mark.timeout(_SECONDS)
@pytest.mark.parametrize("buckets", [False, True], ids=["folders", "buckets"])
def test_a_thousand_changes_of_two_hundred_sources_and_fifty_kills(
    tmp_path: Path, *, buckets: bool
) -> None:
    _everything(tmp_path, buckets=buckets, keys=200, changes=1_000, kills=65)
