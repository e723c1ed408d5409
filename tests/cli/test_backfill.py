"""`safelight backfill`: what is there gets what the settings say, however often it is stopped."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight import config
from safelight.config.backfill import with_secrets, without_secrets
from safelight.dialects import match
from safelight.storage import open_store
from tests.support.commands import refused, run
from tests.support.filling import PRESET, archive_of, backfill, failures, manifests, variants
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, small_s3
from tests.support.serving import clean_environment

MEADOW = "photo-1mp.jpg"


@pytest.fixture
def archive(home: Path) -> Path:
    """Give a folder of thirty photographs and four more, and settings with a preset."""
    return archive_of(30, home)


def test_a_preset_is_made_of_everything_as_a_request_makes_it(archive: Path, home: Path) -> None:
    done = backfill("--only", "thumb")
    assert done.exit_code == 0, done.stderr
    assert "34 sources in " in done.stdout
    assert ": 34 done; " in done.stdout
    assert len(variants(home)) == 34

    settings = config.load()
    service = config.build(settings)
    for key in ("archive/0/027.jpg", "sub/a b.svg", "alpha-graphic.png"):
        wanted = match(f"/thumb/{key.replace(' ', '%20')}", "", config.grammar(settings))
        assert service.find(wanted, "*/*").answer is not None
    service.close()


def test_what_is_there_is_left_as_it_is(archive: Path, home: Path) -> None:
    backfill("--only", "thumb", "--prefix", "archive/0/")
    assert len(variants(home)) == 10
    done = backfill("--only", "thumb")
    assert "24 done, 10 current" in done.stdout


@pytest.mark.parametrize(
    ("prefix", "count"), [("archive/", 30), ("archive/1", 10), ("exif", 1), ("archive/0/00", 4)]
)
def test_a_prefix_is_what_keys_begin_with(
    archive: Path, home: Path, prefix: str, count: int
) -> None:
    backfill("--only", "thumb", "--prefix", prefix)
    assert len(variants(home)) == count


def test_nothing_to_do_is_said(archive: Path) -> None:
    done = backfill("--only", "thumb", "--prefix", "gone/")
    assert done.exit_code == 0
    assert "nothing to do" in done.stdout


def test_a_variant_with_an_open_format_is_made_for_every_browser(archive: Path, home: Path) -> None:
    (home / "safelight.toml").write_text('[presets]\ncard = "w=50,format=auto"\n')
    backfill("--only", "card", "--prefix", MEADOW)
    settings = config.load()
    service = config.build(settings)
    service.start()
    wanted = match(f"/card/{MEADOW}", "", config.grammar(settings))
    for accept in ("image/avif,image/webp,image/png,*/*;q=0.5", "image/webp", "image/*"):
        assert service.find(wanted, accept).answer is not None
    service.close()
    assert len(variants(home)) == 3


def test_a_dry_run_tells_how_much_it_would_be_and_writes_nothing(archive: Path, home: Path) -> None:
    (archive / "bad.jpg").write_text("no image")
    before = sorted(home.rglob("*"))
    done = backfill("--only", "thumb", "--dry-run")
    assert done.exit_code == 0
    first, second, *_, last = done.stdout.splitlines()
    assert first.startswith("35 sources, ")
    assert second.startswith("of 24 that were tried: 2")
    assert second.endswith("nothing was written")
    assert last.startswith("all of them: about ")
    assert "kB to be written" in last
    assert sorted(home.rglob("*")) == before


def test_a_dry_run_counts_what_is_there(archive: Path) -> None:
    backfill("--only", "thumb", "--prefix", "archive/0/")
    done = backfill("--only", "thumb", "--prefix", "archive/0/", "--dry-run")
    assert "10 current; nothing was written" in done.stdout
    assert "0 bytes to be written" in done.stdout
    nothing = backfill("--only", "thumb", "--prefix", "gone/", "--dry-run")
    assert nothing.stdout == "0 sources, 0 bytes\n"


def test_failures_are_written_down_and_the_others_go_on(archive: Path, home: Path) -> None:
    for name in ("bad", "worse"):
        (archive / "archive" / f"{name}.jpg").write_text("no image")
    # What is no image by its name is none of the sources.
    (archive / "archive" / "notes.txt").write_text("no image")
    done = backfill("--only", "thumb", "--prefix", "archive/")
    assert done.exit_code == 1
    assert "30 done, 2 failed" in done.stdout
    assert "what failed, and why: backfill-failures.jsonl" in done.stdout
    assert [found["key"] for found in failures()] == ["archive/bad.jpg", "archive/worse.jpg"]
    assert all("no image" in str(found["reason"]) for found in failures())

    (archive / "archive" / "bad.jpg").unlink()
    (archive / "archive" / "worse.jpg").unlink()
    assert backfill("--only", "thumb", "--prefix", "archive/").exit_code == 0
    assert not Path("backfill-failures.jsonl").exists()


def test_the_file_of_failures_may_be_another(archive: Path) -> None:
    (archive / "bad.jpg").write_text("no image")
    backfill("--only", "thumb", "--failures", "faults.jsonl")
    assert [found["key"] for found in failures("faults.jsonl")] == ["bad.jpg"]
    refused(backfill("--only", "thumb", "--failures", "photos/exif-6.jpg/x"), "--failures")


def test_a_changed_preset_is_another_back_fill(archive: Path, home: Path) -> None:
    backfill("--only", "thumb")
    (home / "safelight.toml").write_text(PRESET.replace("100", "60"))
    done = backfill("--only", "thumb")
    assert "34 done" in done.stdout
    assert len(variants(home)) == 68
    assert len(manifests(home)) == 2


# Where and how it is shown.


def test_a_bar_is_drawn_on_a_terminal(archive: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "safelight", "backfill", "--workers", "1", "--only", "thumb"],
        env=clean_environment() | {"TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    drawn = b"".join(read_all(ours))
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"of 34 (" in drawn
    assert b"a second" in drawn
    assert "━".encode() in drawn


def read_all(descriptor: int) -> Iterator[bytes]:
    """Read a terminal until the last who has it open is gone."""
    with open(descriptor, "rb", buffering=0) as terminal:
        while True:
            try:
                data = terminal.read(4_096)
            except OSError:
                return
            if not data:
                return
            yield data


def test_without_a_terminal_there_is_a_line_now_and_then(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safelight.cli.progress._LINE_SECONDS", 0.0)
    done = backfill("--only", "thumb")
    assert " of 34 (" in done.stderr
    assert " left" in done.stderr


# Other stores, and what is refused.


def test_a_bucket_is_filled_up(archive: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    with small_s3() as store:
        store.bucket("made")
        photos = store.bucket("photos")
        for key in ("uploads/a.jpg", "uploads/b/c.jpg", "other.jpg"):
            run_put(store.endpoint, key, (archive / MEADOW).read_bytes())
        photos["uploads/bad.jpg"] = photos["other.jpg"].__class__(b"no image", {}, 1.0)
        where = f"?endpoint={store.endpoint}&region=us-east-1"
        (home / "safelight.toml").write_text(
            f'{PRESET}[source]\nurl = "s3://photos{where}"\n[variants]\nurl = "s3://made{where}"\n'
        )
        done = backfill("--only", "thumb", "--prefix", "uploads/")
        assert done.exit_code == 1
        assert "2 done, 1 failed" in done.stdout
        made = [key for key in store.bucket("made") if not key.startswith("@")]
        assert sorted(key.partition("@/")[0] for key in made) == [
            "uploads/a.jpg",
            "uploads/b/c.jpg",
        ]
        assert [key for key in store.bucket("made") if key.startswith("@pipelines/backfill/")]


def run_put(endpoint: str, key: str, data: bytes) -> None:
    open_store(f"s3://photos?endpoint={endpoint}&region=us-east-1").put(key, data, {})


@pytest.mark.parametrize(
    ("settings", "options", "said"),
    [
        ('[source]\nurl = "https://photos.example.com/"\n', (), "nobody can list"),
        (
            '[sources]\nfar = "https://photos.example.com/"\n',
            ("--prefix", "far/"),
            "sources.far: https://photos.example.com/ is a web server",
        ),
        ("", ("--only", "gone"), "no pipeline and no preset is called so: known are thumb"),
    ],
)
def test_what_cannot_be_filled_up_is_refused(
    archive: Path, home: Path, settings: str, options: tuple[str, ...], said: str
) -> None:
    (home / "safelight.toml").write_text(PRESET + settings)
    refused(backfill("--only", "thumb", *options), said)


def test_a_source_that_is_not_there_is_said(home: Path) -> None:
    (home / "safelight.toml").write_text(f'{PRESET}[source]\nurl = "file:gone"\n')
    done = backfill("--only", "thumb")
    assert done.exit_code == 1
    assert "there is no folder" in done.stderr


def test_a_cluster_that_is_not_there_is_said(archive: Path) -> None:
    done = run("backfill", "--only", "thumb", "--dask", "tcp://127.0.0.1:1", "--dry-run")
    assert done.exit_code == 2
    assert "--dry-run and --workers are of this machine" in done.stderr


def test_dask_is_named_where_it_is_missing(archive: Path) -> None:
    hidden = "import sys; sys.modules['distributed'] = None\n"
    hidden += "from safelight.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, "backfill", "--only", "thumb", "--dask", "tcp://x:1"],
        env=clean_environment(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert b"pip install 'safelight[dask]'" in done.stderr


def test_what_is_sent_to_others_has_no_secrets_and_gets_theirs() -> None:
    environment = {
        "SAFELIGHT_SECURITY_KEYS": "correct horse battery staple",
        "SAFELIGHT_SERVER_PORT": "9000",
    }
    settings = config.load(environment=environment)
    sent = without_secrets(settings)
    assert sent.security.keys == ()
    assert sent.server.port == 9000
    there = {"SAFELIGHT_SECURITY_KEYS": "another horse battery staple"}
    assert with_secrets(sent, there).security.keys == ("another horse battery staple",)
    assert with_secrets(sent, there).server.port == 9000
    assert with_secrets(sent, {}) == sent
