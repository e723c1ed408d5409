"""Pipelines over a folder with one good photograph and one that is cut off."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight import config
from safelight.pipelines import Pipelines
from safelight.workers.inprocess import InProcess


@pytest.fixture
def pipelines(data: Path, tmp_path: Path) -> Iterator[Pipelines]:
    photos = tmp_path / "photos"
    (photos / "up").mkdir(parents=True)
    photograph = (data / "photos" / "photo-1mp.jpg").read_bytes()
    (photos / "up" / "good.jpg").write_bytes(photograph)
    (photos / "up" / "cut.jpg").write_bytes(photograph[:90_000])
    overrides = {
        "source": {"url": f"file:{photos}"},
        "variants": {"url": f"file:{tmp_path}/variants"},
        "pipelines": [
            {"name": "small", "on": "up/", "write": [{"transform": "w=40", "to": "s/{name}"}]}
        ],
    }
    settings = config.load(environment={}, overrides=overrides)
    found = config.pipelines(settings, renderer=InProcess(settings.limits, threads=1))
    assert found is not None
    found.start()
    yield found
    found.close()
