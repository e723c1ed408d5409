"""The URLs of queues."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.entrances.queues import BROKERS, parse, queue
from safelight.errors import SettingError


@pytest.mark.parametrize(
    ("url", "name", "host", "port"),
    [
        ("nats://127.0.0.1:4222/uploads", "uploads", "127.0.0.1", 4222),
        ("tls://nats.example.com/photos.created", "photos.created", "nats.example.com", None),
        ("nats://127.0.0.1/uploads.%3E", "uploads.>", "127.0.0.1", None),
        ("redis://cache:6379/uploads?group=thumbs&db=2", "uploads", "cache", 6379),
        ("rediss://cache/a%3Ab", "a:b", "cache", None),
        ("amqp://[::1]:5672/uploads?vhost=/", "uploads", "::1", 5672),
        ("sqs://uploads?region=eu-west-1", "uploads", "", None),
        (
            "https://sqs.eu-west-1.amazonaws.com/000000000000/uploads",
            "000000000000/uploads",
            "sqs.eu-west-1.amazonaws.com",
            None,
        ),
    ],
)
def test_a_url_names_a_server_and_a_queue(url: str, name: str, host: str, port: int | None) -> None:
    address = parse(url)
    assert (address.name, address.host, address.port) == (name, host, port)


@pytest.mark.parametrize("kind", ["nats", "redis", "amqps"])
def test_credentials_are_read_and_never_shown(kind: str) -> None:
    address = parse(f"{kind}://ann:not%2Fa%40secret@broker:1234/uploads")
    assert (address.user, address.password) == ("ann", "not/a@secret")
    for shown in (str(address), repr(address)):
        assert "ann" not in shown
        assert "secret" not in shown
    assert str(address) == f"{kind}://broker:1234/uploads"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "names no queue"),
        ("uploads", "names no queue"),
        ("kafka://broker/uploads", "names no queue"),
        ("nats:///uploads", "names no queue"),
        ("nats://broker:port/uploads", "names no queue"),
        ("nats://broker", "and no queue"),
        ("redis://broker/", "and no queue"),
        ("redis://broker/a%20b", "and no queue"),
        ("nats://broker/uploads?group=a", "takes stream, durable"),
        ("redis://broker/uploads?group=a&group=b", "each once"),
        ("redis://broker/uploads?group=a%20b", "group: expected letters"),
        ("sqs://up%2Floads", "names no queue"),
        ("nats://broker/uploads#1", "names no queue"),
    ],
)
def test_what_is_wrong_with_a_url_is_said(url: str, fault: str) -> None:
    with pytest.raises(SettingError, match=fault):
        parse(url)


def test_a_fault_of_a_url_does_not_show_it() -> None:
    with pytest.raises(SettingError) as refused:
        parse("nats://ann:not-a-secret@broker:none/uploads")
    assert "secret" not in str(refused.value)


_PARTS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.sampled_from([*BROKERS, "http", "x"]), _PARTS, _PARTS, _PARTS)
def test_any_text_is_an_address_or_a_setting_error(
    kind: str, server: str, path: str, query: str
) -> None:
    try:
        address = parse(f"{kind}://{server}/{path}?{query}")
    except SettingError:
        return
    assert address.name
    assert parse(f"{kind}://{server}/{path}?{query}") == address


@pytest.mark.parametrize(
    "url",
    [
        "nats://127.0.0.1/uploads",
        "redis://127.0.0.1/uploads",
        "amqp://127.0.0.1/uploads",
        "sqs://uploads",
        "http://127.0.0.1/000000000000/uploads",
    ],
)
def test_each_broker_makes_a_queue_that_says_its_name(url: str) -> None:
    assert str(queue(url, at_once=2)) == url


def test_a_library_that_is_missing_is_named_with_its_extra() -> None:
    program = (
        "import sys; sys.modules['nats'] = None\n"
        "from safelight.entrances.queues import queue\n"
        "queue('nats://127.0.0.1/uploads', at_once=1)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert "pip install 'safelight[nats]'" in ran.stderr


def test_a_database_of_redis_is_a_number() -> None:
    with pytest.raises(SettingError, match="db=0"):
        queue("redis://127.0.0.1/uploads?db=first", at_once=1)
