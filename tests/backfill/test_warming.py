"""A preset of a source, made as a request would make it; or said to be unavailable."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight import config
from safelight.backfill import Made
from safelight.backfill.warming import Warming, is_picture
from safelight.errors import StoreUnavailable
from safelight.service import Service
from safelight.workers.inprocess import InProcess

PHOTO = "photo-1mp.jpg"


@pytest.fixture
def service(data: Path, tmp_path: Path) -> Service:
    overrides = {
        "source": {"url": f"file:{data}/photos"},
        "variants": {"url": f"file:{tmp_path}"},
        "presets": {"thumb": "w=40,format=jpeg"},
    }
    settings = config.load(environment={}, overrides=overrides)
    return config.build(settings, renderer=InProcess(settings.limits, threads=1))


@pytest.fixture
def warming(service: Service) -> Iterator[Warming]:
    grammar = config.grammar(
        config.load(environment={}, overrides={"presets": {"thumb": "w=40,format=jpeg"}})
    )
    warming = Warming(service, "thumb", grammar, seconds=30)
    yield warming
    warming.close()


def test_a_preset_is_made_once(warming: Warming) -> None:
    first = warming.bring_up(PHOTO)
    assert (first.status, first.reason) == ("done", "")
    assert first.written > 0
    assert warming.bring_up(PHOTO) == Made("current")
    assert warming.bring_up("nothing.jpg").status == "skipped"


def test_what_could_not_be_kept_is_not_done(
    warming: Warming, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> float:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(service.variants, "publish", fail)
    with pytest.raises(StoreUnavailable):
        warming.bring_up(PHOTO)


@pytest.mark.parametrize(
    ("key", "is_one"),
    [
        ("a.jpg", True), ("b/a.HEIC", True), ("b.c/a", True), ("notes.txt", False),
        (".a.jpg", False), ("b/.c/a.jpg", False), ("a.jpg.json", False),
    ],
)  # fmt: skip
def test_a_name_may_say_that_something_is_no_picture(key: str, is_one: bool) -> None:
    assert is_picture(key) is is_one
