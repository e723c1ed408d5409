import pytest
from msgspec.structs import replace

from safelight.picture import Header, Rendering

HEADER = Header(
    format="jpeg", width=400, height=300, bands=3, depth=1, pages=1, orientation=1, alpha=False,
    palette=False, space="srgb", profile=None, buffered=False, coefficients=0, scans=1,
)  # fmt: skip


@pytest.mark.parametrize("orientation", [1, 2, 3, 4])
def test_a_picture_that_lies_as_it_is_shown_keeps_its_sides(orientation: int) -> None:
    assert replace(HEADER, orientation=orientation).shown == (400, 300)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_picture_that_lies_on_its_side_is_shown_turned(orientation: int) -> None:
    turned = replace(HEADER, orientation=orientation)
    assert turned.shown == (300, 400)
    assert (turned.width, turned.height) == (400, 300), "as stored"


@pytest.mark.parametrize(
    ("format", "buffered", "progressive"),
    [("jpeg", True, True), ("jpeg", False, False), ("raw", True, True), ("heic", True, False)],
)
def test_what_is_decoded_whole_is_not_always_progressive(
    format: str, buffered: bool, progressive: bool
) -> None:
    assert replace(HEADER, format=format, buffered=buffered).progressive is progressive


def test_what_is_known_does_not_change() -> None:
    rendering = Rendering(b"x", "image/png", 1, 1, 1, 1, 0.0, 0.0)
    with pytest.raises(AttributeError):
        HEADER.width = 1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        rendering.data = b""  # type: ignore[misc]
