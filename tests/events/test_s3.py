import copy
import json
import struct
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import EventUnknown
from safelight.events import Event, newer, read
from tests.support.notices import KEY, KEYS, sample


def record(key: str = "a.jpg", name: str = "ObjectCreated:Put", **changed: Any) -> Any:
    value = copy.deepcopy(sample("aws_s3_direct")["Records"][0])
    value["eventName"] = name
    value["s3"]["object"]["key"] = key
    return {**value, **changed}


def only(payload: object) -> Event:
    (event,) = read(payload).events
    return event


def test_an_upload_to_s3_is_read() -> None:
    notice = read(json.dumps(sample("aws_s3_direct")).encode())
    assert notice.kind == "events"
    assert notice.events == (
        Event(
            "created", "aws:s3", "img", KEY, "yd3d4HaWOT2zguDLvIQLU6ptDTwKBnQV",
            1305107, "0C0F6F405D6ED209E1", 1567539447.192,
        ),
    )  # fmt: skip


def test_each_server_writes_keys_in_its_own_way() -> None:
    assert only(sample("minio_webhook")).key == KEY
    assert only(sample("ceph_rgw_http")).key == KEY
    assert only(sample("aws_s3_via_eventbridge")).key == KEY
    assert only(sample("versitygw_webhook")).key == "up/a b+é&%41 ~.jpg"


def test_each_server_is_named() -> None:
    assert only(sample("minio_webhook")).origin == "minio:s3"
    assert only(sample("ceph_rgw_http")).origin == "ceph:s3"
    assert only(sample("aws_s3_via_eventbridge")).origin == "aws:s3"
    assert only(sample("versitygw_webhook")).origin == "versitygw:s3"


def as_aws(key: str) -> object:
    return {"Records": [record(quote_plus(key, safe="/"))]}


def as_minio(key: str) -> object:
    """As Go's url.QueryEscape."""
    name = "s3:ObjectCreated:Put"
    return {"Records": [record(quote_plus(key, safe="~"), name, eventSource="minio:s3")]}


def as_rustfs(key: str) -> object:
    """As the WHATWG has forms, which spares the star and not the tilde."""
    written = quote_plus(key, safe="*").replace("~", "%7E")
    return {"Records": [record(written, "s3:ObjectCreated:Put", eventSource="rustfs:s3")]}


def as_moto(key: str) -> object:
    return {"Records": [record(quote(key, safe=""))]}


def as_ceph(key: str) -> object:
    return {"Records": [record(key, eventSource="ceph:s3")]}


def as_versitygw(key: str) -> object:
    value = sample("versitygw_webhook")
    value["Records"][0]["s3"]["object"]["key"] = key
    value["Records"][0]["s3"]["bucket"]["arn"] = f"arn:aws:s3:::/img/{key}"
    return value


def as_eventbridge(key: str) -> object:
    value = sample("aws_s3_via_eventbridge")
    value["detail"]["object"]["key"] = key
    return value


def as_batch_operations(key: str) -> object:
    value = sample("aws_s3_batch_operations_v2")
    value["tasks"][0]["s3Key"] = quote_plus(key)
    return value


@pytest.mark.parametrize(
    "written",
    [
        as_aws, as_minio, as_rustfs, as_moto, as_ceph, as_versitygw, as_eventbridge,
        as_batch_operations,
    ],
)  # fmt: skip
@given(key=KEYS)
def test_any_key_comes_back_as_it_was(written: Any, key: str) -> None:
    payload = json.dumps(written(key), ensure_ascii=len(key) % 2 == 0)
    assert only(payload).key == key


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ObjectCreated:Put", "created"),
        ("ObjectCreated:CompleteMultipartUpload", "created"),
        ("s3:ObjectCreated:Copy", "created"),
        ("s3:ObjectSynced:Create", "created"),
        ("ObjectRemoved:Delete", "removed"),
        ("ObjectRemoved:DeleteMarkerCreated", "removed"),
        ("s3:ObjectRemoved:DeleteObjects", "removed"),
        ("LifecycleExpiration:Delete", "removed"),
        ("LifecycleExpiration:DeleteMarkerCreated", "removed"),
        ("s3:ObjectLifecycle:Expiration:Current", "removed"),
    ],
)
def test_what_came_and_what_went(name: str, kind: str) -> None:
    assert only({"Records": [record(name=name)]}).kind == kind


@pytest.mark.parametrize(
    "name",
    [
        "ObjectTagging:Put", "ObjectAcl:Put", "ObjectRestore:Completed", "LifecycleTransition",
        "ReducedRedundancyLostObject", "s3:ObjectCreated:PutRetention",
        "s3:ObjectCreated:PutTagging", "s3:LifecycleExpiration:AbortMultipartUpload",
        "s3:ObjectCreated:PutLegalHold", "s3:ObjectCreated:DeleteTagging",
        "s3:ObjectCreated:CreateMultipartUpload", "s3:ObjectAccessed:Get",
    ],
)  # fmt: skip
def test_what_leaves_the_picture_as_it_is_is_acknowledged(name: str) -> None:
    notice = read({"Records": [record(name=name)]})
    assert (notice.kind, notice.events, notice.failed) == ("events", (), ())
    assert notice.note == f"{name!r} changes no picture"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Object Created", "created"), ("Object Deleted", "removed"), ("Object Tags Added", None)],
)
def test_eventbridge_has_names_of_its_own(name: str, kind: str | None) -> None:
    notice = read(sample("aws_s3_via_eventbridge") | {"detail-type": name})
    assert [event.kind for event in notice.events] == ([kind] if kind else [])
    assert bool(notice.note) == (kind is None)


@pytest.mark.parametrize(
    "changed",
    [{"source": "aws.ec2"}, {"detail-type": "AWS API Call via CloudTrail"}, {"detail": {}}],
)
def test_other_events_of_eventbridge_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(EventUnknown, match="EventBridge"):
        read(sample("aws_s3_via_eventbridge") | changed)


def test_a_test_event_is_acknowledged() -> None:
    notice = read(sample("aws_s3_test_event"))
    assert (notice.kind, notice.events) == ("test", ())
    assert "test" in notice.note


def test_a_version_is_the_versions_id_or_else_the_etag() -> None:
    value = record()
    for version_id in (None, "", "null"):
        value["s3"]["object"]["versionId"] = version_id
        assert only({"Records": [value]}).version == "b21b84d653bb07b05b1e6b33684dc11b"
    assert only(sample("versitygw_webhook")).version == "900150983cd24fb0d6963f7d28e17f72"


def test_a_sequencer_is_ordered_however_its_letters_are_written() -> None:
    value = record()
    sequencers = []
    for written in ("0055aed6dcd90281e5", "0055AED6DCD90281E6"):
        value["s3"]["object"]["sequencer"] = written
        sequencers.append(only({"Records": [value]}).sequencer)
    earlier, later = sequencers
    assert newer(later, earlier)
    assert not newer(earlier, later)


def test_versitygw_counts_from_one_again_so_its_count_orders_nothing() -> None:
    event = only(sample("versitygw_webhook"))
    assert (event.sequencer, event.size) == ("", 3)


def test_the_size_that_versitygw_tells_of_a_copy_is_none() -> None:
    value = sample("versitygw_webhook")
    value["Records"][0]["s3"]["object"]["size"] = 0
    assert only(value).size is None


def of_ceph(moment: float, order: str) -> Event:
    whole = int(moment)
    memory = struct.pack(f"{order}II", whole, int((moment - whole) * 1e9))
    value = record(eventSource="ceph:s3", eventTime=moment)
    value["s3"]["object"]["sequencer"] = memory.hex().upper()
    return only({"Records": [value]})


@given(
    earlier=st.floats(1.5e9, 2e9),
    later=st.floats(1.5e9, 2e9),
    order=st.sampled_from("<>"),
)
def test_ceph_orders_by_time_however_its_machine_lays_numbers_out(
    earlier: float, later: float, order: str
) -> None:
    one, other = of_ceph(earlier, order), of_ceph(later, order)
    if abs(later - earlier) > 1e-3:
        assert newer(other.sequencer, one.sequencer) == (later > earlier)


@pytest.mark.parametrize("written", ["", "AEE9", "no hex at all...", None])
def test_a_sequencer_of_ceph_that_is_none_orders_nothing(written: str | None) -> None:
    value = record(eventSource="ceph:s3")
    value["s3"]["object"]["sequencer"] = written
    assert only({"Records": [value]}).sequencer == ""


def test_ceph_may_add_the_headers_of_cloudevents() -> None:
    headers = {"ce-specversion": "1.0", "ce-type": "com.amazonaws.ObjectCreated:Put"}
    assert read(sample("ceph_rgw_http"), headers) == read(sample("ceph_rgw_http"))


def test_minio_may_write_into_redis_what_it_sends_elsewhere() -> None:
    records = sample("minio_webhook")["Records"]
    assert only([{"Event": records, "EventTime": "2025-02-06T01:04:31.998Z"}]).key == KEY


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"eventSource": "other:s3"}, "'other:s3' is not known: aws:s3"),
        ({"eventName": None}, r"\$.eventName"),
        ({"s3": {}}, "missing required field `bucket`"),
        ({"s3": {"bucket": {"name": ""}, "object": {"key": "a"}}}, "name of a bucket"),
        ({"s3": {"bucket": {"name": "a/b"}, "object": {"key": "a"}}}, "name of a bucket"),
        ({"s3": {"bucket": {"name": "b"}, "object": {"key": ""}}}, "key is empty"),
        ({"s3": {"bucket": {"name": "b"}, "object": {"key": "%ff"}}}, "no UTF-8"),
        ({"s3": {"bucket": {"name": "b"}, "object": {"key": "a%00"}}}, "zero byte"),
        ({"s3": {"bucket": {"name": "b"}, "object": {"key": "a" * 2049}}}, "2048 bytes"),
        ({"s3": {"bucket": {"name": "b"}, "object": {"key": "\ud800"}}}, "UTF-8"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(EventUnknown, match=reason):
        read({"Records": [record(**changed)]})


def test_batch_operations_want_an_answer_for_each_task() -> None:
    notice = read(sample("aws_s3_batch_operations_v2"))
    assert notice.kind == "batch"
    (event,) = notice.events
    assert (event.bucket, event.receipt) == ("powertools-dataset", "dGFza2lkZ29lc2hlcmUK")
    answer = sample("aws_s3_batch_operations_response")
    assert notice.reply is not None
    assert notice.reply.keys() == answer.keys()
    assert notice.reply["invocationId"] == answer["invocationId"]
    # A task that is not answered for is given again, and does not count as failed for ever.
    assert notice.reply["treatMissingKeysAs"] == "TemporaryFailure"
    assert notice.reply["results"] == []


def test_batch_operations_of_the_first_schema_name_the_bucket_by_its_arn() -> None:
    value = sample("aws_s3_batch_operations_v2") | {"invocationSchemaVersion": "1.0"}
    task = value["tasks"][0]
    del task["s3Bucket"]
    task |= {"s3BucketArn": "arn:aws:s3:::img", "s3Key": "up/a+b%2B.jpg", "s3VersionId": "7"}
    event = only(value)
    assert (event.bucket, event.key, event.version) == ("img", "up/a b+.jpg", "7")


def test_a_task_that_cannot_be_read_does_not_spoil_the_others() -> None:
    value = sample("aws_s3_batch_operations_v2")
    good = value["tasks"][0]
    value["tasks"] = [good | {"taskId": "bad", "s3Key": "%ff"}, good]
    notice = read(value)
    assert [event.receipt for event in notice.events] == [good["taskId"]]
    assert [receipt for receipt, _ in notice.failed] == ["bad"]


@pytest.mark.parametrize("task", [{}, {"taskId": ""}, {"taskId": 7}])
def test_a_task_that_cannot_be_answered_for_is_refused(task: dict[str, Any]) -> None:
    value = sample("aws_s3_batch_operations_v2") | {"tasks": [task]}
    with pytest.raises(EventUnknown, match="taskId"):
        read(value)
