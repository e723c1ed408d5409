"""Pictures that are made with others: a watermark, a mask."""

import io
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from safelight.errors import NotFound, SafelightError, SourceDamaged, UnsupportedFormat
from safelight.service import Answer, Service
from safelight.workers.pool import Pool, Workers
from tests.support.pictures import encoded, pixels_of
from tests.support.services import LIMITS, MEADOW, Gate, ServiceOf, located, soon

LOGO = "marks/logo.png"
RED, GREEN = (250, 10, 10), (10, 250, 10)


@pytest.fixture
def folder(folder: Path) -> Path:
    """Give a folder that has a watermark, too."""
    (folder / "marks").mkdir()
    mark(folder, RED)
    shutil.copy(folder / "cut.jpg", folder / "marks" / "cut.jpg")
    shutil.copy(folder / "text.jpg", folder / "marks" / "text.jpg")
    (folder / "marks" / "large.png").write_bytes(bytes(LIMITS.source_bytes + 1))
    return folder


@pytest.fixture(params=["in this process", "in a pool"])
def any_service(request: pytest.FixtureRequest, service_of: ServiceOf) -> Service:
    """Give a service with each kind of renderer in turn."""
    if request.param == "in a pool":
        return service_of(Pool(LIMITS, Workers(processes=1)))
    return service_of()


def mark(folder: Path, colour: tuple[int, int, int], key: str = LOGO) -> None:
    """Put a watermark into the store, as a careful program does."""
    new = (folder / key).with_suffix(".new")
    new.write_bytes(encoded(Image.new("RGB", (20, 20), colour), "PNG"))
    new.rename(folder / key)


def made(service: Service, **arguments: Any) -> Answer:
    wanted = located(service, **{"w": 100, "format": "png", "watermark": LOGO, **arguments})
    return service.make(wanted, deadline=soon())


def corner(answer: Answer) -> tuple[float, ...]:
    """Read a pixel where the watermark is by default."""
    shown = pixels_of(Image.open(io.BytesIO(answer.data)).convert("RGB"))
    return tuple(shown[-8, -8])


def test_a_watermark_comes_from_the_store_of_the_sources(any_service: Service) -> None:
    answer = made(any_service)
    assert corner(answer) == RED
    assert not answer.cached
    again = made(any_service)
    assert again.cached
    assert again.data == answer.data


def test_a_watermark_and_a_mask_are_both_there(any_service: Service, folder: Path) -> None:
    (folder / "half.png").write_bytes(encoded(Image.new("L", (4, 4), 128), "PNG"))
    answer = made(any_service, mask_image="half.png")
    shown = pixels_of(Image.open(io.BytesIO(answer.data)))
    assert tuple(shown[-8, -8]) == (*RED, 128)
    assert set(answer.located.pictures) == {LOGO, "half.png"}


def test_one_picture_may_be_source_and_watermark(any_service: Service) -> None:
    answer = made(any_service, watermark=MEADOW, watermark_scale=0.5)
    assert corner(answer) != corner(made(any_service))


def test_a_changed_watermark_makes_another_variant(any_service: Service, folder: Path) -> None:
    first = made(any_service)
    mark(folder, GREEN)
    second = made(any_service)
    assert corner(second) == GREEN
    assert first.located.variant != second.located.variant
    assert first.located.version == second.located.version
    # All variants of a source share a prefix, whatever they were made with.
    prefix, _, _ = second.located.variant.path.rpartition("/")
    assert first.located.variant.path.startswith(prefix)


def test_a_watermark_that_is_not_there_is_named_before_any_work(
    service: Service, gate: Gate
) -> None:
    for missing in ("marks/gone.png", "marks", "logo.png/x"):
        with pytest.raises(NotFound, match=f"there is no image {missing} to make this one with"):
            made(service, watermark=missing)
    assert gate.renders == 0


@pytest.mark.parametrize(
    ("key", "error", "said"),
    [
        ("marks/cut.jpg", SourceDamaged, "the jpeg cannot be decoded"),
        ("marks/text.jpg", UnsupportedFormat, "the bytes are no image"),
        ("marks/large.png", SafelightError, "the image has 4,000,001 bytes"),
    ],
)
def test_a_watermark_that_cannot_be_used_is_named(
    any_service: Service, key: str, error: type[SafelightError], said: str
) -> None:
    with pytest.raises(error, match=f"^{key}: {said}") as raised:
        made(any_service, watermark=key)
    assert 400 <= raised.value.status < 500


def test_a_failure_is_remembered_for_this_version_of_the_watermark_only(
    service: Service, gate: Gate, folder: Path
) -> None:
    arguments: dict[str, Any] = {"w": 100, "format": "png", "watermark": "marks/cut.jpg"}

    def tried() -> Future[Answer]:
        flight, _ = service.submit(located(service, **arguments), deadline=soon())
        return flight

    with pytest.raises(SourceDamaged):
        tried().result(20)
    with pytest.raises(SourceDamaged):
        tried()
    assert gate.renders == 1
    mark(folder, GREEN, "marks/cut.jpg")
    assert corner(tried().result(20)) == GREEN


def test_many_who_ask_at_once_share_one_render(service: Service, gate: Gate) -> None:
    gate.open.clear()
    wanted = located(service, w=100, format="png", watermark=LOGO)
    flights = [service.submit(wanted, deadline=soon())[0] for _ in range(5)]
    gate.open.set()
    assert len({flight.result(20).data for flight in flights}) == 1
    assert gate.renders == 1


def test_a_watermark_that_is_written_to_while_it_is_used_is_used_again(
    service: Service, gate: Gate, folder: Path
) -> None:
    def overwrite() -> None:
        gate.meanwhile = lambda: None
        (folder / LOGO).write_bytes(encoded(Image.new("RGB", (20, 20), GREEN), "PNG"))

    gate.meanwhile = overwrite
    answer = made(service)
    assert gate.renders == 2
    assert corner(answer) == GREEN
    assert answer.located.pictures == located(service, watermark=LOGO).pictures


def test_a_watermark_that_changed_between_the_look_and_the_work_is_located_again(
    service: Service, gate: Gate, folder: Path
) -> None:
    early = located(service, w=100, format="png", watermark=LOGO)
    mark(folder, GREEN)
    answer = service.make(early, deadline=soon())
    assert corner(answer) == GREEN
    assert answer.located.variant != early.variant
    assert gate.renders == 1


def test_a_watermark_that_is_removed_under_the_work_is_not_found(
    service: Service, folder: Path
) -> None:
    wanted = located(service, w=100, watermark=LOGO)
    (folder / LOGO).unlink()
    with pytest.raises(NotFound, match=LOGO):
        service.make(wanted, deadline=soon())


@pytest.mark.parametrize(
    "key", ["../outside.png", "/etc/passwd", "a/../../x.png", "marks/../marks/logo.png", ".hidden"]
)
def test_a_watermark_never_comes_from_outside_of_the_store(
    service: Service, folder: Path, key: str
) -> None:
    """Nor does it when the words have been passed by."""
    outside = folder.parent / "outside.png"
    outside.write_bytes((folder / LOGO).read_bytes())
    with pytest.raises(NotFound):
        made(service, watermark=key)


def test_a_link_that_leads_out_is_no_watermark(service: Service, folder: Path) -> None:
    outside = folder.parent / "outside.png"
    outside.write_bytes((folder / LOGO).read_bytes())
    (folder / "leak.png").symlink_to(outside)
    with pytest.raises(NotFound, match=r"leak\.png"):
        made(service, watermark="leak.png")


def test_whatever_happens_every_file_is_closed(any_service: Service, folder: Path) -> None:
    def files() -> int:
        return len([*Path("/proc/self/fd").iterdir()])

    def failed(**arguments: Any) -> Callable[[], None]:
        def attempt() -> None:
            with pytest.raises(SafelightError):
                made(any_service, **arguments)

        return attempt

    attempts: list[Callable[[], object]] = [
        failed(watermark="marks/cut.jpg"),
        failed(watermark="marks/text.jpg"),
        failed(watermark="marks/large.png"),
        failed(watermark="marks/gone.png"),
        failed(mask_image="marks/cut.jpg"),
    ]
    made(any_service)
    for attempt in attempts:
        attempt()
    before = files()
    for number in range(4):
        mark(folder, (number, 0, 0))
        made(any_service, mask_image=MEADOW)
        for attempt in attempts:
            attempt()
    assert files() == before


def test_the_worker_closes_what_was_passed_to_it(service_of: ServiceOf, folder: Path) -> None:
    pool = Pool(LIMITS, Workers(processes=1))
    service = service_of(pool)
    made(service, mask_image=MEADOW)
    (pid,) = pool.pids()
    before = len([*Path(f"/proc/{pid}/fd").iterdir()])
    for number in range(4):
        mark(folder, (number, 0, 0))
        made(service, mask_image=MEADOW)
        with pytest.raises(SourceDamaged):
            made(service, watermark="marks/cut.jpg", w=90 + number)
    assert pool.pids() == [pid]
    assert len([*Path(f"/proc/{pid}/fd").iterdir()]) == before


def test_every_frame_has_the_same_watermark(any_service: Service, folder: Path, data: Path) -> None:
    shutil.copy(data / "photos" / "anim-graphic.gif", folder / "moving.gif")
    wanted = located(any_service, "moving.gif", w=100, format="webp", lossless=True, watermark=LOGO)
    moving = Image.open(io.BytesIO(any_service.make(wanted, deadline=soon()).data))
    frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(moving)]
    assert len(frames) > 1
    assert {tuple(frame[-8, -8].tolist()) for frame in frames} == {RED}
