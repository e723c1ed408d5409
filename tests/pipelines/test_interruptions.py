"""Killed at any call to a store, or overtaken by another process: the next delivery mends it.

What is checked is the promise: after any schedule of uploads, removals, and events that come twice,
in disorder and to processes that die or freeze, each event that was not acknowledged is delivered
once more, and then the outputs are those of the sources as they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.events import Event
from safelight.pipelines import reconcile
from safelight.pipelines.settings import EventSettings, PipelineSettings, WriteSettings
from tests.support.uploads import Crash, World, picture

KEYS = ("uploads/a.jpg", "uploads/b/a.jpg", "uploads/c.png")
PLAIN = PipelineSettings(
    name="plain",
    on="uploads/",
    write=(
        WriteSettings(preset="thumb", to="thumbs/{stem}.jpg"),
        WriteSettings(transform="w=9", to="{key}", store="s3://other"),
        WriteSettings(preset="card"),
    ),
    metadata="metadata/{name}.json",
)
HASHED = PipelineSettings(
    name="hashed",
    on="uploads/",
    write=(
        WriteSettings(preset="thumb", to="hashed/{dir}/{base}-{hash}.{ext}"),
        WriteSettings(transform="w=9", to="small/{dir}/{base}.{ext}"),
    ),
)


@dataclass
class Run:
    """A world, what was said of it, and what nobody has acknowledged."""

    world: World
    said: list[Event] = field(default_factory=list)
    waiting: list[Event] = field(default_factory=list)
    frozen: bool = False

    def change(self, key: str, content: bytes | None) -> None:
        """Upload a source, or remove it (None); an event says so."""
        shelf = self.world.shelf("s3://photos")
        interrupt, shelf.interrupt = shelf.interrupt, lambda: None
        if content is None:
            shelf.delete(key)
        else:
            shelf.put(key, content, {})
        shelf.interrupt = interrupt
        kind: Any = "removed" if content is None else "created"
        event = Event(kind, "aws:s3", "photos", key, sequencer=f"{len(self.said):04x}")
        self.said.append(event)
        self.waiting.append(event)

    def deliver(self, event: Event) -> None:
        """Have a new process handle an event; what it survives is acknowledged."""
        try:
            self.world.process().handle(event)
        except Crash:
            # A second delivery that nobody acknowledges comes again, too.
            if event not in self.waiting:
                self.waiting.append(event)
            return
        if event in self.waiting:
            self.waiting.remove(event)

    def killed(self, event: Event, calls: int) -> None:
        """Deliver to a process that dies at one of its calls."""
        left = calls

        def die() -> None:
            nonlocal left
            left -= 1
            # Who is dead calls nobody any more.
            if left <= 0:
                raise Crash

        self.world.interrupt(die)
        self.deliver(event)
        self.world.interrupt(lambda: None)
        if not self.frozen:
            self.check_metadata()

    def overtaken(self, event: Event, calls: int, change: tuple[str, bytes | None]) -> None:
        """Deliver to a process that freezes at a call: meanwhile a source changes, and another
        process handles that, since the lease has run out; then the first one goes on."""
        left = calls

        def freeze() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self.frozen = True
                self.world.interrupt(lambda: None)
                self.change(*change)
                self.deliver(self.said[-1])
                self.world.interrupt(freeze)

        self.world.interrupt(freeze)
        self.deliver(event)
        self.world.interrupt(lambda: None)

    def settle(self) -> None:
        for event in [*self.waiting]:
            self.deliver(event)
        assert not self.waiting

    # What has to be true.

    def check_metadata(self) -> None:
        """Where there is metadata, there is all that it tells of."""
        photos = self.world.shelf("s3://photos").objects
        for key in [key for key in photos if key.startswith("metadata/")]:
            told = json.loads(photos[key][0])
            for output in told["outputs"]:
                found = self.world.shelf(output["store"]).objects.get(output["key"])
                assert found is not None, (key, output["key"])
                assert len(found[0]) == output["bytes"], (key, output["key"])

    def check(self) -> None:
        """All sources have what their newest version needs, and nothing else is there."""
        process = self.world.process()
        photos, other = self.world.shelf("s3://photos"), self.world.shelf("s3://other")
        sources = {key: data for key, (data, _) in photos.objects.items() if key in KEYS}
        expected: dict[str, bytes | None] = dict(sources)
        elsewhere, names = {}, set()
        for key, data in sources.items():
            for pipeline in process.matching(key):
                alone = len(process.pipelines) == 1
                if data.startswith(b"bad"):
                    below = "failed" if alone else f"failed/{pipeline.name}"
                    expected[f"{below}/{key}.json"] = None
                    continue
                name = key.removeprefix("uploads/")
                stem = name.rpartition(".")[0]
                made = {step.preset: picture(data, step.transform) for step in pipeline.steps}
                if pipeline.name == "plain":
                    expected[f"thumbs/{stem}.jpg"] = made["thumb"]
                    expected[f"metadata/{name}.json"] = None
                    elsewhere[key] = made[""]
                    names.add(f"{key}@")
                else:
                    traces = process.parts.records.get("hashed", key)
                    assert traces is not None
                    for trace, word in zip(traces.traces, ("thumb", ""), strict=True):
                        expected[trace.key] = made[word]
        assert set(photos.objects) == set(expected)
        for key, content in expected.items():
            assert content is None or photos.objects[key][0] == content, key
        assert {key: data for key, (data, _) in other.objects.items()} == elsewhere
        variants = self.world.shelf("s3://variants").objects
        assert {key.partition("@")[0] + "@" for key in variants} == names
        assert len(variants) == len(names)
        self.check_metadata()


CONTENT = st.sampled_from([b"one", b"two!", b"three!!", b"bad", None])
CHANGE = st.tuples(st.sampled_from(KEYS), CONTENT)
CALLS = st.integers(1, 60)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), CHANGE),
        st.tuples(st.just("deliver"), st.integers(0, 30)),
        st.tuples(st.just("kill"), st.integers(0, 30), CALLS),
        st.tuples(st.just("overtake"), st.integers(0, 30), CALLS, CHANGE),
    ),
    min_size=1,
    max_size=14,
)


@pytest.fixture(autouse=True)
def each_process_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here one process plays all of them; a dead one is not to be mistaken for this one.

    Who plays is killed more often than any file would survive in a row.
    """
    monkeypatch.setattr(reconcile, "_MYSELF", "another")
    monkeypatch.setattr(reconcile, "_MOST_INTERRUPTIONS", 1_000)


def run(steps: list[Any], pipelines: tuple[PipelineSettings, ...]) -> Run:
    run = Run(World(pipelines, EventSettings(tries=2)))
    run.change(KEYS[0], b"zero")
    for name, *values in steps:
        if name == "change":
            run.change(*values[0])
            continue
        # Any event again, whether it was acknowledged or not.
        event = run.said[values[0] % len(run.said)]
        match name:
            case "deliver":
                run.deliver(event)
            case "kill":
                run.killed(event, values[1])
            case "overtake":
                run.overtaken(event, values[1], values[2])
    run.settle()
    return run


@settings(max_examples=100)
@given(STEPS)
def test_all_ends_well_with_keys_that_the_sources_tell(steps: list[Any]) -> None:
    run(steps, (PLAIN,)).check()


@settings(max_examples=100)
@given(STEPS)
def test_all_ends_well_with_keys_that_only_the_records_tell(steps: list[Any]) -> None:
    run(steps, (HASHED, PLAIN)).check()


@pytest.mark.parametrize("content", [b"two!", b"bad", None])
@pytest.mark.parametrize("before", [b"one", b"bad", None])
def test_a_process_may_die_at_every_call(before: bytes | None, content: bytes | None) -> None:
    for calls in range(1, 200):
        run = Run(World((HASHED, PLAIN), EventSettings(tries=2)))
        run.change(KEYS[0], before)
        run.settle()
        run.change(KEYS[0], content)
        run.killed(run.said[-1], calls)
        survived = not run.waiting
        run.settle()
        run.check()
        if survived:
            return
    pytest.fail("it never came to an end")


@pytest.mark.parametrize("then", [b"three!!", b"bad", None])
@pytest.mark.parametrize("content", [b"two!", b"bad", None])
def test_a_process_may_be_overtaken_at_every_call(
    content: bytes | None, then: bytes | None
) -> None:
    for calls in range(1, 200):
        run = Run(World((HASHED, PLAIN), EventSettings(tries=2)))
        run.change(KEYS[0], b"one")
        run.settle()
        run.change(KEYS[0], content)
        run.overtaken(run.said[-1], calls, (KEYS[0], then))
        run.settle()
        run.check()
        if not run.frozen:
            return
    pytest.fail("it never came to an end")
