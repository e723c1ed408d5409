"""A service over a folder of photographs that may be changed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight.service import Service
from safelight.storage.folder import FolderStore
from safelight.variants import Variants
from tests.support.services import LIMITS, MEADOW, Gate, ServiceOf


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    """Give a folder of photographs that may be changed."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in (MEADOW, "exif-6.jpg", "alpha-graphic.png"):
        shutil.copy(data / "photos" / name, folder / name)
    (folder / "text.jpg").write_text("no image")
    (folder / "cut.jpg").write_bytes((folder / MEADOW).read_bytes()[:100_000])
    return folder


@pytest.fixture
def gate() -> Gate:
    """Give the renderer that the services of a test share."""
    return Gate()


@pytest.fixture
def service_of(folder: Path, tmp_path: Path, gate: Gate) -> Iterator[ServiceOf]:
    """Give a function that starts a service over that folder."""
    services: list[Service] = []

    def start(renderer: Any = None, *, variants: Path | None = None, queue: int = 50) -> Service:
        store = FolderStore(variants or tmp_path / "variants")
        service = Service(
            FolderStore(folder),
            Variants(store, max_bytes=10**9),
            renderer or gate,
            LIMITS,
            queue=queue,
        )
        services.append(service)
        service.start()
        return service

    yield start
    for service in services:
        service.close()


@pytest.fixture
def service(service_of: ServiceOf) -> Service:
    """Give one service."""
    return service_of()
