"""Drawings without a size are as large as their ink, and are scaled like all others."""

from __future__ import annotations

import numpy as np
import pytest

from safelight import engine
from safelight.engine.drawings import prepared
from safelight.errors import SourceDamaged
from tests.support.pictures import picture_of, run

INK = '<rect x="10.5" y="-5" width="60" height="30" fill="#c00"/>'


def drawing(ink: str, said: str = "") -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {said}>{ink}</svg>'.encode()


@pytest.mark.parametrize(
    ("ink", "size"),
    [
        (INK, (60, 30)),
        ('<circle cx="-300" cy="4000" r="20.25"/>', (40.5, 40.5)),
        ('<g transform="translate(7 7)"><path d="M0 0h9v3z"/></g>', (9, 3)),
        ('<path d="M5 5h8" stroke="red" stroke-width="2"/>', (8, 2)),
    ],
)
def test_a_drawing_without_a_size_has_that_of_its_ink(ink: str, size: tuple[float, float]) -> None:
    framed = prepared(drawing(ink))
    assert framed.sized
    assert (framed.width, framed.height) == pytest.approx(size, abs=1 / 32)


@pytest.mark.parametrize("width", [30, 60, 600])
def test_all_of_the_ink_is_drawn_at_any_scale(width: int) -> None:
    made = picture_of(drawing(INK), f"w={width},format=png").convert("RGBA")
    assert made.size == (width, width // 2)
    # Ink to the last px of each edge, which is half covered at most.
    alpha = np.asarray(made)[..., 3]
    assert (alpha[1:-1, 1:-1] == 255).all()
    assert alpha.min() > 100
    assert made.getpixel((9, 9)) == (204, 0, 0, 255)


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ('width="100" height="50"', (100, 50)),
        ('viewBox="0 0 40 20"', (40, 20)),
        ('style="width:30px;height:10px"', (30, 10)),
    ],
)
def test_a_drawing_that_says_its_size_has_it(said: str, size: tuple[int, int]) -> None:
    header = engine.probe(drawing(INK, said))
    assert (header.width, header.height) == size


def test_a_size_in_a_style_sheet_counts() -> None:
    styled = drawing(f"<style>svg {{ width: 50px; height: 20px }}</style>{INK}")
    assert not prepared(styled).sized
    header = engine.probe(styled)
    assert (header.width, header.height) == (50, 20)


def test_where_a_style_sheet_hides_what_measures_the_ink_is_drawn_as_it_is() -> None:
    hiding = drawing(f"<style>path {{ display: none }}</style>{INK}")
    assert not prepared(hiding).sized
    assert picture_of(hiding, "format=png").size == (60, 30)


@pytest.mark.parametrize("ink", ["", "<g/>", "<defs><path id='a' d='M0 0h9v9z'/></defs>"])
def test_a_drawing_of_nothing_without_a_size_is_no_picture(ink: str) -> None:
    assert not prepared(drawing(ink)).sized
    with pytest.raises(SourceDamaged):
        run(drawing(ink), "w=9,format=png")
