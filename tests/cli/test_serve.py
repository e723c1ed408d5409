"""`safelight serve`: what it says at its start, what it refuses, and its end."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from safelight import __version__
from tests.support.commands import command, refused, run
from tests.support.serving import clean_environment, serving


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
    refused(
        run("serve", "photos", "--host", host),
        "server.host", host, "--unsigned", "security.keys", "security.presets_only",
    )  # fmt: skip


@pytest.mark.parametrize(
    "security", ['keys = ["correct horse battery staple"]', "presets_only = true"]
)
def test_others_are_served_what_is_signed_or_named(home: Path, security: str) -> None:
    settings = f'[presets]\nthumb = "w=9"\n[security]\n{security}\n'
    options = ("--workers", "1", "--host", "0.0.0.0")
    with serving(home / "photos", home, *options, settings=settings) as server:
        assert "  off: what is not allowed without a signature" in server.output
        assert "horse" not in server.output
        assert server.get("/10x10/exif-6.jpg").code == "forbidden"
        assert server.get("/").code == "no_page"
        assert server.get("/thumb/exif-6.jpg").status == (200 if "presets" in security else 403)


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
    assert (home / "kept" / "exif-6.jpg@").is_dir()
