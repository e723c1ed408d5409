"""The website of a bucket as tutorials set it up: what is missing there is made here, and stays."""

import hashlib
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import obstore
import pytest
from obstore.store import S3Store

from safelight.sigv4 import Credentials, sign
from tests.stores.servers import Server as Store
from tests.stores.servers import free_port
from tests.stores.versitygw import ACCESS_KEY, SECRET_KEY, versitygw
from tests.support.function_url import function_url
from tests.support.lambdas import function
from tests.support.serving import serving

pytestmark = pytest.mark.full

BUCKET = "pictures"
DOMAIN = "website.test"
KEY = "cats/photo-1.jpg"
# The website of versitygw 1.7 looks for it as it stands in the address, percent-encoded.
ODD = "cats/photo 1 & näher+.jpg"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{BUCKET}/*"],
        }
    ],
}
RULES = """<WebsiteConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<IndexDocument><Suffix>index.html</Suffix></IndexDocument>
<RoutingRules><RoutingRule>
<Condition><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition>
<Redirect><Protocol>http</Protocol><HostName>{host}</HostName>
<HttpRedirectCode>307</HttpRedirectCode></Redirect>
</RoutingRule></RoutingRules></WebsiteConfiguration>"""


@dataclass(frozen=True)
class Site:
    """A bucket with its website, and the port of the service that its routing rule names."""

    store: Store
    port: int
    service: int
    client: S3Store

    @property
    def url(self) -> str:
        return f"http://{BUCKET}.{DOMAIN}:{self.port}/"


@pytest.fixture(scope="module", params=["server", "function"])
def site(
    request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Run all of them; originals and variants are in one bucket."""
    home = tmp_path_factory.mktemp("website")
    port = free_port()
    arguments = ("--website", f"127.0.0.1:{port}", "--website-domain", DOMAIN)
    with versitygw(home / "store", arguments=arguments) as store:
        store.make(BUCKET)
        client = S3Store(
            BUCKET,
            endpoint=f"http://127.0.0.1:{store.port}",
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            client_options={"allow_http": True},
        )
        for key in (KEY, ODD):
            obstore.put(client, key, (data / "photos" / "photo-1mp.jpg").read_bytes())
        url = store.url(BUCKET)
        settings = (
            f'[source]\nurl = "{url}"\n[variants]\nurl = "{url}"\nlayout = "path"\n'
            f'deliver = "redirect"\npublic_url = "http://{BUCKET}.{DOMAIN}:{port}/"\n'
            'cache_control = "public, max-age=86400"\n'
        )
        serve = by_server if request.param == "server" else by_function
        with serve(home, settings, dict(store.environment)) as service:
            configure(store.port, "policy", json.dumps(POLICY))
            configure(store.port, "website", RULES.format(host=f"127.0.0.1:{service}"))
            yield Site(store, port, service, client)


@contextmanager
def by_server(home: Path, settings: str, environment: dict[str, str]) -> Iterator[int]:
    options = ("--workers", "1")
    with serving(None, home, *options, settings=settings, environment=environment) as server:
        yield server.port


@contextmanager
def by_function(home: Path, settings: str, environment: dict[str, str]) -> Iterator[int]:
    """Answer by a function of AWS, which strangers reach at its own address."""
    (home / "safelight.toml").write_text(f"{settings}[security]\nunsigned = true\n")
    with function(home, environment) as started, function_url(started) as port:
        yield port


def configure(port: int, what: str, text: str) -> None:
    """Set a bucket's policy or website."""
    body = text.encode()
    headers = sign(
        "PUT",
        f"http://127.0.0.1:{port}/{BUCKET}?{what}=",
        {"x-amz-content-sha256": hashlib.sha256(body).hexdigest()},
        body,
        credentials=Credentials(ACCESS_KEY, SECRET_KEY),
        region="us-east-1",
        service="s3",
        now=datetime.now(UTC),
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("PUT", f"/{BUCKET}?{what}=", body, headers)
    reply = connection.getresponse()
    said = reply.read()
    connection.close()
    assert reply.status < 300, said


@dataclass(frozen=True)
class Step:
    """One answer on the way of a viewer, and who gave it."""

    port: int
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def followed(url: str, most: int = 8) -> list[Step]:
    """Go where a browser goes; every name is on this machine."""
    steps: list[Step] = []
    while True:
        parts = urlsplit(url)
        port = parts.port or 80
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        target = url.partition(parts.netloc)[2]
        # As a browser does with a Location that is not encoded.
        target = quote(target.encode("latin-1"), safe="/%=,&+:@!$'()*;~?")
        connection.request("GET", target, headers={"Host": parts.netloc})
        reply = connection.getresponse()
        steps.append(Step(port, reply.status, reply.headers, reply.read()))
        connection.close()
        if not 300 <= reply.status < 400:
            return steps
        assert len(steps) < most, "sent in a circle"
        url = str(reply.headers["Location"])


def test_a_picture_is_made_for_the_first_and_the_store_serves_the_next_without_us(
    site: Site,
) -> None:
    path = f"w=64,format=webp/{KEY}"
    address = site.url + quote(path, safe="/=,")
    ours = site.service

    first = followed(address)
    assert [(step.port, step.status) for step in first] == [
        (site.port, 307), (ours, 302), (site.port, 200),
    ]  # fmt: skip
    assert first[1].headers["cache-control"] == "no-store"
    assert first[1].headers["cache-status"] == "Safelight; fwd=uri-miss; stored"
    picture = first[2]
    assert picture.body[8:12] == b"WEBP"
    assert picture.headers["content-type"] == "image/webp"
    assert picture.headers["cache-control"] == "public, max-age=86400"

    second = followed(address)
    assert [(step.port, step.status) for step in second] == [(site.port, 200)]
    assert second[0].body == picture.body

    meta = obstore.get(site.client, path).attributes
    assert meta["Content-Type"] == "image/webp"
    assert "version" in meta


def test_what_the_website_does_not_find_is_answered_and_not_sent_round(site: Site) -> None:
    steps = followed(site.url + quote(f"w=65/{ODD}", safe="/="))
    assert [step.status for step in steps] == [307, 302, 307, 200]
    assert steps[-1].port == site.service
    assert steps[-1].headers["cache-status"] == "Safelight; hit"


def test_an_original_is_served_and_never_written_over(site: Site) -> None:
    # A source whose key looks like what a variant would be called.
    original = obstore.get(site.client, KEY).bytes()
    obstore.put(site.client, f"w=70/{KEY}", original)
    assert followed(site.url + quote(f"w=70/{KEY}", safe="/="))[-1].body == bytes(original)
    direct = followed(f"http://127.0.0.1:{site.service}/" + quote(f"w=70/{KEY}", safe="/="))
    assert [step.status for step in direct] == [200]
    assert bytes(obstore.get(site.client, f"w=70/{KEY}").bytes()) == bytes(original)


def test_what_is_no_picture_ends_with_us(site: Site) -> None:
    steps = followed(site.url + "w=64/nothing.jpg")
    assert [step.status for step in steps] == [307, 404]
    assert json.loads(steps[-1].body)["code"] == "not_found"
