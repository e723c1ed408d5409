"""The engine, ready for the tests of its pixels."""

from __future__ import annotations

import pytest

from safelight import engine


@pytest.fixture(scope="session", autouse=True)
def _prepared() -> None:
    engine.prepare(threads=1)
