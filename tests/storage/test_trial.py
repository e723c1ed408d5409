"""A store that is tried out by writing to it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from safelight.errors import StoreUnavailable
from safelight.storage import Object, Store, read_back
from safelight.storage.folder import FolderStore
from tests.support.proxy import Fault, Proxy


def test_a_store_that_works_gives_back_what_it_got_and_keeps_nothing(store: Store) -> None:
    read_back(store, "@trial")
    assert list(store.list()) == []


@pytest.mark.parametrize(
    ("method", "said"), [("PUT", "its credentials lack a right"), ("GET", "cannot be read back")]
)
def test_a_right_that_is_missing_is_told(
    proxied: Store, proxy: Proxy, method: str, said: str
) -> None:
    proxy.script(Fault(403, b"<Error><Code>AccessDenied</Code></Error>"), method=method)
    with pytest.raises(StoreUnavailable) as caught:
        read_back(proxied, "@trial")
    assert said in caught.value.reason
    assert proxy.count("DELETE") == (0 if method == "PUT" else 1)


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        ("get", lambda *_: Object(b"another", "1", None), "gives back other bytes"),
        ("attributes", lambda *_: {"Content-Type": "image/webp", "digest": "0"}, "does not keep"),
        ("attributes", lambda *_: {}, "does not keep"),
    ],
)
def test_what_comes_back_otherwise_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    answer: Callable[..., object],
    said: str,
) -> None:
    store = FolderStore(tmp_path)
    monkeypatch.setattr(store, method, answer)
    with pytest.raises(StoreUnavailable, match=said):
        read_back(store, "@trial")
    assert list(tmp_path.iterdir()) == []
