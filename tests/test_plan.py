from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.operations import Stage
from safelight.operations.reading import Reading
from safelight.plan import parent, plan, reading
from safelight.transform import Transform, parse
from tests.support.strategies import transforms

SIDE = st.integers(1, 9_000)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", (4_000, 3_000)),
        ("800x600", (800, 600)),
        ("800x", (800, 600)),
        ("rotate=90,800x", (800, 1_067)),
        ("rotate=45", (4_950, 4_950)),
        ("rotate=45,w=400", (400, 400)),
        ("crop=0:0:100:50", (100, 50)),
        ("crop=0.0:0.0:0.5:0.5", (2_000, 1_500)),
        ("crop=300:0.5", (300, 1_500)),
        ("rotate=90,crop=0.0:0.0:0.5:0.5", (1_500, 2_000)),
        ("crop=0:0:100:50,w=50", (50, 25)),
        ("aspect=1:1", (3_000, 3_000)),
        ("aspect=1:1,crop=300:200", (200, 200)),
        ("aspect=16:9,w=1600", (1_600, 900)),
        ("800x600,dpr=2", (1_600, 1_200)),
        ("zoom=0.1", (400, 300)),
        ("w=800,max_h=300", (400, 300)),
        ("min_w=5000", (4_000, 3_000)),
        ("8000x8000,fit=cover", (3_000, 3_000)),
        ("5000x5000,fit=contain", (5_000, 5_000)),
    ],
)
def test_the_size_of_the_answer_is_reckoned_before_anything_is_decoded(
    text: str, size: tuple[int, int]
) -> None:
    assert plan(4_000, 3_000, parse(text)).size == size


@pytest.mark.parametrize(
    ("text", "region", "scaled"),
    [
        ("", (4_000, 3_000), (4_000, 3_000)),
        ("q=5", (4_000, 3_000), (4_000, 3_000)),
        ("300x300", (4_000, 3_000), (400, 300)),
        ("300x300,fit=contain", (4_000, 3_000), (300, 225)),
        ("crop=0.5:0.0:0.5:1.0,w=100", (2_000, 3_000), (100, 150)),
        ("rotate=90,w=300", (3_000, 4_000), (300, 400)),
        ("rotate=45,w=99", (4_950, 4_950), (99, 99)),
    ],
)
def test_what_is_resized_and_to_what(
    text: str, region: tuple[int, int], scaled: tuple[int, int]
) -> None:
    planned = plan(4_000, 3_000, parse(text))
    assert (planned.region, planned.scaled) == (region, scaled)
    assert planned.scale == max(scaled[0] / region[0], scaled[1] / region[1])


@pytest.mark.parametrize(
    ("text", "largest"),
    [
        ("", 0),
        ("w=400", 400 * 300),
        ("w=400,h=400", 533 * 400),
        ("w=400,h=400,fit=contain", 400 * 400),
        ("rotate=45,w=99", 99 * 99),
        ("rotate=45", 4_950 * 4_950),
        ("rotate=45,crop=50:50,w=40", 4_950 * 4_950),
        ("rotate=45,trim,w=99", 4_950 * 4_950),
        ("crop=100:100,w=800,enlarge", 800 * 800),
    ],
)
def test_the_largest_picture_on_the_way_is_known(text: str, largest: int) -> None:
    assert plan(4_000, 3_000, parse(text)).largest == largest


@pytest.mark.parametrize(
    ("text", "direct"),
    [
        ("w=400", True),
        ("w=400,h=400,gravity=smart", True),
        ("rotate=90,flip=both,w=400", True),
        ("rotate=180,w=400,bg=red,format=png", True),
        ("rotate=45,w=400", True),
        ("rotate=45,crop=100:100,w=50", False),
        ("crop=100:100,w=50", False),
        ("aspect=1:1,w=50", False),
    ],
)
def test_a_picture_that_is_only_turned_can_be_resized_while_it_is_decoded(
    text: str, direct: bool
) -> None:
    assert plan(4_000, 3_000, parse(text)).direct is direct


def test_what_is_behind_a_picture_already_is_not_reckoned_again() -> None:
    transform = parse("crop=0.0:0.0:0.5:0.5,w=100")
    assert plan(4_000, 3_000, transform, after=Stage.CROP).region == (4_000, 3_000)
    assert plan(4_000, 3_000, transform, after=Stage.CROP).size == (100, 75)
    assert plan(4_000, 3_000, transform, after=Stage.RESIZE).size == (4_000, 3_000)


@given(SIDE, SIDE, transforms())
def test_a_plan_is_one_of_sizes(width: int, height: int, transform: Transform) -> None:
    planned = plan(width, height, transform)
    for size in (planned.size, planned.region, planned.scaled):
        assert min(size) >= 1
    assert planned.scale > 0
    assert not (planned.full and planned.scale < 1)
    assert planned.largest == 0 or planned.largest >= planned.size[0] * planned.size[1]


@given(SIDE, SIDE, transforms())
def test_a_plan_goes_on_where_it_was_left(width: int, height: int, transform: Transform) -> None:
    """What is planned of the rest is what was planned of the whole."""
    sizes = {Stage.SOURCE: (width, height)}
    for before, after in pairwise(Stage):
        steps = [given for op, given in transform.steps() if op.stage <= after]
        so_far = Transform(tuple(item for given in steps for item in given.items()))
        sizes[after] = plan(*sizes[before], so_far, after=before).size
    for stage, size in sizes.items():
        assert plan(*size, transform, after=stage).size == sizes[Stage.OUTPUT]


def test_how_the_source_is_opened_is_gathered_from_the_transform() -> None:
    assert reading(Transform()) == Reading()
    assert reading(parse("w=300,page=3,orient=none,frames=1")) == Reading(
        page=3, frames=1, orient=False
    )


def test_a_size_is_made_from_the_smallest_that_is_twice_as_large() -> None:
    made = [(1_920, 1_080), (600, 338), (300, 169), (150, 84)]
    assert parent((150, 84), made) == (300, 169)
    assert parent((300, 169), made) == (600, 338)
    assert parent((301, 169), made) == (1_920, 1_080)
    assert parent((300, 170), made) == (1_920, 1_080)
    assert parent((1_920, 1_080), made) is None
    assert parent((1, 1), []) is None


@given(st.lists(st.tuples(SIDE, SIDE)), st.tuples(SIDE, SIDE))
def test_no_size_is_made_from_one_that_is_too_small(
    made: list[tuple[int, int]], size: tuple[int, int]
) -> None:
    chosen = parent(size, made)
    enough = [one for one in made if one[0] >= 2 * size[0] and one[1] >= 2 * size[1]]
    assert (chosen is None) == (not enough)
    if chosen:
        assert chosen in enough
        assert chosen[0] * chosen[1] == min(one[0] * one[1] for one in enough)
