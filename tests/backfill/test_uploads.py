"""Sources that were there before the pipelines, brought up as an event would."""

from pathlib import Path

from safelight.backfill.uploads import Uploads
from safelight.pipelines import Pipelines


def test_the_outputs_of_a_source_are_made(pipelines: Pipelines, tmp_path: Path) -> None:
    made = Uploads(pipelines).bring_up("up/good.jpg")
    assert made.status == "done"
    assert made.written == (tmp_path / "photos" / "s" / "good.jpg").stat().st_size
    assert Uploads(pipelines).bring_up("up/good.jpg").status == "current"


def test_what_is_not_in_the_folder_here_loses_no_output(
    pipelines: Pipelines, tmp_path: Path
) -> None:
    # Another machine of the cluster may have another folder of that name.
    uploads = Uploads(pipelines)
    uploads.bring_up("up/good.jpg")
    (tmp_path / "photos" / "up" / "good.jpg").unlink()
    made = uploads.bring_up("up/good.jpg")
    assert (made.status, made.reason) == ("skipped", "it is not there any more")
    assert (tmp_path / "photos" / "s" / "good.jpg").exists()


def test_what_has_failed_before_is_tried_again_when_that_is_wanted(
    pipelines: Pipelines, data: Path, tmp_path: Path
) -> None:
    assert Uploads(pipelines).bring_up("up/cut.jpg").status == "failed"
    letter = tmp_path / "photos" / "failed" / "up" / "cut.jpg.json"
    before = letter.stat().st_mtime_ns
    assert Uploads(pipelines).bring_up("up/cut.jpg").status == "failed"
    assert letter.stat().st_mtime_ns == before
    assert Uploads(pipelines, again=True).bring_up("up/cut.jpg").status == "failed"
    assert letter.stat().st_mtime_ns != before
