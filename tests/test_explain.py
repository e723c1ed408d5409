"""What is said about operations and transforms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from safelight.explain import cost, default, further, lines, steps, values
from safelight.operations import OPERATIONS, PARAMETERS
from safelight.picture import Header
from safelight.plan import plan
from safelight.transform import Transform, parse
from tests.support.strategies import transforms

HEADER = Header(
    format="jpeg", width=1200, height=800, bands=3, depth=1, pages=1, orientation=1, alpha=False,
    palette=False, space="srgb", profile=None, buffered=False, coefficients=3, scans=1,
)  # fmt: skip


def told(transform: str, **header: Any) -> dict[str, str]:
    """Explain, and give the lines by their first word."""
    explained = lines(parse(transform), replace(HEADER, **header))
    rows = ((line[:11].strip(), line[11:]) for line in explained)
    return {name: text for name, text in rows if name}


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_values_of_every_parameter_are_said_in_words(name: str) -> None:
    said = values(PARAMETERS[name])
    assert len(said) > 8
    assert "\0" not in said
    assert "\n" not in said


def test_units_synonyms_and_bare_names_are_said_too() -> None:
    assert values(PARAMETERS["w"]) == "a whole number from 1 to 65535 (px)"
    assert values(PARAMETERS["flip"]).startswith("one of horizontal, vertical, both; also h for ")
    assert values(PARAMETERS["enlarge"]) == "true or false"


def test_a_default_is_written_as_in_an_address() -> None:
    assert default(PARAMETERS["fit"]) == "cover"
    assert default(PARAMETERS["dpr"]) == "1"
    assert default(PARAMETERS["enlarge"]) == "false"
    assert default(PARAMETERS["w"]) is None
    assert default(PARAMETERS["flip"]) is None


def test_what_a_docstring_says_further_has_no_first_line_and_no_double_quotes() -> None:
    text = further(OPERATIONS["resize"])
    assert text.startswith("With one side the other follows.")
    assert "`enlarge`" in text
    assert "``" not in text
    assert not further(OPERATIONS["flip"])


@given(transforms())
def test_every_transform_is_explained_to_its_end(transform: Transform) -> None:
    explained = list(lines(transform, HEADER))
    done = steps(transform, (1200, 800))
    assert [step.operation for step in done] == [operation for operation, _ in transform.steps()]
    assert ",".join(sorted(step.arguments for step in done)).count("=") == len(transform.arguments)
    across, down = plan(1200, 800, transform).size
    assert sum(line.startswith("step ") for line in explained) == len(done)
    if transform["orient"] == "auto":
        assert explained[-1].startswith(f"answer     {across} x {down} px")


def test_sizes_are_told_where_they_change() -> None:
    row = "\n".join(lines(parse("rotate=90,300x300,flip=h,q=80"), HEADER))
    assert "orient stage, costs 0.2 times a resize, makes 800 x 1200 px" in row
    assert "makes 300 x 450 px, then 300 x 300 px" in row
    assert row.count("makes") == 2
    assert told("rotate=90,300x300")["decoding"] == "38% of the width and height will do"
    assert "decoding" not in told("q=80")


def test_a_source_is_told_as_it_is_shown() -> None:
    assert told("", orientation=6)["source"] == "800 x 1200 px, jpeg"
    assert told("orient=none", orientation=6)["source"] == "1200 x 800 px, jpeg"
    moving = told("w=2000", format="gif", pages=12)
    assert moving["source"] == "1200 x 800 px, gif, 12 pages or frames"
    assert moving["answer"] == "1200 x 800 px"
    assert told("w=2000", format="svg", vector=True)["answer"] == "2000 x 1333 px"


def test_without_a_source_no_size_is_told() -> None:
    explained = "\n".join(lines(parse("300x300")))
    assert "step 1     w=300,h=300" in explained
    assert " px" not in explained


def test_a_cost_is_told_beside_a_resize() -> None:
    told = {operation.cost: cost(operation) for operation in OPERATIONS.values()}
    assert told[0] == "costs nothing by itself"
    assert told[1] == "costs as much as a resize"
    assert told[0.2] == "costs 0.2 times a resize"


def test_what_needs_every_pixel_or_cuts_by_what_it_sees_says_so() -> None:
    trimmed = told("trim,300x200")
    assert trimmed["decoding"] == "every pixel, for trim"
    assert trimmed["answer"] == "300 x 200 px, unless trim cuts something off"
    explained = "\n".join(lines(parse("trim"), HEADER))
    assert "needs the source's own pixels" in explained
