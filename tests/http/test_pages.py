"""The front page, the script, and what monitoring asks for."""

import html
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from safelight import __version__
from safelight.limits import Limits
from tests.support.serving import Server, serving


class Links(HTMLParser):
    """Collect what a page links to, and the keys of its pictures."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.keys: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value and not value.startswith("data:"):
                self.links.append(value)
            elif name == "data-safelight" and value:
                self.keys.append(value)


def test_every_link_of_the_front_page_works(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b & <c> \"d\" 'e' $root ${key}.jpg", "näh/100% #1?.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(data / "photos" / "exif-6.jpg", folder / name)
    with serving(folder, tmp_path, "--workers", "2") as server:
        reply = server.get("/")
        assert reply.status == 200
        assert reply["content-type"] == "text/html; charset=utf-8"
        page = Links(reply.body.decode())
        assert sorted(page.keys) == sorted(
            str(p.relative_to(folder)) for p in folder.rglob("*.jpg")
        )
        assert len(page.links) > 20
        for link in set(page.links):
            assert server.get(link).status == 200, link


def test_the_front_page_shows_what_can_be_read_and_nothing_hidden(server: Server) -> None:
    keys = Links(server.get("/").body.decode()).keys
    assert "photo-1mp.jpg" in keys
    assert "sub/a cat & näher 100%+@#?~.jpg" in keys
    assert not any(part.startswith(".") for key in keys for part in key.split("/"))
    assert not {"leak.jpg", "pipe.jpg", "folder.jpg", "ORIGIN.md"} & set(keys)


def test_the_page_for_an_empty_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with serving(tmp_path / "photos", tmp_path, "--workers", "1") as server:
        reply = server.get("/")
        assert reply.status == 200
        assert "There are no photographs here yet" in reply.body.decode()
        (tmp_path / "photos" / "loop").symlink_to(".")
        assert server.get("/").status == 200


def test_the_page_runs_only_its_own_script(server: Server) -> None:
    reply = server.get("/")
    policy = reply["content-security-policy"] or ""
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", reply.body.decode(), re.DOTALL)
    assert scripts
    assert all("src=" in attributes and not text.strip() for attributes, text in scripts)


@pytest.mark.parametrize(("setting", "status"), [("local", 200), ("on", 200), ("off", 404)])
def test_the_list_of_images_can_be_turned_off(
    data: Path, tmp_path: Path, setting: str, status: int
) -> None:
    environment = {"SAFELIGHT_SERVER_INDEX": setting}
    with serving(data / "photos", tmp_path, "--workers", "1", environment=environment) as server:
        assert server.get("/").status == status
        assert server.get("/9x9/photo-1mp.jpg").status == 200
        assert ("the list of images" in server.output) is (setting == "off")


def test_the_script_is_small_and_may_be_kept(server: Server) -> None:
    reply = server.get("/static/safelight.js")
    assert reply.status == 200
    assert reply["content-type"] == "text/javascript; charset=utf-8"
    assert "max-age=" in (reply["cache-control"] or "")
    assert len(reply.body) < 2_048


@pytest.mark.parametrize(
    "name",
    ["", "index.html", "../index.html", "..%2findex.html", "safelight.js/", "SAFELIGHT.JS", "%00"],
)
def test_nothing_else_is_static(server: Server, name: str) -> None:
    assert server.get(f"/static/{name}").code == "no_page"


def test_health_tells_versions_and_formats(server: Server) -> None:
    reply = server.get("/healthz")
    assert (reply.status, reply["cache-control"]) == (200, "no-store")
    assert reply.json["status"] == "alive"
    assert reply.json["safelight"] == __version__
    assert {"jpeg", "png", "webp", "avif", "svg"} <= set(reply.json["reads"])
    assert "svg" not in reply.json["writes"]


def test_ready_as_long_as_the_folder_is_there(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(data / "photos", folder)
    with serving(folder, tmp_path, "--workers", "1") as server:
        reply = server.get("/readyz")
        assert (reply.status, reply.json) == (200, {"ready": True})

        folder.rename(tmp_path / "gone")
        reply = server.get("/readyz")
        assert reply.status == 503
        assert reply.json["ready"] is False
        assert "there is no folder" in reply.json["source"]
        assert server.get("/healthz").status == 200
        assert server.get("/9x9/photo-1mp.jpg").code == "not_found"

        (tmp_path / "gone").rename(folder)
        assert server.get("/readyz").status == 200
        assert server.get("/9x9/photo-1mp.jpg").status == 200


def test_a_name_cannot_break_out_of_the_page(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    evil = '"><img src=x onerror=alert(1)>.jpg'
    shutil.copy(photos / "forest.jpg", folder / evil)
    with serving(folder, tmp_path, "--workers", "1") as server:
        body = server.get("/").body.decode()
    assert "<img src=x" not in body
    assert html.escape(evil) in body


def test_the_service_describes_itself_with_its_own_presets(server: Server) -> None:
    reply = server.get("/openapi.json")
    assert reply.status == 200
    assert reply["content-type"] == "application/json"
    assert reply.json["openapi"] == "3.1.0"
    assert reply.json["servers"] == [{"url": "/"}]
    address = reply.json["paths"]["/{transform}/{key}"]["get"]
    assert "thumb (w=100,h=100,fit=inside,format=jpeg)" in address["description"]
    transform = reply.json["components"]["schemas"]["Transform"]["properties"]
    assert f"At most {Limits().output_edge} px" in transform["w"]["description"]
    # There is no admin key.
    assert "/purge" not in reply.json["paths"]
    assert server.ask("HEAD", "/openapi.json").body == b""
    assert server.ask("POST", "/openapi.json").code == "method_not_allowed"
