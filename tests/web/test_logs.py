"""What the server writes to its log, and what it never does."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight import config, observe
from safelight.errors import SettingError
from safelight.observe import Observe, Request
from safelight.signing import Signer
from safelight.web import logs
from safelight.web.observing import ACCESS
from tests.support.serving import serving

KEY, OTHER_KEY, ADMIN_KEY = (f"{name} key, which nobody shall read" for name in "abc")
PHOTO = "photo-1mp.jpg"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process's log as it was."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    access = (ACCESS.handlers, ACCESS.level, ACCESS.propagate)
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ACCESS.handlers, ACCESS.level, ACCESS.propagate = access


def written(settings: Observe, capsys: pytest.CaptureFixture[str]) -> str:
    """Write a line outside of a request, and an error inside of one."""
    logs.set_up(settings)
    log = logging.getLogger("safelight")
    log.debug("in detail")
    log.info("outside %d", 1)
    token = observe.enter(Request("id-1"))
    observe.current().trace = "abc"
    try:
        raise ZeroDivisionError("no reason")
    except ZeroDivisionError:
        log.exception("within /s-%s/w=1/a.jpg", "x" * 43)
    finally:
        observe.leave(token)
    return capsys.readouterr().err


def test_people_read_a_level_a_sentence_and_an_id(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *trace = written(Observe(), capsys).splitlines()
    assert first == "INFO outside 1"
    assert second == "ERROR within /s-…/w=1/a.jpg [id-1]"
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-1] == "ZeroDivisionError: no reason"


def test_programs_read_one_object_on_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    text = written(Observe(log_format="json"), capsys)
    outside, within = [json.loads(line) for line in text.splitlines()]
    assert outside.pop("time").endswith("+00:00")
    assert outside == {"level": "info", "logger": "safelight", "message": "outside 1"}
    assert (within["request_id"], within["trace_id"]) == ("id-1", "abc")
    assert within["message"] == "within /s-…/w=1/a.jpg"
    assert within["exception"].endswith("ZeroDivisionError: no reason")


@pytest.mark.parametrize(
    ("level", "lines"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 1)]
)
def test_a_level_leaves_out_what_is_below(
    level: Any, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    text = written(Observe(log_format="json", log_level=level), capsys)
    assert len(text.splitlines()) == lines


def test_the_access_log_is_written_at_any_level(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Observe(log_level="error"))
    ACCESS.info("%s", '{"status":200}')
    assert capsys.readouterr().err == '{"status":200}\n'


def test_no_secret_is_in_what_a_server_writes(data: Path, tmp_path: Path) -> None:
    settings = f"""
[security]
keys = ["{KEY}", "{OTHER_KEY}"]
admin_key = "{ADMIN_KEY}"

[observe]
access_log = true
log_format = "json"
log_level = "debug"
"""
    signed = Signer(KEY).sign(f"/w=80/{PHOTO}")
    mac = signed.split("/")[1]
    with serving(data / "photos", tmp_path, "--workers", "1", settings=settings) as server:
        assert server.get(signed).status == 200
        assert server.get(signed.replace("w=80", "w=81")).status == 403
        assert server.get(f"/w=80/{PHOTO}?secret=token-1234").status in (400, 403)
        bearer = {"authorization": f"Bearer {ADMIN_KEY}"}
        server.ask("DELETE", f"/purge/{PHOTO}", bearer)
        server.ask("DELETE", f"/purge/{PHOTO}", {"authorization": f"Bearer {ADMIN_KEY}x"})
        metrics = server.get("/metrics").body.decode()
        health = server.get("/healthz").body.decode()
    told = server.output + metrics + health
    for secret in (KEY, OTHER_KEY, ADMIN_KEY, mac, mac[2:], "token-1234"):
        assert secret not in told
    # So that this is no test of a silent server.
    read = [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    lines = [line for line in read if line["logger"] == ACCESS.name]
    assert [line["status"] for line in lines if "w=80" in line["path"]][:1] == [200]
    assert any(line["path"].startswith("/s-…/w=80/") for line in lines)


def test_a_server_without_traces_does_not_load_what_makes_them(tmp_path: Path) -> None:
    code = (
        "import sys; from safelight.web import logs; from safelight.cli import serving;"
        "from safelight.http import server;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert ran.stdout.strip() == b"[]"


def test_traces_without_the_library_stop_the_start_with_what_to_install(
    data: Path, tmp_path: Path
) -> None:
    # A module that is None cannot be imported: as if it were not installed.
    code = "import sys; sys.modules['opentelemetry'] = None;from safelight.cli import main; main()"
    command = [sys.executable, "-c", code, "serve", str(data / "photos"), "--port", "0"]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "SAFELIGHT_OBSERVE_TRACES": "true"},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 2
    assert b"observe.traces" in ran.stderr
    assert b"pip install 'safelight[otel]'" in ran.stderr


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("metrics", "on", "on"),
        ("access_log", "true", True),
        ("log_format", "json", "json"),
        ("log_level", "warning", "warning"),
        ("traces", "1", True),
    ],
)
def test_what_is_observed_can_be_set(name: str, value: str, expected: object) -> None:
    settings = config.load(environment={f"SAFELIGHT_OBSERVE_{name.upper()}": value})
    assert getattr(settings.observe, name) == expected
    assert getattr(config.load(environment={}).observe, name) != expected


@pytest.mark.parametrize(
    ("name", "said"),
    [("metrics", "local, on, off"), ("log_level", "debug, info, warning, error"), ("traces", "")],
)
def test_what_cannot_be_observed_is_named(name: str, said: str) -> None:
    with pytest.raises(SettingError, match=rf"^observe\.{name}: .*{said}"):
        config.load(environment={f"SAFELIGHT_OBSERVE_{name.upper()}": "loud"})
