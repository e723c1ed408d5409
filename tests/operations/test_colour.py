import pytest
from hypothesis import given

from safelight.operations.colour import bg
from safelight.params import Colour
from safelight.transform import parse
from tests.support.frames import flat, framed
from tests.support.strategies import values

FRAME = framed(flat(4, 3, (0,)))


def test_nobody_has_said_what_is_behind_until_somebody_does() -> None:
    assert FRAME.background is None
    assert bg(FRAME, bg=(1, 2, 3, 4)).background == (1, 2, 3, 4)
    assert FRAME.background is None, "a frame is not changed in place"


@given(values(Colour()))
def test_a_background_is_set_and_nothing_else(colour: tuple[int, int, int, int]) -> None:
    painted = bg(FRAME, bg=colour)
    assert painted.background == colour
    assert (painted.image, painted.width, painted.height, painted.encoding) == (
        FRAME.image,
        4,
        3,
        FRAME.encoding,
    )


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("bg=white", "bg=ffffff"), ("background=f00", "bg=ff0000"), ("bg=0000", "bg=00000000")],
)
def test_a_background_is_asked_for_by_name_or_number(text: str, canonical: str) -> None:
    assert parse(text).canonical == canonical


def test_the_background_is_known_before_anything_is_padded_with_it() -> None:
    steps = [step.name for step, _ in parse("w=5,h=5,fit=contain,bg=red").steps()]
    assert steps.index("bg") < steps.index("resize")
