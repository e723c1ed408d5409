import copy
import json
from typing import Any

import pytest
from hypothesis import given

from safelight.errors import EventUnknown
from safelight.events import Event, read
from tests.support.notices import KEYS, sample

SAMPLE = sample("tencent_cos_trigger")


def changed(part: str, **values: Any) -> Any:
    record = copy.deepcopy(SAMPLE["Records"][0])
    (record["event"] if part == "event" else record["cos"][part]).update(values)
    return {"Records": [record]}


def test_an_upload_is_read_and_its_bucket_has_the_account() -> None:
    event = Event("created", "cos", "testpic-1253970026", "testfile", size=1029, time=1545205770.0)
    assert read(SAMPLE).events == (event,)


@given(key=KEYS)
def test_any_key_comes_back_as_it_was(key: str) -> None:
    written = changed("cosObject", key=f"/1253970026/testpic/{key}")
    assert read(json.dumps(written)).events[0].key == key


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cos:ObjectCreated:CompleteMultipartUpload", "created"),
        ("cos:ObjectRemove:Delete", "removed"),
        ("cos:ObjectRemove:DeleteMarkerCreated", "removed"),
        ("cos:ObjectRestore:Completed", ""),
    ],
)
def test_what_came_and_what_went(name: str, kind: str) -> None:
    notice = read(changed("event", eventName=name))
    assert [event.kind for event in notice.events] == ([kind] if kind else [])
    assert bool(notice.note) == (not kind)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (changed("cosObject", key="testfile"), "does not begin with its bucket"),
        (changed("cosObject", key="/1253970026/other/testfile"), "does not begin"),
        (changed("cosObject", key=None), "key"),
        ({"Records": [{"cos": {}}]}, "a record of COS"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(value: object, reason: str) -> None:
    with pytest.raises(EventUnknown, match=reason):
        read(value)
