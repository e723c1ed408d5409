"""Viewers that are sent to where a picture is stored, and a website that sends them here."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest

from tests.support.serving import Server, serving

KEY = "photo-1mp.jpg"
ODD = "sub/a cat & näher 100%+@#?~.jpg"


def settings(**variants: object) -> str:
    lines = [f'{n} = "{v}"' if isinstance(v, str) else f"{n} = {v}" for n, v in variants.items()]
    return "\n".join(('[presets]\nthumb = "w=50,format=jpeg"\n\n[variants]', *lines, ""))


@pytest.fixture(scope="module")
def redirecting(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server that sends viewers to a CDN."""
    home = tmp_path_factory.mktemp("redirecting")
    text = settings(deliver="redirect", public_url="https://cdn.example.com/v", redirect_status=307)
    with serving(folder, home, settings=text) as server:
        yield server


def test_before_a_picture_was_there_its_address_is_not_to_be_kept(redirecting: Server) -> None:
    missed, hit = (redirecting.get(f"/w=64/{KEY}") for _ in range(2))
    assert (missed.status, hit.status) == (307, 307)
    assert missed["location"] == hit["location"]
    assert str(hit["location"]).startswith(f"https://cdn.example.com/v/{KEY}@/")
    assert missed["cache-control"] == "no-store"
    assert hit["cache-control"] == "public, max-age=3600"
    assert (missed["cache-status"], hit["cache-status"]) == (
        "Safelight; fwd=uri-miss; stored", "Safelight; hit",
    )  # fmt: skip
    assert missed.body == hit.body == b""
    # What the address is kept for is not what lies there.
    assert (hit["etag"], hit["content-type"]) == (None, None)


def test_the_address_leads_to_the_picture(redirecting: Server) -> None:
    for key in (KEY, ODD):
        location = str(redirecting.get(f"/w=64/{quote(key)}")["location"])
        below = unquote(location.removeprefix("https://cdn.example.com/v/"))
        stored = redirecting.home / ".safelight" / "variants" / below
        assert stored.read_bytes()[:2] == b"\xff\xd8"


def test_what_is_negotiated_says_so(redirecting: Server) -> None:
    address = f"/w=64,format=auto/{KEY}"
    jpeg, webp = redirecting.get(address), redirecting.get(address, Accept="image/webp")
    assert jpeg["vary"] == webp["vary"] == "Accept"
    assert jpeg["location"] != webp["location"]


def test_head_is_as_get(redirecting: Server) -> None:
    got, headed = (redirecting.ask(method, f"/w=65/{KEY}") for method in ("GET", "HEAD"))
    assert (got.status, got["location"]) == (headed.status, headed["location"])


# A website over the variants


@dataclass
class Website:
    """A web server over a folder, as a bucket's: what is missing is looked for elsewhere."""

    root: Path
    port: int = 0
    service: str = ""
    served: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    broken: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@contextmanager
def website(root: Path) -> Iterator[Website]:
    site = Website(root)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = unquote(urlsplit(self.path).path[1:])
            path = site.root / key
            if path.is_file() and not site.broken:
                site.served.append(key)
                body = path.read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return
            site.missed.append(key)
            # A routing rule on 404 gives the key, without the query, to another host.
            self.send_response(307)
            self.send_header("Location", f"{site.service}/{quote(key)}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        site.port = listener.server_port
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        yield site
        listener.shutdown()
        thread.join()


def followed(url: str, most: int = 8) -> list[tuple[int, str, bytes]]:
    """Follow redirects as a browser does, and give each answer: status, Cache-Control, body."""
    answers = []
    while True:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
        connection.request("GET", url.partition(parts.netloc)[2])
        reply = connection.getresponse()
        answers.append((reply.status, reply.headers.get("Cache-Control", ""), reply.read()))
        connection.close()
        if reply.status < 300 or reply.status >= 400:
            return answers
        assert len(answers) < most, f"sent in a circle by {url}"
        url = str(reply.headers["Location"])


@pytest.fixture(scope="module")
def pair(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Website, Server]]:
    """Run a website, and the service that makes what is missing there."""
    home = tmp_path_factory.mktemp("website")
    root = home / "site"
    with website(root) as site:
        text = settings(
            url=f"file:{root}", layout="path", deliver="redirect", public_url=site.url,
            cache_control="public, max-age=86400",
        )  # fmt: skip
        with serving(folder, home, settings=text) as server:
            site.service = server.url
            yield site, server


@pytest.mark.parametrize("path", [f"w=64/{KEY}", f"thumb/{KEY}", f"w=64/{ODD}", f"pic/70/{KEY}"])
def test_the_second_request_is_served_by_the_website_alone(
    pair: tuple[Website, Server], path: str
) -> None:
    site, _ = pair
    site.served.clear()
    site.missed.clear()
    first = followed(site.url + quote(path, safe="/=,"))
    assert [status for status, _, _ in first] == [307, 302, 200]
    assert first[1][1] == "no-store"
    assert first[2][2][:2] == b"\xff\xd8"
    assert site.missed == [path]

    second = followed(site.url + quote(path, safe="/=,"))
    assert [status for status, _, _ in second] == [200]
    assert second[0][2] == first[2][2]
    assert site.missed == [path]
    assert site.served == [path, path]


def test_what_the_website_cannot_read_does_not_go_in_circles(
    pair: tuple[Website, Server],
) -> None:
    site, _ = pair
    site.broken = True
    try:
        answers = followed(f"{site.url}w=66/{KEY}")
    finally:
        site.broken = False
    # Made and sent away, not found there, sent here again, and answered.
    assert [status for status, _, _ in answers] == [307, 302, 307, 200]
    assert answers[-1][2][:2] == b"\xff\xd8"


def test_a_query_and_a_second_way_to_write_it_are_not_served_for_it(
    pair: tuple[Website, Server],
) -> None:
    site, server = pair
    reply = server.get(f"/picture/{KEY}?scalex=40")
    assert reply.status == 302
    assert not (site.root / "picture").exists()
    # The source 100/meadow.jpg, and not another one at a width of 100.
    reply = server.get("/pic/%31%30%30/meadow.jpg")
    assert str(reply["location"]).startswith(f"{site.url}100/meadow.jpg@/")
    assert not (site.root / "pic" / "100").exists()
    assert server.get(f"/w=%36%37/{KEY}").status == 302
    assert (site.root / "w=67" / KEY).exists()


def test_what_the_website_cannot_negotiate_is_refused_at_the_start(
    folder: Path, tmp_path: Path
) -> None:
    text = settings(layout="path").replace("format=jpeg", "format=auto")
    with (
        pytest.raises(AssertionError, match=r"presets\.thumb: format=auto"),
        serving(folder, tmp_path, settings=text),
    ):
        pass
