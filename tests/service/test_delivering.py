"""Pictures that are fetched elsewhere, by path, and what is not stale; without HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight.delivery import Delivery
from safelight.dialects import Match
from safelight.errors import NotFound, SourceDamaged
from safelight.service import Found, Service
from safelight.storage.folder import FolderStore
from safelight.transform import Transform
from safelight.variants import Variants
from tests.support.services import LIMITS, MEADOW, Gate, change, soon
from tests.support.serving import wait_for

PUBLIC = "https://cdn.example.com/"
PATH = f"w=64/{MEADOW}"
Start = Callable[..., Service]


@pytest.fixture
def start(folder: Path, tmp_path: Path, gate: Gate) -> Iterator[Start]:
    """Give a function that starts a service with a delivery and a layout."""
    services: list[Service] = []

    def start(delivery: Delivery, *, by_path: bool = False, **options: Any) -> Service:
        store = FolderStore(tmp_path / "variants")
        variants = Variants(store, max_bytes=None, by_path=by_path)
        service = Service(
            FolderStore(folder), variants, gate, LIMITS, queue=50, delivery=delivery, **options
        )
        services.append(service)
        service.start()
        return service

    yield start
    for service in services:
        service.close()


def find(service: Service, path: str = PATH, **arguments: Any) -> Found:
    transform = Transform.of(**(arguments or {"w": 64}))
    return service.find(Match(MEADOW, transform, ("thumb",)), "image/webp", path=path)


def test_a_picture_is_fetched_where_it_is_stored(start: Start) -> None:
    service = start(Delivery("redirect", PUBLIC))
    missing = find(service)
    assert missing.answer is None
    made = service.make(missing.located, deadline=soon())
    assert made.location == PUBLIC + made.located.variant.path
    assert (made.cached, made.stored) == (False, True)
    found = find(service).answer
    assert found is not None
    assert (found.location, found.cached, found.data) == (made.location, True, b"")


def test_what_cannot_be_read_back_is_sent_from_here(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start(Delivery("redirect", PUBLIC))
    missing = find(service)

    def hidden(key: str) -> Any:
        raise NotFound("gone")

    monkeypatch.setattr(service.variants.store, "head", hidden)
    made = service.make(missing.located, deadline=soon())
    assert made.location == ""
    assert made.mime == "image/jpeg"
    assert made.data


def test_what_is_nowhere_to_be_fetched_is_sent_from_here(start: Start) -> None:
    # A folder signs no addresses.
    service = start(Delivery("redirect"))
    made = service.make(find(service).located, deadline=soon())
    assert made.location == ""
    found = find(service).answer
    assert found is not None
    assert (found.location, found.data) == ("", made.data)


def test_what_could_not_be_stored_is_sent_from_here(start: Start, tmp_path: Path) -> None:
    (tmp_path / "variants").write_bytes(b"")
    service = start(Delivery("redirect", PUBLIC))
    made = service.make(find(service).located, deadline=soon())
    assert (made.stored, made.location) == (False, "")
    assert made.data


def test_only_what_is_too_large_is_fetched_elsewhere(start: Start) -> None:
    for cached in (False, True):
        service = start(Delivery("auto", PUBLIC, max_inline_bytes=3_000))
        for width, sent in ((64, True), (200, False)):
            found = find(service, w=width)
            answer = found.answer or service.make(found.located, deadline=soon())
            assert answer.cached is cached
            assert (answer.location == "") is sent
            assert (len(answer.data) <= 3_000) is sent


def test_by_path_a_hit_is_sent_from_here(start: Start) -> None:
    service = start(Delivery("redirect", PUBLIC), by_path=True)
    made = service.make(find(service).located, deadline=soon())
    assert made.location == PUBLIC + PATH
    # Whoever asks here was sent by a server that could not read it there.
    found = find(service).answer
    assert found is not None
    assert (found.location, found.data) == ("", made.data)


def test_by_path_what_is_negotiated_lies_elsewhere(start: Start) -> None:
    service = start(Delivery("redirect", PUBLIC), by_path=True)
    located = find(service, w=64, format="auto").located
    assert located.depends_on_accept
    assert located.variant.path.startswith(f"{MEADOW}@/")


def test_by_path_a_changed_source_is_made_anew(start: Start, folder: Path, gate: Gate) -> None:
    service = start(Delivery("redirect", PUBLIC), by_path=True)
    old = service.make(find(service).located, deadline=soon())
    change(folder / MEADOW, folder / "exif-6.jpg")
    missing = find(service)
    assert missing.answer is None
    new = service.make(missing.located, deadline=soon())
    assert new.location == old.location
    assert new.data != old.data
    assert gate.renders == 2
    wait_for(lambda: len(list(service.variants.store.list("@index"))) == 1)
    found = find(service).answer
    assert found is not None
    assert found.data == new.data


def test_by_path_what_failed_with_another_version_is_tried_at_once(
    start: Start, folder: Path
) -> None:
    service = start(Delivery(), by_path=True)
    match = Match("cut.jpg", Transform.of(w=64))
    located = service.locate(match, "", path="w=64/cut.jpg")
    with pytest.raises(SourceDamaged):
        service.submit(located, deadline=soon())[0].result(20)
    change(folder / "cut.jpg", folder / MEADOW)
    located = service.locate(match, "", path="w=64/cut.jpg")
    assert service.submit(located, deadline=soon())[0].result(20).stored


def test_a_viewer_who_knows_the_picture_costs_no_look_at_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start(Delivery())
    monkeypatch.setattr(service.variants.store, "get", None)
    asked: list[str] = []

    def known(etag: str) -> bool:
        asked.append(etag)
        return True

    found = service.find(Match(MEADOW, Transform.of(w=64)), "", known=known)
    assert (found.known, found.answer) == (True, None)
    assert asked == [found.located.variant.etag]


def test_lookups_beside_are_bounded_and_answer_the_same(start: Start) -> None:
    service = start(Delivery())
    match = Match(MEADOW, Transform.of(w=64))
    asked = service.submit_find(match, "", path="", known=lambda _: False)
    assert asked.result(20) == service.find(match, "")
    assert service.submit_version(MEADOW).result(20) == service.sources.head(MEADOW).version


# Old variants


def test_the_variants_of_a_changed_source_are_removed_when_that_is_noticed(
    start: Start, folder: Path
) -> None:
    told: list[tuple[str, list[str]]] = []
    service = start(Delivery(), removed=lambda *what: told.append(what))
    old = [service.make(find(service, w=w).located, deadline=soon()).located for w in (60, 61)]
    change(folder / MEADOW, folder / "exif-6.jpg")
    new = service.make(find(service).located, deadline=soon()).located
    wait_for(lambda: told)
    assert told == [(MEADOW, [each.variant.path for each in sorted(
        old, key=lambda each: each.variant.path)])]  # fmt: skip
    assert [entry.key for entry in service.variants.store.list()] == [new.variant.path]


def test_the_variants_of_a_source_that_is_gone_are_removed(start: Start, folder: Path) -> None:
    service = start(Delivery())
    service.make(find(service).located, deadline=soon())
    (folder / MEADOW).unlink()
    with pytest.raises(NotFound):
        find(service)
    wait_for(lambda: not list(service.variants.store.list()))


def test_a_source_that_nobody_knows_costs_no_look_at_the_variants(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start(Delivery())
    monkeypatch.setattr(service.variants, "purge", None)
    monkeypatch.setattr(service.variants, "purge_outdated", None)
    with pytest.raises(NotFound):
        service.locate(Match("nothing.jpg", Transform.of(w=64)), "")
    find(service)
    assert service._locator._outdated._waiting == 0
