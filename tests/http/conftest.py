"""One server for all questions that do not change it, and a folder as people have them."""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.support.serving import Reply, Server, serving

MOST_BYTES = 4_000_000
SETTINGS = f"""
[presets]
thumb = "w=100,h=100,fit=inside,format=jpeg"
modern = "w=120,format=auto"

[limits]
source_bytes = "{MOST_BYTES // 1_000_000}MB"

[server]
max_age = 600
"""


@pytest.fixture(scope="session")
def folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of photographs with odd names, odd formats, and things that are none."""
    folder = tmp_path_factory.mktemp("served") / "photos"
    shutil.copytree(data / "photos", folder)
    meadow = (folder / "photo-1mp.jpg").read_bytes()
    (folder / "sub").mkdir()
    (folder / "sub" / "a cat & näher 100%+@#?~.jpg").write_bytes(meadow)
    (folder / "100").mkdir()
    (folder / "100" / "meadow.jpg").write_bytes(meadow)
    (folder / "linked.jpg").symlink_to("photo-1mp.jpg")
    (folder / "cut.jpg").write_bytes(meadow[:100_000])
    (folder / "text.jpg").write_text("no image")
    (folder / "page.svg").write_text("<html><script>alert(1)</script></html>")
    (folder / "large.jpg").write_bytes(meadow + bytes(MOST_BYTES))
    (folder / ".hidden.jpg").write_bytes(meadow)
    (folder / ".private").mkdir()
    (folder / ".private" / "meadow.jpg").write_bytes(meadow)
    (folder.parent / "outside").mkdir()
    (folder.parent / "outside" / "meadow.jpg").write_bytes(meadow)
    (folder / "leak.jpg").symlink_to("../outside/meadow.jpg")
    (folder / "outside").symlink_to("../outside")
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    return folder


@pytest.fixture(scope="session")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server on that folder, with settings."""
    home = tmp_path_factory.mktemp("home")
    with serving(folder, home, settings=SETTINGS) as server:
        yield server
    assert "Traceback" not in server.output, server.output


def opened(reply: Reply) -> Image.Image:
    """Open a picture that came back, with another library than the server's."""
    assert reply.status == 200, reply
    return Image.open(io.BytesIO(reply.body))


def size(reply: Reply) -> tuple[int, int]:
    """Give the size in px of a picture that came back."""
    return opened(reply).size
