"""Many pipelines and odd sources: what holds up one of them holds up no other."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from safelight import config
from safelight.dialects import Grammar
from safelight.errors import Busy, NotFound, StoreUnavailable
from safelight.pipelines import Pipelines
from safelight.pipelines.settings import PipelineSettings, WriteSettings
from safelight.variants.leases import Leases
from safelight.workers.inprocess import InProcess
from tests.support.uploads import PRESETS, Shelf, World

ELSEWHERE = PipelineSettings(
    name="elsewhere",
    on="uploads/",
    write=(WriteSettings(preset="card", to="{stem}.webp", store="s3://other"),),
)
HERE = PipelineSettings(
    name="here", on="uploads/", write=(WriteSettings(preset="thumb", to="thumbs/{stem}.jpg"),)
)


def fails() -> None:
    raise StoreUnavailable("the store does not answer")


def test_what_one_pipeline_cannot_do_now_holds_up_no_other() -> None:
    world = World((ELSEWHERE, HERE))
    photos, other = world.shelf("s3://photos"), world.shelf("s3://other")
    photos.put("uploads/a.jpg", b"one", {})
    other.interrupt = fails
    with pytest.raises(StoreUnavailable):
        world.process().bring_up("uploads/a.jpg")
    assert "thumbs/a.jpg" in photos.objects
    other.interrupt = lambda: None
    outcomes = world.process().bring_up("uploads/a.jpg")
    assert [outcome.status for outcome in outcomes] == ["done", "current"]


def test_sources_that_may_have_outputs_in_common_are_worked_on_one_after_the_other() -> None:
    world = World((HERE,))
    photos = world.shelf("s3://photos")
    for key in ("uploads/a.jpg", "uploads/a.png", "uploads/b.jpg"):
        photos.put(key, b"one", {})
    first, second = world.process(), world.process()
    for process in (first, second):
        process._leases = Leases(world.shelf("s3://state"))
    with first._turn("uploads/a.jpg", time.monotonic()) as turn:
        assert turn
        with pytest.raises(Busy), second._turn("uploads/a.png", time.monotonic()):
            pass
        assert second.bring_up("uploads/b.jpg")[0].status == "done"
    assert second.bring_up("uploads/a.png")[0].status == "done"
    (outcome,) = first.bring_up("uploads/a.jpg")
    assert (outcome.status, "an output of uploads/a.png lies there" in outcome.reason) == (
        "failed", True,
    )  # fmt: skip


def test_another_name_of_a_preset_is_in_the_metadata() -> None:
    def settings(preset: str) -> PipelineSettings:
        write = WriteSettings(preset=preset, to="thumbs/{stem}.jpg")
        return PipelineSettings(name="u", on="uploads/", write=(write,), metadata="m/{name}.json")

    world = World((settings("thumb"),), grammar=Grammar({**PRESETS, "tile": PRESETS["thumb"]}))
    photos = world.shelf("s3://photos")
    photos.put("uploads/a.jpg", b"one", {})
    for name in ("thumb", "tile"):
        world.settings = (settings(name),)
        assert world.process().bring_up("uploads/a.jpg")[0].status == "done"
        told = json.loads(photos.objects["m/a.jpg.json"][0])
        assert [output["preset"] for output in told["outputs"]] == [name]
    assert world.process().bring_up("uploads/a.jpg")[0].status == "current"


@pytest.mark.parametrize("content", [b"two", b"bad"])
def test_a_store_whose_address_is_written_in_another_way_loses_nothing(content: bytes) -> None:
    def settings(store: str) -> PipelineSettings:
        write = WriteSettings(preset="thumb", to="thumbs/{stem}.jpg")
        metadata = "m/{name}.json"
        return PipelineSettings("u", on="uploads/", store=store, write=(write,), metadata=metadata)

    world = World((settings("s3://other"),))
    other = world.shelves["s3://other?region=eu-west-1"] = world.shelf("s3://other")
    world.shelf("s3://photos").put("uploads/a.jpg", b"one", {})
    world.process().bring_up("uploads/a.jpg")
    world.shelf("s3://photos").put("uploads/a.jpg", content, {})
    for store in ("s3://other", "s3://other?region=eu-west-1"):
        world.settings = (settings(store),)
        (outcome,) = world.process().bring_up("uploads/a.jpg")
        done = outcome.status == "done"
        assert {*other.objects} == (
            {"thumbs/a.jpg", "m/a.jpg.json"} if done else {"failed/uploads/a.jpg.json"}
        )
        (outcome,) = world.process().bring_up("uploads/a.jpg")
        assert outcome.status == ("current" if done else "failed")
        assert len(other.objects) == (2 if done else 1)


@pytest.mark.parametrize("content", [b"one", b"bad"])
def test_sources_whose_address_is_written_in_another_way_lose_nothing(content: bytes) -> None:
    world = World((HERE,))
    photos = world.shelves["s3://photos?region=eu-west-1"] = world.shelf("s3://photos")
    photos.put("uploads/a.jpg", content, {})
    world.process().bring_up("uploads/a.jpg")
    there = {*photos.objects}
    world.homes = {"": "s3://photos?region=eu-west-1"}
    for _ in range(3):
        world.process().bring_up("uploads/a.jpg")
        assert {*photos.objects} == there
    photos.put("uploads/a.jpg", content + b"more", {})
    world.process().bring_up("uploads/a.jpg")
    assert {*photos.objects} == there


def in_folder(folder: Path) -> Pipelines:
    settings = config.load(
        environment={},
        overrides={
            "source": {"url": "file:./photos"},
            "variants": {"url": "file:./variants"},
            "pipelines": [{"on": "uploads/", "write": [{"transform": "9x", "to": "t/{name}"}]}],
        },
    )
    pipelines = config.pipelines(settings, base=folder, renderer=InProcess(settings.limits))
    assert pipelines is not None
    return pipelines


def linked_out(folder: Path) -> None:
    (folder / "elsewhere.jpg").write_bytes(b"one")
    (folder / "photos" / "uploads" / "a.jpg").symlink_to(folder / "elsewhere.jpg")


def test_a_link_that_leads_out_of_the_folder_is_a_dead_letter(tmp_path: Path) -> None:
    (tmp_path / "photos" / "uploads").mkdir(parents=True)
    linked_out(tmp_path)
    (outcome,) = in_folder(tmp_path).bring_up("uploads/a.jpg")
    assert outcome.status == "failed"
    assert "'uploads/a.jpg' is there, and cannot be opened" in outcome.reason
    assert (tmp_path / "photos" / "failed" / "uploads" / "a.jpg.json").exists()


def closed(shelf: Shelf, also: Callable[[], None] = lambda: None) -> None:
    """Have a shelf that tells what is there, and does not give it away: as an archive does."""

    def refuse(key: str) -> None:
        also()
        raise NotFound(f"there is no image {key!r}")

    shelf.open = refuse  # type: ignore[assignment,method-assign]


def test_what_is_told_and_not_given_away_is_a_dead_letter() -> None:
    world = World((HERE,))
    photos = world.shelf("s3://photos")
    photos.put("uploads/a.jpg", b"one", {})
    closed(photos)
    (outcome,) = world.process().bring_up("uploads/a.jpg")
    assert (outcome.status, "cannot be opened" in outcome.reason) == ("failed", True)
    assert "failed/uploads/a.jpg.json" in photos.objects


def test_what_is_removed_before_it_is_opened_is_gone() -> None:
    world = World((HERE,))
    photos = world.shelf("s3://photos")
    photos.put("uploads/a.jpg", b"one", {})
    closed(photos, also=lambda: photos.delete("uploads/a.jpg"))
    (outcome,) = world.process().bring_up("uploads/a.jpg")
    assert outcome.status == "removed"
    assert not photos.objects


@pytest.mark.parametrize(
    "key", ["uploads//a.jpg", "/uploads/a.jpg", "uploads/a\\b.jpg", "uploads/a\n.jpg", "u" * 1_025]
)
def test_a_key_that_nothing_can_be_called_by_is_told_so(key: str) -> None:
    (outcome,) = World((HERE,)).process().bring_up(key)
    assert outcome.status == "skipped"
    assert "nothing with an empty part, a backslash or a control character" in outcome.reason
