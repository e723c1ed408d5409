"""What every test may ask for."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def photos() -> Path:
    """Give the folder of example photographs (read only)."""
    return ROOT / "examples" / "photos"


@pytest.fixture(scope="session")
def data() -> Path:
    """Give the folder of test images (read only)."""
    return ROOT / "tests" / "data"
