"""A source is overwritten while it is asked for: nobody gets half of it, nor an old one later."""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.support.load import Load, Outcome, kinds, shown, told
from tests.support.serving import Reply, Server, serving

PATHS = ["/w=200/photo.jpg", "/w=100,format=png/photo.jpg", "/info/photo.jpg"]
# Each version of the source has its own colour and its own size in bytes.
COLOURS = [(220, 20, 20), (20, 220, 20), (20, 20, 220), (220, 220, 20), (20, 220, 220)]


def jpeg(version: int) -> bytes:
    picture = Image.effect_noise((600, 400), 20).convert("RGB")
    picture = Image.blend(picture, Image.new("RGB", picture.size, COLOURS[version]), 0.9)
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=90)
    return written.getvalue()


def by_rename(path: Path, data: bytes) -> None:
    temporary = path.with_name(".next.jpg")
    temporary.write_bytes(data)
    temporary.rename(path)


def in_place(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        # In two steps, as a slow copy would: in between it is neither one nor the other.
        file.truncate(0)
        file.write(data[: len(data) // 2])
        file.flush()
        time.sleep(0.002)
        file.write(data[len(data) // 2 :])


@pytest.mark.parametrize("overwrite", [by_rename, in_place])
def test_every_answer_is_wholly_one_version_and_the_last_one_stays(
    overwrite: Callable[[Path, bytes], None],
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "changing"
    folder.mkdir()
    versions = [jpeg(version) for version in range(len(COLOURS))]
    source = folder / "photo.jpg"
    source.write_bytes(versions[0])
    with serving(folder, home, "--workers", "2") as server:
        with Load(server, lambda number: PATHS[number % len(PATHS)], clients=6) as load:
            for step in range(60):
                overwrite(source, versions[step % len(versions)])
                load.more(4)
        last = versions[59 % len(versions)]
        assert source.read_bytes() == last
        answers_newest(server, 59 % len(versions))
        checked(load.outcomes)
        told(capsys, f"{overwrite.__name__}, 60 times: {dict(kinds(load.outcomes))}")
        # Back to content that was there before: the variants of then are not of this file.
        overwrite(source, versions[0])
        answers_newest(server, 0)


def test_an_overwrite_is_seen_by_the_very_next_request(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "changing"
    folder.mkdir()
    with serving(folder, home, "--workers", "1") as server:
        etags = set()
        for step in range(20):
            version = step % len(COLOURS)
            by_rename(folder / "photo.jpg", jpeg(version))
            reply = server.get(PATHS[0])
            assert colour(reply) == version
            etags.add(reply["etag"])
        assert len(etags) == 20


def test_a_source_of_the_same_size_and_time_written_by_rename_is_another(
    home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "changing"
    folder.mkdir()
    first, second = jpeg(0), jpeg(1)
    size = max(len(first), len(second))
    photo = folder / "photo.jpg"
    with serving(folder, home, "--workers", "1") as server:
        for version, data in enumerate((first, second)):
            by_rename(photo, data.ljust(size, b"\0"))
            os.utime(photo, (1_000_000_000, 1_000_000_000))
            assert colour(server.get(PATHS[0])) == version


def test_a_removed_source_is_gone_though_its_variants_are_stored(
    home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "changing"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(jpeg(0))
    with serving(folder, home, "--workers", "1") as server:
        assert server.get(PATHS[0]).status == 200
        (folder / "photo.jpg").unlink()
        assert [server.get(path).code for path in PATHS] == ["not_found"] * 3


def answers_newest(server: Server, version: int) -> None:
    for path in PATHS[:2]:
        assert {colour(server.get(path)) for _ in range(3)} == {version}


def checked(outcomes: list[Outcome]) -> None:
    """Check that each answer is one version whole, and that an ETag always means the same bytes."""
    bodies: dict[str, bytes] = {}
    for outcome in outcomes:
        reply = outcome.reply
        assert reply is not None, outcome
        if reply.status != 200:
            # What is half written is no picture, and may be told so.
            assert outcome.kind in ("503 source_changing", "415 unsupported_format", "422 damaged")
        elif outcome.path.startswith("/info/"):
            assert (reply.json["width"], reply.json["height"]) == (600, 400)
        else:
            colour(reply)
            assert bodies.setdefault(reply["etag"] or "", reply.body) == reply.body


def colour(reply: Reply) -> int:
    """Tell which version a picture shows, in all of its corners."""
    assert reply.status == 200, reply
    picture = shown(reply).convert("RGB")
    across, down = picture.width - 1, picture.height - 1
    corners = [(0, 0), (across, 0), (0, down), (across, down), (across // 2, down // 2)]
    (version,) = {nearest(picture.getpixel(corner)) for corner in corners}
    return version


def nearest(pixel: object) -> int:
    assert isinstance(pixel, tuple)
    return min(
        range(len(COLOURS)),
        key=lambda version: sum(abs(a - b) for a, b in zip(pixel, COLOURS[version], strict=True)),
    )
