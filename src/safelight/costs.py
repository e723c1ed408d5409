"""What writing a picture costs, reckoned before it is written, and how much it may cost.

The figures are CPU time on one core of the machine that docs/performance.md names, measured by
``python -m bench.costs``. What follows from them depends on what is written, and never on how busy
a machine is, so that one address always gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

# Milliseconds a megapixel for each of an encoder's own levels of effort, the least first.
_RATES: Mapping[str, tuple[float, ...]] = {
    # Optimised tables; trellis quantisation; scans and overshoot, too: all that mozjpeg knows.
    "jpeg": (17, 60, 90),
    "webp": (28, 35, 45, 95, 96, 110, 220),
    # A busy one: libwebp tries all filters on it, each with all that it knows at the last level.
    "webp alpha": (105, 160, 185, 225, 500, 2_650, 44_000),
    "webp lossless": (90, 360, 520, 640, 650, 1_050, 1_060),
    "webp animated": (45, 50, 60, 110, 112, 120, 2_000),
    # libaom's fifth level takes four times as long as the fourth for a few percent, and so on.
    "avif": (80, 290, 460, 720, 3_100),
    # zlib's 1 to 9.
    "png": (50, 65, 66, 80, 82, 100, 155, 190, 390),
    # Finding the colours of a palette: 1, 4, 7 and 10 of ten.
    "palette": (290, 425, 1_850, 3_400),
    "gif": (400, 550, 1_800, 3_000),
    "tiff": (70,),
}
# The highest effort in an address.
_EFFORT = 9


class Profile(msgspec.Struct, frozen=True):
    """How much an answer may cost, by who waits for it.

    ``budgets``: CPU milliseconds for a picture, by kind of work (``work``): the effort is the most
    that fits, or the least there is. ``patience``: the most, where more than that is worth a try:
    a format that takes longer at the least effort is not chosen by itself. ``residual``: how many
    times as large as needed a source is decoded at least, if it has so many pixels; what each
    loader needs is known to it. ``one_pass``: a JPEG of more px is written in one pass, unless more
    effort is asked for: optimised tables and scans would hold two bytes of each value.
    ``for_browsers``: a source of a format that no browser shows is written as one that all show.
    """

    name: str
    budgets: Mapping[str, float]
    patience: float
    residual: float = 1.0
    one_pass: float = math.inf
    for_browsers: bool = True


REQUEST = Profile(
    "request",
    {
        "jpeg": 18, "webp": 60, "webp alpha": 200, "webp lossless": 120, "webp animated": 250,
        "avif": 45, "png": 40, "palette": 120, "gif": 250, "tiff": 100,
    },
    patience=1_000,
)  # fmt: skip
UPLOAD = Profile(
    "upload",
    {
        "jpeg": 100, "webp": 1_500, "webp alpha": 1_500, "webp lossless": 1_500,
        "webp animated": 2_500, "avif": 500, "png": 500, "palette": 2_000, "gif": 5_000,
        "tiff": 500,
    },
    patience=10_000,
    residual=2.0,
    one_pass=4_000_000,
    for_browsers=False,
)  # fmt: skip
PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (REQUEST, UPLOAD)}


def work(format: str, *, lossless: bool = False, frames: int = 1, alpha: bool = False) -> str:
    """Name the kind of work that writing a picture is."""
    if format != "webp":
        return format
    kinds = (("webp lossless", lossless), ("webp animated", frames > 1), ("webp alpha", alpha))
    return next((kind for kind, is_it in kinds if is_it), format)


def levels(work: str) -> int:
    """Count the levels of effort that an encoder has for a kind of work."""
    return len(_RATES[work])


def milliseconds(work: str, level: int, pixels: int) -> float:
    """Predict the CPU time of writing ``pixels``, those of all frames, at an encoder's level."""
    return _RATES[work][level] * pixels / 1e6


def level_of(work: str, effort: int) -> int:
    """Turn an effort from 0 to 9 into a level of the encoder's own."""
    return round(effort * (levels(work) - 1) / _EFFORT)


def level_within(work: str, budget: float, pixels: int) -> int:
    """Choose the highest level that is predicted to fit a budget in ms, the lowest if none does."""
    fitting = (n for n in range(levels(work)) if milliseconds(work, n, pixels) <= budget)
    return max(fitting, default=0)
