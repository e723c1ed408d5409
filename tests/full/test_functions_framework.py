"""Google's functions-framework and the service for Cloud Run, over fake-gcs-server.

Cloud Run, Eventarc, Pub/Sub and IAM cannot be run here: what they send is sent by the tests, in the
forms that Google documents.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from safelight.storage import Store, open_store
from tests.stores import servers
from tests.stores.fake_gcs import fake_gcs
from tests.stores.servers import TOOLS, free_port
from tests.support.functions import listening, started
from tests.support.serving import Server

pytestmark = pytest.mark.full

ROOT = Path(__file__).resolve().parents[2]
MAIN = (
    "from safelight.functions.gcp import cloud_event, http\n\n__all__ = ['cloud_event', 'http']\n"
)
NOTHING: Mapping[str, str] = MappingProxyType({})
ODD = "a/näher+b %2F c.jpg"


@contextmanager
def framework(
    home: Path, settings: str, target: str, kind: str, environment: Mapping[str, str] = NOTHING
) -> Iterator[Server]:
    """Run the framework as Google's buildpack does, until it listens."""
    (home / "main.py").write_text(MAIN)
    (home / "safelight.toml").write_text(settings)
    programs = sorted(TOOLS.glob("functions-framework-*/bin/functions-framework"))
    assert programs, "there is no functions-framework: run tests/full/setup.sh"
    port = free_port()
    command = [
        *(str(programs[-1]), "--target", target, "--signature-type", kind),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    with started(command, home, port, {**environment, "PYTHONPATH": str(ROOT / "src")}) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, photos: Path) -> Path:
    for key in ("uploads/forest.jpg", ODD):
        copy = tmp_path / "photos" / key
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((photos / "forest.jpg").read_bytes())
    return tmp_path


def test_a_request_is_answered_with_its_address_as_it_was_sent(home: Path) -> None:
    with framework(home, "[security]\nunsigned = true\n", "http", "http") as server:
        made = server.get(f"/64x/{quote(ODD)}")
        again = server.get(f"/64x/{quote(ODD)}", if_none_match=made["etag"] or "")
        head = server.ask("HEAD", f"/64x/{quote(ODD)}")
        missing = server.get("/64x/nothing.jpg")
        resized = server.ask(
            "POST", "/resize?width=40", None, (home / "photos/uploads/forest.jpg").read_bytes()
        )
    assert (made.status, made["content-type"]) == (200, "image/jpeg"), server.output
    assert Image.open(BytesIO(made.body)).width == 64
    assert (again.status, again["content-type"], again.body) == (304, None, b"")
    assert (head.status, head["content-length"], head.body) == (200, str(len(made.body)), b"")
    assert missing.code == "not_found"
    assert resized["x-resized-size"] == "40x27"


EVENTS = """
[source]
url = "{images}"
[variants]
url = "{variants}"

[[pipelines]]
on = "uploads/"
write = [
  {{ transform = "w=64", to = "thumbnails/{{name}}" }},
  {{ transform = "w=128", to = "cards/{{name}}" }},
]
metadata = "metadata/{{name}}.json"
"""
KEY = "uploads/näher b.jpg"
OUTPUTS = ["cards/näher b.jpg", "metadata/näher b.jpg.json", "thumbnails/näher b.jpg"]


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[servers.Server]:
    with fake_gcs(tmp_path / "store") as server:
        for bucket in ("images", "variants"):
            server.make(bucket)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def described(key: str) -> dict[str, Any]:
    """Write what Google tells of an object."""
    return {
        "kind": "storage#object",
        "bucket": "images",
        "name": key,
        "generation": "1587627537231057",
        "metageneration": "1",
        "size": "1720388",
    }


def binary(key: str, happened: str = "finalized") -> tuple[dict[str, str], bytes]:
    headers = {
        "ce-id": "1096434104173400",
        "ce-specversion": "1.0",
        "ce-type": f"google.cloud.storage.object.v1.{happened}",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/images",
        "ce-subject": f"objects/{quote(key)}",
        "ce-time": "2026-11-20T12:00:00.123Z",
        "content-type": "application/json",
    }
    return headers, json.dumps(described(key)).encode()


def structured(key: str, happened: str = "finalized") -> tuple[dict[str, str], bytes]:
    headers, body = binary(key, happened)
    event = {name[3:]: value for name, value in headers.items() if name.startswith("ce-")}
    event |= {"datacontenttype": "application/json", "data": json.loads(body)}
    return {"content-type": "application/cloudevents+json"}, json.dumps(event).encode()


def pushed(key: str, happened: str = "FINALIZE") -> tuple[dict[str, str], bytes]:
    """Write what Pub/Sub pushes of a notification of a bucket."""
    message = {
        "attributes": {
            "bucketId": "images",
            "eventType": f"OBJECT_{happened}",
            "objectId": key,
            "objectGeneration": "1587627537231057",
            "payloadFormat": "JSON_API_V1",
        },
        "data": base64.b64encode(json.dumps(described(key)).encode()).decode(),
        "messageId": "1215011316659232",
        "publishTime": "2026-11-20T12:00:01.000Z",
    }
    body = {"message": message, "subscription": "projects/p/subscriptions/s"}
    return {"content-type": "application/json"}, json.dumps(body).encode()


def as_function(home: Path, settings: str, environment: Mapping[str, str]) -> Any:
    return framework(home, settings, "cloud_event", "cloudevent", environment)


def as_service(home: Path, settings: str, environment: Mapping[str, str]) -> Any:
    return listening("safelight.functions.gcp", home, settings, "events", environment=environment)


@pytest.mark.parametrize("start", [as_function, as_service])
def test_uploads_are_heard_of_in_every_form(
    start: Callable[..., Any], cloud: servers.Server, tmp_path: Path, photos: Path
) -> None:
    images = open_store(cloud.url("images"))
    settings = EVENTS.format(images=cloud.url("images"), variants=cloud.url("variants"))
    with start(tmp_path, settings, cloud.environment) as server:
        for write, gone in (
            (binary, "deleted"),
            (structured, "deleted"),
            (pushed, "DELETE"),
        ):
            images.put(KEY, (photos / "forest.jpg").read_bytes(), {})
            for _ in range(2):
                headers, body = write(KEY)
                assert server.ask("POST", "/", headers, body).status < 300, server.output
            assert keys(images) == sorted([KEY, *OUTPUTS])
            images.delete(KEY)
            headers, body = write(KEY, gone)
            assert server.ask("POST", "/", headers, body).status < 300, server.output
            assert keys(images) == []
        for junk in (b"junk", b"", b'{"a": 1}'):
            assert server.ask("POST", "/", {"content-type": "application/json"}, junk).status == 400


@pytest.mark.parametrize("start", [as_function, as_service])
def test_what_cannot_be_done_now_is_delivered_again(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    away = f"gs://images?anonymous=true&endpoint=http://127.0.0.1:{free_port()}"
    settings = EVENTS.format(images=away, variants="file:./variants") + "[limits]\nseconds = 2\n"
    with start(tmp_path, settings, NOTHING) as server:
        headers, body = binary(KEY)
        assert server.ask("POST", "/", headers, body).status in (500, 503)


def keys(store: Store) -> list[str]:
    return sorted(entry.key for entry in store.list())
