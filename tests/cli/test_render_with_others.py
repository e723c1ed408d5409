"""`safelight render` with other pictures: they come from the source store of the settings."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.commands import MEADOW, names, refused, run
from tests.support.pictures import pixels_of

RED = (255, 0, 0)


def red(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), RED).save(path)


def corner(path: str) -> tuple[float, ...]:
    """Read a pixel where a watermark is by default."""
    return tuple(pixels_of(Image.open(path).convert("RGB"))[-8, -8])


def test_a_watermark_comes_from_the_folder_of_the_sources() -> None:
    red("photos/marks/logo.png")
    result = run("render", MEADOW, "w=100,watermark=marks%2Flogo.png", "out.png")
    assert (result.exit_code, result.stderr) == (0, "")
    assert corner("out.png") == RED


def test_it_comes_from_the_source_of_the_settings_and_may_be_in_a_preset() -> None:
    red("elsewhere/logo.png")
    Path("safelight.toml").write_text(
        '[source]\nurl = "file:./elsewhere"\n\n[presets]\nmarked = "w=100,watermark=logo.png"\n'
    )
    assert run("render", MEADOW, "marked", "out.png").exit_code == 0
    assert corner("out.png") == RED


def test_many_files_have_the_same_watermark() -> None:
    red("photos/logo.png")
    sources = ("photos/photo-1mp.jpg", "photos/exif-6.jpg")
    transform = "100x100,watermark=logo.png,mask_image=logo.png,format=png"
    assert run("render", *sources, transform, "out/").exit_code == 0
    assert [corner(f"out/{name}") for name in names("out")] == [RED, RED]


def test_a_watermark_that_is_not_there_is_told_before_any_work() -> None:
    result = run("render", MEADOW, "w=100,watermark=gone.png", "out.png")
    assert result.exit_code == 1
    assert result.stderr == "safelight: there is no image 'gone.png' in file:./photos\n"
    assert not Path("out.png").exists()


def test_a_file_outside_of_the_source_is_no_watermark() -> None:
    red("logo.png")
    for key in ("..%2Flogo.png", "%2Fetc%2Fpasswd"):
        refused(run("render", MEADOW, f"watermark={key}", "out.png"), "is not valid")


def test_a_watermark_that_cannot_be_used_is_named() -> None:
    Path("photos/text.jpg").write_text("no image")
    result = run("render", MEADOW, "w=100,watermark=text.jpg", "out.png")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"safelight: {MEADOW}: text.jpg: the bytes are no image")


def test_text_needs_no_store() -> None:
    Path("safelight.toml").write_text('[source]\nurl = "file:./gone"\n')
    assert run("render", MEADOW, "w=100,format=png", "bare.png").exit_code == 0
    assert run("render", MEADOW, "w=100,text=Safelight", "out.png").exit_code == 0
    bare, written = (pixels_of(Image.open(path)) for path in ("bare.png", "out.png"))
    assert (np.abs(bare - written).max(axis=-1) > 40).any()
