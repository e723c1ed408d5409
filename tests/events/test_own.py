import json

import pytest
from hypothesis import given

from safelight.errors import EventUnknown
from safelight.events import Event, read
from tests.support.notices import KEYS


@given(key=KEYS)
def test_any_key_is_taken_as_it_is(key: str) -> None:
    assert read(json.dumps({"created": key})).events == (Event("created", "local", "", key),)


def test_several_may_be_told_at_once() -> None:
    notice = read([{"created": "a.jpg"}, {"removed": "b.jpg"}])
    assert [(event.kind, event.key) for event in notice.events] == [
        ("created", "a.jpg"), ("removed", "b.jpg"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"created": ""}, "key is empty"),
        ({"created": 7}, "expected a key"),
        ({"removed": None}, "expected a key"),
        ({"created": "a", "removed": "b"}, "not known"),
        ({"created": "a", "size": 7}, "not known"),
    ],
)
def test_what_is_wrong_is_said(value: object, reason: str) -> None:
    with pytest.raises(EventUnknown, match=reason):
        read(value)
