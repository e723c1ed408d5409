"""Uploads told to a running server, of a bucket and as clouds and servers tell them."""

import hashlib
import hmac
import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from safelight.web.events import MOST_BYTES
from tests.support.listening import Listener, listening
from tests.support.notices import sample
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, SmallS3, small_s3
from tests.support.serving import Reply, Server, serving, wait_for

TOKEN = "not-a-token-but-long-enough"
SECRET = "not-a-secret-but-long-enough"
HOOK = "not-a-secret-of-a-hook"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "events.md"


def blocks(language: str) -> list[str]:
    """List the blocks of the document in a language."""
    text = DOCUMENT.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


AS_DOCUMENTED = blocks("toml")[0]


@pytest.fixture(scope="module")
def bucket() -> Iterator[SmallS3]:
    """Run a store with the bucket of the document."""
    with small_s3() as store:
        store.bucket("img")
        yield store


@pytest.fixture(scope="module")
def hooked() -> Iterator[Listener]:
    """Run what listens to a hook."""
    with listening() as listener:
        yield listener


@pytest.fixture(scope="module")
def server(
    bucket: SmallS3, hooked: Listener, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Run a server with the settings of the document, and with a hook."""
    home = tmp_path_factory.mktemp("told")
    settings = AS_DOCUMENTED.replace(
        "s3://img", f"s3://img?endpoint={bucket.endpoint}&region={bucket.region}"
    )
    settings += f'hooks = [{{ on = "both", url = "{hooked.url}", secret = "{HOOK}" }}]'
    environment = {
        "NO_PROXY": "127.0.0.1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "SAFELIGHT_EVENTS_TOKEN": TOKEN,
        "SAFELIGHT_EVENTS_SECRET": SECRET,
        "SAFELIGHT_OBSERVE_ACCESS_LOG": "true",
        "SAFELIGHT_SERVER_BODY_SECONDS": "2",
        "SAFELIGHT_WORKERS_PROCESSES": "2",
    }
    with serving(None, home, settings=settings, environment=environment) as server:
        yield server
    assert "Traceback" not in server.output, server.output
    assert not re.search(f"{TOKEN}|{SECRET}|{HOOK}", server.output)


@pytest.fixture
def upload(bucket: SmallS3, data: Path) -> Any:
    """Put a photograph into the bucket, which is empty before."""
    bucket.bucket("img").clear()
    meadow = (data / "photos" / "photo-1mp.jpg").read_bytes()

    def put(key: str, body: bytes = meadow) -> None:
        bucket.put("img", key, body)

    return put


def tell(server: Server, value: object, path: str = f"/events?token={TOKEN}") -> Reply:
    return server.ask(
        "POST", path, {"Content-Type": "application/json"}, json.dumps(value).encode()
    )


def of_minio(key: str, name: str = "s3:ObjectCreated:Put") -> Any:
    value = sample("minio_webhook")
    value["Records"][0]["eventName"] = name
    value["Records"][0]["s3"]["object"]["key"] = key
    return value


def of_versitygw(key: str, name: str = "s3:ObjectCreated:Put") -> Any:
    value = sample("versitygw_webhook")
    value["Records"][0]["eventName"] = name
    value["Records"][0]["s3"]["object"]["key"] = key
    return value


@pytest.mark.parametrize(
    "told",
    [of_minio("uploads%2Fa+b%2B%C3%A9.jpg"), of_versitygw("uploads/a b+é.jpg")],
    ids=["MinIO", "versitygw"],
)
def test_an_upload_has_its_outputs_when_it_is_acknowledged(
    server: Server, bucket: SmallS3, upload: Any, told: Any
) -> None:
    upload("uploads/a b+é.jpg")
    reply = tell(server, told)
    assert reply.status == 200, reply
    (outcome,) = reply.json["handled"]
    assert (outcome["status"], outcome["source"]) == ("done", "uploads/a b+é.jpg")
    assert {"small/a b+é.webp", "metadata/a b+é.jpg.json"} <= bucket.bucket("img").keys()


def test_what_is_told_twice_is_done_once(server: Server, upload: Any) -> None:
    upload("uploads/a.jpg")
    statuses = [tell(server, of_minio("uploads%2Fa.jpg")).json["handled"][0]["status"]
                for _ in range(2)]  # fmt: skip
    assert statuses == ["done", "current"]


def test_what_is_told_by_many_at_once_is_done_once(
    server: Server, bucket: SmallS3, upload: Any
) -> None:
    upload("uploads/a.jpg")
    with ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(lambda _: tell(server, of_minio("uploads%2Fa.jpg")), range(4)))
    assert {reply.status for reply in replies} <= {200, 503}
    found = [outcome["status"] for reply in replies if reply.status == 200
             for outcome in reply.json["handled"]]  # fmt: skip
    assert found.count("done") == 1
    assert "small/a.webp" in bucket.bucket("img")


def test_documents_do_not_say_how_a_store_is_reached(
    server: Server, bucket: SmallS3, upload: Any
) -> None:
    upload("uploads/reached.jpg")
    told = tell(server, {"created": "uploads/reached.jpg"}).json["handled"][0]
    written = json.loads(bucket.bucket("img")["metadata/reached.jpg.json"].data)
    stores = {output["store"] for output in (*told["outputs"], *written["outputs"])}
    assert stores == {"s3://img"}


def test_a_removed_source_takes_its_outputs_with_it(
    server: Server, bucket: SmallS3, upload: Any
) -> None:
    upload("uploads/a.jpg")
    assert tell(server, of_versitygw("uploads/a.jpg")).status == 200
    del bucket.bucket("img")["uploads/a.jpg"]
    reply = tell(server, of_versitygw("uploads/a.jpg", "s3:ObjectRemoved:DeleteObjects"))
    assert [outcome["status"] for outcome in reply.json["handled"]] == ["removed"]
    assert not bucket.bucket("img").keys() & {"small/a.webp", "metadata/a.jpg.json"}


def test_a_hook_is_told_what_came_of_it(server: Server, hooked: Listener, upload: Any) -> None:
    upload("uploads/hooked.jpg")
    upload("uploads/broken.jpg", b"no image")
    hooked.heard.clear()
    for key in ("hooked.jpg", "broken.jpg"):
        reply = tell(server, of_minio(f"uploads%2F{key}"))
        assert reply.status == 200
    told = [(headers, body, json.loads(body)) for _, headers, body in hooked.heard]
    assert [(message["source"], message["status"]) for _, _, message in told] == [
        ("uploads/hooked.jpg", "done"), ("uploads/broken.jpg", "failed"),
    ]  # fmt: skip
    for headers, body, _ in told:
        found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["x-safelight-signature"])
        assert found
        signed = hmac.new(HOOK.encode(), f"{found[1]}.".encode() + body, hashlib.sha256)
        assert found[2] == signed.hexdigest()
        names: dict[str, Any] = {}
        exec(blocks("python")[1], names)
        assert names["genuine"](body, headers["x-safelight-signature"], HOOK)
        assert not names["genuine"](body + b" ", headers["x-safelight-signature"], HOOK)


def test_what_is_none_of_ours_is_acknowledged(server: Server, upload: Any) -> None:
    upload("elsewhere/a.jpg")
    strange = of_minio("uploads%2Fa.jpg")
    strange["Records"][0]["s3"]["bucket"]["name"] = "another"
    for told, status in ((of_minio("elsewhere%2Fa.jpg"), "skipped"), (strange, "missing")):
        reply = tell(server, told)
        assert reply.status == 200
        assert [outcome["status"] for outcome in reply.json["handled"]] == [status]


def test_a_body_that_is_signed_needs_no_token(server: Server, upload: Any) -> None:
    upload("uploads/a.jpg")
    body = json.dumps(of_minio("uploads%2Fa.jpg")).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Safelight-Signature": f"sha256={signature}"}
    assert server.ask("POST", "/events", headers, body).status == 200
    assert server.ask("POST", "/events", headers, body + b" ").code == "forbidden"


@pytest.mark.parametrize("path", ["/events", "/events?token=other", "/events?token="])
def test_without_the_token_nobody_is_heard(server: Server, path: str) -> None:
    assert tell(server, of_minio("uploads%2Fa.jpg"), path).code == "forbidden"


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 405), ("PUT", 405), ("DELETE", 405)]
)
def test_who_looks_whether_somebody_is_there(server: Server, method: str, status: int) -> None:
    reply = server.ask(method, "/events")
    assert reply.status == status
    assert reply["allow"] == "OPTIONS, POST"


def test_both_handshakes_are_answered(server: Server) -> None:
    reply = tell(server, sample("azure_eventgrid_validation_request"))
    assert (reply.status, reply.json) == (200, sample("azure_eventgrid_validation_response"))
    asked = sample("azure_cloudevents_validation")
    reply = server.ask("OPTIONS", f"/events?token={TOKEN}", asked["request"]["headers"])
    assert reply.status == 200
    assert {name: reply[name] for name in asked["response"]["headers"]} == (
        asked["response"]["headers"]
    )
    assert server.ask("OPTIONS", "/events", asked["request"]["headers"]).code == "forbidden"


def test_a_subscription_is_left_to_whoever_runs_the_service(server: Server) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:uploads"
    message = {"Type": "SubscriptionConfirmation", "TopicArn": topic, "Token": "ab" * 20}
    assert tell(server, message).status == 200
    wait_for(lambda: f"aws sns confirm-subscription --topic-arn {topic}" in server.output)


def test_what_is_not_understood_is_refused(server: Server) -> None:
    assert tell(server, {"what": "is this"}).code == "event_unknown"


def test_what_is_too_long_is_refused_however_it_comes(server: Server) -> None:
    body = bytes(MOST_BYTES + 1)
    path = f"/events?token={TOKEN}"
    assert server.ask("POST", path, body=body).code == "event_too_large"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n"
    chunked = server.say(head.encode() + body + b"\r\n0\r\n\r\n", method="POST")
    assert chunked.code == "event_too_large"


def test_a_body_that_does_not_come_is_not_waited_for(server: Server) -> None:
    head = f"POST /events?token={TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"
    assert server.say(head.encode(), method="POST").code == "body_too_slow"


def test_the_log_has_the_request_and_no_token(server: Server) -> None:
    reply = tell(server, sample("aws_s3_test_event"))
    identity = reply["x-request-id"] or ""
    wait_for(lambda: f'"request_id":"{identity}"' in server.output)
    lines = [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line["request_id"] == identity]
    assert (line["path"], line["door"], line["status"]) == ("/events", "events", 200)


def test_a_store_that_does_not_answer_is_told_again(tmp_path: Path) -> None:
    environment = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "SAFELIGHT_EVENTS_TOKEN": TOKEN,
        "SAFELIGHT_LIMITS_SECONDS": "2",
        "SAFELIGHT_WORKERS_PROCESSES": "1",
    }
    with ExitStack() as running:
        store = running.enter_context(small_s3())
        store.bucket("img")
        settings = AS_DOCUMENTED.replace("s3://img", f"s3://img?endpoint={store.endpoint}")
        with serving(None, tmp_path, settings=settings, environment=environment) as server:
            running.close()
            reply = tell(server, of_minio("uploads%2Fa.jpg"))
            assert (reply.status, reply.code) == (503, "unavailable")
            assert reply["retry-after"]


def test_without_pipelines_a_sender_is_told_so(data: Path, tmp_path: Path) -> None:
    with serving(data / "photos", tmp_path, "--workers", "1") as server:
        reply = tell(server, of_minio("uploads%2Fa.jpg"))
        assert (reply.code, reply.json["title"]) == ("no_pipelines", "No pipelines are configured")
        assert "[[pipelines]]" in reply.json["detail"]


def test_the_commands_of_the_document_do_what_it_says(
    server: Server, bucket: SmallS3, upload: Any
) -> None:
    upload("uploads/sunset.jpg")
    commands = [block for block in blocks("bash") if block.startswith("curl")]
    assert len(commands) == 2
    for command in commands:
        ran = subprocess.run(
            ["bash", "-ec", command.replace("http://127.0.0.1:8000", server.url)],
            env=os.environ | {"SAFELIGHT_EVENTS_TOKEN": TOKEN},
            capture_output=True, timeout=50, check=True,
        )  # fmt: skip
        assert ran.stdout.count(b'"handled"') == command.count("curl ")
    assert "small/sunset.webp" in bucket.bucket("img")
