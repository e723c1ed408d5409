"""The same engine without a process around it, for functions and the command line."""

import time
from collections.abc import Iterator

import pytest

from safelight.errors import (
    DeadlineExceeded,
    OutputTooLarge,
    SourceDamaged,
    SourceTooLarge,
    UnsupportedFormat,
)
from safelight.limits import Limits
from safelight.picture import Rendering, Wish
from safelight.storage import Opened, opened_bytes
from safelight.transform import Transform
from safelight.workers.inprocess import InProcess
from safelight.workers.pool import Pool, Workers

SMALL = Transform.of(w=80, format="png")
LATER = float("inf")


@pytest.fixture
def here() -> Iterator[InProcess]:
    """Give a renderer in this process."""
    renderer = InProcess(Limits(source_bytes=10**6), threads=1)
    renderer.start()
    yield renderer
    renderer.close()


def test_the_picture_is_the_one_that_a_worker_makes(here: InProcess, photo: Opened) -> None:
    pool = Pool(Limits(), Workers(processes=1))
    try:
        assert pool.start() == here.start()
        theirs = pool.render(photo, SMALL, deadline=time.monotonic() + 20)
        assert pool.probe(photo, deadline=time.monotonic() + 20) == here.probe(
            photo, deadline=LATER
        )
        analysis = pool.analyse(photo, deadline=time.monotonic() + 20)
        assert analysis == here.analyse(photo, deadline=LATER)
    finally:
        pool.close()
    ours = here.render(photo, SMALL, deadline=LATER)
    assert ours.data == theirs.data
    assert (ours.mime, ours.width, ours.height) == (theirs.mime, theirs.width, theirs.height)


def test_several_pictures_are_those_that_a_worker_makes(here: InProcess, photo: Opened) -> None:
    wishes = [Wish(SMALL, "upload"), Wish(Transform.of(w=9_000, enlarge=True)), Wish(SMALL)]
    pool = Pool(Limits(), Workers(processes=1))
    try:
        theirs = pool.develop(
            photo, wishes, deadline=time.monotonic() + 20, analyse=True, facts="all"
        )
    finally:
        pool.close()
    ours = here.develop(photo, wishes, deadline=LATER, analyse=True, facts="all")
    assert (ours.header, ours.analysis, ours.facts) == (
        theirs.header,
        theirs.analysis,
        theirs.facts,
    )
    assert ours.decodes == theirs.decodes
    for one, other in zip(ours.renderings, theirs.renderings, strict=True):
        if isinstance(one, Rendering) and isinstance(other, Rendering):
            assert one.data == other.data
        else:
            assert type(one) is type(other) is OutputTooLarge


def test_a_fault_of_the_image_is_named(here: InProcess) -> None:
    with opened_bytes(b"no image at all", version="1") as source:
        with pytest.raises(UnsupportedFormat):
            here.render(source, SMALL, deadline=LATER)
        with pytest.raises(UnsupportedFormat):
            here.probe(source, deadline=LATER)
        with pytest.raises(UnsupportedFormat):
            here.analyse(source, deadline=LATER)


def test_the_limits_hold_here_too(here: InProcess, photo: Opened) -> None:
    with opened_bytes(bytes(10**6 + 1), version="1") as source:
        with pytest.raises(SourceTooLarge):
            here.render(source, SMALL, deadline=LATER)
        with pytest.raises(SourceTooLarge):
            here.probe(source, deadline=LATER)
        with pytest.raises(SourceTooLarge):
            here.analyse(source, deadline=LATER)
    with pytest.raises(OutputTooLarge):
        here.render(photo, Transform.of(w=9_000, enlarge=True), deadline=LATER)


def test_it_makes_one_picture_at_a_time(here: InProcess) -> None:
    assert here.slots == 1


def test_nothing_is_begun_when_the_time_is_over(here: InProcess, photo: Opened) -> None:
    over = time.monotonic()
    for begin in (
        lambda: here.render(photo, SMALL, deadline=over),
        lambda: here.develop(photo, [Wish(SMALL)], deadline=over),
        lambda: here.probe(photo, deadline=over),
        lambda: here.analyse(photo, deadline=over),
    ):
        with pytest.raises(DeadlineExceeded):
            begin()


def test_what_takes_too_long_is_broken_off(here: InProcess, photo: Opened) -> None:
    # A second of work at the least, in steps.
    slow = Transform.of(w=3_000, enlarge=True, blur=60.0, format="jpeg")
    for begin in (
        lambda deadline: here.render(photo, slow, deadline=deadline),
        lambda deadline: here.develop(photo, [Wish(slow)], deadline=deadline),
    ):
        with pytest.raises(DeadlineExceeded):
            begin(time.monotonic() + 0.05)
    # And it is no fault of the image, of which nothing is remembered.
    assert here.render(photo, SMALL, deadline=LATER).width == 80


def test_a_fault_of_the_image_stays_one_while_there_is_time(here: InProcess) -> None:
    broken = b"\xff\xd8\xff\xe0 no image"
    with opened_bytes(broken, version="1") as source, pytest.raises(SourceDamaged):
        here.render(source, SMALL, deadline=time.monotonic() + 20)
