"""The command line: what each command prints, writes, refuses, and ends with."""

import json
import re
import time
from pathlib import Path

import pytest

from safelight import __version__
from safelight.signing import Signer
from tests.support.commands import COMMANDS, MEADOW, command, refused, run
from tests.support.serving import serving


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


# url


def test_an_address_is_canonical_and_encoded() -> None:
    assert run("url", "a cat/ü+%.jpg", "800x600,f=webp,q=70").stdout == (
        "/w=800,h=600,format=webp,quality=70/a%20cat/%C3%BC+%25.jpg\n"
    )
    assert run("url", "cat.jpg", "").stdout == "/original/cat.jpg\n"


def test_what_is_said_wins_over_the_defaults_in_an_address_too() -> None:
    Path("safelight.toml").write_text('[request]\ndefaults = "fit=fill,format=auto"\n')
    said = "/800x600,fit=cover,format=/a%20b.jpg\n"
    assert run("url", "a b.jpg", "800x600,fit=cover,format=").stdout == said
    assert run("url", "cat.jpg", "w=800").stdout == "/w=800,format=auto/cat.jpg\n"


def test_an_address_is_explained_step_by_step() -> None:
    result = run("url", "photo-1mp.jpg", "q=50,800x600,rotate=90", "--explain")
    assert result.exit_code == 0
    rows = [(line[:11].strip(), line[11:]) for line in result.stdout.splitlines()]
    assert [name for name, _ in rows if name] == [
        "address", "canonical", "source", "step 1", "step 2", "step 3", "decoding", "answer",
        "version", "variant",
    ]  # fmt: skip
    told = {name: text for name, text in rows if name}
    assert told["address"] == "/rotate=90,w=800,h=600,quality=50/photo-1mp.jpg"
    assert told["canonical"] == "rotate=90,w=800,h=600,quality=50"
    assert told["source"] == "1280 x 1024 px, jpeg"
    assert (told["step 2"], told["answer"]) == ("w=800,h=600", "800 x 600 px")
    assert told["decoding"] == "78% of the width and height will do"
    assert told["variant"].startswith("photo-1mp.jpg@/")


def test_an_explanation_goes_by_how_a_source_is_shown() -> None:
    assert "source     600 x 450 px" in run("url", "exif-6.jpg", "", "--explain").stdout
    as_stored = run("url", "exif-6.jpg", "orient=none", "--explain").stdout
    assert "source     450 x 600 px" in as_stored


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
    assert "variant    (there is no image 'gone.jpg')" in result.stdout
    Path("photos/text.jpg").write_text("no image")
    assert "the bytes are no image" in run("url", "text.jpg", "64x64", "--explain").stdout


@pytest.mark.parametrize(("transform", "said"), [("size=5", "unknown name"), ("9000x", "at most")])
def test_an_address_that_would_be_refused_is_not_printed(transform: str, said: str) -> None:
    refused(run("url", "cat.jpg", transform), said)


KEYS = '[security]\nkeys = ["correct horse battery staple", "the key before this one"]\n'


def test_an_address_is_signed_with_the_first_key(home: Path) -> None:
    Path("safelight.toml").write_text(KEYS)
    signer = Signer("correct horse battery staple")
    address = run("url", "a cat.jpg", "w=64", "--sign", "--base", "https://img.example.com/").stdout
    assert address == f"https://img.example.com{signer.sign('/w=64/a%20cat.jpg')}\n"
    signed = run("url", "photo-1mp.jpg", "w=64", "--expires", "1h").stdout.rstrip()
    until = re.search(r"\.([0-9]+)/", signed)
    assert until is not None
    assert 3_500 < int(until[1]) - time.time() <= 3_600
    with serving(home / "photos", home, "--workers", "1") as server:
        assert server.get(signed).status == 200
        assert server.get("/w=64/photo-1mp.jpg").status == 403
    explained = run("url", "photo-1mp.jpg", "w=64", "--sign", "--explain").stdout
    assert explained.startswith(f"address    {signer.sign('/w=64/photo-1mp.jpg')}\n")


def test_an_address_that_would_not_be_allowed_is_not_printed() -> None:
    Path("safelight.toml").write_text(KEYS)
    result = run("url", "cat.jpg", "w=64")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not signed" in result.stderr
    assert "--sign" in result.stderr
    Path("safelight.toml").write_text(f'[presets]\nthumb = "w=9"\n{KEYS}presets_only = true\n')
    assert run("url", "a cat.jpg", "thumb").stdout == "/thumb/a%20cat.jpg\n"
    assert run("url", "cat.jpg", "thumb,w=9").exit_code == 1


@pytest.mark.parametrize("time", ["1", "h", "1y", "-1h", "1 h", "", "1e3s"])
def test_a_time_that_is_none_is_named(time: str) -> None:
    Path("safelight.toml").write_text(KEYS)
    refused(run("url", "cat.jpg", "w=64", "--sign", "--expires", time), "--expires: ", "1h")


def test_nothing_is_signed_without_a_key() -> None:
    refused(run("url", "cat.jpg", "w=64", "--sign"), "security.keys: there is none")


# info


def test_info_prints_json_for_each_file() -> None:
    facts = json.loads(run("info", "photos/exif-6.jpg").stdout)
    assert (facts["width"], facts["height"], facts["orientation"]) == (600, 450, 6)
    assert facts["key"] == "photos/exif-6.jpg"
    result = run("info", "photos/*.jpg", "photos/sub/a b.svg")
    assert result.exit_code == 0
    assert result.stdout.count('"format"') == 3


def test_info_tells_what_an_image_looks_like_when_asked() -> None:
    plain, looks = (
        json.loads(run("info", *more, "photos/exif-6.jpg").stdout) for more in ([], ["--analyse"])
    )
    assert "blurhash" not in plain
    assert looks.items() >= plain.items()
    assert len(looks["blurhash"]) == 28
    done = command("info", "--analyse", "text.jpg", MEADOW)
    assert done.returncode == 1
    assert json.loads(done.stdout)["colors"][0]["color"].startswith("#")


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


@pytest.mark.parametrize(
    ("arguments", "removed"),
    [
        (("--prefix", "photo-"), 2),
        (("--prefix", "nothing/"), 0),
        (("--preset", "thumb"), 1),
        (("--all",), 3),
    ],
)
def test_purge_removes_many_at_once(home: Path, arguments: tuple[str, ...], removed: int) -> None:
    settings = '[presets]\nthumb = "w=12"\n'
    with serving(home / "photos", home, "--workers", "1", settings=settings) as server:
        for address in ("/10x10/photo-1mp.jpg", "/thumb/photo-1mp.jpg", "/10x10/exif-6.jpg"):
            assert server.get(address).status == 200
    said = f"{removed} variant{'' if removed == 1 else 's'} removed\n"
    assert run("purge", *arguments).stdout == said


@pytest.mark.parametrize(
    "arguments", [(), ("cat.jpg", "--all"), ("--prefix", "a", "--preset", "b")], ids=str
)
def test_purge_wants_to_know_what(home: Path, arguments: tuple[str, ...]) -> None:
    result = run("purge", *arguments)
    assert result.exit_code == 2
    assert "KEY, --prefix, --preset or --all" in result.stderr


def test_check_tells_that_all_is_fine_and_leaves_nothing_behind() -> None:
    done = command("check")
    assert done.returncode == 0
    rows = dict(line.split(None, 1) for line in done.stdout.decode().splitlines())
    assert list(rows) == ["settings", "source", "variants", "workers", "reads", "lacks", "writes"]
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


def test_check_tries_what_pipelines_write_to() -> None:
    settings = Path("safelight.toml")
    written = '[[pipelines]]\non = "up/"\nwrite = [{ transform = "w=9", to = "small/{name}" }]\n'
    settings.write_text(f'{written}store = "file:./out"\nmetadata = "{{name}}.json"\n')
    rows = dict(line.split(None, 1) for line in run("check").stdout.splitlines())
    assert (rows["pipelines"], rows["outputs"]) == ("fine (pipeline-1)", "fine (file:./out)")
    assert not [path for path in Path("out").rglob("*") if path.is_file()]
    settings.write_text(f'{written}store = "file:./text.jpg/out"\n')
    result = run("check")
    assert result.exit_code == 1
    assert f"Not a directory ({Path('text.jpg/out').resolve()})" in result.stderr
    settings.write_text(f'events.state = "file:./text.jpg/state"\n{written}')
    assert run("check").exit_code == 1


def test_check_says_of_a_store_in_a_cloud_what_is_wrong_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDSAFELIGHT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    url = "s3://photos/2026?endpoint=http://127.0.0.1:9&region=eu-west-1"
    for section in ("source", "variants"):
        Path("safelight.toml").write_text(f'[{section}]\nurl = "{url}"\n[limits]\nseconds = 1\n')
        result = run("check")
        assert result.exit_code == 1
        said = result.stderr.splitlines()[-1]
        assert said.startswith("safelight: s3://photos/2026: it cannot be reached")
        assert "127.0.0.1" not in result.stderr
