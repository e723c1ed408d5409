"""The folder of `safelight init aws`, deployed to an AWS on this machine, zip and all.

ministack runs the function as its own process, out of the zip, in a Python 3.13. What it has not:
CloudFront, the websites of buckets (tests/full/test_website.py has those), IAM.
"""

import contextlib
import http.client
import io
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
import pytest
from obstore.store import S3Store
from PIL import Image

from tests.full.test_deploy import NOBODY, init
from tests.stores.servers import free_port, running, tool
from tests.support.bundles import Made

pytestmark = [pytest.mark.full, pytest.mark.timeout(180)]

ACCOUNT = "000000000000"
ODD = "uploads/cats/a b+é&.jpg"


@dataclass(frozen=True)
class Cloud:
    """A running AWS, and what was deployed there under a name."""

    name: str
    port: int
    host: str  # of the Function URL
    originals: S3Store
    variants: S3Store
    log: Path

    def ask(self, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers={"Host": self.host, "Accept": "image/webp"})
        answer = connection.getresponse()
        with contextlib.closing(connection):
            return answer.status, answer.headers, answer.read()

    def queue(self, verb: str, **told: object) -> dict[str, Any]:
        """Call SQS, whose protocol is JSON; nobody checks the signature here."""
        scope = "Credential=test/20260101/eu-west-1/sqs/aws4_request"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/",
            json.dumps(told).encode(),
            {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"AmazonSQS.{verb}",
                "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
            },
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return dict(json.loads(answer.read() or b"{}"))

    def queue_url(self, name: str) -> str:
        urls = self.queue("ListQueues")["QueueUrls"]
        own = [str(url) for url in urls if str(url).rpartition("/")[2].startswith(self.name)]
        return next(url for url in own if f"-{name}-" in url)

    def waiting(self, url: str) -> int:
        """Count the messages of a queue, those that are being worked on included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.queue("GetQueueAttributes", QueueUrl=url, AttributeNames=names)
        return sum(int(told["Attributes"][name]) for name in names)


def bucket(name: str, port: int) -> S3Store:
    return S3Store(
        name,
        endpoint=f"http://127.0.0.1:{port}",
        region="eu-west-1",
        access_key_id="test",
        secret_access_key="test",
        client_options={"allow_http": True},
    )


SAM = (
    "deploy", "--stack-name", "pics", "--resolve-s3", "--capabilities", "CAPABILITY_IAM",
    "--no-confirm-changeset",
)  # fmt: skip
# Each has names of its own, and so they live side by side.
DEPLOYED: dict[str, tuple[str, ...]] = {"safelight": ("osls", "deploy"), "pics": ("sam", *SAM)}


@pytest.fixture(scope="module")
def clouds(
    zips: dict[str, Future[Made]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Cloud]]:
    """Run one AWS, and deploy to it by either program, both at once."""
    home = tmp_path_factory.mktemp("aws")
    port = free_port()
    its_own = NOBODY | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": "eu-west-1",
        "HOME": str(home),
    }
    log = home / "log"

    def deployed(name: str) -> Cloud:
        folder = init("aws", home / name, "--name", name)
        shutil.copy(zips["here"].result().path, folder)
        program, *arguments = DEPLOYED[name]
        told = subprocess.run(
            [tool(program), *arguments], cwd=folder, capture_output=True, text=True, timeout=150,
            env=os.environ | NOBODY
            | {"HOME": str(folder), "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"},
            check=False,
        )  # fmt: skip
        assert told.returncode == 0, told.stdout + told.stderr
        originals = f"{name}-{ACCOUNT}"
        variants = bucket(f"{originals}-resized", port)
        host = function_url(port, name)
        return Cloud(name, port, host, bucket(originals, port), variants, log)

    with (
        running([tool("ministack")], log, f"http://127.0.0.1:{port}/_ministack/health", its_own),
        ThreadPoolExecutor() as pool,
    ):
        yield dict(zip(DEPLOYED, pool.map(deployed, DEPLOYED), strict=True))


@pytest.fixture(params=DEPLOYED, ids=["osls", "sam"])
def cloud(request: pytest.FixtureRequest, clouds: dict[str, Cloud]) -> Cloud:
    """Give what one of the programs has deployed."""
    return clouds[request.param]


def function_url(port: int, name: str) -> str:
    """Ask Lambda under which host the function is called."""
    path = f"/2021-10-31/functions/{name}-resize/url"
    scope = "Credential=test/20260101/eu-west-1/lambda/aws4_request"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(urlsplit(json.loads(answer.read())["FunctionUrl"]).netloc)


def keys(store: S3Store) -> set[str]:
    return {found["path"] for page in obstore.list(store) for found in page}


def until(done: Callable[[], bool], cloud: Cloud) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, cloud.log.read_text()[-4_000:]
        time.sleep(0.2)


def test_an_upload_has_its_pictures_and_they_go_with_it(cloud: Cloud, photos: Path) -> None:
    obstore.put(cloud.originals, ODD, (photos / "sunset.jpg").read_bytes())
    thumb, facts = "thumbnails/cats/a b+é&.jpg", "metadata/cats/a b+é&.jpg.json"
    until(lambda: {thumb, facts} <= keys(cloud.originals), cloud)
    made = bytes(obstore.get(cloud.originals, thumb).bytes())
    with Image.open(io.BytesIO(made)) as image:
        assert image.format == "JPEG"
        assert image.size == (300, 300)
    assert json.loads(bytes(obstore.get(cloud.originals, facts).bytes()))
    obstore.delete(cloud.originals, ODD)
    until(lambda: not {thumb, facts} & keys(cloud.originals), cloud)


def test_what_is_no_image_has_a_dead_letter(cloud: Cloud) -> None:
    obstore.put(cloud.originals, "uploads/text.jpg", b"no image at all")
    until(lambda: "failed/uploads/text.jpg.json" in keys(cloud.originals), cloud)


def test_who_asks_is_sent_to_the_picture_and_has_it_the_next_time(
    cloud: Cloud, photos: Path
) -> None:
    obstore.put(cloud.originals, "cats/tabby.jpg", (photos / "sunset.jpg").read_bytes())
    status, headers, body = cloud.ask("/card/cats/tabby.jpg")
    assert (status, body) == (302, b"")
    assert headers["cache-control"] == "no-store"
    website = f"http://{cloud.name}-{ACCOUNT}-resized.s3-website-eu-west-1.amazonaws.com"
    assert headers["location"] == f"{website}/card/cats/tabby.jpg"
    stored = bytes(obstore.get(cloud.variants, "card/cats/tabby.jpg").bytes())
    status, headers, body = cloud.ask("/card/cats/tabby.jpg")
    assert status == 200
    assert headers["content-type"] == "image/webp"
    assert body == stored


def test_nothing_but_presets_is_made_for_strangers(cloud: Cloud) -> None:
    assert cloud.ask("/w=799/cats/tabby.jpg")[0] == 403
    assert cloud.ask("/card/nothing.jpg")[0] == 404


def test_a_message_that_cannot_be_read_fails_alone_and_ends_among_the_dead(
    cloud: Cloud, photos: Path
) -> None:
    events, dead = cloud.queue_url("Events"), cloud.queue_url("DeadLetters")
    until(lambda: cloud.waiting(events) == 0, cloud)
    # As deployed a message is hidden for six minutes at each of its five tries.
    cloud.queue("SetQueueAttributes", QueueUrl=events, Attributes={"VisibilityTimeout": "1"})
    obstore.put(cloud.originals, "uploads/twice.jpg", (photos / "sunset.jpg").read_bytes())
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": f"{cloud.name}-{ACCOUNT}"},
            "object": {"key": "uploads/twice.jpg"},
        },
    }
    bodies = ["{", json.dumps({"Records": [record]})]
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
    cloud.queue("SendMessageBatch", QueueUrl=events, Entries=entries)
    until(lambda: "thumbnails/twice.jpg" in keys(cloud.originals), cloud)
    until(lambda: cloud.waiting(dead) == 1, cloud)
    assert cloud.waiting(events) == 0
    assert obstore.head(cloud.originals, "thumbnails/twice.jpg")["size"]
