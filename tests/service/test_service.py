"""One request from a meaning to a picture, without HTTP and without a network."""

import os
import time
from pathlib import Path

import pytest

from safelight.errors import (
    Busy,
    NotFound,
    OutputTooLarge,
    SafelightError,
    SourceChanging,
    SourceDamaged,
    UnsupportedFormat,
)
from safelight.service import Service
from safelight.storage import opened_bytes
from safelight.transform import Transform
from safelight.workers.pool import Pool, Workers
from tests.support.services import LIMITS, MEADOW, Gate, ServiceOf, change, located, soon
from tests.support.serving import wait_for

# The whole way


@pytest.fixture(params=["in this process", "in a pool"])
def any_service(request: pytest.FixtureRequest, service_of: ServiceOf) -> Service:
    """Give a service with each kind of renderer in turn."""
    if request.param == "in a pool":
        return service_of(Pool(LIMITS, Workers(processes=1)))
    return service_of()


def test_a_picture_is_made_once_and_then_found(any_service: Service) -> None:
    wanted = located(any_service, w=64, format="webp")
    assert any_service.lookup(wanted) is None
    flight, collapsed = any_service.submit(wanted, deadline=soon())
    made = flight.result(20)
    assert (made.mime, made.cached, made.stored, collapsed) == ("image/webp", False, True, False)
    assert made.data[8:12] == b"WEBP"
    assert list(made.timings.stages) == ["lookup", "fetch", "decode", "encode", "store"]

    found = any_service.lookup(wanted)
    assert found is not None
    assert (found.data, found.mime) == (made.data, made.mime)
    assert found.made == pytest.approx(made.made, abs=0.01)
    assert (found.cached, found.stored) == (True, True)


def test_a_function_makes_a_picture_before_it_answers(any_service: Service) -> None:
    answer = any_service.make(located(any_service), deadline=soon())
    assert answer.stored
    assert any_service.make(located(any_service), deadline=soon()).cached


@pytest.mark.parametrize(
    ("key", "error"), [("text.jpg", UnsupportedFormat), ("cut.jpg", SourceDamaged)]
)
def test_a_wrong_image_is_a_typed_error(
    any_service: Service, key: str, error: type[SafelightError]
) -> None:
    with pytest.raises(error):
        any_service.make(located(any_service, key), deadline=soon())
    flight, _ = any_service.submit(located(any_service, key), deadline=soon())
    with pytest.raises(error):
        flight.result(20)


def test_a_source_is_described(any_service: Service, folder: Path) -> None:
    info = any_service.submit_info("exif-6.jpg", deadline=soon()).result(20)
    assert (info.key, info.size) == ("exif-6.jpg", (folder / "exif-6.jpg").stat().st_size)
    assert (info.header.width, info.header.height, info.header.shown) == (450, 600, (600, 450))
    for key, error in (("text.jpg", UnsupportedFormat), ("nothing.jpg", NotFound)):
        with pytest.raises(error):
            any_service.info(key, deadline=soon())


# Locating


def test_a_missing_source_is_not_found_before_any_work(service: Service, gate: Gate) -> None:
    for key in ("nothing.jpg", "../photos/" + MEADOW, ""):
        with pytest.raises(NotFound):
            located(service, key)
    assert gate.renders == 0


def test_a_box_that_no_source_fits_is_refused_before_any_work(service: Service) -> None:
    with pytest.raises(OutputTooLarge):
        located(service, w=9_000)
    with pytest.raises(OutputTooLarge):
        located(service, "nothing.jpg", w=9_000)


def test_only_auto_looks_at_what_the_viewer_accepts(service: Service) -> None:
    plain = located(service, accept="image/avif", w=64)
    assert not plain.depends_on_accept
    assert plain.variant == located(service, accept="image/webp", w=64).variant
    for accept, format in (("image/avif", "auto-avif"), ("image/webp", "auto-webp"), ("", "auto")):
        wanted = located(service, accept=accept, w=64, format="auto")
        assert (wanted.transform["format"], wanted.depends_on_accept) == (format, True)


def test_a_format_that_this_build_cannot_write_is_not_chosen(service: Service) -> None:
    service.capabilities = service.capabilities | {"writes": ["jpeg", "png"]}
    assert located(service, accept="image/avif", format="auto").transform["format"] == "auto"


# Once for all who ask


def test_many_who_ask_at_once_share_one_render(service: Service, gate: Gate) -> None:
    gate.open.clear()
    wanted = located(service)
    flights = [service.submit(wanted, deadline=soon()) for _ in range(50)]
    gate.open.set()
    answers = {id(flight.result(20)) for flight, _ in flights}
    assert len(answers) == 1
    assert [collapsed for _, collapsed in flights] == [False] + [True] * 49
    assert gate.renders == 1


def test_two_processes_share_one_render(service_of: ServiceOf, gate: Gate) -> None:
    one, other = service_of(), service_of()
    gate.open.clear()
    first, _ = one.submit(located(one), deadline=soon())
    wait_for(lambda: gate.renders)
    second, _ = other.submit(located(other), deadline=soon())
    gate.open.set()
    assert first.result(20).data == second.result(20).data
    assert second.result().cached
    assert gate.renders == 1


def test_a_picture_that_another_process_does_not_finish_ends_in_busy(
    service_of: ServiceOf, gate: Gate
) -> None:
    one, other = service_of(), service_of()
    gate.open.clear()
    flight, _ = one.submit(located(one), deadline=soon())
    wait_for(lambda: gate.renders)
    with pytest.raises(Busy, match="another process"):
        other.make(located(other), deadline=time.monotonic() + 0.1)
    gate.open.set()
    flight.result(20)


def test_two_pictures_are_two_renders(service: Service, gate: Gate) -> None:
    flights = [service.submit(located(service, w=w), deadline=soon())[0] for w in (60, 61)]
    assert len({flight.result(20).data for flight in flights}) == 2
    assert gate.renders == 2


# A source that changes


def test_a_changed_source_is_never_served_old(service: Service, folder: Path) -> None:
    old = service.make(located(service), deadline=soon())
    change(folder / MEADOW, folder / "exif-6.jpg")
    assert service.lookup(located(service)) is None
    new = service.make(located(service), deadline=soon())
    assert new.data != old.data
    assert new.located.variant != old.located.variant


def test_a_source_that_is_written_to_while_it_is_rendered_is_rendered_again(
    service: Service, gate: Gate, folder: Path
) -> None:
    asked = located(service)

    def once() -> None:
        gate.meanwhile = lambda: None
        (folder / MEADOW).write_bytes((folder / "exif-6.jpg").read_bytes())

    gate.meanwhile = once
    answer = service.make(asked, deadline=soon())
    assert gate.renders == 2
    assert answer.located.variant == located(service).variant != asked.variant
    assert service.variants.lookup(asked.variant) is None


def test_a_source_that_is_replaced_while_it_is_rendered_is_the_old_one_under_its_old_name(
    service: Service, gate: Gate, folder: Path
) -> None:
    asked = located(service)
    gate.meanwhile = lambda: change(folder / MEADOW, folder / "exif-6.jpg")
    answer = service.make(asked, deadline=soon())
    assert answer.located.variant == asked.variant
    assert service.lookup(located(service)) is None


def test_a_source_that_changed_between_the_look_and_the_work_is_located_again(
    service: Service, gate: Gate, folder: Path
) -> None:
    asked = located(service)
    change(folder / MEADOW, folder / "exif-6.jpg")
    answer = service.make(asked, deadline=soon())
    assert answer.located.variant == located(service).variant
    assert gate.renders == 1
    assert service.variants.lookup(asked.variant) is None


def test_a_source_that_never_rests_is_told_to_try_again(
    service: Service, gate: Gate, folder: Path
) -> None:
    gate.meanwhile = lambda: os.utime(folder / MEADOW, ns=(0, time.time_ns()))
    with pytest.raises(SourceChanging):
        service.make(located(service), deadline=soon())
    assert gate.renders == 3
    assert list(service.variants.store.list()) == []


def test_a_source_that_is_removed_under_the_work_is_not_found(
    service: Service, folder: Path
) -> None:
    asked = located(service)
    (folder / MEADOW).unlink()
    with pytest.raises(NotFound):
        service.make(asked, deadline=soon())


def test_a_changed_source_is_described_anew(service: Service, gate: Gate, folder: Path) -> None:
    first = service.info(MEADOW, deadline=soon())
    assert service.info(MEADOW, deadline=soon()) is first
    assert gate.renders == 1
    change(folder / MEADOW, folder / "exif-6.jpg")
    assert service.info(MEADOW, deadline=soon()).header.orientation == 6


def test_a_source_is_analysed_once_for_all_who_ask_and_anew_when_it_has_changed(
    service: Service, gate: Gate, folder: Path
) -> None:
    gate.open.clear()
    asked = [service.submit_analysis(MEADOW, deadline=soon()) for _ in range(3)]
    gate.open.set()
    first, *others = [question.result(20) for question in asked]
    assert first.header.width == 1280
    assert first.analysis is not None
    assert others == [first, first]
    assert gate.analyses == 1
    wait_for(lambda: not service._flights)
    assert service.submit_analysis(MEADOW, deadline=soon()).result(0) is first
    # Who asks for the header alone is not told more.
    assert service.info(MEADOW, deadline=soon()).analysis is None

    change(folder / MEADOW, folder / "exif-6.jpg")
    anew = service.submit_analysis(MEADOW, deadline=soon()).result(20)
    assert anew.header.orientation == 6
    assert anew.analysis not in (None, first.analysis)


def test_a_source_that_changes_while_it_is_analysed_is_not_described(
    service: Service, gate: Gate, folder: Path
) -> None:
    def disturb() -> None:
        gate.meanwhile = lambda: None
        (folder / MEADOW).write_bytes((folder / "exif-6.jpg").read_bytes())

    gate.meanwhile = disturb
    with pytest.raises(SourceChanging):
        service.submit_analysis(MEADOW, deadline=soon()).result(20)
    wait_for(lambda: not service._flights)
    assert service.submit_analysis(MEADOW, deadline=soon()).result(20).header.orientation == 6


@pytest.mark.parametrize(
    ("key", "error"), [("text.jpg", UnsupportedFormat), ("cut.jpg", SourceDamaged)]
)
def test_what_cannot_be_analysed_is_not_tried_again_at_once(
    service: Service, gate: Gate, key: str, error: type[SafelightError]
) -> None:
    with pytest.raises(error):
        service.submit_analysis(key, deadline=soon()).result(20)
    tried = (gate.renders, gate.analyses)
    with pytest.raises(error):
        service.submit_analysis(key, deadline=soon())
    assert (gate.renders, gate.analyses) == tried
    with pytest.raises(NotFound):
        service.submit_analysis("nothing.jpg", deadline=soon())


# Uploads, samples, readiness


def test_an_upload_is_rendered_and_not_stored(service: Service, folder: Path) -> None:
    with opened_bytes((folder / MEADOW).read_bytes(), version="upload") as body:
        made = service.submit_upload(body, Transform.of(w=64), deadline=soon()).result(20)
    assert (made.width, made.source_width) == (64, 1280)
    assert list(service.variants.store.list()) == []
    wait_for(lambda: not service._flights)


def test_samples_are_what_can_be_read_and_is_not_hidden(service: Service, folder: Path) -> None:
    (folder / ".hidden.jpg").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"")
    (folder / "photo.psd").write_bytes(b"")
    (folder / "sub").mkdir()
    (folder / "sub" / "UPPER.JPG").write_bytes(b"")
    expected = ["alpha-graphic.png", "cut.jpg", "exif-6.jpg", MEADOW, "sub/UPPER.JPG", "text.jpg"]
    assert service.samples(24) == expected
    assert len(service.samples(2)) == 2
    assert service.samples(2) == sorted(service.samples(2))


def test_readiness_names_what_is_missing(service: Service, folder: Path) -> None:
    assert service.check() == {}
    folder.rename(folder.with_name("gone"))
    service.capabilities = {}
    assert sorted(service.check()) == ["source", "workers"]
