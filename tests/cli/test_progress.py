"""How far a back-fill is, in words."""

import pytest

from safelight.backfill import Made, Progress, Tally
from safelight.cli import progress
from safelight.cli.progress import Lines, Total, pace


def test_sources_of_unfinished_chunks_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    lines = Lines(Total(list))
    lines.tick(Made("done"))
    lines.tick(Made("failed", reason="it is damaged"))
    lines.show(Progress(before=3))
    assert capsys.readouterr().err.startswith("5: 1 done, 1 failed; ")


def test_what_was_done_elsewhere_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    Lines(Total(list)).show(Progress(tally=Tally(current=7)))
    assert capsys.readouterr().err.startswith("7: 7 current; ")


@pytest.mark.parametrize(
    ("rate", "written"),
    [(0.0, "0"), (0.033, "0.033"), (1.54, "1.5"), (99.6, "100"), (1_240.0, "1,240")],
)
def test_a_pace_is_written_as_people_read_it(rate: float, written: str) -> None:
    assert pace(rate) == f"{written} a second"
