"""A served folder, web pages from another origin, and a browser."""

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.bundles import Made, bundling

if TYPE_CHECKING:  # `make test` collects this folder too, and has no Playwright
    from playwright.sync_api import Browser

ODD_KEYS = ("a cat/näher & größer.jpg", "日本/100% #1?.jpg")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser, so that it is run apart."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def zips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Made]]]:
    """Begin the zips of functions: a test waits for the one that it needs."""
    with bundling(tmp_path_factory.mktemp("zips")) as made:
        yield made


@pytest.fixture(scope="session")
def served(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the example photographs, two of them also under odd names."""
    folder = tmp_path_factory.mktemp("served") / "photos"
    shutil.copytree(photos, folder)
    for key in ODD_KEYS:
        copy = folder / key
        copy.parent.mkdir()
        shutil.copy(photos / "forest.jpg", copy)
    return folder


@pytest.fixture(scope="session")
def server(served: Path) -> Iterator[str]:
    """Run `safelight serve` on that folder, and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "safelight", "serve", str(served)]
    log = served.parent / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=served.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 30
        while not _alive(url):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the server does not answer:\n{log.read_text()}")
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@dataclass
class Site:
    """Pages of somebody else's web site: another origin than the server's."""

    url: str
    pages: dict[str, str]

    def page(self, body: str, script: str) -> str:
        """Publish a page with that body which loads that script, and give its address."""
        path = f"/page-{len(self.pages)}"
        self.pages[path] = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>'
            '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
            "<style>body { margin: 0 }</style>"
            f"{script}{body}"
        )
        return self.url + path


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Serve such pages from a port of their own."""

    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path)
            self.send_response(200 if body else 404)
            kind = "text/javascript" if self.path.endswith(".js") else "text/html; charset=utf-8"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield Site(f"http://127.0.0.1:{listener.server_port}", pages)
        listener.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Run one Chromium for all tests; each opens a context of its own."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        pytest.fail("no Chromium on PATH: run tests/full/setup.sh")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, headless=True, args=list(CHROMIUM_ARGS)
        )
        yield browser
        browser.close()
