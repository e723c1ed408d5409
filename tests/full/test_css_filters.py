"""The operations that CSS has, too, against the filters of a real browser."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from safelight import engine
from tests.support.pictures import encoded, opened, picture_of, run

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.full

SIDE = 96
Levels = NDArray[np.int16]
Shown = Callable[..., Levels]

# The text of a transform, and the style of the picture that it should equal.
FILTERS = [
    *((f"{name}={amount}", f"filter: {function}({amount})")
      for name, function, amounts in (
          ("brightness", "brightness", (0, 0.35, 1.2, 4)),
          ("contrast", "contrast", (0, 0.6, 1.3, 7)),
          ("saturation", "saturate", (0, 0.4, 1.7, 10)),
          ("grayscale", "grayscale", (0.3, 1)),
          ("sepia", "sepia", (0.5, 1)),
          ("negate", "invert", (0.2, 1)),
      ) for amount in amounts),
    *((f"hue={degrees}", f"filter: hue-rotate({degrees}deg)") for degrees in (30, 90, 200, 300)),
]  # fmt: skip


@pytest.fixture(scope="module")
def colours() -> bytes:
    """Give a PNG of random colours and of all greys."""
    values = np.random.default_rng(7).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    values[:8, :32] = np.arange(256, dtype=np.uint8).reshape(8, 32, 1)
    return encoded(Image.fromarray(values), "PNG")


@pytest.fixture(scope="module")
def shown(browser: "Browser") -> Iterator[Shown]:
    """Show a PNG with a style and what is put after it, and give what is seen."""
    engine.prepare(threads=1)
    with browser.new_context(viewport={"width": SIDE, "height": SIDE}) as context:
        page = context.new_page()

        def show(png: bytes, style: str, after: str = "") -> Levels:
            source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
            page.set_content(
                "<style>body { margin: 0 } img { display: block }</style>"
                f'<img src="{source}" style="{style}">{after}'
            )
            page.locator("img").evaluate("i => i.decode()")
            return levels(opened(page.screenshot()))

        yield show


def levels(picture: Image.Image) -> Levels:
    return np.asarray(picture.convert("RGB"), dtype=np.int16)


def test_the_browser_shows_colours_as_they_are(shown: Shown, colours: bytes) -> None:
    assert (shown(colours, "") == levels(opened(colours))).all()


@pytest.mark.parametrize(("transform", "style"), FILTERS)
def test_a_colour_operation_is_the_filter_of_css(
    transform: str, style: str, shown: Shown, colours: bytes
) -> None:
    ours = levels(picture_of(colours, transform))
    assert np.abs(ours - shown(colours, style)).max() <= 1


@pytest.mark.parametrize("ink", ["ff0000", "1e90ff", "ffff00", "808080", "102030"])
def test_a_tint_is_the_blend_mode_color(ink: str, shown: Shown, colours: bytes) -> None:
    ours = levels(picture_of(colours, f"tint={ink}"))
    style = f"mix-blend-mode: color; position: absolute; inset: 0; background: #{ink}"
    assert np.abs(ours - shown(colours, "", f'<div style="{style}"></div>')).max() <= 1


@pytest.mark.parametrize("sigma", [1, 2, 5, 12])
def test_blur_means_the_sigma_of_css(sigma: int, shown: Shown, photos: Path) -> None:
    photo = run((photos / "forest.jpg").read_bytes(), f"{SIDE}x{SIDE},format=png").data
    seen = shown(photo, f"filter: blur({sigma}px)")
    # Beyond the edges CSS sees nothing, and we what is on them. Browsers may blur by boxes, which
    # is near a Gaussian, and nearer to that of this sigma than to any other.
    inside = slice(3 * sigma, -3 * sigma), slice(3 * sigma, -3 * sigma)
    difference = {
        factor: np.abs(levels(picture_of(photo, f"blur={sigma * factor}")) - seen)[inside].mean()
        for factor in (0.75, 1.0, 1.33)
    }
    assert min(difference, key=difference.__getitem__) == 1.0
    assert difference[1.0] < 2.5
