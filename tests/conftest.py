"""What every test may ask for."""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no fault: nothing here depends on the time that an example takes.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case of raw bytes by its number: those that run side by side must agree on names.

    Compressed bytes may carry the moment when they were made, and none can be read anyway.
    """
    binary = isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable())
    return argname if binary else None


@pytest.fixture(scope="session")
def photos() -> Path:
    """Give the folder of example photographs (read only)."""
    return ROOT / "examples" / "photos"


@pytest.fixture(scope="session")
def data() -> Path:
    """Give the folder of test images (read only)."""
    return ROOT / "tests" / "data"


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works() -> None:
    """A shell that starts the tests in the background has them, and their servers, ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
