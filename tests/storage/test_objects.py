"""A store in a cloud: what it is asked for, what it keeps, how it signs, what is wrong with it."""

import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import NotFound, SourceTooLarge, StoreUnavailable
from safelight.storage import Store, open_store
from safelight.storage.store import is_plain_key
from tests.storage.conftest import BUCKET, DATA, REAL, REMOTE, SECONDS, Opener, every_call
from tests.stores.fake_gcs import private_key, service_account
from tests.stores.servers import Server
from tests.support.proxy import SLOW_DOWN, Fault, Proxy
from tests.support.s3 import SECRET_KEY, SmallS3, Stored


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, opener: Callable[[str], Opener]) -> Store:
    """Give an empty store of each kind that is in a cloud."""
    return opener(str(request.param))(secrets.token_hex(8))


def stored(s3: SmallS3, url: str, key: str) -> Stored:
    """Look at an object of a store from the server's side."""
    return s3.bucket(BUCKET)[f"{urlsplit(url).path[1:]}/{key}"]


def fetched(url: str) -> bytes:
    """Fetch an address as somebody without credentials and without proxies does."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        data: bytes = answer.read()
    return data


# What a store is asked for, and how often.


def test_a_stored_object_is_one_request_and_so_is_its_head(proxied: Store, proxy: Proxy) -> None:
    proxied.put("cat.jpg", DATA, {"digest": "1"})
    proxy.heal()
    assert proxied.get("cat.jpg").attributes == proxied.attributes("cat.jpg")
    proxied.head("cat.jpg")
    assert [seen.method for seen in proxy.seen] == ["GET", "HEAD", "HEAD"]


def test_a_large_object_is_written_in_one_piece(proxied: Store, proxy: Proxy) -> None:
    proxied.put("large.tif", bytes(12_000_000), {"digest": "1"})
    assert [seen.method for seen in proxy.seen] == ["PUT"]
    assert proxied.attributes("large.tif")["digest"] == "1"


def test_keys_are_what_other_programs_see(s3: SmallS3, url: str) -> None:
    key = "a cat/näher & größer %41+.jpg"
    prefix = quote("vor dem/100%")
    open_store(f"s3://{BUCKET}/{prefix}/?endpoint={s3.endpoint}").put(key, b"picture", {})
    assert s3.bucket(BUCKET)[f"vor dem/100%/{key}"].data == b"picture"


@given(st.text(max_size=60).filter(is_plain_key))
def test_any_plain_key_names_an_object(key: str) -> None:
    store = open_store("memory:")
    store.put(key, b"1", {})
    assert store.get(key).data == b"1"
    assert [entry.key for entry in store.list()] == [key]
    store.delete(key)
    assert list(store.list()) == []


def test_a_listing_goes_on_over_its_pages(remote: Store) -> None:
    keys = [f"{number:04}.jpg" for number in range(1_203)]
    with ThreadPoolExecutor(16) as executor:
        list(executor.map(lambda key: remote.put(f"pages/{key}", b"1", {}), keys))
    listed = [entry.key for entry in remote.list("pages")]
    assert sorted(listed) == [f"pages/{key}" for key in keys]


def test_of_fifty_who_create_one_wins(remote: Store, request: pytest.FixtureRequest) -> None:
    with ThreadPoolExecutor(50) as executor:
        won = list(executor.map(lambda number: remote.create("lease", b"%d" % number), range(50)))
    # versitygw looks first and writes then: of those who come in one instant several may win.
    assert won.count(True) == 1 or (any(won) and "versitygw" in request.node.name)
    assert won[int(remote.get("lease").data)]
    assert not remote.create("lease", b"late")


def test_a_key_of_1024_bytes_is_the_longest(remote: Store, opener: Callable[[str], Opener]) -> None:
    below = 1_024 - len(f"{remote._address.prefix}/")  # type: ignore[attr-defined]
    key = "/".join(["猫" * 40] * 7) + "/"
    key += "x" * (below - len(key.encode()))
    remote.put(key, b"long", {})
    assert remote.get(key).data == b"long"
    for ask in (remote.head, remote.get, remote.open):
        with pytest.raises(NotFound):
            ask(f"{key}x")
    remote.delete(f"{key}x")


def test_attributes_are_any_text_and_what_is_too_long_is_left_out(remote: Store) -> None:
    attributes = {
        "Content-Type": "image/webp",
        "Cache-Control": "public, max-age=31536000, immutable",
        "digest": "0" * 64,
        "source": " 日本/näher\n%41 =?UTF-8?B?bsOk?= ",
        "transform": "text=" + "猫" * 300,
    }
    remote.put("cat.webp", b"picture", attributes)
    kept = dict(remote.attributes("cat.webp"))
    assert kept == {name: attributes[name] for name in attributes if name != "transform"}
    assert remote.get("cat.webp").attributes == kept


def test_a_name_that_some_cloud_refuses_is_refused_by_all(remote: Store) -> None:
    for name in ("made-at", "made_at", "Made", "", "näh"):
        with pytest.raises(ValueError, match="is no name of an attribute"):
            remote.put("cat.jpg", b"", {name: "1"})


# Addresses that are signed.


@pytest.mark.parametrize("key", ["cats/tabby.jpg@/1-2", "a b+ü%41.jpg"])
def test_a_signed_address_is_good_for_that_object_for_a_while(
    proxied: Store, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxied.put(key, b"picture", {})
    address = proxied.sign(key, 60)
    assert address
    assert SECRET_KEY not in address
    assert fetched(address) == b"picture"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetched(address.replace("1-2", "1-3").replace("%2541", "%2542"))
    late = time.time() + 70
    monkeypatch.setattr(time, "time", lambda: late)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetched(address)


@pytest.mark.full
@pytest.mark.parametrize("kind", ["versitygw", "azurite"])
def test_a_signed_address_is_good_at_real_servers(
    kind: str, opener: Callable[[str], Opener]
) -> None:
    store = opener(kind)(secrets.token_hex(8))
    store.put("cats/tabby.jpg@/1-2", b"picture", {})
    address = store.sign("cats/tabby.jpg@/1-2", 60)
    assert address
    assert fetched(address) == b"picture"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetched(address[:-3] + "xyz")


@pytest.mark.full
def test_google_signs_with_the_key_of_a_service_account(
    servers: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = servers("fake-gcs-server")
    key = service_account(f"http://127.0.0.1:{server.port}", private_key=private_key(), oauth=True)
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", key)
    address = open_store(server.url(BUCKET)).sign("a b.jpg", 60)
    assert address
    assert address.startswith(f"http://127.0.0.1:{server.port}/{BUCKET}/a%20b.jpg?X-Goog-Algorithm")


def test_what_cannot_be_signed_gives_no_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "bm90IGEgc2VjcmV0")
    azure = open_store("az://photos?account=example")
    assert azure.sign("cats/tabby.jpg@/1-2", 60)
    assert azure.sign("a b.jpg", 60) is None
    assert open_store("memory:").sign("a.jpg", 60) is None
    assert open_store(f"s3://{BUCKET}?anonymous=true").sign("a.jpg", 60) is None
    assert open_store(f"s3://{BUCKET}", seconds=0.5).sign("../a.jpg", 60) is None
    assert caplog.text == ""
    assert open_store(f"s3://{BUCKET}", seconds=0.5).sign("a.jpg", 60) is None
    assert "addresses cannot be signed: there are no credentials for it: set AWS_" in caplog.text


# What is too large.


def test_an_object_that_is_too_large_is_refused_before_it_is_read(url: str, proxy: Proxy) -> None:
    open_store(url).put("cat.jpg", DATA, {})
    proxy.script(Fault(drip=1))
    bounded = open_store(url, most_bytes=len(DATA) - 1)
    for read in (bounded.open, bounded.get):
        with pytest.raises(SourceTooLarge, match="300,000 bytes: at most 299,999 are allowed"):
            read("cat.jpg")
    proxy.heal()
    assert open_store(url, most_bytes=len(DATA)).get("cat.jpg").data == DATA


def test_a_body_that_goes_on_beyond_what_was_announced_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Lying:
        meta = {"size": 10, "e_tag": "1"}  # noqa: RUF012 - as obstore has it

        def stream(self, **options: Any) -> list[bytes]:
            return [bytes(10)] * 3

    monkeypatch.setattr(obstore, "get", lambda *arguments, **options: Lying())
    with pytest.raises(SourceTooLarge):
        open_store("memory:", most_bytes=20).open("cat.jpg")
    with pytest.raises(StoreUnavailable):
        open_store("memory:", most_bytes=40).open("cat.jpg")


# What others have put there.


def test_an_object_that_somebody_else_put_is_read_as_it_is(s3: SmallS3, url: str) -> None:
    store = open_store(url)
    store.put("cat.jpg", b"picture", {})
    headers = stored(s3, url, "cat.jpg").headers
    headers |= {"x-amz-meta-Some-Name": "100% =?UTF-8?Q?n=C3=A4h?=", "x-amz-meta-b": "%ff%zz"}
    assert store.attributes("cat.jpg")["some-name"] == "100% =?UTF-8?Q?n=C3=A4h?="
    assert store.attributes("cat.jpg")["b"] == "\N{REPLACEMENT CHARACTER}%zz"


def test_a_folder_of_a_console_is_no_harm_and_odd_keys_fail_a_listing(
    s3: SmallS3, url: str
) -> None:
    store = open_store(url)
    for key in ("a/cat.jpg", "a/b/dog.jpg"):
        store.put(key, b"1", {})
    below = urlsplit(url).path[1:]
    objects = s3.bucket(BUCKET)
    objects[f"{below}/a/"] = Stored(b"", {}, time.time())
    assert {entry.key for entry in store.list("a")} >= {"a/cat.jpg", "a/b/dog.jpg"}
    objects[f"{below}/a//cat.jpg"] = Stored(b"", {}, time.time())
    with pytest.raises(StoreUnavailable) as failed:
        list(store.list("a"))
    assert f"rename '{below}/a//cat.jpg'" in failed.value.reason
    assert [entry.key for entry in store.list("a/b")] == ["a/b/dog.jpg"]


def test_metadata_beyond_ascii_cannot_be_read(proxied: Store, proxy: Proxy) -> None:
    proxied.put("cat.jpg", b"1", {})
    proxy.script(Fault(headers={"x-amz-meta-by": "n\xe4h"}))
    for read in (proxied.head, proxied.open, proxied.get):
        with refused("an object has metadata that is not ASCII"):
            read("cat.jpg")


def test_types_and_ages_are_what_browsers_read(s3: SmallS3, url: str) -> None:
    sent = {"Content-Type": "image/webp", "Cache-Control": "max-age=3"}
    open_store(url).put("cat.webp", b"1", sent)
    assert stored(s3, url, "cat.webp").headers == {n.lower(): v for n, v in sent.items()}


# What is wrong with a store, in one sentence for whoever runs it.


@contextmanager
def refused(reason: str) -> Iterator[None]:
    """Expect an error with a reason that clients are not told."""
    with pytest.raises(StoreUnavailable) as caught:
        yield
    assert caught.value.detail == "the store does not answer"
    assert re.search(reason, caught.value.reason)


@pytest.mark.parametrize("kind", REMOTE)
def test_a_store_that_works_passes_its_check(kind: str, opener: Callable[[str], Opener]) -> None:
    opener(kind)("nothing here yet").check()


WRONG = {
    "s3": ("AWS_SECRET_ACCESS_KEY", "wrong"),
    "cos": ("TENCENTCLOUD_SECRETKEY", "wrong"),
    "versitygw": ("AWS_SECRET_ACCESS_KEY", "wrong"),
    "azurite": ("AZURE_STORAGE_ACCOUNT_KEY", "d3Jvbmc="),
}


@pytest.mark.parametrize("kind", REMOTE)
def test_a_check_says_that_a_bucket_is_missing(
    kind: str, opener: Callable[[str], Opener], caplog: pytest.LogCaptureFixture
) -> None:
    store = opener(kind)("a", bucket="nobodys")
    # Google says that there is none, the fake one calls it an error of its own.
    said = r"\(500 500\)" if kind == "fake-gcs-server" else "there is no such bucket or container"
    with refused(rf"nobodys.*: .*{said}"):
        store.check()
    assert "nobodys" in caplog.text
    assert "127.0.0.1" not in caplog.text


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.full if kind in REAL else ()) for kind in WRONG]
)
def test_a_check_says_that_the_credentials_are_refused(
    kind: str,
    opener: Callable[[str], Opener],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened = opener(kind)
    monkeypatch.setenv(*WRONG[kind])
    store = opened("a")
    with refused("its credentials are refused"):
        store.check()
    for call in every_call(store):
        with refused("its credentials are refused"):
            call()
    assert caplog.text.count("its credentials are refused") == 1
    for secret in ("127.0.0.1", WRONG[kind][1], SECRET_KEY, "StringToSign"):
        assert secret not in caplog.text


def test_a_check_says_that_there_are_no_credentials(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with refused("there are no credentials for it: set AWS_ACCESS_KEY_ID and"):
        open_store(url, seconds=SECONDS).check()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_machine_without_a_role_is_not_a_store_without_objects(
    url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", proxy.endpoint)
    proxy.script(Fault(200, b"a token"), method="PUT", path="latest/api/token")
    proxy.script(Fault(status), path="latest/meta-data")
    for call in every_call(open_store(url, seconds=SECONDS)):
        with refused("there are no credentials for it"):
            call()


def test_a_check_says_that_nobody_is_there(url: str) -> None:
    for endpoint in ("http://127.0.0.1:9", "http://nowhere.invalid"):
        with refused("it cannot be reached: is its endpoint right"):
            open_store(f"s3://{BUCKET}?endpoint={endpoint}", seconds=SECONDS).check()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (SLOW_DOWN, r"it answers with errors \(503 SlowDown\)"),
        (Fault(404, b"<Error><Code>NoSuchTenant</Code></Error>"), r"unexpected way \(404 NoSuchT"),
        (Fault(418, b"<html>a teapot</html>"), r"unexpected way \(418\)"),
        (Fault(301), "another region, or behind another endpoint"),
        (Fault(403, b"<Code>RequestTimeTooSkewed</Code>"), "the clock of this machine is wrong"),
        (Fault(400, b"<Code>ExpiredToken</Code>"), r"credentials are refused \(400 ExpiredToken\)"),
        (Fault(403, b"<Code>AccessDenied</Code>"), r"lack a right \(AccessDenied\)"),
        (Fault(wait=60), "it does not answer in time"),
        (Fault(headers={"Content-Length": "-1"}), "cut off or malformed"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_check_says_what_a_store_answers(
    proxied: Store, proxy: Proxy, fault: Fault, said: str
) -> None:
    proxy.script(fault)
    with refused(rf"^s3://{BUCKET}/\w+: .*{said}"):
        proxied.check()


def test_a_missing_object_without_a_reason_is_looked_into(proxied: Store, proxy: Proxy) -> None:
    proxy.script(Fault(404, b"Not Found"), path="safelight-check")
    proxied.check()
    proxy.script(Fault(404, b"<Error><Code>NoSuchBucket</Code></Error>"), path="list-type")
    with refused("there is no such bucket or container"):
        proxied.check()


def test_a_public_bucket_without_a_listing_passes_its_check(url: str, s3: SmallS3) -> None:
    open_store(f"{url}&anonymous=true").check()
    with pytest.raises(NotFound):
        open_store(f"{url}&anonymous=true").get("cat.jpg")
