"""A folder of variants."""

from pathlib import Path

import pytest

from safelight.storage.folder import FolderStore
from safelight.variants import Variants


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    """Give the folder that variants are stored in."""
    return FolderStore(tmp_path / "variants")


@pytest.fixture
def variants(folder: FolderStore) -> Variants:
    """Give an empty variant store without a bound to speak of."""
    return Variants(folder, max_bytes=10**9)
