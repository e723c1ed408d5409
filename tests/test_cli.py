"""The command line: what each command prints, writes, refuses, and ends with."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from safelight import __version__, cli
from tests.support.serving import clean_environment, serving

COMMANDS = ("serve", "render", "url", "info", "purge", "check")
MEADOW = "photos/photo-1mp.jpg"  # 1280 x 1024


@pytest.fixture(autouse=True)
def home(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a few photographs, and without settings from outside."""
    photos = tmp_path / "photos"
    (photos / "sub").mkdir(parents=True)
    for name in ("photo-1mp.jpg", "exif-6.jpg", "alpha-graphic.png"):
        shutil.copy(data / "photos" / name, photos / name)
    shutil.copy(data / "photos" / "check.svg", photos / "sub" / "a b.svg")
    (tmp_path / "text.jpg").write_text("no image")
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("SAFELIGHT_"):
            monkeypatch.delenv(name)
    return tmp_path


def run(*arguments: str, given: bytes | None = None) -> Result:
    """Run a command in this process; any exception but an exit is a fault of the command."""
    result = CliRunner().invoke(cli.main, arguments, input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def command(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "safelight", *arguments],
        input=given,
        env=clean_environment(),
        capture_output=True,
        timeout=50,
        check=False,
    )


def refused(result: Result, *said: str) -> None:
    """Check for one sentence on standard error and exit code 2."""
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("safelight: ")
    assert result.stderr.count("\n") == 1
    for words in said:
        assert words in result.stderr


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def size(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


# Help


def test_help_reads_like_a_page_of_a_manual() -> None:
    for arguments in (("--help",), ("-h",)):
        page = run(*arguments).stdout
        assert "\\b" not in page
        assert "  safelight render a.jpg 800x600 b.webp\n" in page
        assert "..." not in page.partition("Commands:")[2]
        assert [
            line.split()[0] for line in page.partition("Commands:\n")[2].splitlines()
        ] == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_within_a_screen(name: str) -> None:
    page = run(name, "--help").stdout
    assert page.startswith(f"Usage: main {name}")
    assert "-h, --help" in page
    assert max(map(len, page.splitlines())) <= 90
    options = page.partition("Options:")[2].splitlines()[1:]
    assert all(len(line.split(maxsplit=2)) > 2 for line in options)


def test_the_installed_command_is_this_one() -> None:
    done = command("--version")
    assert done.returncode == 0
    assert done.stdout.decode() == f"safelight, version {__version__}\n"


@pytest.mark.parametrize("arguments", [("nothing",), ("serve", "--port", "http"), ("render", "a")])
def test_a_wrong_command_line_is_explained(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert "Error: " in result.stderr


# render


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
        ((MEADOW, "nopreset", "out.jpg"), "unknown name 'nopreset': known are"),
        ((MEADOW, "9000x", "out.jpg"), "at most 8192 px"),
        ((MEADOW, "50x", "out.heic"), "heic cannot be written"),
        ((MEADOW, "50x", "out.svg"), "svg cannot be written"),
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


# url


def test_an_address_is_canonical_and_encoded() -> None:
    assert run("url", "a cat/ü+%.jpg", "800x600,f=webp,q=70").stdout == (
        "/w=800,h=600,format=webp,quality=70/a%20cat/%C3%BC+%25.jpg\n"
    )
    assert run("url", "cat.jpg", "").stdout == "/original/cat.jpg\n"


def test_an_address_is_explained_step_by_step() -> None:
    result = run("url", "photo-1mp.jpg", "q=50,800x600,rotate=90", "--explain")
    assert result.exit_code == 0
    rows = [re.split(r"\s{2,}", line, maxsplit=1) for line in result.stdout.splitlines()]
    assert [row[0] for row in rows] == [
        "address", "canonical", "step 1", "step 2", "step 3", "version", "variant",
    ]  # fmt: skip
    assert rows[0][1].endswith("/photo-1mp.jpg")
    assert "rotate=90" in rows[2][1]
    assert "w=800, h=600" in rows[3][1]
    assert "quality=50" in rows[4][1]
    assert rows[6][1].startswith("photo-1mp.jpg/@/")


def test_a_variant_key_is_where_the_server_stores_it(home: Path) -> None:
    done = command("url", "photo-1mp.jpg", "64x64", "--explain")
    address, variant = (
        next(line.split()[1] for line in done.stdout.decode().splitlines() if line.startswith(name))
        for name in ("address", "variant")
    )
    with serving(home / "photos", home, "--workers", "1") as server:
        assert server.get(address).status == 200
    assert (home / ".safelight" / "variants" / variant).is_file()


def test_a_source_that_is_missing_is_told_in_the_explanation() -> None:
    result = run("url", "gone.jpg", "64x64", "--explain")
    assert result.exit_code == 0
    assert "there is no gone.jpg in file:./photos" in result.stdout


@pytest.mark.parametrize(("transform", "said"), [("size=5", "known are"), ("9000x", "at most")])
def test_an_address_that_would_be_refused_is_not_printed(transform: str, said: str) -> None:
    refused(run("url", "cat.jpg", transform), said)


# info


def test_info_prints_json_for_each_file() -> None:
    facts = json.loads(run("info", "photos/exif-6.jpg").stdout)
    assert (facts["width"], facts["height"], facts["orientation"]) == (600, 450, 6)
    assert facts["key"] == "photos/exif-6.jpg"
    result = run("info", "photos/*.jpg", "photos/sub/a b.svg")
    assert result.exit_code == 0
    assert result.stdout.count('"format"') == 3


def test_info_goes_on_after_a_file_that_is_none() -> None:
    done = command("info", "text.jpg", "gone.jpg", "photos", MEADOW)
    assert done.returncode == 1
    assert json.loads(done.stdout)["width"] == 1280
    lines = done.stderr.decode().splitlines()
    assert [line.split(": ")[1] for line in lines] == ["text.jpg", "gone.jpg", "photos"]


# purge and check


def test_purge_removes_what_the_server_stored(home: Path) -> None:
    with serving(home / "photos", home, "--workers", "1") as server:
        for address in ("/10x10/photo-1mp.jpg", "/11x11/photo-1mp.jpg", "/10x10/exif-6.jpg"):
            assert server.get(address).status == 200
        done = command("purge", "photo-1mp.jpg")
        assert (done.returncode, done.stdout) == (0, b"2 variants of photo-1mp.jpg removed\n")
        assert (
            server.get("/10x10/photo-1mp.jpg")["cache-status"] == "Safelight; fwd=uri-miss; stored"
        )
        assert server.get("/10x10/exif-6.jpg")["cache-status"] == "Safelight; hit"
    assert run("purge", "exif-6.jpg").stdout == "1 variant of exif-6.jpg removed\n"
    assert run("purge", "exif-6.jpg").stdout == "0 variants of exif-6.jpg removed\n"


def test_check_tells_that_all_is_fine_and_leaves_nothing_behind() -> None:
    done = command("check")
    assert done.returncode == 0
    rows = dict(line.split(None, 1) for line in done.stdout.decode().splitlines())
    assert list(rows) == ["settings", "source", "variants", "workers", "reads", "writes"]
    assert all(rows[name].startswith("fine") for name in list(rows)[:4])
    assert "webp" in rows["writes"]
    assert not [path for path in Path(".safelight").rglob("*") if path.is_file()]


def test_check_names_the_first_thing_that_is_wrong() -> None:
    Path("safelight.toml").write_text('[presets]\nthumb = "w=wide"\n')
    refused(run("check"), "presets.thumb: ", "'wide' is not valid")
    Path("safelight.toml").write_text('[source]\nurl = "file:./gone"\n')
    result = run("check")
    assert result.exit_code == 1
    assert "there is no folder" in result.stderr
    Path("safelight.toml").write_text('[variants]\nurl = "file:./text.jpg/variants"\n')
    result = run("check")
    assert result.exit_code == 1
    assert "the store cannot be written" in result.stderr


# serve


def test_starting_prints_three_addresses_that_work_and_what_is_off(home: Path) -> None:
    with serving(home / "photos", home, "--workers", "1") as server:
        first, *rest = server.output.splitlines()
        assert first == f"Safelight {__version__} serves file:{home}/photos at {server.url}/"
        shown = re.findall(r"^  (http://\S+)   (.+)$", server.output, re.MULTILINE)
        assert len(shown) == 3
        for url, meaning in shown:
            assert meaning
            assert server.get(url.removeprefix(server.url)).status == 200
        assert any("Ctrl-C stops" in line for line in rest)
        assert [line for line in rest if line.startswith("  off: other machines")]


@pytest.mark.parametrize("arguments", [("gone",), ("text.jpg",), ()])
def test_a_folder_that_is_not_there_is_named(arguments: tuple[str, ...]) -> None:
    shutil.rmtree("photos")
    done = command("serve", *arguments, "--port", "0")
    assert done.returncode == 1
    assert b"there is no folder" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_others_are_not_served_unless_it_is_said_in_so_many_words(host: str) -> None:
    refused(run("serve", "photos", "--host", host), "server.host", host, "--unsigned")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "99999"), "server.port: "),
        (("--workers", "-1"), "workers.processes: "),
        (("--config", "gone.toml"), "gone.toml cannot be read"),
        (("--host", "192.0.2.1", "--unsigned", "--port", "0"), "192.0.2.1:0 cannot be listened on"),
    ],
)
def test_a_wrong_option_is_named(arguments: tuple[str, ...], said: str) -> None:
    refused(run("serve", "photos", *arguments), said)


def test_ctrl_c_ends_everything_at_once_and_quietly(home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "safelight", "serve", "photos", "--port", "0", "--workers", "2"],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        while b"Ctrl-C stops" not in process.stdout.readline():
            assert process.poll() is None
        # As a terminal does: to the workers too.
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) in (0, 130)
        assert process.stderr.read() == b""
        assert b"Traceback" not in process.stdout.read()


def test_settings_of_the_working_directory_are_used(home: Path) -> None:
    settings = '[source]\nurl = "file:./photos"\n[variants]\nurl = "file:./kept"\n'
    with serving(home / "photos", home, settings=settings) as server:
        assert server.get("/10x10/exif-6.jpg").status == 200
    assert (home / "kept" / "exif-6.jpg").is_dir()
