"""A thousand viewers, four servers, one bucket: a missing picture is fetched, made, stored once."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from tests.stores.versitygw import ACCESS_KEY, SECRET_KEY, versitygw
from tests.support.load import together, told
from tests.support.proxy import Proxy, proxy_to
from tests.support.serving import Server, serving, wait_for

pytestmark = pytest.mark.full

KEY = "photo-1mp.jpg"
# Takes some seconds.
SLOW = f"/w=1200,format=webp,lossless/{KEY}"


class Cloud:
    """Two buckets, seen through a proxy."""

    def __init__(self, client: S3Store, proxy: Proxy, servers: list[Server]) -> None:
        self.client = client
        self.proxy = proxy
        self.servers = servers

    def stored(self) -> list[str]:
        return [meta["path"] for batch in obstore.list(self.client) for meta in batch]


@pytest.fixture
def cloud(data: Path, tmp_path: Path) -> Iterator[Cloud]:
    """Run a store and four servers on it."""
    with versitygw(tmp_path / "store") as store, proxy_to(store.port) as proxy:
        for bucket in ("photos", "variants"):
            store.make(bucket)
        clients = [
            S3Store(
                bucket,
                endpoint=f"http://127.0.0.1:{store.port}",
                access_key_id=ACCESS_KEY,
                secret_access_key=SECRET_KEY,
                client_options={"allow_http": True},
            )
            for bucket in ("photos", "variants")
        ]
        obstore.put(clients[0], KEY, (data / "photos" / KEY).read_bytes())
        settings = (
            f'[source]\nurl = "{store.url("photos", port=proxy.port)}"\n'
            f'[variants]\nurl = "{store.url("variants", port=proxy.port)}"\n'
            "[limits]\nseconds = 30\n"
        )
        with contextlib.ExitStack() as stack:
            servers = []
            for number in range(4):
                home = tmp_path / str(number)
                home.mkdir()
                environment = dict(store.environment)
                server = serving(
                    None, home, "--workers", "1", settings=settings, environment=environment
                )
                servers.append(stack.enter_context(server))
            proxy.heal()
            yield Cloud(clients[1], proxy, servers)


@pytest.mark.timeout(180)
def test_a_thousand_who_ask_at_once_cost_one_fetch_one_render_one_object(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = together(cloud.servers, [f"/w=640,format=webp/{KEY}"] * 1_000).outcomes
    replies = [outcome.reply for outcome in outcomes if outcome.reply]
    assert [reply.status for reply in replies] == [200] * 1_000
    assert len({reply.body for reply in replies}) == 1
    seen = [(one.method, one.path) for one in cloud.proxy.seen]
    fetched = [path for method, path in seen if method == "GET" and path == f"/photos/{KEY}"]
    written = [path for method, path in seen if method == "PUT" and "%40/" in path]
    told(
        capsys,
        f"1,000 requests, 4 servers, one bucket: {len(fetched)} fetch, {len(written)} put, "
        f"{len(seen)} requests to the store, slowest {max(one.seconds for one in outcomes):.2f} s",
    )
    assert len(cloud.stored()) == 1
    # Once, but for versitygw, whose create-only put is not atomic: two of one instant may both win.
    assert 1 <= len(fetched) == len(written) <= 2


@pytest.mark.timeout(180)
def test_when_the_one_who_makes_it_is_killed_the_others_are_answered(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    leader, *followers = cloud.servers

    def ask() -> None:
        with contextlib.suppress(Exception):
            leader.get(SLOW)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(lambda: any("@lease-" in key for key in cloud.stored()))
    leader.process.send_signal(signal.SIGKILL)
    leader.process.wait()
    asking.join()
    outcomes = together(followers, [SLOW] * 30).outcomes
    assert [outcome.reply.status for outcome in outcomes if outcome.reply] == [200] * 30
    told(capsys, f"the leader killed: answered in {max(one.seconds for one in outcomes):.2f} s")
    wait_for(lambda: len(cloud.stored()) == 1)
