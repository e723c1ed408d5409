"""What S3 tells a function of AWS, in Amazon's own runtime: what is made, what is told again."""

import contextlib
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from safelight.errors import SafelightError, StoreUnavailable
from safelight.events import Event, Notice
from safelight.functions import aws_events
from safelight.pipelines import Outcome
from tests.support.lambdas import FunctionFailed, Lambda, function
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, SmallS3, Stored, small_s3

PHOTO = "photo-1mp.jpg"
KEY = "up/a b+é&.jpg"
TOKEN = "a-token-that-nobody-guesses"
JOB = {"invocationSchemaVersion": "2.0", "invocationId": "x", "job": {"id": "y"}}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_REGION": "us-east-1",
}
# Every object of one bucket, at half its size, under the same key in another one.
SETTINGS = """
[source]
url = "s3://img?endpoint={endpoint}"
remember_seconds = 0

[variants]
url = "s3://variants?endpoint={endpoint}"

[security]
presets_only = true

[events]
token = "{token}"

[[pipelines]]
name = "halves"
types = ["jpeg", "png"]
failed = {{ to = "failed/{{key}}.json", store = "{resized}" }}
write = [{{ transform = "zoom=0.5", to = "{{key}}", store = "{resized}" }}]
"""


@dataclass
class Cloud:
    """A function that hears of a bucket."""

    s3: SmallS3
    function: Lambda

    @property
    def halves(self) -> dict[str, Stored]:
        """What was written."""
        return self.s3.bucket("img-resized")

    def put(self, key: str, data: bytes) -> None:
        """Upload, without a word of it."""
        self.s3.bucket("img")[key] = Stored(data, {}, time.time())


@contextlib.contextmanager
def running(folder: Path, settings: str = SETTINGS) -> Iterator[Cloud]:
    with small_s3() as s3:
        for bucket in ("img", "img-resized", "variants"):
            s3.bucket(bucket)
        folder.mkdir(exist_ok=True)
        resized = f"s3://img-resized?endpoint={s3.endpoint}"
        text = settings.format(endpoint=s3.endpoint, token=TOKEN, resized=resized)
        (folder / "safelight.toml").write_text(text, encoding="utf-8")
        with function(folder, CREDENTIALS) as started:
            yield Cloud(s3, started)


@pytest.fixture(scope="module")
def module_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Run one for all."""
    with running(tmp_path_factory.mktemp("function")) as cloud:
        yield cloud


@pytest.fixture
def cloud(module_cloud: Cloud, photograph: bytes) -> Cloud:
    """Give it with a bucket of one photograph, and nothing made of it."""
    for bucket in ("img", "img-resized", "variants"):
        module_cloud.s3.bucket(bucket).clear()
    module_cloud.put(KEY, photograph)
    return module_cloud


@pytest.fixture
def photograph(data: Path) -> bytes:
    return (data / "photos" / PHOTO).read_bytes()


def sample(data: Path, name: str) -> Any:
    return json.loads((data / "events" / f"{name}.json").read_text("utf-8"))


def record(key: str, name: str = "ObjectCreated:Put", sequencer: str = "01") -> dict[str, Any]:
    return {
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": "img"}, "object": {"key": key, "sequencer": sequencer}},
    }


def message(number: int, *records: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({"Records": records}) if records else "no notification"
    return {"eventSource": "aws:sqs", "messageId": f"message-{number}", "body": body}


def size(stored: Stored) -> tuple[int, int]:
    return Image.open(io.BytesIO(stored.data)).size


@pytest.mark.parametrize(
    "name",
    ["aws_s3_direct", "aws_s3_via_sns", "aws_s3_via_sqs", "aws_s3_via_sns_sqs",
     "aws_s3_via_eventbridge"],
)  # fmt: skip
def test_what_was_uploaded_is_halved_whoever_tells(cloud: Cloud, data: Path, name: str) -> None:
    told = cloud.function.invoke(sample(data, name))
    assert told == ({"batchItemFailures": []} if name.endswith("sqs") else None)
    (made,) = [one for key, one in cloud.halves.items() if key[0] != "@"]
    assert size(made) == tuple(side // 2 for side in size(cloud.s3.bucket("img")[KEY]))
    assert made.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("then", ["changed", "removed"])
def test_what_a_website_serves_of_a_source_goes_when_it_does(
    data: Path, photograph: bytes, tmp_path: Path, then: str
) -> None:
    layout = 'layout = "path"\n[presets]\nthumb = "w=50,format=webp"\n[security]'
    with running(tmp_path, SETTINGS.replace("[security]", layout)) as cloud:
        for key in ("a.jpg", "b.jpg"):
            cloud.put(key, photograph)
            assert cloud.function.ask("url", "GET", f"/thumb/{key}").status == 200
        # Nobody comes here for what the website has: only the event tells.
        if then == "changed":
            cloud.put("a.jpg", (data / "photos" / "exif-6.jpg").read_bytes())
        else:
            del cloud.s3.bucket("img")["a.jpg"]
        name = "ObjectCreated:Put" if then == "changed" else "ObjectRemoved:Delete"
        cloud.function.invoke({"Records": [record("a.jpg", name)]})
        kept = cloud.s3.bucket("variants")
        assert [key for key in kept if key[0] != "@"] == ["thumb/b.jpg"]


def test_three_deliveries_have_one_effect(cloud: Cloud) -> None:
    event = {"Records": [record("up/a+b%2B%C3%A9%26.jpg")]}
    cloud.function.invoke(event)
    first = cloud.halves[KEY]
    before = {key: one.etag for key, one in cloud.halves.items()}
    for _ in range(2):
        cloud.function.invoke(event)
    assert cloud.halves[KEY] is first
    assert {key: one.etag for key, one in cloud.halves.items()} == before


def test_what_is_removed_takes_its_half_with_it(cloud: Cloud) -> None:
    cloud.function.invoke({"Records": [record("up/a+b%2B%C3%A9%26.jpg")]})
    del cloud.s3.bucket("img")[KEY]
    cloud.function.invoke(
        {"Records": [record("up/a+b%2B%C3%A9%26.jpg", "ObjectRemoved:Delete", "02")]}
    )
    assert KEY not in cloud.halves


def test_a_queue_is_told_which_messages_to_bring_again(cloud: Cloud, photograph: bytes) -> None:
    cloud.put("good.jpg", photograph)
    cloud.put("broken.jpg", photograph[:90_000])
    batch = {
        "Records": [
            message(1, record("good.jpg")),
            message(2),
            message(3, record("broken.jpg")),
            message(4, record("missing.jpg")),
        ]
    }
    told = cloud.function.invoke(batch)
    # One that nobody understands belongs where dead letters are; what a bad image is, is known.
    assert told == {"batchItemFailures": [{"itemIdentifier": "message-2"}]}
    assert size(cloud.halves["good.jpg"])
    assert "broken.jpg" not in cloud.halves


def test_while_a_store_is_away_all_of_its_messages_come_again(
    cloud: Cloud, photograph: bytes
) -> None:
    cloud.put("good.jpg", photograph)
    away = cloud.s3.buckets.pop("img-resized")
    event = {"Records": [record("good.jpg")]}
    try:
        told = cloud.function.invoke({"Records": [message(1, record("good.jpg"))]})
        assert told == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
        with pytest.raises(FunctionFailed) as failed:
            cloud.function.invoke(event)
        assert failed.value.told["errorType"] == "StoreUnavailable"
    finally:
        cloud.s3.buckets["img-resized"] = away
    assert cloud.function.invoke({"Records": [message(1, record("good.jpg"))]}) == {
        "batchItemFailures": []
    }
    assert "good.jpg" in cloud.halves


class Ended:
    """Handle each event as its key says, without a store or a picture."""

    def __init__(self, **ended: list[Outcome] | SafelightError) -> None:
        self._ended = ended

    def each(self, notice: Notice, **_: Any) -> list[tuple[Event, list[Outcome] | SafelightError]]:
        return [(event, self._ended.get(event.key, [])) for event in notice.events]


def test_only_the_messages_that_failed_come_again() -> None:
    runtime: Any = Ended(b=StoreUnavailable("away"), d=StoreUnavailable("away"))
    batch = {"Records": [
        message(1, record("a")), message(2, record("b"), record("c")), message(3, record("c")),
        message(4, record("c"), record("d")),
    ]}  # fmt: skip
    told = aws_events.handle(runtime, batch, name="", deadline=0.0)
    assert told == {
        "batchItemFailures": [{"itemIdentifier": "message-2"}, {"itemIdentifier": "message-4"}]
    }


def test_what_is_said_of_a_task_is_no_longer_than_a_report_takes() -> None:
    runtime: Any = Ended(a=[Outcome("failed", "a", "halves", "x" * 5_000)])
    tasks = [{"taskId": "1", "s3Key": "a", "s3Bucket": "img"}]
    told = aws_events.handle(runtime, {**JOB, "tasks": tasks}, name="", deadline=0.0)
    (result,) = told["results"]
    assert result["resultCode"] == "PermanentFailure"
    assert result["resultString"].startswith("failed by halves: xxx")
    assert len(result["resultString"]) == 1_000


def test_without_time_messages_come_again(cloud: Cloud, photograph: bytes) -> None:
    cloud.put("good.jpg", photograph)
    batch = {"Records": [message(1, record("good.jpg"))]}
    told = cloud.function.invoke(batch, seconds=0.0)
    assert told == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert "good.jpg" not in cloud.halves


def test_a_job_whose_source_is_gone_removes_its_outputs_and_succeeds(
    cloud: Cloud, photograph: bytes
) -> None:
    cloud.put("good.jpg", photograph)
    cloud.function.invoke({"Records": [record("good.jpg")]})
    del cloud.s3.bucket("img")["good.jpg"]
    tasks = [{"taskId": "1", "s3Key": "good.jpg", "s3Bucket": "img"}]
    told = cloud.function.invoke({**JOB, "tasks": tasks})
    (result,) = told["results"]
    assert result["resultCode"] == "Succeeded"
    assert result["resultString"].startswith("removed by ")


def test_a_job_over_a_bucket_is_told_how_each_task_ended(cloud: Cloud, photograph: bytes) -> None:
    cloud.put("good.jpg", photograph)
    cloud.put("broken.jpg", photograph[:90_000])
    cloud.put("notes.txt", b"notes")
    tasks = [
        {"taskId": name, "s3Key": key, "s3VersionId": None, "s3Bucket": bucket}
        for name, key, bucket in (
            ("1", "good.jpg", "img"), ("2", "broken.jpg", "img"), ("3", "", "img"),
            ("4", "missing.jpg", "img"), ("5", "notes.txt", "img"), ("6", "good.jpg", "other"),
        )
    ]  # fmt: skip
    told = cloud.function.invoke({**JOB, "tasks": tasks})
    assert {name: told[name] for name in ("invocationSchemaVersion", "invocationId")} == {
        "invocationSchemaVersion": "2.0", "invocationId": "x",
    }  # fmt: skip
    codes = {result["taskId"]: result["resultCode"] for result in told["results"]}
    assert codes == {
        "1": "Succeeded", "2": "PermanentFailure", "3": "PermanentFailure",
        "4": "PermanentFailure", "5": "Succeeded", "6": "PermanentFailure",
    }  # fmt: skip
    said = {result["taskId"]: result["resultString"] for result in told["results"]}
    assert said["1"].startswith("done by ")
    assert said["4"].endswith(": there is no such source")
    assert said["5"] == "skipped by halves: it is nothing known, not jpeg, png"
    assert said["6"] == "missing: no source is in other there (aws:s3)"
    again = cloud.function.invoke({**JOB, "tasks": tasks[:1]}, seconds=0.0)
    assert [result["resultCode"] for result in again["results"]] == ["TemporaryFailure"]
    assert "good.jpg" in cloud.halves


def test_a_test_of_the_notifications_is_acknowledged(cloud: Cloud, data: Path) -> None:
    assert cloud.function.invoke(sample(data, "aws_s3_test_event")) is None
    assert any("test event" in line.get("message", "") for line in cloud.function.lines)


def test_an_event_may_come_by_http_too(cloud: Cloud, photograph: bytes) -> None:
    cloud.put("posted.jpg", photograph)
    body = json.dumps({"Records": [record("posted.jpg")]}).encode()
    refused = cloud.function.ask("url", "POST", "/events", body=body)
    assert refused.status == 403
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert cloud.function.ask("url", "POST", "/events", body=body, headers=headers).status == 200
    assert "posted.jpg" in cloud.halves


def test_where_nothing_is_to_be_done_an_event_is_a_wrong_setting(
    tmp_path: Path, data: Path
) -> None:
    with running(tmp_path, SETTINGS.partition("[[pipelines]]")[0]) as cloud:
        with pytest.raises(FunctionFailed, match="pipelines: an event came") as failed:
            cloud.function.invoke(sample(data, "aws_s3_direct"))
        assert failed.value.told["errorType"] == "SettingError"


def test_a_frozen_function_goes_on_with_its_queue(cloud: Cloud, photograph: bytes) -> None:
    for number in range(2):
        cloud.put(f"{number}.jpg", photograph)
        cloud.function.invoke({"Records": [message(1, record(f"{number}.jpg"))]})
        with cloud.function.frozen():
            time.sleep(0.5)
            held = [
                key for bucket in cloud.s3.buckets.values() for key in bucket if "@lease" in key
            ]
            assert held == []
    assert {"0.jpg", "1.jpg"} <= set(cloud.halves)
