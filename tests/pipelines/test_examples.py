"""The two tutorials, behaviour for behaviour, with photographs, in folders."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import pyvips

from safelight import config
from safelight.events import Event
from safelight.pipelines import Pipelines
from safelight.workers.inprocess import InProcess
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"


def wired(example: str, scheme: str, folder: Path) -> Pipelines:
    """Give an example's pipelines with folders in the place of buckets."""
    text = (EXAMPLES / example / "safelight.toml").read_text("utf-8")
    file = folder / "safelight.toml"
    file.write_text(text.replace(f"{scheme}://", "file:./"), encoding="utf-8")
    settings = config.load(file, environment={})
    pipelines = config.pipelines(
        settings, base=folder, renderer=InProcess(settings.limits, threads=1)
    )
    assert pipelines is not None
    pipelines.start()
    return pipelines


def handled(pipelines: Pipelines, key: str) -> list[str]:
    return [outcome.status for outcome in pipelines.handle(Event("created", "local", "", key))]


def opened(path: Path) -> Any:
    return pyvips.Image.new_from_file(str(path))


@pytest.fixture
def azure(tmp_path: Path, photos: Path) -> Pipelines:
    (tmp_path / "uploads" / "trip").mkdir(parents=True)
    shutil.copy(photos / "sunset.jpg", tmp_path / "uploads" / "trip")
    return wired("azure-tutorial", "az", tmp_path)


def test_azure_writes_thumbnails_a_web_version_a_watermark_and_metadata(
    azure: Pipelines, tmp_path: Path
) -> None:
    assert handled(azure, "trip/sunset.jpg") == ["done"]
    sizes = {
        "thumbnails/small": (150, 100),
        "thumbnails/medium": (300, 200),
        "thumbnails/large": (600, 400),
        "optimized": (1920, 1280),
        "watermarked": (4272, 2848),
    }
    for folder, size in sizes.items():
        picture = opened(tmp_path / folder / "trip/sunset.jpg")
        assert (picture.get("vips-loader"), picture.width, picture.height) == ("jpegload", *size)
    told = json.loads((tmp_path / "metadata/trip/sunset.jpg.json").read_bytes())
    source = tmp_path / "uploads/trip/sunset.jpg"
    assert {name: told[name] for name in ("filename", "original_size", "format", "mode")} == {
        "filename": "sunset.jpg",
        "original_size": [4272, 2848],
        "format": "JPEG",
        "mode": "RGB",
    }
    assert told["file_size_bytes"] == source.stat().st_size
    assert told["processed_at"].endswith("+00:00")
    assert [tuple(output["size"]) for output in told["outputs"]] == [*sizes.values()]
    for output, folder in zip(told["outputs"], sizes, strict=True):
        written = (tmp_path / folder / "trip/sunset.jpg").stat().st_size
        assert output["bytes"] == written
        assert output["compression_ratio"] == round(source.stat().st_size / written, 2)


def test_the_watermark_is_half_white_at_the_bottom_right(azure: Pipelines, tmp_path: Path) -> None:
    handled(azure, "trip/sunset.jpg")
    source = opened(tmp_path / "uploads/trip/sunset.jpg")
    marked = opened(tmp_path / "watermarked/trip/sunset.jpg")
    # Letters are much brighter than what the encoder changes; of white they take at most a half.
    brighter = (marked - source).extract_band(1) > 40
    left, top, width, height = (
        int(brighter.ifthenelse(255, 0).find_trim(background=0)[side]) for side in range(4)
    )
    assert source.width - 20 - 6 <= left + width <= source.width - 20 + 2
    assert source.height - 20 - 6 <= top + height <= source.height - 20 + 2
    # Lines of a twentieth of the width: letters with their descender.
    assert 0.6 * source.width / 20 < height < 1.1 * source.width / 20
    crop = (marked - source).extract_band(1).crop(left, top, width, height)
    assert 90 < crop.max() < 140


def test_azure_takes_transparency_as_white_and_never_enlarges(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "uploads").mkdir()
    pyvips.Image.black(100, 50, bands=4).copy(interpretation="srgb").write_to_file(
        str(tmp_path / "uploads" / "clear.png")
    )
    assert handled(wired("azure-tutorial", "az", tmp_path), "clear.png") == ["done"]
    large = opened(tmp_path / "thumbnails/large/clear.png")
    assert (large.width, large.height, large.bands) == (100, 50, 3)
    assert large.min() > 250
    told = json.loads((tmp_path / "metadata/clear.png.json").read_bytes())
    assert (told["format"], told["mode"]) == ("PNG", "RGBA")


def test_azure_removes_all_with_the_source_and_tells_what_is_no_picture(
    azure: Pipelines, tmp_path: Path
) -> None:
    handled(azure, "trip/sunset.jpg")
    source = tmp_path / "uploads/trip/sunset.jpg"
    source.unlink()
    assert handled(azure, "trip/sunset.jpg") == ["removed"]
    left = [path for path in tmp_path.rglob("*") if path.is_file() and "variants" not in str(path)]
    assert left == [tmp_path / "safelight.toml"]
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(b"\xff\xd8\xffno picture")
    assert handled(azure, "trip/sunset.jpg") == ["failed"]
    letter = json.loads((tmp_path / "failed/trip/sunset.jpg.json").read_bytes())
    assert (letter["code"], letter["tries"]) == ("damaged", 3)


@pytest.mark.parametrize("name", ["sunset.jpg", "web/friends-cutout.png"])
def test_s3_halves_every_picture_under_its_key_in_its_format(
    name: str, tmp_path: Path, photos: Path
) -> None:
    source = photos / name
    key = f"deep/{source.name}"
    (tmp_path / "sample" / "deep").mkdir(parents=True)
    shutil.copy(source, tmp_path / "sample" / key)
    assert handled(wired("s3-tutorial", "s3", tmp_path), key) == ["done"]
    before, after = opened(source), opened(tmp_path / "sample-resized" / key)
    assert after.get("vips-loader") == before.get("vips-loader")
    assert (after.width, after.height) == ((before.width + 1) // 2, (before.height + 1) // 2)


@pytest.mark.parametrize("suffix", ["tif", "webp", "avif", "gif"])
def test_s3_keeps_formats_that_no_browser_shows_too(
    suffix: str, tmp_path: Path, photos: Path
) -> None:
    (tmp_path / "sample").mkdir()
    source = tmp_path / "sample" / f"scan.{suffix}"
    pyvips.Image.thumbnail(str(photos / "sunset.jpg"), 400).write_to_file(str(source))
    assert handled(wired("s3-tutorial", "s3", tmp_path), source.name) == ["done"]
    before, after = opened(source), opened(tmp_path / "sample-resized" / source.name)
    assert after.get("vips-loader") == before.get("vips-loader")
    assert (after.width, after.height) == (200, (before.height + 1) // 2)


def test_metadata_tells_more_when_it_is_asked_for(tmp_path: Path, photos: Path) -> None:
    file = tmp_path / "safelight.toml"
    included = '["exif", "placeholders", "colors", "phash", "sha256", "srcset"]'
    file.write_text(
        f"""
        [[pipelines]]
        on = "in/"
        write = [
          {{ transform = "w=90", to = "s/{{name}}" }},
          {{ transform = "w=60", to = "t/{{name}}" }},
        ]
        metadata = "m/{{name}}.json"
        include = {included}
        """,
        encoding="utf-8",
    )
    source = tmp_path / "photos" / "in" / "a b,#1.jpg"
    source.parent.mkdir(parents=True)
    picture = pyvips.Image.new_from_file(str(photos / "sunset.jpg"), access="sequential").copy()
    picture.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Make", "Example")
    picture.thumbnail_image(400).write_to_file(str(source))
    settings = config.load(file, environment={})
    pipelines = config.pipelines(
        settings, base=tmp_path, renderer=InProcess(settings.limits, threads=1)
    )
    assert pipelines is not None
    pipelines.start()
    assert handled(pipelines, "in/a b,#1.jpg") == ["done"]
    told = json.loads((tmp_path / "photos/m/a b,#1.jpg.json").read_bytes())
    assert "Example" in json.dumps(told["facts"])
    assert told["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert told["srcset"] == {"image/jpeg": "t/a%20b%2C%231.jpg 60w, s/a%20b%2C%231.jpg 90w"}
    assert told["dominant"] == told["colors"][0]["color"]
    assert {"blurhash", "thumbhash", "preview", "phash"} <= set(told)
