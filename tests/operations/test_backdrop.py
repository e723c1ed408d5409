"""A picture behind a picture: enlarged to cover, and so blurred that nothing can be made out."""

from typing import Any

import numpy as np
import pytest
import pyvips

from safelight.operations.backdrop import blurred, over
from safelight.operations.canvas import pad
from tests.support.charts import chart
from tests.support.frames import at, flat, framed

SIZES = [(300, 200), (200, 300), (64, 64), (1, 1), (3, 700), (2_000, 10)]


def colours() -> Any:
    return pyvips.Image.new_from_array(chart(400, 300)).copy(interpretation="srgb")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("full", [(1, 1), (3, 40), (300, 200)])
@pytest.mark.parametrize("colour", [(90,), (90, 255), (9, 80, 200), (9, 80, 200, 70)])
def test_of_one_colour_it_stays_so_in_any_size(
    colour: tuple[int, ...], full: tuple[int, int], size: tuple[int, int]
) -> None:
    made: Any = blurred(flat(*full, colour), *size)
    assert (made.width, made.height, made.bands) == (*size, len(colour))
    assert made.format == "uchar"
    for band, value in enumerate(colour):
        assert abs(made[band].min() - value) <= 1
        assert abs(made[band].max() - value) <= 1


@pytest.mark.parametrize("size", SIZES[:3])
def test_nothing_can_be_made_out_but_where_it_is_light(size: tuple[int, int]) -> None:
    halves = flat(100, 200, (0, 0, 0)).join(flat(100, 200, (255, 255, 255)), "horizontal")
    made: Any = blurred(halves, *size)
    # From dark to light, without a step: no two neighbours differ by much.
    assert made(0, size[1] // 2)[0] < 30
    assert made(size[0] - 1, size[1] // 2)[0] > 225
    steep = made[0].crop(1, 0, size[0] - 1, size[1]) - made[0].crop(0, 0, size[0] - 1, size[1])
    assert steep.max() < 255 * 12 / max(size)


def test_a_soft_gradient_has_no_steps_but_those_of_its_levels() -> None:
    ramp = (pyvips.Image.xyz(400, 300)[0] / 20 + 100).rint().cast("uchar")
    made = blurred(ramp.copy(interpretation="b-w"), 1_200, 900).numpy()[450, 300:900]
    places = np.arange(600)
    straight = np.polyval(np.polyfit(places, made.astype(float), 1), places)
    assert np.abs(made - straight).max() < 0.75


def test_it_covers_the_canvas_with_its_middle() -> None:
    thirds = flat(100, 100, (255, 0, 0)).join(flat(100, 100, (0, 255, 0)), "horizontal")
    thirds = thirds.join(flat(100, 100, (0, 0, 255)), "horizontal")
    made: Any = blurred(thirds, 100, 100)
    red, green, blue = made(50, 50)
    assert green > 200
    assert max(red, blue) < 40


@pytest.mark.parametrize("deep", [False, True])
def test_depth_and_profile_stay(deep: bool) -> None:
    picture: Any = flat(40, 20, (9, 80, 200)).icc_transform(
        "p3", input_profile="srgb", depth=16 if deep else 8
    )
    made: Any = blurred(picture, 60, 60)
    assert made.format == picture.format
    assert made.interpretation == picture.interpretation
    assert made.get("icc-profile-data") == picture.get("icc-profile-data")
    assert made(30, 30) == pytest.approx(picture(5, 5), rel=0.02)


def test_around_a_picture_lies_the_picture_itself() -> None:
    made = pad(framed(flat(100, 50, (9, 80, 200)), background="blur"), pad=(20, 20, 20, 20))
    assert at(made, 3, 3) == at(made, 70, 45) == (9, 80, 200)
    transparent = pad(framed(flat(100, 50, (9, 80, 200, 0)), background="blur"), pad=(9, 9, 9, 9))
    assert at(transparent, 3, 3)[3] == 0


def test_the_picture_itself_is_not_changed_by_what_lies_around_it() -> None:
    made: Any = pad(framed(colours(), background="blur"), pad=(30, 30, 30, 30)).image
    difference = made.crop(30, 30, 400, 300) - colours()
    assert difference.abs().max() == 0


@pytest.mark.parametrize(
    ("above", "below", "seen"),
    [
        ((255, 0, 0, 255), (0, 0, 255), (255, 0, 0)),
        ((255, 0, 0, 0), (0, 0, 255), (0, 0, 255)),
        ((255, 0, 0, 51), (0, 0, 255), (51, 0, 204)),
        ((200, 255), (10,), (200,)),
        ((255, 0, 0, 51), (0, 0, 255, 255), (51, 0, 204, 255)),
        ((255, 0, 0, 255), (0, 0, 255, 100), (255, 0, 0, 255)),
        ((255, 0, 0, 0), (0, 0, 255, 100), (0, 0, 255, 100)),
    ],
)
def test_one_is_laid_on_the_other(
    above: tuple[int, ...], below: tuple[int, ...], seen: tuple[int, ...]
) -> None:
    made: Any = over(flat(3, 2, above), flat(3, 2, below))
    assert made(1, 1) == pytest.approx(seen, abs=1)


def test_sixteen_bits_are_laid_on_sixteen() -> None:
    above = flat(3, 2, (255, 0, 0, 51)).cast("ushort", shift=True).copy(interpretation="rgb16")
    for below in ((0, 0, 255), (0, 0, 255, 255)):
        deep = flat(3, 2, below).cast("ushort", shift=True).copy(interpretation="rgb16")
        made: Any = over(above, deep)
        assert made.format == "ushort"
        # 51 of 255 has become 0x33ff of 0xffff, of which 8 bits may count.
        assert made(1, 1)[0] == pytest.approx(0x33FF, rel=0.02)
