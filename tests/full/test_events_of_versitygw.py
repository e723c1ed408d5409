"""Uploads to a real gateway, which tells the service of them in its own words."""

from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from tests.stores.servers import free_port, running, tool
from tests.stores.versitygw import ACCESS_KEY, SECRET_KEY, versitygw
from tests.support.serving import serving, wait_for

pytestmark = pytest.mark.full

TOKEN = "not-a-token-but-long-enough"
BUCKET = "pictures"
KEYS = ["uploads/a.jpg", "uploads/sub/a b+é & 100%25 ~日.jpg"]
SETTINGS = """
[source]
url = "{url}"

[[pipelines]]
name = "uploads"
on = "uploads/"
write = [{{ transform = "w=64,format=webp", to = "small/{{stem}}.webp" }}]
metadata = "metadata/{{name}}.json"
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[S3Store]:
    """Run a store, the service over it, and a gateway to that store that tells the service."""
    with versitygw(tmp_path / "store") as store:
        store.make(BUCKET)
        settings = SETTINGS.format(url=store.url(BUCKET))
        environment = {**store.environment, "SAFELIGHT_EVENTS_TOKEN": TOKEN}
        with serving(
            None, tmp_path, "--workers", "1", settings=settings, environment=environment
        ) as service:
            port = free_port()
            command = [
                tool("versitygw"), "--port", f"127.0.0.1:{port}", "--quiet",
                "--event-webhook-url", f"{service.url}/events?token={TOKEN}",
                "posix", "--sidecar", str(tmp_path / "store" / "attributes"),
                str(tmp_path / "store" / "buckets"),
            ]  # fmt: skip
            root = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
            endpoint = f"http://127.0.0.1:{port}"
            with running(command, tmp_path / "gateway.log", endpoint, root):
                wait_for(lambda: "a test event" in service.output)
                yield S3Store(
                    BUCKET,
                    endpoint=endpoint,
                    access_key_id=ACCESS_KEY,
                    secret_access_key=SECRET_KEY,
                    client_options={"allow_http": True},
                )
        assert "Traceback" not in service.output
        assert TOKEN not in service.output


def listed(store: S3Store) -> set[str]:
    return {item["path"] for page in obstore.list(store) for item in page}


def outputs(key: str) -> set[str]:
    name = key.removeprefix("uploads/")
    return {f"small/{name.removesuffix('.jpg')}.webp", f"metadata/{name}.json"}


def test_what_is_uploaded_has_outputs_and_what_is_removed_has_none(
    gateway: S3Store, data: Path
) -> None:
    meadow = (data / "photos" / "photo-1mp.jpg").read_bytes()
    for key in KEYS:
        obstore.put(gateway, key, meadow)
    for key in KEYS:
        wait_for(lambda key=key: outputs(key) <= listed(gateway))
    obstore.copy(gateway, KEYS[0], "uploads/copy.jpg")
    wait_for(lambda: outputs("uploads/copy.jpg") <= listed(gateway))
    obstore.delete(gateway, KEYS)
    for key in KEYS:
        wait_for(lambda key=key: not outputs(key) & listed(gateway))
    assert outputs("uploads/copy.jpg") <= listed(gateway)
