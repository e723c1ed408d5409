"""Faults of a store in a cloud, behind a scripted proxy: tried again, told apart, never believed.

What never answers is held back for longer than a test may take: that a call ends is shown by the
end of the test.
"""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.exceptions import BaseError

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage import Store, open_store
from safelight.storage.faults import fault_of
from tests.storage.conftest import BUCKET, DATA, SECONDS, every_call
from tests.support.proxy import INTERNAL_ERROR, SLOW_DOWN, Fault, Proxy

# Faults that pass.


@pytest.mark.parametrize(
    "fault",
    [
        SLOW_DOWN,
        INTERNAL_ERROR,
        Fault(429),
        Fault(cut=-1),
        Fault(cut=-1, reset=True),
        Fault(cut=1_000),
        Fault(cut=250_000, reset=True),
        Fault(wait=SECONDS * 0.4),
    ],
    ids=str,
)
def test_what_passes_is_tried_again(proxied: Store, proxy: Proxy, fault: Fault) -> None:
    proxied.put("cat.jpg", DATA, {})
    proxy.script(fault, times=1)
    assert proxied.get("cat.jpg").data == DATA
    proxy.script(fault, times=1)
    with proxied.open("cat.jpg") as opened:
        assert opened.read() == DATA


@pytest.mark.parametrize("fault", [SLOW_DOWN, INTERNAL_ERROR, Fault(cut=-1)], ids=str)
def test_writing_is_tried_again(proxied: Store, proxy: Proxy, fault: Fault) -> None:
    proxy.script(fault, times=2)
    proxied.put("cat.jpg", DATA, {"digest": "1"})
    assert proxy.count("PUT") == 3
    assert proxied.get("cat.jpg").data == DATA


@pytest.mark.parametrize("fault", [Fault(500, applied=True), Fault(503, applied=True)], ids=str)
def test_who_has_created_and_lost_the_answer_knows_its_own(
    proxied: Store, proxy: Proxy, fault: Fault
) -> None:
    proxy.script(fault, method="PUT", times=1)
    assert proxied.create("lease", b"mine") is True
    assert proxied.create("lease", b"another's") is False


def test_a_lease_that_ends_just_then_is_lost(proxied: Store, proxy: Proxy) -> None:
    proxy.script(Fault(412), method="PUT", times=1)
    assert proxied.create("lease", b"mine") is False


# Faults that stay.


@pytest.mark.parametrize(
    "fault",
    [SLOW_DOWN, INTERNAL_ERROR, Fault(cut=-1), Fault(cut=-1, reset=True)],
    ids=str,
)
def test_a_store_that_stays_down_is_unavailable_and_is_not_hammered(
    proxied: Store, proxy: Proxy, fault: Fault
) -> None:
    proxy.script(fault)
    for call in every_call(proxied):
        proxy.seen.clear()
        with pytest.raises(StoreUnavailable):
            call()
        assert len(proxy.seen) <= 4


def test_a_store_that_falls_silent_is_unavailable_in_time(url: str, proxy: Proxy) -> None:
    proxy.script(Fault(wait=600))
    for call in every_call(open_store(url, seconds=0.8)):
        with pytest.raises(StoreUnavailable):
            call()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut=100),
        Fault(cut=100, reset=True),
        Fault(cut=0),
        Fault(headers={"Content-Length": str(len(DATA) + 1)}, cut=len(DATA)),
        Fault(headers={"Content-Length": "-1"}),
        Fault(headers={"Content-Length": None}),
        Fault(headers={"Last-Modified": "yesterday"}),
        Fault(drip=0.1),
    ],
    ids=str,
)
def test_a_part_of_an_object_is_never_taken_for_the_whole(
    proxied: Store, proxy: Proxy, fault: Fault
) -> None:
    proxied.put("cat.jpg", DATA, {})
    proxy.script(fault)
    for read in (proxied.get, proxied.open):
        with pytest.raises(StoreUnavailable):
            read("cat.jpg")


def test_an_object_that_changes_while_it_is_read_is_not_sewn_together(
    proxied: Store, proxy: Proxy
) -> None:
    proxied.put("cat.jpg", DATA, {})
    proxy.script(Fault(cut=1_000), times=1)
    proxy.script(Fault(headers={"ETag": '"another"'}))
    with pytest.raises(StoreUnavailable):
        proxied.get("cat.jpg")


def test_another_etag_is_another_version(proxied: Store, proxy: Proxy) -> None:
    proxied.put("cat.jpg", DATA, {})
    version = proxied.head("cat.jpg").version
    proxy.script(Fault(headers={"ETag": '"another"'}))
    assert proxied.head("cat.jpg").version == proxied.get("cat.jpg").version != version


def test_an_etag_that_says_nothing_is_none(proxied: Store, proxy: Proxy) -> None:
    proxied.put("cat.jpg", DATA, {})
    proxy.script(Fault(headers={"ETag": ""}))
    assert len(proxied.head("cat.jpg").version) > 10


@pytest.mark.parametrize(
    "code", ["AccessDenied", "InvalidObjectState", "KeyTooLongError", "NoSuchVersion"]
)
def test_what_is_not_for_us_is_not_there(proxied: Store, proxy: Proxy, code: str) -> None:
    status = {"KeyTooLongError": 400, "NoSuchVersion": 404}.get(code, 403)
    proxy.script(Fault(status, f"<Error><Code>{code}</Code></Error>".encode()))
    for read in (proxied.head, proxied.get, proxied.open, proxied.attributes):
        with pytest.raises(NotFound):
            read("cat.jpg")
    for call in (lambda: proxied.put("cat.jpg", b"", {}), lambda: proxied.create("cat.jpg", b"")):
        with pytest.raises(StoreUnavailable):
            call()


def test_a_head_that_is_refused_without_a_reason_is_asked_for_one_once(
    proxied: Store, proxy: Proxy
) -> None:
    proxy.script(Fault(403, b"<Error><Code>AccessDenied</Code></Error>"))
    with pytest.raises(NotFound):
        proxied.head("cat.jpg")
    assert [seen.method for seen in proxy.seen] == ["HEAD", "GET"]
    proxy.heal()
    proxied.put("cat.jpg", b"picture", {})
    proxy.script(Fault(403), method="HEAD")
    with pytest.raises(StoreUnavailable):
        proxied.head("cat.jpg")


@pytest.mark.parametrize(
    "key",
    [
        "status code: 404 <Code>NoSuchBucket</Code>.jpg",
        "<Code>InvalidAccessKeyId</Code> status code: 403 Forbidden: .jpg",
        " in 1ms - Server returned non-2xx status code: 500 kind: Timeout",
        "latest/api/token/",
        "at",
    ],
)
def test_a_key_that_looks_like_an_answer_is_only_a_key(proxied: Store, key: str) -> None:
    for read in (proxied.head, proxied.get, proxied.open, proxied.attributes):
        with pytest.raises(NotFound):
            read(key.strip("/"))


def test_a_fault_is_logged_once_in_a_while(
    proxied: Store, proxy: Proxy, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.script(SLOW_DOWN, method="GET")
    proxy.script(INTERNAL_ERROR, method="DELETE")

    def fail() -> None:
        for call in (lambda: proxied.get("cat.jpg"), lambda: proxied.delete("cat.jpg")):
            with pytest.raises(StoreUnavailable):
                call()

    fail()
    fail()
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "it answers with errors (503 SlowDown)",
        "it answers with errors (500 InternalError)",
    ]
    later = time.monotonic() + 100
    monkeypatch.setattr(time, "monotonic", lambda: later)
    fail()
    assert len(caplog.records) == 4


@given(st.text(max_size=200), st.text(max_size=40))
def test_any_text_is_some_fault_with_a_sentence(text: str, path: str) -> None:
    for kind in ("s3", "az", "gs", "cos"):
        sentence = fault_of(BaseError(text), path).sentence(kind)
        assert sentence
        assert "\n" not in sentence


def test_nobody_there_is_unavailable(url: str) -> None:
    down = open_store(f"s3://{BUCKET}?endpoint=http://127.0.0.1:9", seconds=SECONDS)
    for call in every_call(down):
        with pytest.raises(StoreUnavailable):
            call()
