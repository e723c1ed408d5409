import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given

from safelight.errors import EventUnknown
from safelight.events import Event, newer, read
from tests.support.notices import KEY, KEYS, sample

GRID = sample("azure_eventgrid_blobcreated")[0]
CLOUD = sample("azure_cloudevents_blobcreated")[0]
ACCOUNT = "https://my-storage-account.blob.core.windows.net"


def in_grid(name: str, **data: Any) -> Any:
    return GRID | {"eventType": f"Microsoft.{name}", "data": GRID["data"] | data}


@pytest.mark.parametrize("value", [GRID, [GRID], CLOUD, [CLOUD]])
def test_an_upload_is_read_from_either_schema_alone_or_in_a_list(value: object) -> None:
    assert read(value).events == (
        Event(
            "created", "azure", "img", KEY, "0x8D4BCC2E4835CD0", 524288,
            "00000000000004420000000000028963", 1498502460.95841,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("blank", [GRID, CLOUD])
@given(key=KEYS)
def test_any_key_comes_back_as_it_was(blank: dict[str, Any], key: str) -> None:
    subject = f"/blobServices/default/containers/img/blobs/{key}"
    data = blank["data"] | {"url": f"{ACCOUNT}/img/{quote(key)}"}
    (event,) = read(json.dumps([blank | {"subject": subject, "data": data}])).events
    assert event.key == key


def test_the_headers_of_a_binary_event_are_percent_encoded() -> None:
    whole = {name: text for name, text in CLOUD.items() if name != "data"}
    headers = {f"ce-{name}": quote(str(text), safe="/:") for name, text in whole.items()}
    assert "%20" in headers["ce-subject"]
    assert read(CLOUD["data"], headers).events == read(CLOUD).events


def test_a_list_of_events_is_read_whole() -> None:
    notice = read([GRID, in_grid("Storage.BlobDeleted"), in_grid("Storage.BlobTierChanged")])
    assert [event.kind for event in notice.events] == ["created", "removed"]
    assert "BlobTierChanged" in notice.note


@pytest.mark.parametrize("api", ["CreateFile", "SftpCreate"])
def test_a_file_that_is_not_yet_written_does_not_count(api: str) -> None:
    notice = read([in_grid("Storage.BlobCreated", api=api, contentLength=0)])
    assert notice.events == ()
    assert "not yet written" in notice.note


@pytest.mark.parametrize("api", ["FlushWithClose", "SftpCommit", "PutBlob", "CopyBlob"])
def test_what_is_written_counts(api: str) -> None:
    assert len(read([in_grid("Storage.BlobCreated", api=api)]).events) == 1


def test_an_upload_to_a_hierarchical_namespace_counts_once() -> None:
    notice = read([
        in_grid("Storage.BlobCreated", api="CreateFile"),
        in_grid("Storage.BlobCreated", api="FlushWithClose"),
    ])  # fmt: skip
    assert len(notice.events) == 1


def test_a_renamed_blob_went_and_came() -> None:
    source = f"{ACCOUNT}/img/up/old%20name.jpg"
    went, came = read([in_grid("Storage.BlobRenamed", sourceUrl=source)]).events
    assert (went.kind, went.key) == ("removed", "up/old name.jpg")
    assert (came.kind, came.key) == ("created", KEY)


@pytest.mark.parametrize("source", [None, f"{ACCOUNT}/other/a.jpg", ACCOUNT])
def test_a_renamed_blob_came_also_when_nobody_says_from_where(source: str | None) -> None:
    notice = read([in_grid("Storage.BlobRenamed", sourceUrl=source)])
    assert [event.kind for event in notice.events] == ["created"]
    assert "renamed" in notice.note


@pytest.mark.parametrize("name", ["DirectoryRenamed", "DirectoryDeleted"])
def test_whole_directories_are_said_to_need_a_back_fill(name: str) -> None:
    notice = read([in_grid(f"Storage.{name}")])
    assert notice.events == ()
    assert "back-fill" in notice.note


def test_event_grid_is_answered_with_its_code() -> None:
    notice = read(sample("azure_eventgrid_validation_request"))
    assert (notice.kind, notice.events) == ("handshake", ())
    assert notice.reply == sample("azure_eventgrid_validation_response")


def test_the_end_of_a_subscription_is_noted() -> None:
    notice = read([in_grid("EventGrid.SubscriptionDeletedEvent")])
    assert (notice.kind, notice.events, bool(notice.note)) == ("events", (), True)


def test_a_queue_of_azure_carries_events_in_base64() -> None:
    (event,) = read(base64.b64encode(json.dumps(GRID).encode())).events
    assert event.key == KEY


def test_what_a_function_gave_up_is_named() -> None:
    notice = read(sample("azure_blobtrigger_poison_message"))
    assert notice.kind == "poison"
    assert notice.events == (Event("created", "azure", "img", KEY, "0x8D4BCC2E4835CD0"),)
    assert "<FUNCTION_NAME>" in notice.note


@given(key=KEYS)
def test_any_key_comes_back_from_the_poison_queue(key: str) -> None:
    value = sample("azure_blobtrigger_poison_message") | {"BlobName": key}
    assert read(json.dumps(value)).events[0].key == key


def test_sequencers_are_ordered_as_text() -> None:
    first = read([GRID]).events[0].sequencer
    later = "00000000000004420000000000028964"
    assert newer(read([in_grid("Storage.BlobCreated", sequencer=later)]).events[0].sequencer, first)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (GRID | {"eventType": "Microsoft.Resources.ResourceWriteSuccess"}, "none of Blob Storage"),
        (GRID | {"eventType": "Contoso.Items.ItemReceived"}, "none of Blob Storage"),
        (GRID | {"subject": "/containers/img"}, "names no container"),
        (GRID | {"subject": None}, "names no container"),
        (GRID | {"data": None}, "an event of Azure"),
        (CLOUD | {"data": 7}, "an event of Azure"),
        (in_grid("EventGrid.SubscriptionValidationEvent"), "validationCode"),
        (in_grid("EventGrid.SubscriptionValidationEvent", validationCode="<b>"), "no code"),
        (in_grid("Storage.BlobRenamed", sourceUrl=f"{ACCOUNT}/img/%ff"), "renamed from"),
        ({"ContainerName": "img", "BlobName": 7}, "BlobName"),
    ],
)
def test_what_is_wrong_with_an_event_is_said(value: object, reason: str) -> None:
    with pytest.raises(EventUnknown, match=reason):
        read(value)
