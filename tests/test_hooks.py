"""What hooks say and to whom, heard by a server and by programs on this machine."""

import hashlib
import hmac
import json
import logging
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight import hooks
from safelight.errors import SettingError
from safelight.hooks import Hook, HookSettings, signature
from safelight.posting import Post, post
from tests.support.listening import Listener, listening

SECRET = "not-a-secret"
MESSAGE = {"source": "uploads/a b é.jpg", "pipeline": "uploads", "outputs": ["thumb.jpg"]}


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Run a server that listens."""
    with listening() as listener:
        yield listener


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note pauses in their place, and ask no proxy."""
    noted: list[float] = []
    monkeypatch.setattr("safelight.posting.sleep", noted.append)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return noted


def hook_to(listener: Listener, *, secret: str = SECRET, path: str = "/done?key=k") -> Hook:
    return Hook(HookSettings("both", f"{listener.url}{path}", secret))


def test_whoever_listens_is_told_in_json(listener: Listener) -> None:
    assert hook_to(listener).tell(MESSAGE, success=True) == ""
    ((path, headers, body),) = listener.heard
    assert path == "/done?key=k"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == MESSAGE


def test_whoever_listens_can_tell_who_said_it_and_when(listener: Listener) -> None:
    before = int(time.time())
    hook_to(listener).tell(MESSAGE, success=True)
    ((_, headers, body),) = listener.heard
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["x-safelight-signature"])
    assert found
    assert before <= int(found[1]) <= time.time()
    expected = hmac.new(SECRET.encode(), f"{found[1]}.".encode() + body, hashlib.sha256)
    assert found[2] == expected.hexdigest()


def test_a_signature_is_this() -> None:
    assert signature("sesame", b'{"a":1}', 1800000000) == (
        "t=1800000000,v1=" + hmac.digest(b"sesame", b'1800000000.{"a":1}', "sha256").hex()
    )


def test_without_a_secret_nothing_is_signed(listener: Listener) -> None:
    hook_to(listener, secret="").tell(MESSAGE, success=True)
    assert "x-safelight-signature" not in listener.heard[0][1]


@pytest.mark.parametrize(
    ("on", "told"),
    [("success", [True]), ("failure", [False]), ("both", [True, False])],
)
def test_a_hook_is_told_what_it_wants_to_hear(
    listener: Listener, on: str, told: list[bool]
) -> None:
    hook = Hook(HookSettings(on, listener.url))  # type: ignore[arg-type]
    for success in (True, False):
        assert hook.tell({"success": success}, success=success) == ""
    assert [json.loads(body)["success"] for _, _, body in listener.heard] == told


def test_what_is_told_again_has_the_same_id_and_anything_else_another(listener: Listener) -> None:
    listener.statuses = [500, 0]
    hook = hook_to(listener)
    assert hook.tell(MESSAGE, success=True) == ""
    assert hook.tell(dict(reversed(MESSAGE.items())), success=True) == ""
    assert hook.tell(MESSAGE | {"source": "b.jpg"}, success=True) == ""
    ids = [headers["x-safelight-delivery"] for _, headers, _ in listener.heard]
    assert len(ids) == 5
    assert len(set(ids[:4])) == 1
    assert ids[4] != ids[0]


@pytest.mark.parametrize(
    ("statuses", "requests", "fault"),
    [
        ([503, 200], 2, ""),
        ([429, 408, 200], 3, ""),
        ([0, 0, 204], 3, ""),
        ([500] * 9, 3, "answered 500"),
        ([0] * 9, 3, "did not answer"),
        ([302] * 9, 3, "answered 302"),
        ([404], 1, "answered 404"),
        ([410], 1, "answered 410"),
    ],
)
def test_what_may_help_is_tried_again(
    listener: Listener, statuses: list[int], requests: int, fault: str
) -> None:
    listener.statuses = list(statuses)
    said = hook_to(listener).tell(MESSAGE, success=True)
    assert said == (fault and f"the hook at 127.0.0.1 {fault}")
    assert len(listener.heard) == requests
    assert all(path == "/done?key=k" for path, _, _ in listener.heard)


def test_who_never_answers_is_not_waited_for(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "_ANSWER_SECONDS", 0.2)
    listener.statuses = [-1] * 3
    assert hook_to(listener).tell(MESSAGE, success=True) == "the hook at 127.0.0.1 did not answer"
    assert len(listener.heard) == 3


def test_who_cannot_be_reached_is_named() -> None:
    hook = Hook(HookSettings(url="http://127.0.0.1:9/"))
    assert hook.tell(MESSAGE, success=False) == "the hook at 127.0.0.1 did not answer"


def test_pauses_are_short_and_not_the_same_for_all(listener: Listener, pauses: list[float]) -> None:
    for _ in range(5):
        listener.statuses = [500] * 3
        post(Post(listener.url, {}))
    assert len(pauses) == 10
    assert len(set(pauses)) > 5
    assert all(0 < pause <= 10 for pause in pauses)
    assert all(
        first <= 1 <= second for first, second in zip(pauses[::2], pauses[1::2], strict=True)
    )


@pytest.mark.parametrize(
    ("given", "pause"), [("3", 3.0), ("3600", 10.0), ("99999999999", None), ("soon", None)]
)
def test_a_server_may_say_when_to_come_again_within_bounds(
    listener: Listener, pauses: list[float], given: str, pause: float | None
) -> None:
    listener.retry_after, listener.statuses = given, [503]
    post(Post(listener.url, {}))
    (taken,) = pauses
    assert taken == pause if pause else taken < 3


def test_a_failure_is_loud_and_gives_nothing_away(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    listener.statuses = [400]
    hook = hook_to(listener, path="/T0/B0/token")
    with caplog.at_level(logging.DEBUG):
        fault = hook.tell(MESSAGE, success=True)
    (record,) = [record for record in caplog.records if record.name == "safelight"]
    assert record.levelno == logging.ERROR
    assert "uploads/a b é.jpg" in record.message
    assert not re.search(f"token|{SECRET}|inner", f"{caplog.text}{fault}")


def program(folder: Path, text: str) -> str:
    file = folder / "program"
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def test_a_program_is_told_on_its_standard_input(tmp_path: Path) -> None:
    command = (program(tmp_path, 'cat > "$1"'), str(tmp_path / "a b;$(c)"))
    assert Hook(HookSettings(command=command)).tell(MESSAGE, success=True) == ""
    assert json.loads((tmp_path / "a b;$(c)").read_text("utf-8")) == MESSAGE


def test_a_program_may_not_listen(tmp_path: Path) -> None:
    hook = Hook(HookSettings(command=(program(tmp_path, "exec true"),)))
    assert hook.tell({"much": "x" * 1_000_000}, success=True) == ""


def test_a_program_sees_no_secret_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_EVENTS_TOKEN", "sesame")
    command = (program(tmp_path, 'env > "$1"'), str(tmp_path / "seen"))
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "AWS_SECRET_ACCESS_KEY": "sesame"}
    hook = Hook(HookSettings(command=command), environment=environment)
    assert hook.tell(MESSAGE, success=True) == ""
    seen = (tmp_path / "seen").read_text("utf-8")
    assert "LANG=C.UTF-8" in seen
    assert "sesame" not in seen


def test_a_program_that_fails_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hook = Hook(HookSettings(command=(program(tmp_path, "echo sesame; exit 3"),)))
    fault = hook.tell(MESSAGE, success=False)
    assert fault == f"the hook {tmp_path / 'program'} ended with 3"
    assert fault in caplog.text
    assert "sesame" not in caplog.text


def test_a_program_that_takes_too_long_is_ended_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "_COMMAND_SECONDS", 0.3)
    started = tmp_path / "started"
    command = (program(tmp_path, 'sleep 60 & echo $! > "$1"; wait'), str(started))
    fault = Hook(HookSettings(command=command)).tell(MESSAGE, success=True)
    assert "took more than 0.3 seconds" in fault
    assert gone(int(started.read_text("utf-8")))


def gone(process: int) -> bool:
    """Tell whether a process has ended, also one that nobody has asked after."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        state = Path(f"/proc/{process}/stat")
        if not state.exists() or state.read_text("utf-8").rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def test_a_program_that_went_away_is_told(tmp_path: Path) -> None:
    command = (program(tmp_path, "exit 0"),)
    hook = Hook(HookSettings(command=command))
    Path(command[0]).unlink()
    assert "could not be started: No such file" in hook.tell(MESSAGE, success=True)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (HookSettings(), "either a url or a command"),
        (HookSettings(url="https://example.com/", command=("true",)), "either a url or a command"),
        (HookSettings(url="ftp://example.com/"), "as the url"),
        (HookSettings(url="file:///etc/passwd"), "as the url"),
        (HookSettings(url="https:///nobody"), "as the url"),
        (HookSettings(url="https://user:sesame@example.com/"), "as the url"),
        (HookSettings(url="https://example.com/a b"), "as the url"),
        (HookSettings(url="https://example.com/é"), "as the url"),
        (HookSettings(url="https://example.com:x/"), "as the url"),
        (HookSettings(url="https://[/"), "as the url"),
        (HookSettings(command=("no-such-program-anywhere",)), "no program"),
        (HookSettings(command=("true",), secret=SECRET), "a command needs none"),
    ],
)
def test_settings_that_could_not_work_stop_the_start(settings: HookSettings, reason: str) -> None:
    with pytest.raises(SettingError, match=reason) as refused:
        Hook(settings)
    assert not re.search(f"sesame|{SECRET}", refused.value.detail)


def test_no_secret_is_shown() -> None:
    shown = repr(HookSettings(url="https://example.com/T0/token", secret=SECRET))
    assert not re.search(f"token|{SECRET}", shown)
