"""The door through which variants are removed, and the tags by which caches find them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight.variants import cache_tags
from tests.support.serving import Reply, Server, serving

ADMIN = "an-admin-key-that-is-long-enough"
SETTINGS = f"""
[presets]
thumb = "w=100,h=100,fit=inside,format=jpeg"

[variants]
cache_tags = true

[security]
admin_key = "{ADMIN}"
"""
KEY = "photo-1mp.jpg"


@pytest.fixture(scope="module")
def admin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server that has such a door."""
    home = tmp_path_factory.mktemp("admin")
    with serving(folder, home, settings=SETTINGS) as server:
        yield server
    assert ADMIN not in server.output


def purge(server: Server, path: str, key: str = ADMIN, scheme: str = "Bearer") -> Reply:
    return server.ask("DELETE", path, {"Authorization": f"{scheme} {key}"})


def is_stored(server: Server, path: str) -> bool:
    status = server.get(path)["cache-status"]
    assert status
    return status == "Safelight; hit"


@pytest.mark.parametrize(
    ("path", "removed"),
    [
        (f"/purge/{KEY}", {f"/w=64/{KEY}", f"/thumb/{KEY}"}),
        ("/purge?prefix=sub/", {"/w=64/sub/a%20cat%20&%20n%C3%A4her%20100%25+@%23%3F~.jpg"}),
        ("/purge/sub/a%20cat%20&%20n%C3%A4her%20100%25+@%23%3F~.jpg",
         {"/w=64/sub/a%20cat%20&%20n%C3%A4her%20100%25+@%23%3F~.jpg"}),
        ("/purge?preset=thumb", {f"/thumb/{KEY}"}),
        ("/purge?all=1", None),
    ],
)  # fmt: skip
def test_what_is_named_is_removed_and_nothing_else(
    admin: Server, path: str, removed: set[str] | None
) -> None:
    every = {
        f"/w=64/{KEY}", f"/thumb/{KEY}", "/w=64/100/meadow.jpg",
        "/w=64/sub/a%20cat%20&%20n%C3%A4her%20100%25+@%23%3F~.jpg",
    }  # fmt: skip
    for address in every:
        assert admin.get(address).status == 200
    reply = purge(admin, path)
    assert reply.status == 200, reply
    assert reply["cache-control"] == "no-store"
    gone = every if removed is None else removed
    assert reply.json == {"removed": len(gone), "cdn": ""}
    assert {address for address in every if not is_stored(admin, address)} == gone


@pytest.mark.parametrize("key", ["", "wrong", ADMIN + "x", ADMIN[:-1], "é"])
def test_without_the_key_nothing_is_removed(admin: Server, key: str) -> None:
    admin.get(f"/w=64/{KEY}")
    reply = purge(admin, "/purge?all=1", key.encode().decode("latin-1"))
    assert (reply.status, reply.code) == (403, "forbidden")
    assert admin.ask("DELETE", "/purge?all=1").status == 403
    assert is_stored(admin, f"/w=64/{KEY}")


def test_the_scheme_may_be_written_as_it_likes(admin: Server) -> None:
    assert purge(admin, "/purge/nothing.jpg", scheme="bearer").json["removed"] == 0
    assert purge(admin, "/purge/nothing.jpg", scheme="Basic").status == 403


@pytest.mark.parametrize(
    "path",
    ["/purge", "/purge/", "/purge?all=0", "/purge?all", "/purge?prefix=", "/purge?preset=",
     "/purge?prefix=a&preset=b", "/purge?all=1&prefix=a", "/purge?all=1&all=1", "/purge?x=1",
     "/purge?prefix=%zz"],
)  # fmt: skip
def test_what_says_nothing_or_too_much_removes_nothing(admin: Server, path: str) -> None:
    admin.get(f"/w=64/{KEY}")
    assert purge(admin, path).code == "malformed"
    assert is_stored(admin, f"/w=64/{KEY}")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_only_delete_removes(admin: Server, method: str) -> None:
    reply = admin.ask(method, f"/purge/{KEY}", {"Authorization": f"Bearer {ADMIN}"})
    assert (reply.status, reply["allow"]) == (405, "DELETE")


def test_without_an_admin_key_nobody_may_remove_anything(server: Server) -> None:
    reply = server.ask("DELETE", f"/purge/{KEY}")
    assert (reply.status, reply.code) == (403, "forbidden")
    assert "security.admin_key" in reply.json["detail"]
    assert server.get(f"/purge/{KEY}").code == "transform_invalid"


def test_answers_carry_the_tags_of_what_they_are_made_of(admin: Server) -> None:
    key, presets = "100/meadow.jpg", ("thumb",)
    tags = cache_tags(key, presets)
    reply = admin.get(f"/thumb/{key}")
    assert reply["cache-tag"] == ",".join(tags)
    assert reply["surrogate-key"] == " ".join(tags)
    unchanged = admin.get(f"/thumb/{key}", If_None_Match=str(reply["etag"]))
    assert (unchanged.status, unchanged["cache-tag"]) == (304, reply["cache-tag"])


def test_tags_are_off_unless_they_are_wanted(server: Server) -> None:
    reply = server.get(f"/w=64/{KEY}")
    assert (reply["cache-tag"], reply["surrogate-key"]) == (None, None)
