"""The examples of docs/mount.md: each is run, and asked for pictures below its mount."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from safelight.http import Embedded
from safelight.signing import Signer

pytestmark = pytest.mark.full

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "mount.md"
KEY = "correct horse battery staple"
# A comma in a value, a slash in a key, and a letter beyond ASCII, all encoded.
ODD = "/w=40,text=a%2Cb/sub%2Fn%C3%A4h%20er.jpg"

# (method, target, body) -> status, headers by lower-case name, body
Ask = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


def example(title: str) -> dict[str, Any]:
    """Run the first program below a title."""
    text = DOCUMENT.read_text("utf-8").partition(f"\n## {title}\n")[2]
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert program is not None
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(program[1], f"{DOCUMENT.name}: {title}", "exec"), names)
    return names


@asynccontextmanager
async def asgi(app: Any) -> AsyncIterator[Ask]:
    """Serve an application as a server does: start, requests, stop."""
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    life = asyncio.create_task(
        app({"type": "lifespan", "asgi": {"version": "3.0"}}, incoming.get, outgoing.put)
    )
    await incoming.put({"type": "lifespan.startup"})
    assert (await outgoing.get())["type"] == "lifespan.startup.complete"

    async def ask(target: str, method: str = "GET", body: bytes = b"") -> Any:
        import httpx

        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x.example") as client:
            answer = await client.request(method, target, content=body)
            return answer.status_code, dict(answer.headers), answer.content

    try:
        yield ask
    finally:
        await incoming.put({"type": "lifespan.shutdown"})
        assert (await outgoing.get())["type"] == "lifespan.shutdown.complete"
        await life


@asynccontextmanager
async def wsgi(app: Any) -> AsyncIterator[Ask]:
    from werkzeug.test import Client

    async def ask(target: str, method: str = "GET", body: bytes = b"") -> Any:
        answer = await asyncio.to_thread(
            lambda: Client(app).open(target, method=method, data=body, base_url="http://x.example")
        )
        return answer.status_code, {n.lower(): v for n, v in answer.headers}, answer.data

    yield ask


@pytest.fixture
def home(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the photographs of the examples are."""
    photos = tmp_path / "photos"
    (photos / "sub").mkdir(parents=True)
    meadow = (data / "photos" / "photo-1mp.jpg").read_bytes()
    (photos / "meadow.jpg").write_bytes(meadow)
    (photos / "sub" / "näh er.jpg").write_bytes(meadow)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAFELIGHT_WORKERS_PROCESSES", "1")
    return tmp_path


@pytest.fixture
def django_settings() -> None:
    """Configure Django as a project has it."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure()
        django.setup()
    settings.ROOT_URLCONF = "tests.integrations.django_pages"
    settings.ALLOWED_HOSTS = ["x.example"]


CASES = [("FastAPI", asgi), ("Starlette", asgi), ("Django", asgi), ("Flask", wsgi)]


@pytest.mark.parametrize(("title", "served"), CASES, ids=[title for title, _ in CASES])
@pytest.mark.usefixtures("home", "django_settings")
def test_the_service_is_mounted(title: str, served: Any) -> None:
    names = example(title)
    upload = Path("photos/meadow.jpg").read_bytes()

    async def visit() -> None:
        async with served(names["app"]) as ask:
            status, headers, body = await ask("/images/64x64/meadow.jpg")
            assert (status, headers["content-type"]) == (200, "image/jpeg")
            assert body.startswith(b"\xff\xd8")
            assert (await ask(f"/images{ODD}"))[0] == 200
            status, headers, body = await ask("/images/64x64/gone.jpg")
            assert (status, headers["content-type"]) == (404, "application/problem+json")
            assert b'"code": "not_found"' in body
            status, headers, body = await ask("/images/openapi.json")
            assert b'"url": "/images"' in body
            status, headers, _ = await ask("/images/resize?width=64", "POST", upload)
            assert (status, headers["x-original-size"]) == (200, "1280x1024")
            # What is not below the mount is none of its business.
            status, headers, _ = await ask("/64x64/meadow.jpg")
            assert (status, "cache-status" in headers) == (404, False)
            assert headers["content-type"] != "application/problem+json"

    images: Embedded = names["images"]
    try:
        asyncio.run(visit())
        # Where there is a lifespan, its end is the end of the workers.
        assert (images._service is None) == (served is asgi)
    finally:
        images.close()


@pytest.mark.parametrize(("title", "served"), CASES, ids=[title for title, _ in CASES])
@pytest.mark.usefixtures("home", "django_settings")
def test_signatures_are_of_what_follows_the_mount(
    title: str, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_SECURITY_KEYS", KEY)
    names = example(title)
    images: Embedded = names["images"]
    # The examples let anyone ask; with a key a wrong signature is refused all the same.
    signed = Signer(KEY).sign(ODD)

    async def visit() -> None:
        async with served(names["app"]) as ask:
            assert (await ask(f"/images{signed}"))[0] == 200
            assert (await ask(f"/images{signed.replace('w=40', 'w=41')}"))[0] == 403

    try:
        asyncio.run(visit())
    finally:
        images.close()


@pytest.mark.usefixtures("home")
def test_jinja_in_flask_writes_addresses_below_the_mount() -> None:
    text = DOCUMENT.read_text("utf-8")
    program = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[-1]
    names: dict[str, Any] = {"__name__": "example"}
    exec(program, names)
    from flask import render_template_string

    with names["app"].app_context():
        page = render_template_string("{{ 'a b.jpg' | image_url('800x600') }}")
    assert page == "/images/800x600/a%20b.jpg"
