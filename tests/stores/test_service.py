"""The same service over every real store: what is made once is kept, and costs one request."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from safelight import config
from safelight.storage import open_store
from safelight.workers.inprocess import InProcess
from tests.stores.azurite import azurite
from tests.stores.fake_gcs import fake_gcs
from tests.stores.servers import Server
from tests.stores.versitygw import versitygw
from tests.support.proxy import proxy_to
from tests.support.services import located, soon

pytestmark = pytest.mark.full
KEY = "2026/näher am Meer (1).jpg"


@pytest.mark.parametrize("starter", [versitygw, azurite, fake_gcs])
def test_photographs_in_a_bucket_become_variants_in_a_bucket(
    starter: Callable[[Path], AbstractContextManager[Server]],
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with starter(tmp_path / "store") as server, proxy_to(server.port) as proxy:
        for bucket in ("photos", "variants"):
            server.make(bucket)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        originals = open_store(server.url("photos", "originals"))
        originals.put(KEY, (photos / "sunset.jpg").read_bytes(), {})
        urls = {
            "source": {"url": server.url("photos", "originals", port=proxy.port)},
            "variants": {"url": server.url("variants", port=proxy.port)},
        }
        settings = config.load(environment={}, overrides=urls)
        service = config.build(settings, renderer=InProcess(settings.limits, threads=1))
        service.start()
        try:
            service.sources.check()
            service.variants.check()
            made = service.make(located(service, KEY, w=320), deadline=soon())
            assert made.stored
            assert Image.open(BytesIO(made.data)).size == (320, 213)

            proxy.seen.clear()
            again = service.lookup(located(service, KEY, w=320))
            assert again is not None
            assert (again.data, again.mime) == (made.data, "image/jpeg")
            assert [seen.method for seen in proxy.seen] == ["GET"]

            (kept,) = open_store(server.url("variants")).list()
            attributes = open_store(server.url("variants")).attributes(kept.key)
            assert attributes["Content-Type"] == "image/jpeg"
            assert attributes["source"] == KEY

            originals.put(KEY, (photos / "forest.jpg").read_bytes(), {})
            fresh = config.sources(settings)
            assert fresh.head(KEY).version != made.located.version
        finally:
            service.close()
