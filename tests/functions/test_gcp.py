"""A service of Cloud Run, as a process on a port. Google itself is played by these tests.

Effects on a bucket are shown where one can be run: tests/full/test_functions_framework.py.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from safelight.errors import SettingError
from safelight.functions import gcp, tencent
from safelight.web.exchange import Incoming, Response
from tests.stores.servers import free_port
from tests.support.functions import listening
from tests.support.serving import Server

PIPELINE = """
[[pipelines]]
on = "uploads/"
write = [ { transform = "w=64", to = "thumbnails/{name}" } ]
"""
UNSIGNED = "[security]\nunsigned = true\n"
SENT = Path(__file__).parents[1] / "data" / "events"

Run = Callable[..., AbstractContextManager[Server]]


def sample(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((SENT / f"{name}.json").read_text())
    return told


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Run:
    def run(*arguments: str, settings: str = UNSIGNED + PIPELINE) -> AbstractContextManager[Server]:
        home = tmp_path_factory.mktemp("service")
        (home / "photos").symlink_to(photos)
        return listening("safelight.functions.gcp", home, settings, *arguments, environment={})

    return run


@pytest.fixture(scope="module")
def events(run: Run) -> Iterator[Server]:
    with run("events") as server:
        yield server


def test_the_service_is_the_ordinary_server_on_the_port_that_it_is_told(run: Run) -> None:
    with run() as server:
        made = server.get("/64x/forest.jpg")
        posted = server.ask("POST", "/", {"Content-Type": "application/json"}, b"{}")
    assert Image.open(BytesIO(made.body)).width == 64
    assert posted.status == 405
    assert server.stop() == 0


def test_events_of_all_forms_are_believed_where_only_google_posts(events: Server) -> None:
    binary = sample("gcs_eventarc_binary")
    whole = json.dumps(sample("gcs_eventarc_structured")).encode()
    answers = [
        events.ask("POST", "/", binary["headers"], json.dumps(binary["body"]).encode()),
        events.ask("POST", "/", {"Content-Type": "application/cloudevents+json"}, whole),
        events.ask("POST", "/events", None, json.dumps(sample("gcs_pubsub_push")).encode()),
    ]
    for answer in answers:
        assert answer.status == 200
        assert answer["x-content-type-options"] == "nosniff"
        (outcome,) = answer.json["outcomes"]
        assert outcome["status"] == "missing"
        assert outcome["source"] == "up/a b+é&.jpg"
        assert outcome["reason"] == "no source is in img there (gcs)"


def test_junk_is_refused(events: Server) -> None:
    for body in (b"", b"junk", b'{"a": 1}', b"\xff", b"null"):
        assert events.ask("POST", "/", None, body).code == "event_unknown"


def test_what_cannot_be_done_now_is_to_be_told_again(run: Run) -> None:
    away = f"""
[source]
url = "gs://img?anonymous=true&endpoint=http://127.0.0.1:{free_port()}"
[limits]
seconds = 2
{PIPELINE.replace("uploads/", "up/")}
"""
    with run("events", settings=away) as server:
        told = server.ask("POST", "/", None, json.dumps(sample("gcs_pubsub_push")).encode())
    assert told.code == "store_unavailable"
    assert told.status == 503


def test_a_service_without_pipelines_says_so_when_an_event_comes(run: Run) -> None:
    with run("events", settings=UNSIGNED) as server:
        told = server.ask("POST", "/", None, json.dumps(sample("gcs_pubsub_push")).encode())
        assert "[[pipelines]]" in server.output
    assert told.code == "setting"


def test_whoever_sends_events_may_ask_first_whether_they_are_welcome(events: Server) -> None:
    asked = {"WebHook-Request-Origin": "events.example", "WebHook-Request-Rate": "120"}
    welcome = events.ask("OPTIONS", "/events", asked)
    assert welcome.status == 200
    assert welcome["webhook-allowed-origin"] == "events.example"
    assert welcome["webhook-allowed-rate"] == "120"
    assert events.get("/events").status == 405


def test_a_service_for_events_answers_requests_as_well(events: Server) -> None:
    assert Image.open(BytesIO(events.get("/64x/forest.jpg").body)).width == 64


@pytest.mark.parametrize(("told", "left"), [("100", 99.0), ("2", 1.6), ("", None), ("1m", None)])
def test_a_call_has_the_time_that_cloud_run_gives_it(
    monkeypatch: pytest.MonkeyPatch, told: str, left: float | None
) -> None:
    monkeypatch.setenv("CLOUD_RUN_TIMEOUT_SECONDS", told)
    before = time.monotonic()
    deadline = gcp._deadline()
    after = time.monotonic()
    assert (deadline is None) == (left is None)
    assert left is None or deadline is None or before + left <= deadline <= after + left


@pytest.mark.parametrize("main", [gcp.main, tencent.main])
@pytest.mark.parametrize("arguments", [["serve"], ["events", "more"]])
def test_a_service_is_of_one_kind_or_the_other(
    main: Callable[[list[str]], None], arguments: list[str]
) -> None:
    with pytest.raises(SettingError, match="takes web or events"):
        main(arguments)


@pytest.mark.parametrize("module", ["safelight.functions.gcp", "safelight.functions.tencent"])
def test_a_wrong_setting_is_told_in_a_sentence(module: str, tmp_path: Path) -> None:
    (tmp_path / "safelight.toml").write_text("[server]\nqueue = 0\n")
    command = [sys.executable, "-m", module, "events"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert told.stderr.startswith("Error: server.queue: ")


def test_importing_a_function_loads_neither_servers_nor_the_command() -> None:
    heavy = (
        "asyncio",
        "http.server",
        "granian",
        "click",
        "rich",
        "multiprocessing.pool",
        "werkzeug",
    )
    own = (
        "safelight.http",
        "safelight.cli",
        "safelight.entrances",
        "safelight.functions.listening",
    )
    code = (
        "import sys, safelight.functions.gcp, safelight.functions.tencent; "
        f"print([name for name in {heavy + own} if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_an_address_is_read_as_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Incoming] = []

    def answer(ask: Callable[[], Incoming], body: bytes, **_: object) -> Response:
        asked.append(ask())
        return Response(200, [(b"content-type", b"text/plain")], body)

    monkeypatch.setattr(gcp, "_runtime", lambda: SimpleNamespace(answer=answer))
    for name in ("RAW_URI", "REQUEST_URI"):
        environ = EnvironBuilder(method="POST", path="/w=5/a/b.jpg", data=b"sent").get_environ()
        sent = environ | {"RAW_URI": "", name: "/w=5/a%2Fb.jpg?token=x%26y"}
        answered = gcp.http(Request(sent))
        assert (answered.status_code, answered.data) == (200, b"sent")
    assert [(one.path, one.query) for one in asked] == [("/w=5/a%2Fb.jpg", "token=x%26y")] * 2


def test_an_event_that_nobody_will_ever_understand_is_not_delivered_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Unknown:
        def get_attributes(self) -> dict[str, str]:
            return {"specversion": "1.0", "type": "com.example", "source": "/a", "id": "1"}

        def get_data(self) -> object:
            return None

    gcp.cloud_event(Unknown())
    assert "an event of /a is passed over" in caplog.text
