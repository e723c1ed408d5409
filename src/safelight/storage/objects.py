"""Any store that obstore knows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from safelight.errors import NotFound, StoreUnavailable
from safelight.storage.store import (
    Entry,
    Object,
    Opened,
    Stat,
    is_plain_key,
    missing,
    opened_bytes,
)


class ObjectStore:
    """Any store of obstore's, through its synchronous calls."""

    def __init__(self, client: Any, *, local: bool = True) -> None:
        """Wrap a store; ``local`` when it is in this process."""
        self._client = client
        self.local = local

    def check(self) -> None:
        """Ask for the head of an object that need not be there."""
        with contextlib.suppress(NotFound):
            self.head("safelight-check")

    def head(self, key: str) -> Stat:
        """Ask for an object's head."""
        meta = self._call(key, obstore.head, key)
        return Stat(_remote_version(meta), meta["size"], meta["last_modified"].timestamp())

    def open(self, key: str) -> Opened:
        """Fetch an object into anonymous memory."""
        found = self.get(key)
        return opened_bytes(found.data, version=found.version)

    def get(self, key: str) -> Object:
        """Fetch an object with its attributes."""
        found = self._call(key, obstore.get, key)
        attributes = {str(name): str(value) for name, value in found.attributes.items()}
        return Object(bytes(found.bytes()), _remote_version(found.meta), attributes)

    def attributes(self, key: str) -> Mapping[str, str]:
        """Fetch the attributes of an object."""
        return self.get(key).attributes or {}

    def put(self, key: str, data: bytes, attributes: Mapping[str, str]) -> None:
        """Write an object with its attributes."""
        self._call(key, obstore.put, key, data, attributes=dict(attributes))

    def create(self, key: str, data: bytes) -> bool:
        """Write an object by a create-only put."""
        try:
            self._call(key, obstore.put, key, data, mode="create")
        except FileExistsError:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove an object."""
        try:
            self._call(key, obstore.delete, key)
        except NotFound:
            return

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List objects; their last use is when they were written."""
        for batch in obstore.list(self._client, prefix or None):
            for meta in batch:
                yield Entry(meta["path"], meta["size"], meta["last_modified"].timestamp())

    def tidy(self, before: float) -> int:  # noqa: ARG002 - a put that never ended leaves nothing
        """Remove nothing."""
        return 0

    def _call(self, key: str, verb: Any, *arguments: Any, **options: Any) -> Any:
        if not is_plain_key(key):
            raise missing(key)
        try:
            return verb(self._client, *arguments, **options)
        except FileNotFoundError as error:
            raise missing(key) from error
        except AlreadyExistsError as error:
            raise FileExistsError(key) from error
        except BaseError as error:
            # obstore's text holds the endpoint and the answer's body: not for clients.
            raise StoreUnavailable("the store does not answer") from error


def _remote_version(meta: Any) -> str:
    return str(meta.get("version") or meta.get("e_tag") or meta["last_modified"].isoformat())
