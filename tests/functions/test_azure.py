"""What Azure's library hands to a function, and what it takes from it."""

import json
from types import SimpleNamespace
from urllib.parse import quote, unquote

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight import config
from safelight.errors import AddressTooLong
from safelight.events import Event, Notice
from safelight.functions.azure import function_app, incoming, outgoing, trigger_paths
from safelight.functions.runtime import Runtime
from safelight.web.exchange import Response

HOST = "https://images.example"


def request(url: str, **headers: str) -> func.HttpRequest:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return func.HttpRequest("GET", f"{HOST}{url}", headers=sent, body=b"")


def as_the_host_gives_it(path: str) -> str:
    """Decode a path, slashes too, and encode it anew: what App Service and the host do to it."""
    return quote(unquote(path), safe="/~!$&'()*+,;=:@")


@given(st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=40))
def test_an_address_is_what_was_sent_as_far_as_the_front_end_tells(key: str) -> None:
    sent = f"/64x/{quote(key, safe='')}"
    given = as_the_host_gives_it(sent)
    assert incoming(request(given, x_waws_unencoded_url=sent)).path == sent
    assert incoming(request(given, x_original_url=sent)).path == sent
    assert unquote(incoming(request(given)).path) == unquote(given)


@given(
    st.text(st.sampled_from("/ab.%25F"), max_size=20),
    st.text(st.sampled_from("/ab.%25F"), max_size=20),
)
def test_a_header_that_anyone_can_write_does_not_lead_elsewhere(one: str, other: str) -> None:
    read = incoming(request(f"/{one}", x_waws_unencoded_url=f"/{other}")).path
    assert unquote(unquote(read)) == unquote(unquote(f"/{one}"))


def test_a_header_that_anyone_can_write_has_no_say_in_the_query() -> None:
    read = incoming(request("/picture/a.jpg?scalex=2", x_original_url="/picture/a.jpg?scalex=3"))
    assert read.query == "scalex=2"


def test_a_query_and_headers_are_as_they_were_sent() -> None:
    read = incoming(request("/picture/a%20b.jpg?scalex=2&encoding=png", Accept="image/webp"))
    assert (read.method, read.path, read.query) == (
        "GET",
        "/picture/a%20b.jpg",
        "scalex=2&encoding=png",
    )
    assert read.header(b"accept") == "image/webp"


def test_the_route_of_the_tutorial_means_another_one() -> None:
    read = incoming(
        request("/api/resize?width=40", x_original_url="/api/resize?width=40"), "/resize"
    )
    assert (read.path, read.query) == ("/resize", "width=40")


def test_an_address_without_an_end_is_refused() -> None:
    with pytest.raises(AddressTooLong):
        incoming(request(f"/{'a' * 9_000}"))


def test_an_answer_has_its_headers_and_its_body() -> None:
    answer = outgoing(Response(200, [(b"content-type", b"image/webp"), (b"etag", b'"1"')], b"RIFF"))
    assert (answer.status_code, answer.get_body()) == (200, b"RIFF")
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["ETag"] == '"1"'


def test_an_answer_without_a_type_is_not_made_plain_text() -> None:
    assert outgoing(Response(304, [(b"etag", b'"1"')])).headers["Content-Type"] == ""


def settings_of(*on: str, url: str = "az://images/site?account=example") -> config.Settings:
    write = [{"transform": "w=64", "to": "@made/{key}"}]
    text = {
        "source": {"url": url},
        "sources": {"archive": "az://scans?account=example", "press": "s3://press"},
        "security": {"unsigned": True},
    }
    pipelines = [
        {"name": f"p{number}", "on": prefix, "write": write, "store": "memory:"}
        for number, prefix in enumerate(on)
    ]
    return config.load(environment={}, overrides={**text, "pipelines": pipelines})


@pytest.mark.parametrize(
    ("on", "paths"),
    [
        ((), {}),
        (("uploads/",), {"uploaded": "images/site/uploads/{name}"}),
        (("uploads/a/", "uploads/b/"), {"uploaded": "images/site/uploads/{name}"}),
        (("uploads/cats", "uploads/dogs"), {"uploaded": "images/site/uploads/{name}"}),
        (("a/x/", "b/x/"), {"uploaded": "images/site/{name}"}),
        (("archive/1963/",), {"uploaded_archive": "scans/1963/{name}"}),
        (("press/",), {}),
        (
            ("",),
            {"uploaded": "images/site/{name}", "uploaded_archive": "scans/{name}"},
        ),
        (("arch",), {"uploaded": "images/site/{name}", "uploaded_archive": "scans/{name}"}),
    ],
)
def test_each_container_is_watched_below_what_its_pipelines_share(
    on: tuple[str, ...], paths: dict[str, str]
) -> None:
    assert dict(trigger_paths(settings_of(*on))) == paths


def test_what_azure_calls_is_what_the_pipelines_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    treated: list[Event] = []

    def treat(self: Runtime, notice: Notice, *, name: str, deadline: float) -> None:
        assert name == "8a4c"
        treated.extend(notice.events)

    monkeypatch.setattr(Runtime, "treat", treat)
    app = function_app(settings_of("uploads/"))
    called = {f.get_function_name(): f.get_user_function() for f in app.get_functions()}
    context = SimpleNamespace(invocation_id="8a4c")

    called["uploaded"](SimpleNamespace(name="images/site/uploads/a b/é.jpg"), context)
    poison = {"ContainerName": "images", "BlobName": "site/uploads/c.jpg", "FunctionId": "x"}
    body = json.dumps(poison).encode()
    called["given_up"](SimpleNamespace(get_body=lambda: body), context)
    subject = "/blobServices/default/containers/images/blobs/site/uploads/d.jpg"
    for kind in ("Microsoft.Storage.BlobDeleted", "Microsoft.Storage.BlobDreamt", "Some.Other"):
        event = SimpleNamespace(
            event_type=kind, subject=subject, topic="photos", event_time=None, get_json=dict
        )
        called["changed"](event, context)
    assert [(one.kind, one.origin, one.bucket, one.key) for one in treated] == [
        ("created", "azure", "images", "site/uploads/a b/é.jpg"),
        ("created", "azure", "images", "site/uploads/c.jpg"),
        ("removed", "azure", "images", "site/uploads/d.jpg"),
    ]
    assert "an event of photos is passed over" in caplog.text


def test_without_pipelines_there_are_only_requests() -> None:
    functions = function_app(settings_of()).get_functions()
    assert {function.get_function_name() for function in functions} == {"resize", "serve"}


def test_nobody_is_served_before_it_is_said_who_may_come() -> None:
    urls = {"source": {"url": "memory:"}, "variants": {"url": "memory:"}}
    app = function_app(config.load(environment={}, overrides=urls))
    serve = {f.get_function_name(): f.get_user_function() for f in app.get_functions()}["serve"]
    answer = serve(request("/64x/a.jpg"), SimpleNamespace(invocation_id="8a4c"))
    assert answer.status_code == 500
    assert b"security.unsigned = true" in answer.get_body()
    assert answer.headers["x-request-id"] == "8a4c"
