"""`/metrics`, read by the library that Prometheus's own people wrote for its format."""

import os
import re
import signal
import time
from collections import Counter as Counts
from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight.http import Application
from tests.support.asgi import applying, asked, scope
from tests.support.exposition import of, read
from tests.support.load import renderers
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, Stored, small_s3
from tests.support.serving import Server, serving

PHOTO = "photo-1mp.jpg"
CLOUD = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_REGION": "us-east-1",
}
PAGE = Path(__file__).parents[2] / "docs" / "observe.md"


@pytest.fixture
def application(data: Path, tmp_path: Path) -> Iterator[Application]:
    """Give an application whose counts begin at nothing."""
    with applying(data / "photos", tmp_path / "variants") as application:
        yield application


def told(application: Application) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    status, headers, body = asked(application, scope("/metrics"))
    assert status == 200
    assert headers[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
    assert headers[b"cache-control"] == b"no-store"
    return read(body.decode())


def test_requests_are_counted_by_door_status_and_cache(application: Application) -> None:
    for path in (f"/64x64/{PHOTO}", f"/64x64/{PHOTO}", f"/pic/80/{PHOTO}", "/w=zero/x.jpg", "/"):
        asked(application, scope(path))
    asked(application, scope(f"/info/{PHOTO}", method="HEAD"))
    counts = told(application)
    wanted = {
        ("native", "200", "miss"): 1,
        ("native", "200", "hit"): 1,
        ("pic", "200", "miss"): 1,
        ("native", "400", ""): 1,
        ("index", "200", ""): 1,
        ("info", "200", ""): 1,
    }
    for (door, status, cache), count in wanted.items():
        assert counts[of("requests_total", door=door, status=status, cache=cache)] == count
    assert sum(value for (name, _), value in counts.items() if name == "requests_total") == 6
    assert counts[of("problems_total", code="transform_invalid")] == 1


def test_what_is_made_sent_and_stored_is_counted(application: Application) -> None:
    path = f"/w=90,format=webp/{PHOTO}"
    size = len(asked(application, scope(path))[2])
    asked(application, scope(path))
    asked(application, scope(path, method="HEAD"))
    counts = told(application)
    assert counts[of("renders_total", format="webp")] == 1
    assert counts[of("stored_bytes_total")] == size
    for cache in ("miss", "hit"):
        labels = {"door": "native", "status": "200", "cache": cache}
        assert counts[of("sent_bytes_total", **labels)] == size
    assert counts[of("stage_seconds_count", stage="decode")] == 1
    assert counts[of("stage_seconds_count", stage="store")] == 1
    # What is found is nothing but looked up: only what is made has stages.
    assert counts[of("stage_seconds_count", stage="lookup")] == 1


def test_what_an_upload_made_is_counted_and_not_stored(
    application: Application, data: Path
) -> None:
    body = (data / "photos" / PHOTO).read_bytes()
    asked(application, scope("/resize", method="POST"), [{"type": "http.request", "body": body}])
    counts = told(application)
    assert counts[of("renders_total", format="jpeg")] == 1
    assert counts[of("stored_bytes_total")] == 0
    assert counts[of("requests_total", door="resize", status="200", cache="")] == 1


def test_how_things_are_is_told_even_when_nothing_happened(application: Application) -> None:
    counts = told(application)
    assert counts[of("queue_pictures")] == 0
    assert counts[of("queue_limit_pictures")] == 128
    assert counts[of("worker_restarts_total")] == 0
    (info,) = (labels for (name, labels) in counts if name == "info")
    assert {name for name, _ in info} == {"version", "libvips"}


def test_all_metrics_and_no_others_are_documented(application: Application) -> None:
    text = asked(application, scope("/metrics"))[2].decode()
    names = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE)) == names
    asked_for = re.findall(r"safelight_\w+", page)
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in asked_for} <= names


def test_metrics_are_told_only_where_they_are_wanted(application: Application) -> None:
    application._doors._metrics = False
    assert asked(application, scope("/metrics"))[0] == 404
    application._doors._metrics = True
    assert asked(application, scope("/metrics", method="POST"))[0] == 405


def scraped(server: Server) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return read(server.get("/metrics").body.decode())


def test_counts_are_right_however_many_workers_render_and_die(data: Path, tmp_path: Path) -> None:
    with serving(data / "photos", tmp_path, "--workers", "2") as server:
        statuses: Counts[int] = Counts()
        for number in range(20):
            if number % 6 == 5:
                os.kill(renderers(server)[0], signal.SIGKILL)
            # A worker that dies with a job in its hands costs that one: 503.
            statuses[server.get(f"/w={20 + number}/{PHOTO}").status] += 1
        counts = scraped(server)
        assert set(statuses) <= {200, 503}
        assert counts[of("renders_total", format="jpeg")] == statuses[200] >= 17
        assert counts[of("stage_seconds_count", stage="encode")] == statuses[200]
        for status, count in statuses.items():
            labels = {"door": "native", "status": str(status), "cache": "miss"}
            assert counts[of("requests_total", **labels)] == count
        assert counts.get(of("problems_total", code="worker_lost"), 0) == statuses[503]
        # One that died idle is noticed when its next job comes.
        assert 1 <= counts[of("worker_restarts_total")] <= 3
        assert counts[of("worker_memory_bytes")] > 10_000_000 * counts[of("workers")] > 0
        assert counts[of("process_resident_memory_bytes")] > 10_000_000


def test_calls_to_stores_over_a_network_are_counted_by_store(data: Path, tmp_path: Path) -> None:
    with small_s3() as s3:
        for bucket in ("photos", "kept"):
            s3.bucket(bucket)
        picture = (data / "photos" / PHOTO).read_bytes()
        s3.bucket("photos")[PHOTO] = Stored(picture, {}, time.time())
        settings = f"""
[source]
url = "s3://photos?endpoint={s3.endpoint}"
[variants]
url = "s3://kept?endpoint={s3.endpoint}"
"""
        options = ("--config", str(tmp_path / "safelight.toml"), "--workers", "1")
        with serving(None, tmp_path, *options, settings=settings, environment=CLOUD) as server:
            assert server.get(f"/w=30/{PHOTO}")["cache-status"] == "Safelight; fwd=uri-miss; stored"
            assert server.get(f"/w=30/{PHOTO}")["cache-status"] == "Safelight; hit"
            assert server.get("/w=30/gone.jpg").status == 404
            counts = scraped(server)
    for store, call, outcome, count in (
        ("source", "head", "ok", 1),
        ("source", "open", "ok", 1),
        ("source", "head", "missing", 1),
        ("variants", "put", "ok", 1),
    ):
        labels = {"store": store, "call": call, "outcome": outcome}
        assert counts[of("store_seconds_count", **labels)] == count
    hit = {"store": "variants", "call": "get", "outcome": "ok"}
    assert counts[of("store_seconds_count", **hit)] >= 1


def test_others_do_not_see_the_counts_unless_it_is_said(data: Path, tmp_path: Path) -> None:
    options = ("--host", "0.0.0.0", "--unsigned", "--workers", "1")
    (tmp_path / "on").mkdir()
    settings = '[observe]\nmetrics = "on"\n'
    with (
        serving(data / "photos", tmp_path, *options) as closed,
        serving(data / "photos", tmp_path / "on", *options, settings=settings) as opened,
    ):
        assert closed.get("/metrics").code == "no_page"
        assert "off: counts at /metrics" in closed.output
        assert opened.get("/metrics").status == 200
        assert "off: counts at /metrics" not in opened.output
