"""Azure Functions by Microsoft's own worker, over Azurite.

Real are the worker (indexing, the checks of bindings, what converts blobs, messages and requests)
and the store. The host is not, since it cannot be had without Azure's network: routes, watching,
tries and the queue of poison are imitated after its documentation, see tests/support/azure_host.py.
Event Grid and identities are not run at all.
"""

import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from PIL import Image

from safelight.cli import main as safelight
from safelight.storage import Store
from tests.stores.azurite import azurite
from tests.stores.servers import Server
from tests.support.azure_host import TRIES, AzureHost, azure_host
from tests.support.proxy import SLOW_DOWN, Proxy, proxy_to

pytestmark = pytest.mark.full

ROOT = Path(__file__).resolve().parents[2]
APP = "from safelight.functions.azure import function_app\n\napp = function_app()\n"
KEY = "uploads/a/näher b.jpg"
OUTPUTS = {
    "thumbnails/small/a/näher b.jpg": (150, 100),
    "thumbnails/medium/a/näher b.jpg": (300, 200),
    "thumbnails/large/a/näher b.jpg": (600, 400),
    "optimized/a/näher b.jpg": (1920, 1280),
    "watermarked/a/näher b.jpg": (4272, 2848),
}
METADATA = "metadata/a/näher b.jpg.json"
SETTINGS = """
[source]
url = "{images}"
[variants]
url = "{variants}"
[security]
unsigned = true
[limits]
seconds = 5

[presets]
small = "w=150,h=150,fit=inside,format=jpeg"
medium = "w=300,h=300,fit=inside,format=jpeg"
large = "w=600,h=600,fit=inside,format=jpeg"
optimized = "w=1920,h=1920,fit=inside,format=jpeg,quality=85"
watermarked = "text=Example,text_size=0.05,text_min=20,text_padding=20,format=jpeg,quality=90"

[[pipelines]]
on = "uploads/"
write = [
  {{ preset = "small", to = "thumbnails/small/{{name}}" }},
  {{ preset = "medium", to = "thumbnails/medium/{{name}}" }},
  {{ preset = "large", to = "thumbnails/large/{{name}}" }},
  {{ preset = "optimized", to = "optimized/{{name}}" }},
  {{ preset = "watermarked", to = "watermarked/{{name}}" }},
]
metadata = "metadata/{{name}}.json"
"""
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with azurite(tmp_path_factory.mktemp("azurite") / "store") as server:
        yield server


@pytest.fixture
def proxy(account: Server) -> Iterator[Proxy]:
    with proxy_to(account.port) as running:
        yield running


@pytest.fixture
def container(account: Server) -> str:
    """Name a container of this test alone."""
    name = f"images-{next(_NUMBERS)}"
    account.make(name)
    account.make(f"{name}-variants")
    return name


@pytest.fixture
def images(account: Server, container: str, credentials: None) -> Store:
    return AzureHost.opened(account, container)


@pytest.fixture
def credentials(account: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in account.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def host(
    account: Server, proxy: Proxy, container: str, images: Store, tmp_path: Path
) -> Iterator[AzureHost]:
    (tmp_path / "function_app.py").write_text(APP)
    settings = SETTINGS.format(
        images=account.url(container, port=proxy.port),
        variants=account.url(f"{container}-variants", port=proxy.port),
    )
    (tmp_path / "safelight.toml").write_text(settings)
    with azure_host(tmp_path, account) as running:
        yield running


def keys(store: Store) -> list[str]:
    return sorted(entry.key for entry in store.list())


def test_azure_finds_functions_and_what_each_is_bound_to(host: AzureHost, container: str) -> None:
    assert sorted(host.functions) == ["changed", "given_up", "resize", "serve", "uploaded"]
    uploaded = host.trigger("uploaded")
    assert uploaded["path"] == f"{container}/uploads/{{name}}"
    assert uploaded["source"] == "EventGrid"
    assert uploaded["connection"] == "AzureWebJobsStorage"
    assert host.trigger("given_up")["queueName"] == "webjobs-blobtrigger-poison"
    assert host.trigger("resize")["route"] == "api/resize"
    assert host.trigger("serve")["route"] == "{*path}"
    assert host.trigger("serve")["authLevel"] == "ANONYMOUS"


def test_an_upload_becomes_the_outputs_of_the_tutorial_once(
    host: AzureHost, container: str, images: Store, photos: Path
) -> None:
    picture = (photos / "sunset.jpg").read_bytes()
    (ended,) = host.upload(container, KEY, picture)
    assert not ended.error
    assert keys(images) == sorted([KEY, METADATA, *OUTPUTS])
    for key, size in OUTPUTS.items():
        assert Image.open(BytesIO(images.get(key).data)).size == size
        assert images.attributes(key)["Content-Type"] == "image/jpeg"
    told = json.loads(images.get(METADATA).data)
    assert told["filename"] == "näher b.jpg"
    assert told["file_size_bytes"] == len(picture)

    before = {key: images.head(key).modified for key in keys(images)}
    versions = {key: images.head(key).version for key in keys(images)}
    (again,) = host.tell(container, KEY)
    assert not again.error
    assert {key: images.head(key).version for key in keys(images)} == versions
    assert {key: images.head(key).modified for key in keys(images)} == before


def test_what_it_writes_triggers_nothing(
    host: AzureHost, container: str, images: Store, photos: Path
) -> None:
    host.upload(container, KEY, (photos / "sunset.jpg").read_bytes())
    for key in keys(images):
        if key != KEY:
            assert host.tell(container, key) == []
    assert host.invoked == {"uploaded": 1}


def test_a_file_that_is_no_image_becomes_one_dead_letter_and_no_poison(
    host: AzureHost, container: str, images: Store
) -> None:
    for _ in range(2):
        (ended,) = host.upload(container, "uploads/broken.jpg", b"no image")
        assert not ended.error
    assert keys(images) == ["failed/uploads/broken.jpg.json", "uploads/broken.jpg"]
    letter = json.loads(images.get("failed/uploads/broken.jpg.json").data)
    assert letter["key"] == "uploads/broken.jpg"
    assert letter["code"] == "unsupported_format"
    assert host.poison == []


def test_what_was_given_up_while_the_store_was_down_is_made_from_the_queue_of_poison(
    host: AzureHost, container: str, images: Store, proxy: Proxy, photos: Path
) -> None:
    proxy.script(SLOW_DOWN)
    (ended,) = host.upload(container, KEY, (photos / "sunset.jpg").read_bytes())
    assert "store does not answer" in ended.error
    assert host.invoked["uploaded"] == TRIES
    assert "store does not answer" in host.dequeue().error
    assert len(host.poison) == 1

    proxy.heal()
    assert not host.dequeue().error
    assert host.poison == []
    assert keys(images) == sorted([KEY, METADATA, *OUTPUTS])


def test_what_was_given_up_and_is_no_image_becomes_one_dead_letter(
    host: AzureHost, container: str, images: Store, proxy: Proxy
) -> None:
    proxy.script(SLOW_DOWN)
    host.upload(container, "uploads/broken.jpg", b"no image")
    proxy.heal()
    host.poison.append(dict(host.poison[0]))
    assert not host.dequeue().error
    (letter,) = [key for key in keys(images) if key.startswith("failed/")]
    version = images.head(letter).version
    assert not host.dequeue().error
    assert images.head(letter).version == version
    assert keys(images) == [letter, "uploads/broken.jpg"]


def test_a_removed_blob_takes_its_outputs_with_it(
    host: AzureHost, container: str, images: Store, photos: Path
) -> None:
    host.upload(container, KEY, (photos / "sunset.jpg").read_bytes())
    images.delete(KEY)
    event = {
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "topic": "/subscriptions/example",
        "subject": f"/blobServices/default/containers/{container}/blobs/{KEY}",
        "eventType": "Microsoft.Storage.BlobDeleted",
        "eventTime": "2026-11-20T12:00:00.1234567Z",
        "dataVersion": "",
        "data": {"api": "DeleteBlob", "blobType": "BlockBlob", "sequencer": "0000000000000442"},
    }
    assert not host.notify({**event, "eventType": "Example.SomethingElse"}).error
    assert len(keys(images)) > 1
    assert not host.notify(event).error
    assert keys(images) == []


def test_requests_are_answered_with_their_addresses_as_they_were_sent(
    host: AzureHost, images: Store, photos: Path
) -> None:
    odd = "a/näher+b %2F c.jpg"
    images.put(odd, (photos / "sunset.jpg").read_bytes(), {})
    made = host.request("GET", f"/small/{quote(odd)}")
    assert (made.status, made.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(BytesIO(made.body)).size == (150, 100)
    assert made.headers["cache-status"] == "Safelight; fwd=uri-miss; stored"
    whole = host.request("GET", f"/small/{quote(odd, safe='')}")
    assert (whole.status, whole.headers["cache-status"]) == (200, "Safelight; hit")

    tag = {"if-none-match": made.headers["etag"]}
    known = host.request("GET", f"/small/{quote(odd)}", headers=tag)
    assert (known.status, known.headers["content-type"], known.body) == (304, "", b"")
    missing = host.request("GET", "/small/nothing.jpg")
    assert (missing.status, missing.json["code"]) == (404, "not_found")
    assert host.request("GET", "/healthz").status == 200


@pytest.mark.parametrize(("function", "path"), [("resize", "/api/resize"), ("serve", "/resize")])
def test_a_posted_picture_is_made_smaller(
    host: AzureHost, photos: Path, function: str, path: str
) -> None:
    picture = (photos / "sunset.jpg").read_bytes()
    made = host.request(
        "POST", f"{path}?width=300&height=300&quality=80", picture, function=function
    )
    assert made.status == 200
    assert made.headers["x-original-size"] == "4272x2848"
    assert made.headers["x-resized-size"] == "300x200"
    assert Image.open(BytesIO(made.body)).size == (300, 200)
    broken = host.request("POST", path, b"no image", function=function)
    assert (broken.status, broken.json["code"]) == (415, "unsupported_format")


def test_the_example_by_bindings_makes_three_thumbnails(
    account: Server, credentials: None, tmp_path: Path, photos: Path
) -> None:
    account.make("images")
    shutil.copytree(ROOT / "examples" / "azure-function-bindings", tmp_path, dirs_exist_ok=True)
    images = AzureHost.opened(account, "images")
    with azure_host(tmp_path, account) as host:
        (ended,) = host.upload("images", "uploads/a b.jpg", (photos / "sunset.jpg").read_bytes())
        assert not ended.error
        for size, wanted in (("small", 150), ("medium", 300), ("large", 600)):
            data = images.get(f"thumbnails/{size}/a b.jpg").data
            assert Image.open(BytesIO(data)).width == wanted
        (broken,) = host.upload("images", "uploads/broken.jpg", b"no image")
    assert "UnsupportedFormat" in broken.error
    assert host.invoked["thumbnails"] == 1 + TRIES
    assert [message["BlobName"] for message in host.poison] == ["uploads/broken.jpg"]


@pytest.mark.parametrize("app", ["function_app.py", "function_app_bindings.py"])
def test_the_folder_that_init_writes_is_an_app(
    account: Server, credentials: None, tmp_path: Path, photos: Path, app: str
) -> None:
    for name in ("photos", "variants"):
        account.make(name)
    folder = tmp_path / "app"
    assert CliRunner().invoke(safelight, ["init", "azure", str(folder)]).exit_code == 0
    (folder / app).rename(folder / "function_app.py")
    store = AzureHost.opened(account, "photos")
    urls = {
        "SAFELIGHT_SOURCE_URL": account.url("photos"),
        "SAFELIGHT_VARIANTS_URL": account.url("variants"),
    }
    with azure_host(folder, account, **urls) as host:
        assert host.of_type("blobTrigger") == ["uploaded"]
        (ended,) = host.upload("photos", "uploads/a.jpg", (photos / "sunset.jpg").read_bytes())
        assert not ended.error
    thumbnails = [key for key in keys(store) if key.startswith("thumbnails/")]
    assert len(thumbnails) == 1
    for key in keys(store):
        store.delete(key)
