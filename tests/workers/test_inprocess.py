"""The same engine without a process around it, for functions and the command line."""

import time
from collections.abc import Iterator

import pytest

from safelight.errors import OutputTooLarge, SourceTooLarge, UnsupportedFormat
from safelight.limits import Limits
from safelight.storage import Opened, opened_bytes
from safelight.transform import Transform
from safelight.workers.inprocess import InProcess
from safelight.workers.pool import Pool, Workers

SMALL = Transform.of(w=80, format="png")


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
        assert pool.probe(photo, deadline=time.monotonic() + 20) == here.probe(photo, deadline=0.0)
        analysis = pool.analyse(photo, deadline=time.monotonic() + 20)
        assert analysis == here.analyse(photo, deadline=0.0)
    finally:
        pool.close()
    ours = here.render(photo, SMALL, deadline=0.0)
    assert ours.data == theirs.data
    assert (ours.mime, ours.width, ours.height) == (theirs.mime, theirs.width, theirs.height)


def test_a_fault_of_the_image_is_named(here: InProcess) -> None:
    with opened_bytes(b"no image at all", version="1") as source:
        with pytest.raises(UnsupportedFormat):
            here.render(source, SMALL, deadline=0.0)
        with pytest.raises(UnsupportedFormat):
            here.probe(source, deadline=0.0)
        with pytest.raises(UnsupportedFormat):
            here.analyse(source, deadline=0.0)


def test_the_limits_hold_here_too(here: InProcess, photo: Opened) -> None:
    with opened_bytes(bytes(10**6 + 1), version="1") as source:
        with pytest.raises(SourceTooLarge):
            here.render(source, SMALL, deadline=0.0)
        with pytest.raises(SourceTooLarge):
            here.probe(source, deadline=0.0)
        with pytest.raises(SourceTooLarge):
            here.analyse(source, deadline=0.0)
    with pytest.raises(OutputTooLarge):
        here.render(photo, Transform.of(w=9_000, enlarge=True), deadline=0.0)


def test_it_makes_one_picture_at_a_time(here: InProcess) -> None:
    assert here.slots == 1
