"""What becomes of a source, whatever is said of it."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from safelight.errors import (
    Busy,
    DeadlineExceeded,
    SafelightError,
    SourceDamaged,
    SourceTooLarge,
    StoreUnavailable,
    Unavailable,
    WorkerLost,
)
from safelight.events import Event
from safelight.pipelines import Outcome, reconcile
from safelight.pipelines.settings import EventSettings, PipelineSettings, WriteSettings
from safelight.pipelines.writing import Writer
from safelight.variants.leases import Lease
from tests.support.serving import wait_for
from tests.support.uploads import Alone, Crash, Shelf, World

KEY = "uploads/a.jpg"
THUMB = WriteSettings(preset="thumb", to="thumbs/{stem}.jpg")
UPLOADS = PipelineSettings(
    name="uploads", on="uploads/", write=(THUMB,), metadata="metadata/{name}.json"
)
LETTER = "failed/uploads/a.jpg.json"


def world(*settings: PipelineSettings, **events: Any) -> World:
    return World(settings or (UPLOADS,), EventSettings(**events))


def put(world: World, content: bytes, key: str = KEY) -> None:
    world.shelf("s3://photos").put(key, content, {})


def keys(world: World, url: str = "s3://photos") -> list[str]:
    everything = sorted(world.shelf(url).objects)
    return [key for key in everything if "@" in key or not key.startswith("uploads/")]


def handled(world: World, key: str = KEY, **more: Any) -> Outcome:
    (outcome,) = world.process().handle(Event("created", "aws:s3", "photos", key, **more))
    return outcome


def said(world: World, key: str) -> Any:
    return json.loads(world.shelf("s3://photos").objects[key][0])


# What is done


def test_an_upload_becomes_its_outputs_and_what_is_told_of_them() -> None:
    here = world()
    put(here, b"one")
    outcome = handled(here)
    assert outcome.status == "done"
    assert [written.key for written in outcome.outputs] == ["thumbs/a.jpg"]
    assert keys(here) == ["metadata/a.jpg.json", "thumbs/a.jpg"]
    told = said(here, "metadata/a.jpg.json")
    assert (told["filename"], told["file_size_bytes"], told["original_size"]) == (
        "a.jpg", 3, [40, 30],
    )  # fmt: skip
    (output,) = told["outputs"]
    made = here.shelf("s3://photos").objects["thumbs/a.jpg"][0]
    assert (output["key"], output["bytes"]) == ("thumbs/a.jpg", len(made))
    assert output["compression_ratio"] == round(3 / len(made), 2)


def test_a_second_event_finds_all_there_and_makes_nothing() -> None:
    here = world()
    put(here, b"one")
    handled(here)
    before = dict(here.shelf("s3://photos").objects)
    assert handled(here).status == "current"
    assert here.shelf("s3://photos").objects == before
    assert here.renderer.made == 1


def test_an_older_event_never_brings_an_older_picture_back() -> None:
    here = world()
    put(here, b"one")
    put(here, b"two!")
    handled(here, sequencer="0002")
    assert handled(here, sequencer="0001", version="v1").status == "current"
    assert here.shelf("s3://photos").objects["thumbs/a.jpg"][0].startswith(b"two!")


def test_a_changed_source_gets_new_outputs_and_old_ones_go() -> None:
    write = (THUMB, WriteSettings(transform="w=9", to="h/{base}-{hash}.{ext}"))
    here = world(replace(UPLOADS, write=write))
    put(here, b"one")
    handled(here)
    (old,) = [key for key in keys(here) if key.startswith("h/")]
    put(here, b"two!")
    assert handled(here).status == "done"
    (new,) = [key for key in keys(here) if key.startswith("h/")]
    assert old != new
    assert here.shelf("s3://photos").objects[new][0].startswith(b"two!")


def test_a_removed_source_takes_its_outputs_with_it() -> None:
    here = world(replace(UPLOADS, write=(THUMB, WriteSettings(preset="card"))))
    put(here, b"one")
    handled(here)
    assert len(keys(here, "s3://variants")) == 1
    here.shelf("s3://photos").delete(KEY)
    assert handled(here).status == "removed"
    assert keys(here) == keys(here, "s3://variants") == keys(here, "s3://state") == []
    assert handled(here).status == "missing"
    removed = Event("removed", "aws:s3", "photos", KEY)
    assert [outcome.status for outcome in here.process().handle(removed)] == ["skipped"]


def test_outputs_of_a_removed_source_may_be_kept() -> None:
    here = world(replace(UPLOADS, removed="keep", write=(THUMB, WriteSettings(preset="card"))))
    put(here, b"one")
    handled(here)
    here.shelf("s3://photos").delete(KEY)
    handled(here)
    assert keys(here) == ["metadata/a.jpg.json", "thumbs/a.jpg"]
    assert len(keys(here, "s3://variants")) == 1
    put(here, b"bad")
    handled(here)
    here.shelf("s3://photos").delete(KEY)
    handled(here)
    assert keys(here) == []


def test_outputs_are_removed_also_where_nothing_is_remembered() -> None:
    here = world(replace(UPLOADS, write=(WriteSettings(preset="thumb", to="t/{stem}.{ext}"),)))
    put(here, b"one")
    handled(here)
    here.shelf("s3://state").objects.clear()
    assert handled(here).status == "current" or here.renderer.made == 2
    here.shelf("s3://state").objects.clear()
    here.shelf("s3://photos").delete(KEY)
    assert handled(here).status == "removed"
    assert keys(here) == []


def test_what_was_lost_is_made_again() -> None:
    here = world()
    put(here, b"one")
    handled(here)
    here.shelf("s3://photos").delete("thumbs/a.jpg")
    assert handled(here).status == "done"
    assert keys(here) == ["metadata/a.jpg.json", "thumbs/a.jpg"]


def test_another_configuration_makes_other_outputs_and_removes_the_old_ones() -> None:
    here = world()
    put(here, b"one")
    handled(here)
    here.settings = [replace(UPLOADS, write=(replace(THUMB, to="small/{name}"),), metadata="")]
    assert handled(here).status == "done"
    assert keys(here) == ["small/a.jpg"]


def test_a_pipeline_with_another_name_takes_over_what_is_there() -> None:
    here = world()
    put(here, b"one")
    handled(here)
    here.settings = [replace(UPLOADS, name="renamed")]
    assert handled(here).status == "current"
    put(here, b"two!")
    assert handled(here).status == "done"
    assert here.shelf("s3://photos").notes["thumbs/a.jpg"]["pipeline"] == "renamed"


def test_a_changed_watermark_makes_new_outputs() -> None:
    write = WriteSettings(transform="watermark=marks%2Flogo.png,format=jpeg", to="marked/{name}")
    here = world(replace(UPLOADS, write=(write,)))
    put(here, b"one")
    put(here, b"logo", "marks/logo.png")
    assert handled(here).status == "done"
    assert handled(here).status == "current"
    put(here, b"new logo", "marks/logo.png")
    assert handled(here).status == "done"
    here.shelf("s3://photos").delete("marks/logo.png")
    outcome = handled(here)
    assert outcome.status == "failed"
    assert "there is no image marks/logo.png" in outcome.reason


# What is passed over


@pytest.mark.parametrize(
    ("key", "content", "reason"),
    [
        ("other/a.jpg", b"one", "no pipeline is for it"),
        ("uploads/.a.jpg", b"one", "it is hidden"),
        ("uploads/.cache/a.jpg", b"one", "it is hidden"),
        ("uploads/folder/", b"", "it is a folder"),
        ("uploads/a.txt", b"one", "no format of images has the suffix .txt"),
        ("uploads/a.jpg", b"", "it is empty"),
        ("uploads/README", b"read me", "nothing says that it is an image"),
    ],
)
def test_what_is_no_source_is_passed_over_with_the_reason(
    key: str, content: bytes, reason: str
) -> None:
    here = world()
    put(here, content, key)
    outcome = handled(here, key)
    assert (outcome.status, outcome.reason) == ("skipped", reason)
    assert keys(here, "s3://state") == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"suffix": (".PNG", "webp")}, "its suffix is none of png, webp"),
        ({"types": ("png",)}, "it is jpeg, not png"),
        ({"min_bytes": 100}, "it has 6 bytes, and min_bytes is 100"),
        ({"max_bytes": 5}, "it has 6 bytes, and max_bytes is 5"),
    ],
)
def test_a_pipeline_may_want_only_some(more: Any, reason: str) -> None:
    here = world(replace(UPLOADS, **more))
    put(here, b"\xff\xd8\xffabc")
    outcome = handled(here)
    assert (outcome.status, outcome.reason) == ("skipped", reason)


def test_what_was_a_source_and_is_none_any_more_loses_its_outputs() -> None:
    here = world(replace(UPLOADS, types=("jpeg",)))
    put(here, b"\xff\xd8\xffabc")
    assert handled(here).status == "done"
    put(here, b"GIF89a")
    assert handled(here).status == "skipped"
    assert keys(here) == keys(here, "s3://state") == []
    put(here, b"\xff\xd8\xffabc")
    handled(here)
    put(here, b"")
    assert handled(here).reason == "it is empty"
    assert keys(here) == []


def test_an_event_of_a_strange_bucket_is_passed_over() -> None:
    outcomes = world().process().handle(Event("created", "aws:s3", "holidays", KEY))
    assert [outcome.status for outcome in outcomes] == ["missing"]
    assert "no source is in holidays" in outcomes[0].reason


def test_an_output_is_nobodys_source_wherever_somebody_copies_it() -> None:
    here = world()
    put(here, b"one")
    handled(here)
    photos = here.shelf("s3://photos")
    data, _ = photos.objects["thumbs/a.jpg"]
    photos.put("uploads/b.jpg", data, photos.notes["thumbs/a.jpg"])
    assert handled(here, "uploads/b.jpg").reason == "it is an output of a pipeline"


def test_pipelines_may_follow_one_another_as_far_as_that_is_said() -> None:
    second = PipelineSettings(
        name="second", on="thumbs/", write=(WriteSettings(transform="w=9", to="tiny/{name}"),)
    )
    here = world(UPLOADS, second, hops=2)
    put(here, b"one")
    handled(here)
    assert handled(here, "thumbs/a.jpg").status == "done"
    assert here.shelf("s3://photos").notes["tiny/a.jpg"]["hops"] == "2"


# What cannot be used


def test_a_bad_source_ends_as_one_dead_letter() -> None:
    here = world()
    put(here, b"bad")
    event = Event("created", "aws:s3", "photos", KEY, receipt="message-1")
    (outcome,) = here.process().handle(event)
    assert (outcome.status, outcome.reason) == ("failed", "the picture is damaged")
    assert keys(here) == [LETTER]
    letter = said(here, LETTER)
    assert (letter["key"], letter["code"], letter["tries"]) == (KEY, "damaged", 3)
    assert letter["event"]["receipt"] == "message-1"
    before = dict(here.shelf("s3://photos").objects)
    assert handled(here).status == "failed"
    assert here.shelf("s3://photos").objects == before


@pytest.mark.parametrize("content", [b"mended", None])
def test_a_dead_letter_goes_when_its_source_is_mended_or_removed(content: bytes | None) -> None:
    here = world()
    put(here, b"bad")
    handled(here)
    if content is None:
        here.shelf("s3://photos").delete(KEY)
    else:
        put(here, content)
    handled(here)
    assert LETTER not in keys(here)


def test_a_source_that_becomes_bad_has_no_outputs_any_more() -> None:
    here = world()
    put(here, b"one")
    handled(here)
    put(here, b"bad")
    handled(here)
    assert keys(here) == [LETTER]


def test_a_lost_dead_letter_is_written_again() -> None:
    here = world()
    put(here, b"bad")
    handled(here)
    here.shelf("s3://photos").delete(LETTER)
    handled(here)
    assert said(here, LETTER)["tries"] == 3


def test_a_source_is_tried_as_often_as_is_said_and_again_on_demand() -> None:
    here = world(tries=2)
    faults = [SourceDamaged("once"), SourceDamaged("twice")]
    here.renderer.fault = lambda _: _raised(faults)
    put(here, b"one")
    assert handled(here).reason == "twice"
    assert handled(here).status == "failed"
    (outcome,) = here.process().bring_up(KEY, again=True)
    assert outcome.status == "done"
    assert keys(here) == ["metadata/a.jpg.json", "thumbs/a.jpg"]


def _raised(faults: list[Any]) -> None:
    if faults:
        raise faults.pop(0)


def test_what_is_too_large_is_not_tried_again() -> None:
    here = world()
    faults = [SourceTooLarge("too many pixels")]
    here.renderer.fault = lambda _: _raised(faults)
    put(here, b"one")
    assert handled(here).reason == "too many pixels"
    assert said(here, LETTER)["tries"] == 1


@pytest.mark.parametrize("fault", [ZeroDivisionError(), SafelightError("the log has the reason")])
def test_a_fault_of_our_own_waits_for_the_next_delivery(fault: Exception) -> None:
    here = world(tries=1)
    faults = [fault] * 2
    here.renderer.fault = lambda _: _raised(faults)
    put(here, b"one")
    for left in (1, 0):
        with pytest.raises(Unavailable) as told:
            handled(here)
        assert len(faults) == left
        assert type(fault).__name__ in told.value.reason
        assert LETTER not in keys(here)
    assert handled(here).status == "done"


def test_a_fault_of_our_own_that_stays_ends_as_a_dead_letter() -> None:
    here = world()
    here.renderer.fault = lambda _: _raised([ZeroDivisionError()])
    put(here, b"one")
    for _ in range(11):
        with pytest.raises(Unavailable):
            handled(here)
    outcome = handled(here)
    assert outcome.status == "failed"
    assert "cut off 11 times; something went wrong here: " in outcome.reason
    assert said(here, LETTER)["code"] == "interrupted"
    assert handled(here).status == "failed"


def test_a_fault_of_our_own_that_spoils_the_dead_letter_is_left_to_who_brought_the_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = world()
    put(here, b"bad")

    def spoilt(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Writer, "put_letter", spoilt)
    for _ in range(11):
        with pytest.raises(Unavailable):
            handled(here)
    # Unavailable would be for ever; whoever carries events gives up others after some tries.
    with pytest.raises(ZeroDivisionError):
        handled(here)


def test_who_is_not_available_is_no_fault_of_the_source() -> None:
    here = world(tries=2)
    faults: list[Any] = [WorkerLost("x"), StoreUnavailable("x"), Busy("x"), WorkerLost("x")]
    here.renderer.fault = lambda _: _raised(faults)
    put(here, b"one")
    for kind in (WorkerLost, StoreUnavailable, Busy, WorkerLost):
        with pytest.raises(kind):
            handled(here)
    assert handled(here).status == "done"


def test_what_takes_too_long_is_told_again_and_counted() -> None:
    here = world(tries=2)
    faults = [DeadlineExceeded("too long"), DeadlineExceeded("too long")]
    here.renderer.fault = lambda _: _raised(faults)
    put(here, b"one")
    with pytest.raises(DeadlineExceeded):
        handled(here)
    assert handled(here).reason == "too long"


def killed(_: bytes) -> None:
    raise Crash


def test_what_kills_every_process_ends_as_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    here = world()
    put(here, b"one")

    here.renderer.fault = killed
    for number in range(11):
        monkeypatch.setattr(reconcile, "_MYSELF", f"process {number}")
        with pytest.raises(Crash):
            handled(here)
    monkeypatch.setattr(reconcile, "_MYSELF", "the last one")
    outcome = handled(here)
    assert outcome.status == "failed"
    assert "cut off 11 times" in outcome.reason
    assert said(here, LETTER)["code"] == "interrupted"


def test_what_a_killed_process_has_left_is_tidied_up(monkeypatch: pytest.MonkeyPatch) -> None:
    here = world()
    tidied: list[float] = []

    def tidy(_: Shelf, before: float) -> int:
        tidied.append(before)
        return 1

    monkeypatch.setattr(Shelf, "tidy", tidy)
    put(here, b"one")
    here.renderer.fault = killed
    with pytest.raises(Crash):
        handled(here)
    assert not tidied
    monkeypatch.setattr(reconcile, "_MYSELF", "another")
    here.renderer.fault = lambda _: None
    assert handled(here).status == "done"
    # Whatever is being written at the moment stays.
    assert wait_for(lambda: tidied)[0] < time.time() - 3_000


# What lies in the way


def test_what_somebody_else_has_put_there_is_not_written_over() -> None:
    here = world()
    put(here, b"mine", "thumbs/a.jpg")
    put(here, b"one")
    outcome = handled(here)
    assert outcome.status == "failed"
    assert "thumbs/a.jpg is not written: something lies there that is no output" in outcome.reason
    assert here.shelf("s3://photos").objects["thumbs/a.jpg"][0] == b"mine"
    here.shelf("s3://photos").delete(KEY)
    handled(here)
    assert keys(here) == ["thumbs/a.jpg"]


def test_two_sources_never_share_an_output() -> None:
    here = world()
    put(here, b"one")
    put(here, b"png", "uploads/a.png")
    handled(here)
    outcome = handled(here, "uploads/a.png")
    assert "an output of uploads/a.jpg lies there" in outcome.reason
    assert here.shelf("s3://photos").objects["thumbs/a.jpg"][0].startswith(b"one")
    here.shelf("s3://photos").delete("uploads/a.png")
    handled(here, "uploads/a.png")
    assert "thumbs/a.jpg" in keys(here)


def test_two_outputs_of_one_source_have_two_keys() -> None:
    write = (THUMB, WriteSettings(preset="thumb", to="thumbs/{base}.jpg"))
    here = world(replace(UPLOADS, write=write))
    put(here, b"one")
    assert "two outputs would be thumbs/a.jpg" in handled(here).reason


def test_a_key_that_is_too_long_is_told() -> None:
    here = world(replace(UPLOADS, write=(replace(THUMB, to="x/{name}/{name}/{name}"),)))
    key = f"uploads/{'a' * 400}.jpg"
    put(here, b"one", key)
    assert "cannot be the key of an output" in handled(here, key).reason


def test_what_is_too_long_for_its_dead_letter_is_told_by_a_digest() -> None:
    here = world()
    key = f"uploads/{'a' * 1_010}.jpg"
    put(here, b"one", key)
    assert handled(here, key).status == "failed"
    (letter,) = keys(here)
    assert len(letter) == len("failed/.json") + 32
    assert said(here, letter)["key"] == key
    assert handled(here, key).status == "failed"
    here.shelf("s3://photos").delete(key)
    assert handled(here, key).status == "removed"
    assert keys(here) == []


def test_a_key_whose_dead_letter_would_be_too_long_has_its_outputs() -> None:
    here = world(replace(UPLOADS, write=(replace(THUMB, to="t/{hash}.jpg"),), metadata=""))
    key = f"uploads/{'a' * 1_010}.jpg"
    put(here, b"one", key)
    assert [handled(here, key).status for _ in range(2)] == ["done", "current"]


# Who is at work


def test_who_has_lost_the_lease_writes_nothing() -> None:
    here = world()
    put(here, b"one")
    process = here.process()

    class Lost(Alone):
        def lease(self, name: str) -> Any:
            return nullcontext(Lease(0.0, mine=True))

    process._leases = Lost()  # type: ignore[assignment]
    with pytest.raises(Busy):
        process.handle(Event("created", "aws:s3", "photos", KEY))
    assert keys(here) == keys(here, "s3://state") == []


def test_who_waits_for_another_process_too_long_is_told_again() -> None:
    here = world()
    put(here, b"one")
    process = here.process()

    class Taken(Alone):
        def lease(self, name: str) -> Any:
            return nullcontext(Lease(1.0, mine=False))

    process._leases = Taken()  # type: ignore[assignment]
    with pytest.raises(Busy, match="another process is at work"):
        process.bring_up(KEY, deadline=time.monotonic())


def test_time_that_was_spent_on_waiting_is_no_fault_of_the_source() -> None:
    here = world()
    put(here, b"one")
    process = here.process()

    class Slow(Alone):
        def lease(self, name: str) -> Any:
            time.sleep(0.2)
            return super().lease(name)

    process._leases = Slow()  # type: ignore[assignment]
    with pytest.raises(Busy, match="another process was at work"):
        process.bring_up(KEY, deadline=time.monotonic() + 0.3)
    assert process.bring_up(KEY)[0].status == "done"


def test_only_some_pipelines_may_be_asked_for() -> None:
    other = PipelineSettings(
        name="other", on="uploads/", write=(WriteSettings(preset="card", to="cards/{stem}.webp"),)
    )
    here = world(UPLOADS, other)
    put(here, b"one")
    process = here.process()
    assert [o.pipeline for o in process.bring_up(KEY, only=["card"])] == ["other"]
    assert [o.pipeline for o in process.bring_up(KEY, only=["uploads"])] == ["uploads"]
    assert [o.pipeline for o in process.bring_up(KEY)] == ["uploads", "other"]
    assert [p.name for p in process.matching(KEY)] == ["uploads", "other"]


def test_hooks_are_told_once_of_each_effect() -> None:
    here = world()
    told: list[Outcome] = []
    process = here.process()
    (pipeline,) = process.pipelines

    def hear(outcome: Outcome) -> list[str]:
        told.append(outcome)
        return ["nobody answers"]

    process.pipelines = (msgspec.structs.replace(pipeline, hooks=hear),)
    event = Event("created", "aws:s3", "photos", KEY)
    for content in (b"one", b"bad"):
        put(here, content)
        process.handle(event)
        process.handle(event)
    assert [outcome.status for outcome in told] == ["done", "failed"]
    assert told[0].message()["outputs"][0]["key"] == "thumbs/a.jpg"
    assert process.parts.records.get("uploads", KEY).faults == ("nobody answers",)  # type: ignore[union-attr]


# Which source an event means


@pytest.mark.parametrize(
    ("origin", "bucket", "key", "sources"),
    [
        ("aws:s3", "photos", "uploads/a.jpg", ["uploads/a.jpg"]),
        ("minio:s3", "photos", "uploads/a.jpg", ["uploads/a.jpg"]),
        ("ceph:s3", "old", "2019/a.jpg", ["archive/a.jpg"]),
        ("aws:s3", "old", "2018/a.jpg", []),
        ("aws:s3", "photos", "archive/a.jpg", []),
        ("azure", "photos", "uploads/a.jpg", []),
        ("gcs", "photos", "uploads/a.jpg", []),
        ("local", "", "archive/a.jpg", ["archive/a.jpg"]),
    ],
)
def test_an_event_means_the_sources_in_its_bucket(
    origin: str, bucket: str, key: str, sources: list[str]
) -> None:
    here = world()
    here.homes = {"": "s3://photos", "archive/": "s3://old/2019"}
    assert list(here.process().sources.keys(Event("created", origin, bucket, key))) == sources


def test_sources_are_listed_with_their_whole_keys() -> None:
    here = world()
    here.homes = {"": "s3://photos", "archive/": "s3://old/2019"}
    for key in ("uploads/a.jpg", "uploads/b/c.jpg", "top.jpg", "archive/hidden.jpg"):
        put(here, b"x", key)
    here.shelf("s3://old/2019").put("x/y.jpg", b"x", {})
    sources = here.process().sources

    def listed(prefix: str) -> list[str]:
        return sorted(entry.key for entry in sources.list(prefix))

    everything = ["archive/x/y.jpg", "top.jpg", "uploads/a.jpg", "uploads/b/c.jpg"]
    assert listed("") == everything
    assert listed("uploads/") == everything[2:]
    assert listed("uploads/a") == everything[2:3]
    assert listed("archive/") == listed("archive/x/") == everything[:1]
    assert listed("arch") == everything[:1]
