"""Text as an image by itself."""

import numpy as np
import pytest

from safelight.engine.materials import Studio
from safelight.operations.lettering import Lettered, contrast, lettered
from safelight.params import Ink, Place
from tests.support.arrays import pixels

WHITE: Ink = (255, 255, 255, 255)
BLACK: Ink = (0, 0, 0, 255)


def letters(
    text: str = "Safe",
    *,
    size: float = 40,
    room: tuple[int, int] = (400, 400),
    position: Place = "southeast",
    outline: Ink | None = None,
    shadow: Ink | None = None,
) -> Lettered:
    return lettered(
        Studio({}), text, size=size, room=room, position=position, ink=WHITE, outline=outline,
        shadow=shadow,
    )  # fmt: skip


def test_without_outline_and_shadow_there_is_ink_and_nothing_else() -> None:
    made = letters()
    assert (made.image.width, made.image.height) == (made.width, made.height)
    assert made.margin == 0
    shown = pixels(made.image)
    assert (shown[shown[..., 3] > 0][:, :3] == 255).all()


def test_an_outline_makes_the_box_larger_and_a_shadow_only_the_margin() -> None:
    bare, lined, cast = letters(), letters(outline=BLACK), letters(shadow=BLACK)
    rim = 3  # 7 % of 40 px, in whole px
    assert (lined.width, lined.height) == (bare.width + 2 * rim, bare.height + 2 * rim)
    assert lined.margin == 0
    assert (cast.width, cast.height) == (bare.width, bare.height)
    assert cast.image.width == cast.width + 2 * cast.margin
    # The shadow has faded out where its margin ends.
    alpha = pixels(cast.image)[..., 3]
    assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) <= 3


def test_a_shadow_falls_to_the_lower_right_and_is_soft() -> None:
    cast = letters("▉", size=100, shadow=BLACK)
    alpha = pixels(cast.image)[..., 3]
    middle = alpha[alpha.shape[0] // 2]
    assert middle[cast.margin + cast.width + 2] > middle[cast.margin - 3] > 0
    outside = middle[cast.margin + cast.width + 1 :]
    assert (np.diff(outside) <= 1).all()
    assert outside[-1] <= 3


@pytest.mark.parametrize("size", [20, 80, 320])
def test_a_shadow_of_any_size_is_blurred_as_a_gaussian_would(size: int) -> None:
    """A large one is blurred at a smaller size, which nobody shall see."""
    ink, cast = letters("▉", size=size), letters("▉", size=size, shadow=BLACK)
    middle = pixels(cast.image)[cast.image.height // 2, :, 3]
    bar = np.zeros(len(middle))
    start = cast.margin + int(size * 0.03 + 0.5)
    bar[start : start + ink.width] = pixels(ink.image)[ink.height // 2, :, 3]
    reach = np.arange(-size, size + 1)
    gaussian = np.exp(-(reach**2) / (2 * (0.1 * size) ** 2))
    blurred = np.minimum(255, 1.6 * np.convolve(bar, gaussian / gaussian.sum())[size:-size])
    outside = np.ones(len(middle), dtype=bool)
    outside[cast.margin : cast.margin + cast.width] = False
    assert np.abs(middle - blurred)[outside].max() < 22


def test_an_outline_has_one_width_in_all_directions() -> None:
    bare = pixels(letters("●", size=200).image)[..., 3]
    lined = pixels(letters("●", size=200, outline=BLACK).image)[..., 3]
    rim = 14  # 7 % of 200 px
    inner, outer = ((alpha / 255).sum() for alpha in (bare, lined))
    # A disc grown on all sides: by that in diameter, and by the area of a disc as large.
    radius = np.sqrt(inner / np.pi)
    assert np.sqrt(outer / np.pi) - radius == pytest.approx(rim, abs=0.8)


@pytest.mark.parametrize(("room", "limits"), [((100, 400), 0), ((400, 10), 1)])
def test_what_does_not_fit_is_set_smaller(room: tuple[int, int], limits: int) -> None:
    made = letters("A long line of text", size=60, room=room, outline=BLACK)
    box = (made.width, made.height)
    assert box[0] <= room[0]
    assert box[1] <= room[1]
    assert box[limits] > 0.85 * room[limits]


def test_a_room_of_one_pixel_holds_some_ink() -> None:
    made = letters("A long line of text", room=(1, 1))
    assert (made.width, made.height) == (1, 1)


@pytest.mark.parametrize(
    ("ink", "light"),
    [
        (WHITE, False), ((255, 255, 0, 255), False), ((0, 255, 0, 255), False),
        ((128, 128, 128, 255), False), (BLACK, True), ((0, 0, 255, 255), True),
        ((120, 0, 0, 255), True),
    ],
)  # fmt: skip
def test_a_shadow_is_dark_below_light_letters_and_light_below_dark_ones(
    ink: Ink, *, light: bool
) -> None:
    assert contrast(ink)[:3] == ((255, 255, 255) if light else (0, 0, 0))
