"""`safelight process`: sources brought up by their names, and clouds' events replayed."""

import json
import re
import shlex
import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest

from safelight.cli.pipelines import Report
from safelight.pipelines import Outcome
from tests.stores.servers import free_port
from tests.support.commands import refused, run, size

ROOT = Path(__file__).parents[2]

SETTINGS = """
[presets]
thumb = "w=60,h=60,fit=inside"
[workers]
processes = 1
[[pipelines]]
name = "small"
on = "sub/"
write = [{ preset = "thumb", to = "thumbnails/{name}.jpg" }]
[[pipelines]]
name = "all"
on = "uploads/"
write = [{ preset = "thumb", to = "small/{stem}.{ext}" }, { preset = "thumb" }]
metadata = "metadata/{name}.json"
"""
S3_EVENT = {
    "Records": [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventTime": "2026-01-02T03:04:05.000Z",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "other"}, "object": {"key": "uploads/a+b.jpg", "size": 3}},
        }
    ]
}


@pytest.fixture(autouse=True)
def settings(home: Path) -> Path:
    """Write pipelines, and put a photograph and a file that is none where they look."""
    (home / "safelight.toml").write_text(SETTINGS)
    uploads = home / "photos" / "uploads"
    uploads.mkdir()
    (home / "photos" / "photo-1mp.jpg").rename(uploads / "a b.jpg")
    (home / "text.jpg").rename(uploads / "bad.jpg")
    return home


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_source_is_brought_up_by_its_key(home: Path) -> None:
    result = run("process", "uploads/a b.jpg")
    (told,) = lines(result.stdout)
    assert (told["status"], told["source"]) == ("done", "uploads/a b.jpg")
    assert told["outputs"][0]["key"] == "small/a b.jpg"
    assert size(home / "photos" / "small" / "a b.jpg") == (60, 48)
    assert (home / "photos" / "metadata" / "a b.jpg.json").exists()
    assert result.stderr.startswith("1 done, in ")
    assert result.exit_code == 0
    again = run("process", "uploads/a b.jpg")
    assert lines(again.stdout)[0]["status"] == "current"


def test_one_that_fails_makes_the_exit_code_and_not_the_end(home: Path) -> None:
    result = run("process", "--prefix", "")
    assert {told["source"]: told["status"] for told in lines(result.stdout)} == {
        "uploads/a b.jpg": "done",
        "uploads/bad.jpg": "failed",
        "sub/a b.svg": "done",
    }
    assert result.exit_code == 1
    assert "uploads/bad.jpg in all: failed: " in result.stderr
    assert (home / "photos" / "failed" / "uploads" / "bad.jpg.json").exists()


def test_sources_that_are_out_of_reach_do_not_hide_the_others(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    far = f"s3://far?endpoint=http://127.0.0.1:{free_port()}&region=eu-west-1"
    (home / "safelight.toml").write_text(f'[sources]\nfar = "{far}"\n{SETTINGS}')
    result = run("process", "--prefix", "")
    assert {told["source"]: told["status"] for told in lines(result.stdout)} == {
        "uploads/a b.jpg": "done",
        "uploads/bad.jpg": "failed",
        "sub/a b.svg": "done",
    }
    assert "ERROR s3://far cannot be listed: " in result.stderr
    assert " (not listed: s3://far), in " in result.stderr
    assert result.exit_code == 1
    (home / "photos" / "uploads" / "bad.jpg").unlink()
    rehearsed = run("process", "--prefix", "", "--dry-run")
    assert "sub/a b.svg  small: 1 output" in rehearsed.stdout
    assert rehearsed.exit_code == 1


def test_who_interrupts_is_told_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(report: Report, outcome: Outcome) -> None:
        report.counts[outcome.status] += 1
        raise KeyboardInterrupt

    monkeypatch.setattr(Report, "tell", told)
    result = run("process", "uploads/a b.jpg")
    assert result.exit_code == 130
    assert result.stderr.startswith("safelight: interrupted: 1 done; ")


def test_a_source_that_is_gone_loses_its_outputs(home: Path) -> None:
    run("process", "uploads/a b.jpg")
    (home / "photos" / "uploads" / "a b.jpg").unlink()
    assert run("process", "--dry-run", "uploads/a b.jpg").exit_code == 0
    removed = run("process", "uploads/a b.jpg")
    (told,) = lines(removed.stdout)
    assert (told["status"], removed.exit_code) == ("removed", 0)
    assert told["reason"] == "the source is gone, and its outputs with it"
    assert not (home / "photos" / "small").exists()
    assert not (home / "photos" / "metadata").exists()


def test_what_no_pipeline_takes_is_skipped_with_the_reason() -> None:
    result = run("process", "exif-6.jpg")
    (told,) = lines(result.stdout)
    assert (told["status"], told["reason"]) == ("skipped", "no pipeline is for it")
    assert result.exit_code == 0


@pytest.mark.parametrize("key", ["uploads/none.jpg", "nowhere/a b.jpg"])
def test_a_key_of_nothing_is_told_by_the_exit_code_and_not_the_end(key: str) -> None:
    result = run("process", key, "uploads/a b.jpg")
    told = {each["source"]: (each["status"], each["reason"]) for each in lines(result.stdout)}
    assert told == {
        key: ("missing", "there is no such source"),
        "uploads/a b.jpg": ("done", ""),
    }
    assert "1 missing" in result.stderr
    assert result.exit_code == 1


@pytest.mark.parametrize("key", ["uploads/none.jpg", "nowhere/a b.jpg"])
def test_a_dry_run_tells_a_key_of_nothing(key: str) -> None:
    result = run("process", "--dry-run", key)
    assert result.exit_code == 1
    assert "there is no " in result.stdout


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(home: Path) -> None:
    result = run("process", "--dry-run", "uploads/a b.jpg", "sub/a b.svg", "exif-6.jpg")
    assert result.stdout.splitlines() == [
        "uploads/a b.jpg  small: skipped: its key does not begin with sub/",
        "uploads/a b.jpg  all: 3 outputs",
        "  thumb            small/{stem}.{ext}  in file:./photos",
        "  thumb            as /thumb/uploads/a b.jpg asks for it  in variants",
        "  metadata         metadata/a b.jpg.json  in file:./photos",
        "sub/a b.svg  small: 1 output",
        "  thumb            thumbnails/a b.svg.jpg  in file:./photos",
        "sub/a b.svg  all: skipped: its key does not begin with uploads/",
        "exif-6.jpg  small: skipped: its key does not begin with sub/",
        "exif-6.jpg  all: skipped: its key does not begin with uploads/",
    ]
    assert sorted(path.name for path in (home / "photos").iterdir()) == [
        "alpha-graphic.png", "exif-6.jpg", "sub", "uploads",
    ]  # fmt: skip


def test_a_dry_run_says_what_would_be_a_dead_letter(home: Path) -> None:
    marked = '[[pipelines]]\non = "uploads/"\n'
    marked += 'write = [{ transform = "watermark=none.png", to = "marked/{name}" }]\n'
    (home / "safelight.toml").write_text(marked)
    (home / "photos" / "uploads" / "out.jpg").symlink_to(home / "safelight.toml")
    said = run("process", "--dry-run", "uploads/a b.jpg", "uploads/out.jpg").stdout
    assert "pipeline-1: skipped: there is no image none.png to make its outputs with" in said
    assert "pipeline-1: skipped: it is there, and cannot be opened" in said


def test_a_dry_run_says_what_would_be_removed_or_is_an_output_itself(home: Path) -> None:
    said = run("process", "--dry-run", "--only", "all", "uploads/none.jpg").stdout
    assert said.startswith("uploads/none.jpg  all: its outputs, if there are any, would be removed")
    run("process", "uploads/a b.jpg")
    (home / "photos" / "uploads" / "a b.jpg").rename(home / "photos" / "away.jpg")
    said = run("process", "--dry-run", "--only", "all", "uploads/a b.jpg").stdout
    assert said.startswith("uploads/a b.jpg  all: its outputs would be removed: ")
    for name in ("a b.jpg", "a b.jpg.attributes"):
        (home / "photos" / "small" / name).rename(home / "photos" / "uploads" / f"copy {name}")
    said = run("process", "--dry-run", "--only", "all", "uploads/copy a b.jpg").stdout
    assert "skipped: it is an output of a pipeline itself" in said
    (home / "photos" / "uploads" / "empty.jpg").touch()
    said = run("process", "--dry-run", "--only", "all", "uploads/empty.jpg").stdout
    assert "skipped: it is empty" in said


def test_only_some_pipelines_or_presets(home: Path) -> None:
    result = run("process", "--only", "small", "--prefix", "")
    assert [told["source"] for told in lines(result.stdout) if told["status"] == "done"] == [
        "sub/a b.svg"
    ]
    refused(run("process", "--only", "large", "--prefix", ""), "--only large", "all, small, thumb")


def test_what_failed_is_tried_again_when_asked(home: Path, data: Path) -> None:
    assert run("process", "uploads/bad.jpg").exit_code == 1
    again = run("process", "--again", "uploads/bad.jpg")
    assert lines(again.stdout)[0]["status"] == "failed"


def test_an_event_is_replayed_from_a_file(home: Path) -> None:
    (home / "event.json").write_text('{"created": "uploads/a b.jpg"}')
    said = run("process", "--event", "event.json", "--dry-run", "--only", "all")
    assert said.exit_code == 2
    said = run("process", "--event", "event.json", "--dry-run")
    assert said.stdout.splitlines()[0] == "created uploads/a b.jpg in a folder (local)"
    assert "  metadata         metadata/a b.jpg.json  in file:./photos" in said.stdout
    assert not (home / "photos" / "small").exists()
    (told,) = lines(run("process", "--event", "event.json").stdout)
    assert told["status"] == "done"


def test_an_event_of_a_strange_bucket_is_explained() -> None:
    given = json.dumps(S3_EVENT).encode()
    said = run("process", "--event", "-", "--dry-run", given=given).stdout
    assert said.splitlines() == [
        "created uploads/a b.jpg in other (aws:s3)",
        "  missing: no source is in other there (aws:s3)",
    ]
    result = run("process", "--event", "-", given=given)
    (told,) = lines(result.stdout)
    assert (told["status"], result.exit_code) == ("missing", 1)


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("created", "missing", 1), ("removed", "skipped", 0)]
)
def test_an_event_of_what_is_not_there_is_in_vain_unless_it_says_so(
    kind: str, status: str, code: int
) -> None:
    given = json.dumps({kind: "uploads/none.jpg"}).encode()
    result = run("process", "--event", "-", given=given)
    (told,) = lines(result.stdout)
    assert (told["status"], result.exit_code) == (status, code)
    assert run("process", "--dry-run", "--event", "-", given=given).exit_code == code


def test_a_message_that_is_not_understood_makes_the_exit_code() -> None:
    messages = [
        {"messageId": str(number), "eventSource": "aws:sqs", "body": body}
        for number, body in enumerate(('{"created": "uploads/a b.jpg"}', "no JSON"))
    ]
    result = run("process", "--event", "-", given=json.dumps({"Records": messages}).encode())
    assert [each["status"] for each in lines(result.stdout)] == ["done"]
    assert "message 1 cannot be understood" in result.stderr
    assert result.exit_code == 1


def test_what_is_no_event_is_refused() -> None:
    refused(run("process", "--event", "-", given=b"no JSON"), "the payload is no JSON")
    refused(run("process", "--event", "-", given=b"{}"))


def test_a_message_without_events_is_explained() -> None:
    given = b'{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "img"}'
    result = run("process", "--event", "-", given=given)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "test" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a.jpg", "--prefix", "b"),
        ("a.jpg", "--header", "a: b"),
        ("--event", "-", "--only", "all"),
    ],
)
def test_a_command_that_contradicts_itself_is_refused(arguments: tuple[str, ...]) -> None:
    result = run("process", *arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_the_page_of_the_documents_says_what_happens(home: Path, photos: Path) -> None:
    page = (ROOT / "docs" / "watch.md").read_text("utf-8")
    (settings,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (home / "safelight.toml").write_text(settings)
    for name in ("sunset.jpg", "forest.jpg"):
        shutil.copy(photos / name, home / "photos" / "uploads" / name)
    (home / "photos" / "uploads" / "bad.jpg").unlink()
    commands = re.findall(r"^safelight (process .*)$", page, re.MULTILINE)[:4]
    said = [run(*shlex.split(command)) for command in reversed(commands)]
    assert [result.exit_code for result in said] == [0, 0, 0, 0]
    assert textwrap.indent(said[0].stdout, "    ") in page


def test_without_pipelines_there_is_nothing_to_do(home: Path) -> None:
    (home / "safelight.toml").unlink()
    refused(run("process", "a.jpg"), "pipelines: nothing is to be done", "[[pipelines]]")
