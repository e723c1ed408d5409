"""`safelight render`: files, patterns, pipes, and what cannot be rendered."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.commands import MEADOW, command, names, refused, run, size
from tests.support.serving import clean_environment


def test_a_file_is_rendered_in_the_format_of_its_target() -> None:
    for suffix, kind in (("webp", "WEBP"), ("png", "PNG"), ("avif", "AVIF"), ("jpg", "JPEG")):
        assert run("render", MEADOW, "100x", f"new/out.{suffix}").exit_code == 0
        with Image.open(f"new/out.{suffix}") as image:
            assert (image.format, image.size) == (kind, (100, 80))


def test_the_format_of_the_transform_counts_more() -> None:
    assert run("render", MEADOW, "100x,format=webp", "out.jpg").exit_code == 0
    with Image.open("out.jpg") as image:
        assert image.format == "WEBP"


def test_presets_of_the_settings_are_known() -> None:
    Path("safelight.toml").write_text('[presets]\nthumb = "w=64,h=64,fit=inside"\n')
    assert run("render", MEADOW, "thumb", "out.png").exit_code == 0
    assert size("out.png") == (64, 51)
    Path("other.toml").write_text('[presets]\nthumb = "w=32"\n')
    assert run("render", "--config", "other.toml", MEADOW, "thumb", "out.png").exit_code == 0
    assert size("out.png") == (32, 26)


def test_many_files_go_into_a_folder_and_keep_their_formats() -> None:
    result = run("render", "photos/**/*", "photos/*.jpg", "50x50", "out")
    assert (result.exit_code, result.stderr) == (0, "")
    assert names("out") == [
        "a b.png",
        "alpha-graphic.png",
        "exif-6.jpg",
        "photo-1mp.jpg",
    ]
    assert {size(path) for path in Path("out").iterdir()} == {(50, 50)}


def test_one_file_goes_into_a_folder_that_is_there_or_ends_with_a_slash() -> None:
    Path("there").mkdir()
    for target in ("there", "new/"):
        assert run("render", MEADOW, "50x", target).exit_code == 0
        assert size(f"{target.rstrip('/')}/photo-1mp.jpg") == (50, 40)


def test_failures_are_told_one_by_one_and_the_rest_is_rendered() -> None:
    result = run("render", "gone.jpg", "text.jpg", MEADOW, "50x", "out/")
    assert result.exit_code == 1
    first, second = result.stderr.splitlines()
    assert first == "safelight: gone.jpg: No such file or directory"
    assert second.startswith("safelight: text.jpg: the bytes are no image")
    assert names("out") == ["photo-1mp.jpg"]


def test_two_pictures_of_one_name_do_not_overwrite_each_other() -> None:
    shutil.copy("photos/exif-6.jpg", "photos/sub/photo-1mp.jpg")
    result = run("render", MEADOW, "photos/sub/photo-1mp.jpg", "50x", "out/")
    assert result.exit_code == 1
    assert "out/photo-1mp.jpg is already the picture of" in result.stderr
    assert names("out") == ["photo-1mp.jpg"]


def test_standard_input_and_output_are_files_too() -> None:
    picture = Path(MEADOW).read_bytes()
    result = run("render", "-", "50x,format=png", "-", given=picture)
    assert result.exit_code == 0
    assert result.stdout_bytes.startswith(b"\x89PNG")
    assert result.stderr == ""
    assert run("render", "-", "50x", "out/", given=picture).exit_code == 0
    assert size("out/stdin.jpg") == (50, 40)


def test_a_pipe_of_commands_works() -> None:
    first = command("render", "-", "200x,format=png", "-", given=Path(MEADOW).read_bytes())
    second = command("render", "-", "100x,format=webp", "-", given=first.stdout)
    assert (first.returncode, second.returncode) == (0, 0)
    assert (first.stderr, second.stderr) == (b"", b"")
    assert second.stdout[8:12] == b"WEBP"


def test_a_pattern_without_magic_is_a_name() -> None:
    shutil.copy(MEADOW, "odd[1].jpg")
    assert run("render", "odd[1].jpg", "50x", "out.jpg").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("*.xyz", "50x", "out/"), "*.xyz: no file matches"),
        ((MEADOW, "w=wide", "out.jpg"), "'wide' is not valid"),
        ((MEADOW, "nopreset", "out.jpg"), "unknown name 'nopreset': "),
        ((MEADOW, "9000x", "out.jpg"), "at most 8192 px"),
        ((MEADOW, "50x", "out.heic"), "its name ends in none of"),
        ((MEADOW, "50x", "out.svg"), "its name ends in none of"),
        ((MEADOW, "photos/exif-6.jpg", "50x", "-"), "several images need a folder"),
        ((MEADOW, "photos/exif-6.jpg", "50x", "out.jpg"), "several images need a folder"),
        (("--config", "gone.toml", MEADOW, "50x", "out.jpg"), "gone.toml cannot be read"),
    ],
)
def test_a_wrong_wish_is_refused_before_any_work(arguments: tuple[str, ...], said: str) -> None:
    before = names(".")
    refused(run("render", *arguments), said)
    assert names(".") == before


@pytest.mark.parametrize("target", ["/dev/full", "text.jpg/out.jpg", "photos/sub"])
def test_a_target_that_cannot_be_written_is_told(target: str) -> None:
    if target == "photos/sub":
        Path("photos/sub/photo-1mp.jpg").mkdir()
    result = run("render", MEADOW, "50x", target)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"safelight: {MEADOW}: ")
    assert "None" not in result.stderr


def test_a_reader_that_leaves_early_ends_the_command_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "safelight", "render", MEADOW, "format=png", "-"],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        wrote = process.stderr.read().decode()
    assert process.returncode == 1
    assert "Traceback" not in wrote
