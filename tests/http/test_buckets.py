"""The service over buckets: what a request costs there, where viewers are sent, who makes what."""

import contextlib
import http.client
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from safelight.signing import TOLERANCE_SECONDS, Signer
from tests.support.proxy import INTERNAL_ERROR, SLOW_DOWN, Fault, Proxy, proxy_to
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, SmallS3, Stored, small_s3
from tests.support.serving import Reply, Server, serving, wait_for

KEY = "photo-1mp.jpg"
SIGNING_KEY = "a-key-that-is-long-enough"
DENIED = Fault(403, b"<Error><Code>AccessDenied</Code></Error>")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


@dataclass
class Cloud:
    """Two buckets behind a proxy that sees every request."""

    s3: SmallS3
    proxy: Proxy

    def settings(self, *lines: str, remember: float = 60.0) -> str:
        options = f"endpoint={self.proxy.endpoint}&region=us-east-1"
        return "\n".join(
            (
                f'[source]\nurl = "s3://photos?{options}"\nremember_seconds = {remember}',
                f'[variants]\nurl = "s3://variants?{options}"',
                *lines,
                "",
            )
        )


@pytest.fixture
def cloud(data: Path) -> Iterator[Cloud]:
    """Give buckets with a photograph."""
    picture = (data / "photos" / KEY).read_bytes()
    with small_s3() as s3, proxy_to(s3.port) as proxy:
        s3.bucket("photos")[KEY] = Stored(picture, {}, time.time())
        s3.bucket("variants")
        yield Cloud(s3, proxy)


@contextlib.contextmanager
def serving_buckets(
    cloud: Cloud, home: Path, *lines: str, remember: float = 60.0
) -> Iterator[Server]:
    home.mkdir(exist_ok=True)
    settings = cloud.settings(*lines, remember=remember)
    with serving(
        None, home, "--workers", "1", settings=settings, environment=CREDENTIALS
    ) as server:
        yield server


def test_a_stored_variant_costs_one_get_and_no_head_while_the_version_is_remembered(
    cloud: Cloud, tmp_path: Path
) -> None:
    with serving_buckets(cloud, tmp_path) as server:
        made = server.get(f"/w=64/{KEY}")
        assert made.status == 200
        cloud.proxy.heal()
        for _ in range(3):
            found = server.get(f"/w=64/{KEY}")
            assert (found["cache-status"], found.body) == ("Safelight; hit", made.body)
        seen = [(one.method, one.path.split("/")[1]) for one in cloud.proxy.seen]
        assert seen == [("GET", "variants")] * 3
        cloud.proxy.heal()
        assert server.get(f"/w=64/{KEY}", If_None_Match=str(made["etag"])).status == 304
        assert cloud.proxy.seen == []


def test_and_one_head_when_it_is_not(cloud: Cloud, tmp_path: Path) -> None:
    with serving_buckets(cloud, tmp_path, remember=0) as server:
        server.get(f"/w=64/{KEY}")
        cloud.proxy.heal()
        assert server.get(f"/w=64/{KEY}")["cache-status"] == "Safelight; hit"
        seen = [(one.method, one.path.split("/")[1]) for one in cloud.proxy.seen]
        assert seen == [("HEAD", "photos"), ("GET", "variants")]


def test_what_is_stored_says_what_it_is(cloud: Cloud, tmp_path: Path) -> None:
    with serving_buckets(cloud, tmp_path) as server:
        server.get(f"/w=64,format=webp/{KEY}")
    (stored,) = cloud.s3.bucket("variants").values()
    assert stored.headers["content-type"] == "image/webp"
    assert stored.headers["cache-control"] == "public, max-age=3600"
    assert cloud.s3.bucket("photos")[KEY].etag.strip('"') in stored.headers["x-amz-meta-version"]


def test_a_store_that_does_not_answer_holds_up_nobody_else(cloud: Cloud, tmp_path: Path) -> None:
    with serving_buckets(cloud, tmp_path, remember=0) as server:
        cloud.proxy.script(Fault(wait=3.0), method="HEAD", path=KEY)
        with ThreadPoolExecutor(20) as viewers:
            slow = [viewers.submit(server.get, f"/w=64/{KEY}") for _ in range(20)]
            time.sleep(0.3)
            for _ in range(5):
                assert server.get("/healthz").status == 200
            # Nobody was answered meanwhile: the five were not waiting behind them.
            assert not any(one.done() for one in slow)
            cloud.proxy.heal()
            assert {one.result().status for one in slow} == {200}


def fetched(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    reply = connection.getresponse()
    with contextlib.closing(connection):
        return reply.status, reply.read()


def test_viewers_are_sent_to_addresses_that_the_store_has_signed(
    cloud: Cloud, tmp_path: Path
) -> None:
    lines = ('deliver = "redirect"', "sign_seconds = 120")
    with serving_buckets(cloud, tmp_path, *lines) as server:
        missed, hit = (server.get(f"/w=64/{KEY}") for _ in range(2))
        assert (missed.status, missed["cache-control"]) == (302, "no-store")
        # Whoever kept the address to the end can still follow it.
        assert (hit.status, hit["cache-control"]) == (302, "public, max-age=60")
        for reply in (missed, hit):
            location = str(reply["location"])
            assert "X-Amz-Expires=120" in location
            status, body = fetched(location)
            assert (status, body[:2]) == (200, b"\xff\xd8")
            assert fetched(location.replace("Signature=", "Signature=0"))[0] == 403


def test_an_address_of_the_store_expires_with_the_one_that_led_to_it(
    cloud: Cloud, tmp_path: Path
) -> None:
    lines = ('deliver = "redirect"', "sign_seconds = 3600")
    keys = f'\n[security]\nkeys = ["{SIGNING_KEY}"]\n'
    with serving_buckets(cloud, tmp_path, *lines, keys) as server:
        signer, now = Signer(SIGNING_KEY), int(time.time())
        addresses = [signer.sign(f"/w=64/{KEY}", expires=now + 300) for _ in range(2)]
        for address in (*addresses, signer.sign(f"/w=64/{KEY}")):
            location = str(server.get(address)["location"])
            (seconds,) = parse_qs(urlsplit(location).query)["X-Amz-Expires"]
            if address in addresses:
                assert int(seconds) <= 300 + TOLERANCE_SECONDS
            else:
                assert int(seconds) == 3_600
            assert fetched(location)[0] == 200


def test_a_hit_that_is_fetched_elsewhere_is_not_read(cloud: Cloud, tmp_path: Path) -> None:
    with serving_buckets(cloud, tmp_path, 'deliver = "redirect"') as server:
        server.get(f"/w=64/{KEY}")
        cloud.proxy.heal()
        server.get(f"/w=64/{KEY}")
        assert [one.method for one in cloud.proxy.seen] == ["HEAD"]


def test_a_variant_is_served_while_the_source_is_down(cloud: Cloud, tmp_path: Path) -> None:
    with serving_buckets(cloud, tmp_path, remember=0.1) as server:
        made = server.get(f"/w=64/{KEY}")
        cloud.proxy.script(Fault(503), path="^/photos/")
        time.sleep(0.2)
        found = server.get(f"/w=64/{KEY}")
        assert (found.status, found.body) == (200, made.body)
        assert server.get(f"/w=65/{KEY}").code == "store_unavailable"


@pytest.mark.parametrize("status", [403, 404])
def test_a_source_made_private_or_removed_is_not_served_any_more(
    cloud: Cloud, tmp_path: Path, status: int
) -> None:
    with serving_buckets(cloud, tmp_path, remember=0) as server:
        assert server.get(f"/w=64/{KEY}").status == 200
        cloud.proxy.script(DENIED if status == 403 else Fault(status), path="^/photos/")
        assert server.get(f"/w=64/{KEY}").code == "not_found"
        wait_for(lambda: not cloud.s3.bucket("variants"))


def test_a_source_that_was_replaced_is_served_anew(
    cloud: Cloud, data: Path, tmp_path: Path
) -> None:
    with serving_buckets(cloud, tmp_path, remember=0) as server:
        old = server.get(f"/w=64/{KEY}")
        other = (data / "photos" / "exif-6.jpg").read_bytes()
        cloud.s3.bucket("photos")[KEY] = Stored(other, {}, time.time())
        new = server.get(f"/w=64/{KEY}", If_None_Match=str(old["etag"]))
        assert (new.status, new["cache-status"]) == (200, "Safelight; fwd=uri-miss; stored")
        assert new.body != old.body
        wait_for(lambda: len(cloud.s3.bucket("variants")) == 1)
        assert server.get(f"/w=64/{KEY}").body == new.body


FAULTS = {
    "error": INTERNAL_ERROR,
    "slow down": SLOW_DOWN,
    "reset before": Fault(cut=-1, reset=True),
    "reset within": Fault(cut=1_000, reset=True),
    "truncated": Fault(cut=1_000),
    "flipped": Fault(flip=300),
    "another version": Fault(headers={"ETag": '"another"'}),
    "written unheard": Fault(500, applied=True),
}


@pytest.mark.parametrize(
    ("faults", "times"), [(tuple(FAULTS), 1), (("error", "truncated"), 1_000)], ids=["once", "long"]
)
def test_no_fault_of_a_store_leads_to_wrong_bytes(
    cloud: Cloud, tmp_path: Path, faults: tuple[str, ...], times: int
) -> None:
    with serving_buckets(cloud, tmp_path, remember=0) as server:
        width = 64
        right: dict[str, bytes] = {}
        for name in faults:
            for method, path in (
                ("GET", "^/variants/photo"), ("PUT", "^/variants/"), ("DELETE", "^/variants/"),
                ("HEAD", "^/photos/"), ("GET", "^/photos/"),
            ):  # fmt: skip
                if name == "flipped" and path == "^/photos/":
                    # Nobody but the decoder could tell, and it need not.
                    continue
                width += 1
                address = f"/w={width},format=png/{KEY}"
                cloud.proxy.script(FAULTS[name], method=method, path=path, times=times)
                replies = [server.get(address) for _ in range(2)]
                cloud.proxy.heal()
                whole = server.get(address)
                assert whole.status == 200, (name, method, path, whole)
                right[address] = whole.body
                for reply in replies:
                    assert reply.status in (200, 503), (name, method, path, reply)
                    assert reply.status != 200 or reply.body == whole.body, (name, method, path)
        cloud.s3.bucket("variants").clear()
        some = list(right)[:: len(right) // 4]
        assert [server.get(address).body for address in some] == [right[one] for one in some]
    assert "Traceback" not in server.output


# Several machines

LARGE = f"/w=1200,format=webp,lossless/{KEY}"


@contextlib.contextmanager
def several(cloud: Cloud, home: Path, count: int) -> Iterator[list[Server]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(serving_buckets(cloud, home / str(number)))
            for number in range(count)
        ]


def asked_together(servers: list[Server], path: str, count: int) -> list[Reply]:
    with ThreadPoolExecutor(count) as viewers:
        asked = [
            viewers.submit(servers[number % len(servers)].get, path) for number in range(count)
        ]
        return [one.result() for one in asked]


def test_four_servers_fetch_and_make_a_picture_once(cloud: Cloud, tmp_path: Path) -> None:
    with several(cloud, tmp_path, 4) as servers:
        cloud.proxy.heal()
        replies = asked_together(servers, f"/w=640/{KEY}", 60)
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    seen = [(one.method, one.path) for one in cloud.proxy.seen]
    assert len([path for method, path in seen if (method, path) == ("GET", f"/photos/{KEY}")]) == 1
    assert len([path for method, path in seen if method == "PUT" and "%40/" in path]) == 1
    assert len(cloud.s3.bucket("variants")) == 1


def test_when_the_one_who_makes_it_is_killed_another_does(cloud: Cloud, tmp_path: Path) -> None:
    with several(cloud, tmp_path, 2) as (leader, follower):
        replies: list[Reply] = []

        def ask() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                replies.append(leader.get(LARGE))

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: any("@lease-" in key for key in list(cloud.s3.bucket("variants"))))
        # As on another machine, nobody here can see that the process is gone.
        for key, lease in list(cloud.s3.bucket("variants").items()):
            if key.startswith("@lease-"):
                foreign = lease.data.replace(b'"host": "', b'"host": "elsewhere/')
                cloud.s3.bucket("variants")[key] = Stored(foreign, lease.headers, lease.modified)
        leader.process.send_signal(signal.SIGKILL)
        leader.process.wait()
        asking.join()
        assert replies == []
        assert any(key.startswith("@lease-") for key in cloud.s3.bucket("variants"))
        assert follower.get(LARGE).status == 200
        assert not any(key.startswith("@lease-") for key in cloud.s3.bucket("variants"))
