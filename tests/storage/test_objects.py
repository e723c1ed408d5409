"""A store of obstore's: what Safelight's own layer adds."""

from typing import Any

import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import MemoryStore

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage.objects import ObjectStore


@pytest.fixture
def store() -> ObjectStore:
    """Give an empty store in memory."""
    return ObjectStore(MemoryStore())


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every call fail as if a network were down: there is none here."""

    def fail(*arguments: Any, **options: Any) -> Any:
        raise BaseError("https://bucket.example/?token=secret: connection refused")

    for verb in ("head", "get", "put", "delete"):
        monkeypatch.setattr(obstore, verb, fail)


def test_a_store_that_does_not_answer_is_unavailable_and_its_words_are_not_shown(
    store: ObjectStore, unreachable: None
) -> None:
    for ask in (
        lambda: store.head("cat.jpg"),
        lambda: store.get("cat.jpg"),
        lambda: store.open("cat.jpg"),
        lambda: store.attributes("cat.jpg"),
        lambda: store.put("cat.jpg", b"", {}),
        lambda: store.create("cat.jpg", b""),
        lambda: store.delete("cat.jpg"),
        store.check,
    ):
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        assert "secret" not in caught.value.detail


def test_a_key_is_checked_before_the_store_is_asked(store: ObjectStore, unreachable: None) -> None:
    with pytest.raises(NotFound):
        store.head("../cat.jpg")


def test_an_object_that_somebody_else_put_is_read_without_attributes(store: ObjectStore) -> None:
    obstore.put(store._client, "cat.jpg", b"picture")
    assert store.get("cat.jpg").attributes == {}
    assert store.attributes("cat.jpg") == {}


def test_an_object_keeps_the_content_type_that_other_programs_read(store: ObjectStore) -> None:
    store.put("cat.jpg", b"picture", {"Content-Type": "image/webp", "digest": "1"})
    assert obstore.get(store._client, "cat.jpg").attributes["Content-Type"] == "image/webp"
