"""What a process still writes that has lost its right to while it made pictures: nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from safelight.errors import Busy
from safelight.pipelines import Pipelines
from safelight.pipelines.settings import PipelineSettings, WriteSettings
from safelight.variants.leases import Lease
from tests.support.uploads import World

KEY = "in/a.jpg"


class Losable(Lease):
    """A right that is there until the test takes it away."""

    def __init__(self) -> None:
        super().__init__(1e9, mine=True)
        self.lost = False

    @property
    def sure(self) -> bool:
        return not self.lost


class Losing:
    """Leases of which the last one that was given can be lost."""

    def __init__(self) -> None:
        self.given = Losable()

    @contextmanager
    def lease(self, name: str) -> Iterator[Lease]:
        self.given = Losable()
        yield self.given


def process(world: World) -> tuple[Pipelines, Losing]:
    started, losing = world.process(), Losing()
    started._leases = losing  # type: ignore[assignment]
    return started, losing


@pytest.mark.parametrize(
    "write",
    [WriteSettings(transform="w=30", to="out/{name}"), WriteSettings(preset="thumb")],
    ids=["an output", "a variant"],
)
def test_who_loses_the_right_while_it_makes_pictures_writes_none(
    write: WriteSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World([PipelineSettings(name="one", on="in/", write=(write,))])
    world.shelf("s3://photos").put(KEY, b"picture", {})
    started, losing = process(world)
    develop = world.renderer.develop

    def slowly(*arguments: Any, **options: Any) -> Any:
        made = develop(*arguments, **options)
        losing.given.lost = True
        return made

    monkeypatch.setattr(world.renderer, "develop", slowly)
    with pytest.raises(Busy):
        started.bring_up(KEY)
    assert world.renderer.made == 1
    assert list(world.shelf("s3://photos").objects) == [KEY]
    assert list(world.shelf("s3://variants").objects) == []
    # Whoever has the right now finishes it.
    monkeypatch.undo()
    (outcome,) = process(world)[0].bring_up(KEY)
    assert outcome.status == "done"


def test_who_loses_the_right_removes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    write = (WriteSettings(transform="w=30", to="out/{name}"),)
    world = World([PipelineSettings(name="one", on="in/", write=write)])
    photos = world.shelf("s3://photos")
    photos.put(KEY, b"picture", {})
    started, losing = process(world)
    started.bring_up(KEY)
    photos.delete(KEY)
    head = started.sources.head

    def looked_up(key: str) -> Any:
        losing.given.lost = True
        return head(key)

    monkeypatch.setattr(started.sources, "head", looked_up)
    with pytest.raises(Busy):
        started.bring_up(KEY)
    assert "out/a.jpg" in photos.objects
