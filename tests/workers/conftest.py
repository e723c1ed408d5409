"""A photograph to render, and pools that are closed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safelight.limits import Limits
from safelight.storage import Opened
from safelight.workers.pool import Pool, Workers


@pytest.fixture
def photo(data: Path) -> Iterator[Opened]:
    """Open a photograph of one megapixel."""
    with Opened(os.open(data / "photos" / "photo-1mp.jpg", os.O_RDONLY)) as opened:
        yield opened


@pytest.fixture
def pool_of() -> Iterator[Callable[..., Pool]]:
    """Give a function that starts a pool of one worker, or with other settings."""
    pools: list[Pool] = []

    def start(limits: Limits | None = None, **settings: int) -> Pool:
        pool = Pool(limits or Limits(), Workers(**{"processes": 1, **settings}))
        pools.append(pool)
        pool.start()
        return pool

    yield start
    for pool in pools:
        pool.close()
