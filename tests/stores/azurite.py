"""Azurite: Azure's blobs, with an account that is only for tests."""

import base64
import hashlib
import hmac
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

from tests.stores.servers import Server, free_port, running, tool

ACCOUNT = "safelight"
KEY = base64.b64encode(b"not a secret: for tests only").decode()
_VERSION = "2021-12-02"
_CONFLICT = 409


@contextmanager
def azurite(folder: Path, *, port: int | None = None) -> Iterator[Server]:
    """Serve blobs from memory."""
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        tool("azurite-blob"), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent",
        "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry",
    ]  # fmt: skip
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"

    def make(container: str) -> None:
        date = formatdate(usegmt=True)
        # "Authorize with Shared Key" in the reference of Azure's REST API.
        signed = (
            f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:{_VERSION}\n"
            f"/{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
        )
        signature = hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)
        request = urllib.request.Request(
            f"{endpoint}/{container}?restype=container",
            method="PUT",
            headers={
                "x-ms-date": date,
                "x-ms-version": _VERSION,
                "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}",
            },
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != _CONFLICT:
                raise

    with running(command, folder / "log", endpoint, {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}):
        yield Server(
            "az",
            port,
            f"account={ACCOUNT}&endpoint={endpoint}",
            {"AZURE_STORAGE_ACCOUNT_KEY": KEY},
            make,
        )
