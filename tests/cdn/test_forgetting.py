"""What each CDN is told, heard by a server on this machine; and what happens when it does not."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator

import pytest

from safelight import posting
from safelight.cdn import CdnSettings, Stale
from safelight.cdn.forgetting import Cdn
from safelight.errors import SettingError, Unavailable
from tests.support.listening import Listener, listening

TOKEN = "not-a-secret"
AWS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "sesame-open"}
STALE = Stale(("s1", "p2"), ("cat.jpg@/v-1", "a b/é.jpg@/v-2"))


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Run such a server."""
    with listening() as listener:
        yield listener


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once, and ask no proxy."""
    monkeypatch.setattr(posting, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def cdn_of(listener: Listener, kind: str, public_url: str = "") -> Cdn:
    token = "" if kind == "cloudfront" else TOKEN
    settings = CdnSettings(kind, "zone1", listener.url, token)  # type: ignore[arg-type]
    return Cdn(settings, public_url, environment=AWS)


def test_cloudflare_forgets_by_tags_thirty_at_a_time(listener: Listener) -> None:
    tags = tuple(f"s{number}" for number in range(31))
    cdn_of(listener, "cloudflare").forget(Stale(tags))
    assert [path for path, _, _ in listener.heard] == ["/zones/zone1/purge_cache"] * 2
    assert [json.loads(body) for _, _, body in listener.heard] == [
        {"tags": list(tags[:30])}, {"tags": ["s30"]},
    ]  # fmt: skip
    assert listener.heard[0][1]["authorization"] == f"Bearer {TOKEN}"
    assert listener.heard[0][1]["content-type"] == "application/json"


def test_cloudflare_forgets_everything(listener: Listener) -> None:
    cdn_of(listener, "cloudflare").forget(Stale(everything=True))
    assert json.loads(listener.heard[0][2]) == {"purge_everything": True}


def test_fastly_forgets_by_keys_and_everything(listener: Listener) -> None:
    fastly = cdn_of(listener, "fastly")
    fastly.forget(STALE)
    fastly.forget(Stale(everything=True))
    some, everything = listener.heard
    assert (some[0], some[1]["surrogate-key"]) == ("/service/zone1/purge", "s1 p2")
    assert everything[0] == "/service/zone1/purge_all"
    assert {headers["fastly-key"] for _, headers, _ in listener.heard} == {TOKEN}


def test_cloudfront_forgets_by_the_paths_of_the_store(listener: Listener) -> None:
    cdn_of(listener, "cloudfront", "https://cdn.example.com/pics/").forget(STALE)
    path, headers, body = listener.heard[0]
    assert path == "/2020-05-31/distribution/zone1/invalidation"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/us-east-1/cloudfront/aws4_request" in headers["authorization"]
    assert headers["host"] == listener.url.removeprefix("http://")
    text = body.decode()
    assert "<Quantity>2</Quantity>" in text
    assert re.findall("<Path>(.*?)</Path>", text) == [
        "/pics/cat.jpg@/v-1", "/pics/a%20b/%C3%A9.jpg@/v-2",
    ]  # fmt: skip
    assert "sesame" not in str(listener.heard)


@pytest.mark.parametrize(
    ("public_url", "stale"),
    [
        ("", STALE),
        ("https://cdn.example.com/", Stale(everything=True)),
        ("https://cdn.example.com/", Stale(paths=("x",) * 1_001)),
    ],
)
def test_cloudfront_forgets_all_where_paths_say_nothing_or_too_much(
    listener: Listener, public_url: str, stale: Stale
) -> None:
    cdn_of(listener, "cloudfront", public_url).forget(stale)
    assert re.findall("<Path>(.*?)</Path>", listener.heard[0][2].decode()) == ["/*"]


def test_cloudfront_is_not_paid_for_nothing(listener: Listener) -> None:
    cdn_of(listener, "cloudfront", "https://cdn.example.com/").forget(Stale(("s1",)))
    assert listener.heard == []


def test_a_webhook_can_tell_who_sent_it(listener: Listener) -> None:
    cdn_of(listener, "webhook").forget(STALE)
    _, headers, body = listener.heard[0]
    told = json.loads(body)
    assert told["tags"] == ["s1", "p2"]
    assert told["paths"] == list(STALE.paths)
    assert told["everything"] is False
    assert told["time"] > 0
    signature = hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest()
    assert headers["safelight-signature"] == f"sha256={signature}"


@pytest.mark.parametrize(
    ("statuses", "requests"), [([503, 200], 2), ([429, 500, 200], 3), ([200], 1)]
)
def test_what_fails_for_the_moment_is_tried_again(
    listener: Listener, statuses: list[int], requests: int
) -> None:
    listener.statuses = list(statuses)
    cdn_of(listener, "webhook").forget(STALE)
    assert len(listener.heard) == requests


@pytest.mark.parametrize(
    ("statuses", "requests"), [([403], 1), ([404], 1), ([500] * 9, 3), ([302] * 9, 3)]
)
@pytest.mark.parametrize("kind", ["cloudflare", "fastly", "cloudfront", "webhook"])
def test_a_failure_is_told_without_the_token_and_what_was_answered(
    listener: Listener, kind: str, statuses: list[int], requests: int
) -> None:
    listener.statuses = list(statuses)
    status = statuses[0]
    with pytest.raises(Unavailable, match=f"answered {status}") as failed:
        cdn_of(listener, kind).forget(STALE)
    assert len(listener.heard) == requests
    # A token is not carried to where a redirect leads.
    assert all(path != "/elsewhere" for path, _, _ in listener.heard)
    assert not re.search(f"{TOKEN}|sesame|inner|127", failed.value.detail)


def test_a_cdn_that_cannot_be_reached_is_told() -> None:
    with pytest.raises(Unavailable, match="did not answer"):
        cdn_of(Listener("http://127.0.0.1:9"), "webhook").forget(STALE)


@pytest.mark.parametrize(
    ("settings", "environment", "name"),
    [
        (CdnSettings("cloudflare", "", "", TOKEN), {}, "cdn.id"),
        (CdnSettings("cloudflare", "a/../b", "", TOKEN), {}, "cdn.id"),
        (CdnSettings("fastly", "x"), {}, "cdn.token"),
        (CdnSettings("fastly", "x", "", "a\nb"), {}, "cdn.token"),
        (CdnSettings("cloudfront", "x"), {}, "AWS_ACCESS_KEY_ID"),
        (CdnSettings("webhook", "", "", TOKEN), {}, "cdn.url"),
        (CdnSettings("webhook", "", "file:///etc/passwd", TOKEN), {}, "cdn.url"),
    ],
)
def test_settings_that_could_not_work_stop_the_start(
    settings: CdnSettings, environment: dict[str, str], name: str
) -> None:
    with pytest.raises(SettingError, match=name) as refused:
        Cdn(settings, environment=environment)
    assert TOKEN not in refused.value.detail


def test_no_token_is_shown() -> None:
    assert TOKEN not in repr(CdnSettings("fastly", "x", "", TOKEN))
