"""Every store that needs no network, one after the other."""

from pathlib import Path

import pytest

from safelight.storage import Store, open_store


@pytest.fixture(params=["file:./objects", "memory:"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Give an empty store, of each kind in turn."""
    return open_store(str(request.param), base=tmp_path)
