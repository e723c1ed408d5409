"""Each request is noted: its id, its line in the access log, and nothing that is secret."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight import observe
from safelight.errors import StoreUnavailable
from safelight.http import Application
from safelight.signing import Signer
from tests.support.asgi import Message, applying, asked, scope

PHOTO = "photo-1mp.jpg"
KEY = "a key that nobody shall read"


@pytest.fixture
def application(data: Path, tmp_path: Path) -> Iterator[Application]:
    """Give an application that logs each request and reads signatures."""
    sections: dict[str, Any] = {
        "observe": {"access_log": True},
        "security": {"keys": [KEY], "unsigned": True},
    }
    with applying(data / "photos", tmp_path / "variants", **sections) as application:
        yield application


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[Any]]:
    """Give the lines of the access log, read as JSON, as they come."""
    found: list[Any] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert "\n" not in record.getMessage()
            found.append(json.loads(record.getMessage()))

    access = logging.getLogger("safelight.access")
    handler = Lines()
    access.addHandler(handler)
    with caplog.at_level(logging.INFO, access.name):
        yield found
    access.removeHandler(handler)


def test_each_request_has_one_line_with_all_that_is_known(
    application: Application, lines: list[Any]
) -> None:
    size = len(asked(application, scope(f"/64x64/{PHOTO}", x_request_id="first"))[2])
    asked(application, scope(f"/64x64/{PHOTO}", method="HEAD"))
    asked(application, scope("/64x64/gone.jpg"))
    made, found, gone = lines
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", made.pop("time"))
    assert made.pop("ms") >= sum(made["stages"].values()) - 0.1
    assert list(made.pop("stages")) == ["lookup", "fetch", "decode", "encode", "store"]
    assert made == {
        "level": "info", "logger": "safelight.access", "request_id": "first", "method": "GET",
        "path": f"/64x64/{PHOTO}", "door": "native", "status": 200, "bytes": size, "cache": "miss",
    }  # fmt: skip
    assert (found["method"], found["bytes"], found["cache"]) == ("HEAD", 0, "hit")
    assert list(found["stages"]) == ["lookup"]
    assert (gone["status"], gone["code"]) == (404, "not_found")
    assert not {"stages", "cache"} & set(gone)


def test_without_the_setting_nothing_is_written(
    data: Path, tmp_path: Path, lines: list[Any]
) -> None:
    with applying(data / "photos", tmp_path / "variants") as application:
        asked(application, scope("/healthz"))
    assert lines == []


def test_the_id_is_in_the_answer_the_problem_and_the_log(
    application: Application, lines: list[Any]
) -> None:
    status, headers, body = asked(application, scope("/w=zero/x.jpg", x_request_id="mine:1"))
    assert status == 400
    assert headers[b"x-request-id"] == b"mine:1"
    assert json.loads(body)["request_id"] == lines[0]["request_id"] == "mine:1"


@pytest.mark.parametrize("given", ["two words", "x" * 200, "<script>", 'quote"'])
def test_an_id_that_is_not_plain_is_replaced(application: Application, given: str) -> None:
    _, headers, _ = asked(application, scope("/healthz", x_request_id=given))
    assert re.fullmatch(rb"[0-9a-f]{12}-[0-9a-f]+", headers[b"x-request-id"])


def test_requests_at_the_same_time_keep_their_ids_apart(application: Application) -> None:
    async def ask(number: int) -> None:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            await asyncio.sleep(0)
            sent.append(message)

        asking = scope(f"/w={40 + number}/{PHOTO}", x_request_id=f"id-{number}")
        await application(asking, receive, send)
        assert dict(sent[0]["headers"])[b"x-request-id"] == f"id-{number}".encode()

    async def all_of_them() -> None:
        await asyncio.gather(*(ask(number) for number in range(8)))
        assert observe.current().id == ""

    asyncio.run(all_of_them())


def test_what_is_logged_by_a_thread_bears_the_id_of_its_request(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> float:
        raise StoreUnavailable("the disk is full")

    found = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append((record.levelname, observe.current().id))

    monkeypatch.setattr(application._service.variants, "publish", fail)
    log, handler = logging.getLogger("safelight"), Noting()
    log.addHandler(handler)
    try:
        asking = scope(f"/w=33/{PHOTO}", x_request_id="thread-1")
        assert asked(application, asking)[0] == 200
    finally:
        log.removeHandler(handler)
    assert found == [("WARNING", "thread-1")]


def test_a_signature_is_not_logged(application: Application, lines: list[Any]) -> None:
    signed = Signer(KEY).sign(f"/w=50/{PHOTO}")
    assert asked(application, scope(signed))[0] == 200
    assert asked(application, scope(signed.replace("w=50", "w=51")))[0] == 403
    assert [line["path"] for line in lines] == [f"/s-…/w=50/{PHOTO}", f"/s-…/w=51/{PHOTO}"]
    assert [line["door"] for line in lines] == ["native", "none"]


def test_a_client_that_leaves_is_counted(application: Application, lines: list[Any]) -> None:
    async def leave() -> None:
        async def receive() -> Message:
            raise asyncio.CancelledError

        async def send(message: Any) -> None:
            raise AssertionError(message)

        with pytest.raises(asyncio.CancelledError):
            await application(scope("/resize", method="POST"), receive, send)
        # Whoever mounts the application goes on in the same context.
        assert observe.current().id == ""

    asyncio.run(leave())
    assert [line["status"] for line in lines] == [499]
