"""Every store: without a network, on a small S3, and on the real servers of tests/stores."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

from safelight.storage import Store, open_store
from tests.stores.azurite import azurite
from tests.stores.fake_gcs import fake_gcs
from tests.stores.servers import Server
from tests.stores.versitygw import versitygw
from tests.support.proxy import Proxy, proxy_to
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, SmallS3, small_s3

BUCKET = "photos"
TENCENT = "cos.ap-guangzhou.myqcloud.com"
ACCOUNT = "-1250000000"
REAL = ("versitygw", "azurite", "fake-gcs-server")
STORES = ("file", "memory", "s3", "cos", *(pytest.param(n, marks=pytest.mark.full) for n in REAL))
REMOTE = STORES[2:]

_STARTERS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "versitygw": versitygw,
    "azurite": azurite,
    "fake-gcs-server": fake_gcs,
}
_CLOUDS = ("AWS_", "AZURE_", "GOOGLE_", "TENCENTCLOUD_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

SECONDS = 2.0
DATA = os.urandom(300_000)


class Opener(Protocol):
    """What opens a store below a prefix of a bucket."""

    def __call__(self, prefix: str, bucket: str = BUCKET) -> Store: ...


@pytest.fixture(autouse=True)
def no_clouds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away what this machine has for clouds: credentials, endpoints, proxies."""
    for variable in list(os.environ):
        if variable.upper().startswith(_CLOUDS):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))
    # The service that gives machines in a cloud their credentials: here, nobody answers.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture(scope="session")
def s3() -> Iterator[SmallS3]:
    """Run a small S3 with a bucket."""
    with small_s3() as server:
        server.bucket(BUCKET)
        yield server


@pytest.fixture(scope="session")
def cos() -> Iterator[SmallS3]:
    """Run a small S3 that plays Tencent's store to whoever takes it for a proxy."""
    with small_s3(region="ap-guangzhou", domain=TENCENT) as server:
        server.bucket(f"{BUCKET}{ACCOUNT}")
        yield server


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Give what runs a real server by its name, once, with a bucket."""
    running: dict[str, tuple[AbstractContextManager[Server], Server]] = {}

    def run(name: str) -> Server:
        if name not in running:
            context = _STARTERS[name](tmp_path_factory.mktemp(name) / "store")
            running[name] = (context, context.__enter__())
            running[name][1].make(BUCKET)
        return running[name][1]

    yield run
    for context, _ in running.values():
        context.__exit__(None, None, None)


@pytest.fixture
def opener(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], Opener]:
    """Give what opens stores of a kind, with its credentials in place."""

    def of(kind: str) -> Opener:
        if kind in ("file", "memory"):
            url = "file:./objects" if kind == "file" else "memory:"
            return lambda prefix, bucket=BUCKET: open_store(url, base=tmp_path)
        if kind == "s3":
            s3: SmallS3 = request.getfixturevalue("s3")
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            return _below("s3", f"endpoint={s3.endpoint}")
        if kind == "cos":
            cos: SmallS3 = request.getfixturevalue("cos")
            monkeypatch.setenv("TENCENTCLOUD_SECRETID", ACCESS_KEY)
            monkeypatch.setenv("TENCENTCLOUD_SECRETKEY", SECRET_KEY)
            monkeypatch.setenv("HTTP_PROXY", cos.endpoint)
            return _below("cos", f"region=ap-guangzhou&endpoint=http://{TENCENT}", ACCOUNT)
        server: Server = request.getfixturevalue("servers")(kind)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        return _below(server.scheme, server.options)

    return of


def _below(scheme: str, options: str, account: str = "") -> Opener:
    return lambda prefix, bucket=BUCKET: open_store(
        f"{scheme}://{bucket}{account}/{prefix}?{options}", seconds=SECONDS
    )


@pytest.fixture
def proxy(s3: SmallS3) -> Iterator[Proxy]:
    """Run a proxy in front of the small S3."""
    with proxy_to(s3.port) as proxy:
        yield proxy


@pytest.fixture
def url(proxy: Proxy, opener: Callable[[str], Opener]) -> str:
    """Give the URL of an empty store behind the proxy, with the credentials in place."""
    opener("s3")
    return f"s3://{BUCKET}/{secrets.token_hex(8)}?endpoint={proxy.endpoint}"


@pytest.fixture
def proxied(url: str) -> Store:
    """Give an empty store behind the proxy, which answers within SECONDS or is unavailable."""
    return open_store(url, seconds=SECONDS)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, opener: Callable[[str], Opener]) -> Store:
    """Give an empty store, of each kind in turn."""
    return opener(str(request.param))(f"tests {secrets.token_hex(8)}")


def every_call(store: Store) -> list[Callable[[], object]]:
    """List what can be asked of a store; the last is its check."""
    return [
        lambda: store.head("cat.jpg"),
        lambda: store.get("cat.jpg"),
        lambda: store.open("cat.jpg"),
        lambda: store.attributes("cat.jpg"),
        lambda: store.put("cat.jpg", b"", {}),
        lambda: store.create("cat.jpg", b""),
        lambda: store.delete("cat.jpg"),
        lambda: list(store.list()),
        store.check,
    ]
