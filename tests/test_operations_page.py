"""The page of all operations says what the records say, and shows what the pipeline makes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image, ImageSequence

from docs.generate import PAGE, PICTURES, page, picture, pictures
from docs.samples import PHOTOS, SIDE, sample, samples
from safelight import engine
from safelight.explain import further
from safelight.operations import OPERATIONS, in_order
from safelight.transform import Transform, parse
from tests.support.golden import fault
from tests.support.pictures import opened
from tests.support.strategies import BY_KIND, values

AGAIN = "run `make docs`, and look at what has changed"
MOST_BYTES = 1_500_000


@pytest.fixture(scope="module", autouse=True)
def _prepared() -> None:
    engine.prepare(threads=1)


def frames(picture: Image.Image) -> Iterator[Image.Image]:
    return (frame.convert("RGBA") for frame in ImageSequence.Iterator(picture))


def test_the_page_is_what_the_records_say() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), AGAIN


@pytest.mark.parametrize("name", pictures())
def test_a_picture_of_the_page_is_what_the_pipeline_makes(name: str) -> None:
    now, then = opened(picture(name)), opened((PICTURES / name).read_bytes())
    assert max(then.size) <= SIDE
    pairs = zip(frames(now), frames(then), strict=True)
    assert [said for pair in pairs if (said := fault(*pair))] == [], AGAIN


def test_the_pictures_are_those_of_the_page_and_small() -> None:
    files = list(PICTURES.iterdir())
    assert sorted(file.name for file in files) == sorted(pictures()), AGAIN
    assert sum(file.stat().st_size for file in files) < MOST_BYTES


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_a_line_and_an_example_of_itself(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation.doc.endswith(".")
    assert operation.doc[0].isupper()
    shown = sample(operation)
    assert name in [step.name for step, _ in shown.transform.steps()]
    assert (PHOTOS / shown.key).is_file()
    for key in shown.transform.pictures():
        assert (PHOTOS / key).is_file(), f"{name}: the example draws with {key}"
    assert f"## {name}\n\n{operation.doc}\n" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_can_be_fuzzed(name: str) -> None:
    operation = OPERATIONS[name]
    assert [p.name for p in operation.parameters if type(p.kind) not in BY_KIND] == []
    every = {p.name: values(p.kind) for p in operation.parameters}

    @given(st.fixed_dictionaries(every))
    def read_back(arguments: dict[str, object]) -> None:
        wanted = Transform.of(**arguments)
        assert parse(wanted.canonical) == wanted

    read_back()


def test_a_docstring_says_more_than_the_page_needs_in_whole_sentences() -> None:
    for operation in OPERATIONS.values():
        assert not further(operation) or further(operation).endswith("."), operation.name


def test_an_operation_without_a_row_is_shown_on_the_usual_photograph() -> None:
    new = replace(OPERATIONS["resize"], name="unknown", example="crop=0.1:0.1:0.5:0.5")
    assert sample(new).text == f"w={SIDE},crop=0.1:0.1:0.5:0.5"
    assert sample(new).key == "sunset.jpg"
    assert sample(replace(new, example="w=400,crop=9:9")).text == "w=400,crop=9:9"
    assert [shown.operation for shown in samples()] == in_order(OPERATIONS)
