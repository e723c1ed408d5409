"""What a pipeline would come to with a source, without a word of it in any store."""

from typing import Any

import pytest

from safelight.backfill import Made
from safelight.backfill.previewing import preview
from safelight.pipelines import Pipelines


def previewed(pipelines: Pipelines, key: str, *, again: bool = False) -> Made:
    return preview(pipelines.parts, pipelines.pipelines[0], key, again=again)


def test_what_is_there_is_current_and_what_is_not_would_be_made(pipelines: Pipelines) -> None:
    would = previewed(pipelines, "up/good.jpg")
    assert would.status == "done"
    (outcome,) = pipelines.bring_up("up/good.jpg")
    assert would.written == sum(output.bytes for output in outcome.outputs)
    assert previewed(pipelines, "up/good.jpg") == Made("current")
    assert previewed(pipelines, "up/none.jpg").status == "skipped"


def test_what_has_failed_before_is_not_tried_unless_that_is_wanted(
    pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outcome,) = pipelines.bring_up("up/cut.jpg")
    assert outcome.status == "failed"
    tried: list[str] = []
    make = pipelines.parts.maker.make

    def counted(layout: Any, *arguments: Any, **options: Any) -> Any:
        tried.append(layout.key)
        return make(layout, *arguments, **options)

    monkeypatch.setattr(pipelines.parts.maker, "make", counted)
    assert previewed(pipelines, "up/cut.jpg") == Made("failed", reason=outcome.reason)
    assert tried == []
    assert previewed(pipelines, "up/cut.jpg", again=True).status == "failed"
    assert tried == ["up/cut.jpg"]
