"""The image of Tencent's functions, as a process on a port, over a small S3 that plays COS.

Neither SCF nor COS can be run here. What SCF does is imitated after its documentation and after
requests that others have captured: its proxy is left out, its headers are sent by the tests.
"""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from safelight.errors import EventUnknown
from safelight.functions import tencent
from safelight.functions.runtime import Runtime
from tests.support.functions import listening
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, SmallS3, small_s3
from tests.support.serving import Reply, Server, wait_for

DOMAIN = "cos.example"
PHOTOS, VARIANTS = "photos-1250000000", "variants-1250000000"
ODD = "näher/a+b %2F c.jpg"
SETTINGS = f"""
[source]
url = "cos://{PHOTOS}?region=ap-guangzhou&endpoint=http://{DOMAIN}"
[variants]
url = "cos://{VARIANTS}?region=ap-guangzhou&endpoint=http://{DOMAIN}"
"""
SENT = Path(__file__).parents[1] / "data" / "events"
UNSIGNED = "[security]\nunsigned = true\n"
FIXED = {"COS_SECRETID": ACCESS_KEY, "COS_SECRETKEY": SECRET_KEY}
ROLE = {
    "X-Scf-Secret-Id": ACCESS_KEY,
    "X-Scf-Secret-Key": SECRET_KEY,
    "X-Scf-Session-Token": "a token of the role",
    "X-Scf-Timeout": "30000",
    "X-Scf-Request-Id": "3b21a413-6e6a-11ee-b2ba-52540008c7f7",
}

PIPELINE = """
[[pipelines]]
on = "uploads/"
write = [
  { transform = "w=64", to = "thumbnails/{name}" },
  { transform = "w=128", to = "cards/{name}" },
]
metadata = "metadata/{name}.json"
"""
EVENTS = SETTINGS + PIPELINE

Run = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="module")
def cos(photos: Path) -> Iterator[SmallS3]:
    with small_s3(region="ap-guangzhou", domain=DOMAIN) as store:
        store.bucket(VARIANTS)
        store.bucket(PHOTOS)
        for key in ("meadow.jpg", ODD):
            store.put(PHOTOS, key, (photos / "forest.jpg").read_bytes())
        yield store


@pytest.fixture(scope="module")
def run(cos: SmallS3, tmp_path_factory: pytest.TempPathFactory) -> Run:
    def run(
        *arguments: str, settings: str = SETTINGS + UNSIGNED, **environment: str
    ) -> AbstractContextManager[Server]:
        return listening(
            "safelight.functions.tencent",
            tmp_path_factory.mktemp("function"),
            settings,
            *arguments,
            environment={"HTTP_PROXY": cos.endpoint, "NO_PROXY": "", **environment},
        )

    return run


@pytest.fixture(scope="module")
def web(run: Run) -> Iterator[Server]:
    with run(**FIXED) as server:
        yield server


@pytest.fixture(scope="module")
def events(run: Run) -> Iterator[Server]:
    with run("events", settings=EVENTS, **FIXED) as server:
        yield server


def test_a_picture_of_cos_has_the_width_of_a_screen_and_is_kept(web: Server, cos: SmallS3) -> None:
    made = web.get("/pic/320/meadow.jpg")
    again = web.get("/pic/320/meadow.jpg")
    assert (made.status, made["content-type"]) == (200, "image/jpeg")
    assert Image.open(BytesIO(made.body)).width == 320
    assert made["cache-status"] == "Safelight; fwd=uri-miss; stored"
    assert again["cache-status"] == "Safelight; hit"
    assert again.body == made.body
    assert made.body in [stored.data for stored in cos.buckets[VARIANTS].values()]
    head = web.ask("HEAD", "/pic/320/meadow.jpg")
    assert (head.status, head["content-length"], head.body) == (200, str(len(made.body)), b"")


def test_the_credentials_of_the_role_come_with_each_call(run: Run) -> None:
    with run() as server:
        without = server.get("/pic/320/meadow.jpg")
        made = server.ask("GET", "/pic/320/meadow.jpg", ROLE)
    assert without.status == 500
    assert made.status == 200
    assert made["x-request-id"] == ROLE["X-Scf-Request-Id"]


def test_credentials_that_somebody_has_set_are_not_replaced_by_those_of_a_call(web: Server) -> None:
    forged = {**ROLE, "X-Scf-Secret-Id": "AKIDSOMEBODYELSE"}
    assert web.ask("GET", "/pic/48/meadow.jpg", forged).status == 200


def test_credentials_that_change_are_those_of_the_last_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN")
    for name in names:
        monkeypatch.setenv(name, "of an older call")
    role = {name.lower(): value for name, value in ROLE.items()}
    tencent._take_credentials(role)
    assert [os.environ[name] for name in names] == [
        ACCESS_KEY, SECRET_KEY, ROLE["X-Scf-Session-Token"],
    ]  # fmt: skip
    # Without a role nothing is taken away.
    tencent._take_credentials({})
    assert os.environ[names[0]] == ACCESS_KEY


def test_an_address_arrives_as_it_was_sent(web: Server) -> None:
    made = web.get(f"/pic/64/{quote(ODD)}")
    encoded = web.get(f"/pic/64/{quote(ODD, safe='')}")
    assert made.status == encoded.status == 200
    assert made.body == encoded.body


def test_nobody_is_served_before_it_is_said_who_may_come(run: Run) -> None:
    with run(settings=SETTINGS, **FIXED) as server:
        refused = server.get("/pic/320/meadow.jpg")
        assert "security.unsigned = true" in server.output
    assert refused.code == "setting"


def test_who_asks_a_web_function_tells_it_of_no_uploads(web: Server) -> None:
    assert web.ask("POST", "/event-invoke", ROLE, b'{"Records": []}').status == 405


def test_a_body_has_a_length_and_a_bound(run: Run, photos: Path) -> None:
    picture = (photos / "forest.jpg").read_bytes()
    bound = SETTINGS + UNSIGNED + f"[limits]\nsource_bytes = {len(picture)}\n"
    with run(settings=bound, **FIXED) as server:
        made = server.ask("POST", "/resize?width=40&height=40", None, picture)
        larger = server.ask("POST", "/resize?width=40&height=40", None, picture + b" ")
        chunked = server.say(
            b"POST /resize HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            method="POST",
        )
        twice = server.say(
            b"POST /resize HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
            b"Content-Length: 3\r\n\r\nabc",
            method="POST",
        )
        assert (made.status, made["x-resized-size"]) == (200, "40x27")
    assert larger.code == "too_large"
    assert (chunked.code, twice.code) == ("malformed", "malformed")


def told(key: str, name: str = "cos:ObjectCreated:Put") -> dict[str, Any]:
    """Write what COS tells of an object."""
    event: dict[str, Any] = json.loads((SENT / "tencent_cos_trigger.json").read_text())
    bucket, _, appid = PHOTOS.rpartition("-")
    cos = event["Records"][0]["cos"]
    cos["cosBucket"] |= {"name": bucket, "appid": appid}
    cos["cosObject"]["key"] = f"/{appid}/{bucket}/{key}"
    event["Records"][0]["event"]["eventName"] = name
    return event


def invoke(server: Server, event: object) -> Reply:
    return server.ask("POST", "/event-invoke", ROLE, json.dumps(event).encode())


def test_an_upload_becomes_its_outputs_once(events: Server, cos: SmallS3, photos: Path) -> None:
    key = "uploads/a/b c.jpg"
    cos.put(PHOTOS, key, (photos / "forest.jpg").read_bytes())
    first, again = invoke(events, told(key)), invoke(events, told(key))
    del cos.buckets[PHOTOS][key]
    removed = invoke(events, told(key, "cos:ObjectRemove:Delete"))
    assert (first.status, again.status, removed.status) == (200, 200, 200)
    (made,) = first.json["outcomes"]
    assert (made["status"], made["source"]) == ("done", key)
    assert made["written"] == ["thumbnails/a/b c.jpg", "cards/a/b c.jpg"]
    assert [outcome["status"] for outcome in again.json["outcomes"]] == ["current"]
    assert [outcome["status"] for outcome in removed.json["outcomes"]] == ["removed"]
    assert [key for key in cos.buckets[PHOTOS] if "b c" in key] == []


def test_a_call_fails_where_it_shall_be_made_once_more(run: Run, events: Server) -> None:
    assert invoke(events, {"Records": [{}]}).code == "event_unknown"
    assert events.get("/event-invoke").status == 405
    with run("events", settings=EVENTS, **{**FIXED, "COS_SECRETKEY": "not this one"}) as server:
        assert invoke(server, told("uploads/c.jpg")).code == "store_unavailable"


def test_a_call_that_has_no_time_left_is_to_be_made_once_more(events: Server) -> None:
    late = {**ROLE, "X-Scf-Timeout": "0"}
    body = json.dumps(told("uploads/e.jpg")).encode()
    assert events.ask("POST", "/event-invoke", late, body).code == "deadline_exceeded"


def test_a_handler_is_called_with_the_event_and_its_time(
    cos: SmallS3, tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cos.put(PHOTOS, "uploads/a.jpg", (photos / "forest.jpg").read_bytes())
    (tmp_path / "safelight.toml").write_text(EVENTS)
    for name, value in (
        ("HTTP_PROXY", cos.endpoint),
        ("TENCENTCLOUD_SECRETID", ACCESS_KEY),
        ("TENCENTCLOUD_SECRETKEY", SECRET_KEY),
    ):
        monkeypatch.setenv(name, value)
    # The log of these tests is theirs.
    runtime = Runtime(folder=tmp_path, own_log=False)
    monkeypatch.setattr(tencent, "_runtime", lambda: runtime)
    context = {"request_id": "3b21a413", "time_limit_in_ms": 30_000}
    (outcome,) = tencent.main_handler(told("uploads/a.jpg"), context)["outcomes"]
    assert outcome["status"] == "done"
    late = {"request_id": "3b21a414", "time_limit_in_ms": 0.001}
    with pytest.raises(EventUnknown):
        tencent.main_handler({}, late)


def test_what_was_begun_is_finished_before_the_instance_ends(
    run: Run, cos: SmallS3, photos: Path
) -> None:
    cos.put(PHOTOS, "uploads/d.jpg", (photos / "forest.jpg").read_bytes())
    before = len(cos.buckets[VARIANTS])
    with run("events", settings=EVENTS) as server, ThreadPoolExecutor(1) as threads:
        call = threads.submit(invoke, server, told("uploads/d.jpg"))
        wait_for(lambda: len(cos.buckets[VARIANTS]) > before)
        assert server.stop() == 0
        assert call.result(30).json["outcomes"][0]["status"] == "done"
    assert "metadata/d.jpg.json" in cos.buckets[PHOTOS]
