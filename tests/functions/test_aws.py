"""A function of AWS in Amazon's own runtime: requests, and what a process that is frozen keeps."""

import contextlib
import io
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from safelight import config
from safelight.dialects.grammar import write_key
from safelight.web.exchange import Response
from tests.support.lambdas import (
    SHAPES,
    Answered,
    FunctionFailed,
    Lambda,
    asking,
    function,
)
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, SmallS3, Stored, small_s3

PHOTO = "photo-1mp.jpg"
ODD = "sub/a b+c é&100%.jpg"
NOISE = "noise.png"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_REGION": "us-east-1",
}
# What the server of the store lets a connection say nothing for.
IDLE_SECONDS = 1.0


@dataclass
class Cloud:
    """A function between two buckets."""

    s3: SmallS3
    function: Lambda

    @property
    def stored(self) -> dict[str, Stored]:
        """The variants, without what else is kept beside them."""
        return {key: one for key, one in self.s3.bucket("variants").items() if key[0] != "@"}


def settings(s3: SmallS3, *lines: str) -> str:
    options = f"endpoint={s3.endpoint}"
    return "\n".join(
        (
            f'[source]\nurl = "s3://photos?{options}"\nremember_seconds = 0',
            f'[variants]\nurl = "s3://variants?{options}"',
            "[observe]\naccess_log = true",
            *(lines or ("[security]\nunsigned = true",)),
            "",
        )
    )


@contextlib.contextmanager
def running(
    folder: Path, data: Path, *lines: str, environment: dict[str, str] | None = None
) -> Iterator[Cloud]:
    with small_s3(idle_seconds=IDLE_SECONDS) as s3:
        photograph = (data / "photos" / PHOTO).read_bytes()
        noise = io.BytesIO()
        Image.effect_noise((2_600, 2_600), 80).save(noise, "PNG", compress_level=1)
        for key, picture in ((PHOTO, photograph), (ODD, photograph), (NOISE, noise.getvalue())):
            s3.bucket("photos")[key] = Stored(picture, {}, time.time())
        s3.bucket("variants")
        folder.mkdir(exist_ok=True)
        (folder / "safelight.toml").write_text(settings(s3, *lines), encoding="utf-8")
        with function(folder, CREDENTIALS | (environment or {})) as started:
            yield Cloud(s3, started)


@pytest.fixture(scope="module")
def cloud(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Run one for all that do not change it."""
    with running(tmp_path_factory.mktemp("function"), data) as cloud:
        yield cloud


@pytest.mark.parametrize(("left", "kept"), [(30.0, 1.0), (2.0, 0.4)])
def test_some_of_the_time_is_kept_for_storing_and_answering(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, left: float, kept: float
) -> None:
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    from safelight.functions import aws

    runtime = SimpleNamespace(settings=config.load(environment={}))
    deadlines: list[float] = []

    def answer(*arguments: Any, deadline: float, **options: Any) -> Response:
        deadlines.append(deadline)
        return Response(200, [])

    runtime.answer = answer
    monkeypatch.setattr(aws, "RUNTIME", runtime)
    context = SimpleNamespace(
        get_remaining_time_in_millis=lambda: left * 1_000, aws_request_id="call-1"
    )
    before = time.monotonic()
    aws.handler(asking("url", "GET", "/64x64/cat.jpg"), context)
    after = time.monotonic()
    assert before + left - kept <= deadlines[0] <= after + left - kept


def size(answer: Answered) -> tuple[int, int]:
    assert answer.status == 200, answer
    return Image.open(io.BytesIO(answer.body)).size


@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_is_made_once_and_stored_before_it_is_sent(cloud: Cloud, shape: str) -> None:
    before = set(cloud.stored)
    # A width for each, so that each is missed once.
    width = 40 + SHAPES.index(shape)
    made = cloud.function.ask(shape, "GET", f"/w={width}/{PHOTO}")
    (new,) = set(cloud.stored) - before
    assert cloud.stored[new].data == made.body
    assert size(made)[0] == width
    found = cloud.function.ask(shape, "GET", f"/w={width}/{PHOTO}")
    assert found.body == made.body
    assert made.headers["cache-status"] == "Safelight; fwd=uri-miss; stored"
    assert found.headers["cache-status"] == "Safelight; hit"
    assert cloud.function.ask(
        shape, "GET", f"/w={width}/{PHOTO}", headers={"If-None-Match": found.headers["etag"]}
    ).status == 304  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_any_key_is_found(cloud: Cloud, shape: str) -> None:
    assert size(cloud.function.ask(shape, "GET", f"/w=30/{write_key(ODD)}"))[0] == 30


@pytest.mark.parametrize("shape", SHAPES)
def test_bytes_are_resized(cloud: Cloud, shape: str, data: Path) -> None:
    body = (data / "photos" / PHOTO).read_bytes()
    answer = cloud.function.ask(shape, "POST", "/resize?width=60", body=body)
    assert size(answer)[0] == 60
    assert answer.headers["x-resized-size"] == "60x48"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_head_is_a_get_without_its_body(cloud: Cloud, shape: str) -> None:
    got, headed = (
        cloud.function.ask(shape, method, f"/w=31/{PHOTO}") for method in ("GET", "HEAD")
    )
    changing = {"server-timing", "cache-status", "x-request-id"}
    assert {n: v for n, v in got.headers.items() if n not in changing} == {
        n: v for n, v in headed.headers.items() if n not in changing
    }
    assert headed.body == b""


@pytest.mark.parametrize("shape", ["url", "balancer"])
def test_what_the_platform_cannot_carry_is_fetched_from_the_store(cloud: Cloud, shape: str) -> None:
    width = 2_600 if shape == "url" else 1_300
    for _ in range(2):
        answer = cloud.function.ask(shape, "GET", f"/w={width},format=png/{NOISE}")
        assert (answer.status, answer.body) == (302, b"")
        with urllib.request.urlopen(answer.headers["location"], timeout=20) as fetched:
            picture = fetched.read()
        assert Image.open(io.BytesIO(picture)).size == (width, width)
        assert len(picture) > (5_000_000 if shape == "url" else 800_000)
    # A part of it is small enough.
    part = cloud.function.ask(
        shape, "GET", f"/w={width},format=png/{NOISE}", headers={"Range": "bytes=0-7"}
    )
    assert (part.status, part.body) == (206, b"\x89PNG\r\n\x1a\n")


def test_an_upload_whose_answer_is_too_large_is_stored_for_its_viewer(
    cloud: Cloud, data: Path
) -> None:
    noise = io.BytesIO()
    Image.effect_noise((1_600, 1_600), 80).save(noise, "JPEG", quality=60)
    answer = cloud.function.ask(
        "balancer", "POST", "/resize?width=1600&height=1600&quality=95", body=noise.getvalue()
    )
    assert (answer.status, answer.body) == (303, b"")
    with urllib.request.urlopen(answer.headers["location"], timeout=20) as fetched:
        assert Image.open(fetched).size == (1_600, 1_600)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_wrong_is_told_as_everywhere(cloud: Cloud, shape: str) -> None:
    for path, status, code in (
        ("/nothing", 404, "not_found"),
        ("/w=50/nothing.jpg", 404, "not_found"),
        (f"/w=much/{PHOTO}", 400, "transform_invalid"),
        ("/w=5/" + "a" * 8_000, 414, "address_too_long"),
        ("/", 404, "no_page"),
        ("/metrics", 404, "no_page"),
    ):
        answer = cloud.function.ask(shape, "GET", path)
        assert (answer.status, json.loads(answer.body)["code"]) == (status, code)
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert json.loads(cloud.function.ask(shape, "GET", "/readyz").body) == {"ready": True}


def test_what_is_not_understood_is_raised_with_a_reason(cloud: Cloud) -> None:
    with pytest.raises(FunctionFailed, match="shape that is not known") as failed:
        cloud.function.invoke({"some": "thing"})
    assert failed.value.told["errorType"] == "EventUnknown"
    # And what follows is served.
    assert cloud.function.ask("url", "GET", "/healthz").status == 200


def test_what_is_logged_bears_the_id_of_the_call_or_of_the_request(cloud: Cloud) -> None:
    cloud.function.ask("url", "GET", "/w=1/logged.jpg")
    cloud.function.ask("url", "GET", "/w=2/logged.jpg", headers={"X-Request-Id": "given-1"})
    lines = [line for line in cloud.function.lines if "logged" in line.get("path", "")]
    assert [line["request_id"] for line in lines] == [f"call-{cloud.function.calls - 1}", "given-1"]
    assert [line["status"] for line in lines] == [404, 404]


def test_a_call_without_time_is_told_so(cloud: Cloud) -> None:
    answer = cloud.function.ask("url", "GET", f"/w=77/{PHOTO}", seconds=0.0)
    assert (answer.status, json.loads(answer.body)["code"]) == (504, "deadline_exceeded")
    assert cloud.function.ask("url", "GET", f"/w=77/{PHOTO}").status == 200


def test_a_picture_that_takes_too_long_is_broken_off(cloud: Cloud) -> None:
    # Reading its noise alone takes longer, on any machine.
    slow = f"/w=2600,blur=90,format=jpeg/{NOISE}"
    answer = cloud.function.ask("url", "GET", slow, seconds=0.06)
    assert (answer.status, json.loads(answer.body)["code"]) == (504, "deadline_exceeded")
    # Nobody else is kept from making it.
    assert not [key for key in cloud.s3.bucket("variants") if key.startswith("@lease")]
    assert cloud.function.ask("url", "GET", slow).status in (200, 302)


# Frozen


def thawed(cloud: Cloud, seconds: float, widths: Iterator[int]) -> None:
    """Ask, freeze, and ask for what is there and for what is not."""
    known = next(widths)
    before = cloud.function.ask("url", "GET", f"/w={known}/{PHOTO}")
    with cloud.function.frozen():
        time.sleep(seconds)
        assert not [key for key in cloud.s3.bucket("variants") if key.startswith("@lease")]
    after = cloud.function.ask("url", "GET", f"/w={known}/{PHOTO}")
    assert (after.status, after.body) == (200, before.body)
    made = cloud.function.ask("url", "GET", f"/w={next(widths)}/{PHOTO}")
    assert made.headers["cache-status"] == "Safelight; fwd=uri-miss; stored"


def test_a_frozen_function_holds_nothing_and_loses_nothing(cloud: Cloud) -> None:
    # Longer than its connections to the store live there.
    thawed(cloud, 2 * IDLE_SECONDS, iter(range(500, 510)))


@pytest.mark.full
@pytest.mark.timeout(150)
def test_a_function_that_was_frozen_for_a_minute_loses_nothing(cloud: Cloud) -> None:
    thawed(cloud, 60.0, iter(range(510, 520)))


def test_what_a_changed_source_leaves_is_removed_before_the_answer(
    cloud: Cloud, data: Path
) -> None:
    photographs = cloud.s3.bucket("photos")
    kept = []
    for name in (PHOTO, "exif-6.jpg"):
        photographs["changing.jpg"] = Stored((data / "photos" / name).read_bytes(), {}, time.time())
        assert cloud.function.ask("url", "GET", "/w=90/changing.jpg").status == 200
        (own,) = [key for key in cloud.stored if key.startswith("changing.jpg@/")]
        kept.append(own)
    assert kept[0] != kept[1]


# Its own disk


@pytest.mark.parametrize("full", ["mounted", "blocked"])
def test_a_disk_without_room_is_not_missed(data: Path, tmp_path: Path, full: str) -> None:
    with no_room(tmp_path / "tmp", full) as folder:
        environment = {"TMPDIR": str(folder), "HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
        with running(tmp_path / "function", data, environment=environment) as cloud:
            # Turned, so that all of it is held: 27 MB and more.
            turned = cloud.function.ask("url", "GET", f"/w=2600,rotate=90,format=jpeg,q=40/{NOISE}")
            assert size(turned) == (2_600, 2_600)
            lettered = cloud.function.ask("url", "GET", f"/w=100,text=Hello/{PHOTO}")
            assert size(lettered)[0] == 100
            assert len(cloud.stored) == 2


@contextlib.contextmanager
def no_room(folder: Path, how: str) -> Iterator[Path]:
    """Give a file system that is full, where one may be mounted, or what is no folder."""
    if how == "blocked":
        folder.write_bytes(b"")
        yield folder / "tmp"
        return
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "safelight-test", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        # Without the right to mount there is the other way, which is tried by itself, too.
        yield folder / "missing"
        return
    try:
        with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4_096))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


# Its settings


def test_a_wrong_setting_fails_the_start_with_its_sentence(data: Path, tmp_path: Path) -> None:
    with (
        running(tmp_path, data, "[server]\nmax_age = -5") as cloud,
        pytest.raises(
            FunctionFailed, match=r"server\.max_age: .*example: max_age = 3600"
        ) as failed,
    ):
        cloud.function.invoke({})
    assert failed.value.told["errorType"].endswith("SettingError")


def test_whoever_comes_may_not_ask_for_anything_unless_it_is_said(
    data: Path, tmp_path: Path
) -> None:
    with running(tmp_path, data, "[server]\nmax_age = 5") as cloud:
        answer = cloud.function.ask("url", "GET", f"/w=5/{PHOTO}")
        told: Any = json.loads(answer.body)
        assert (answer.status, told["code"]) == (500, "setting")
        assert "security.unsigned" in told["detail"]
        assert any(
            "security.unsigned" in line["message"]
            for line in cloud.function.lines
            if "message" in line
        )


@pytest.mark.parametrize(
    ("memory", "threads"), [("128", 1), ("1769", 1), ("3538", 2), ("10240", 2)]
)
def test_memory_says_how_many_cores_there_are(memory: str, threads: int) -> None:
    code = (
        "import os; os.cpu_count = lambda: 2;"
        "from safelight.functions import aws; print(aws.RUNTIME._threads)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory},
        capture_output=True,
        check=True,
    )
    assert int(ran.stdout) == threads
