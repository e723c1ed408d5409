"""What is too large: checked from the header, before a pixel is decoded."""

import math
from collections.abc import Sequence

import msgspec

from safelight.errors import OutputTooLarge, SourceTooLarge, TransformInvalid
from safelight.picture import MAX_WISHES, Header, Wish
from safelight.plan import Plan
from safelight.transform import Transform


class Limits(msgspec.Struct, frozen=True):
    """The bounds of what is accepted and produced.

    ``source_bytes`` and ``memory`` (estimate for one decode) are in bytes, ``source_pixels`` counts
    all decoded frames, ``output_edge`` is in px, ``seconds`` is the time for one render,
    ``worker_memory`` the address space of a rendering process in bytes.
    """

    source_bytes: int = 64_000_000
    source_pixels: int = 50_000_000
    frames: int = 500
    bands: int = 5
    scans: int = 200
    memory: int = 256_000_000
    output_edge: int = 8_192
    output_pixels: int = 25_000_000
    seconds: float = 10.0
    worker_memory: int = 1_500_000_000

    def check_bytes(self, size: int) -> None:
        """Refuse a file of more than ``source_bytes``. Raises SourceTooLarge."""
        if size > self.source_bytes:
            raise SourceTooLarge(
                f"the image has {size:,} bytes: at most {self.source_bytes:,} are allowed"
            )

    def check_header(self, header: Header, *, frames: int = 1) -> None:
        """Refuse what would cost too much to decode; ``frames`` are wanted.

        Raises SourceTooLarge.
        """
        if frames > self.frames:
            raise SourceTooLarge(
                f"the animation has {frames} frames: at most {self.frames} are allowed "
                "(frames=1 takes the first)"
            )
        if header.width * header.height * frames > self.source_pixels:
            several = f" in {frames} frames" if frames > 1 else ""
            raise SourceTooLarge(
                f"the image is {header.width} x {header.height} px{several}: "
                f"at most {self.source_pixels / 1e6:g} megapixels are allowed"
                + (" (frames=1 takes the first)" if frames > 1 else "")
            )
        if header.bands > self.bands:
            raise SourceTooLarge(
                f"the image has {header.bands} bands: at most {self.bands} are allowed"
            )
        if header.scans > self.scans:
            raise SourceTooLarge(
                f"the progressive JPEG has {header.scans} scans: at most {self.scans} are allowed"
            )
        if decode_memory(header) > self.memory:
            kind = "progressive or interlaced image" if header.progressive else "image"
            raise SourceTooLarge(
                f"this {kind} of {header.width} x {header.height} px needs too much memory: "
                + (
                    "save it smaller, or not progressive"
                    if header.progressive
                    else "save it smaller"
                )
            )

    def check_plan(self, planned: Plan, *, frames: int = 1) -> None:
        """Refuse an answer, or a picture on its way to it, that is too large.

        Raises OutputTooLarge.
        """
        across, down = planned.size
        if max(across, down) > self.output_edge or across * down > self.output_pixels:
            raise OutputTooLarge(
                f"the answer would be {across} x {down} px: at most {self.output_edge} px a side "
                f"and {self.output_pixels / 1e6:g} megapixels are allowed"
            )
        # A long thin source enlarged to cover a box is far larger than the box before it is cut.
        if planned.largest * frames > self.source_pixels:
            several = f" in {frames} frames" if frames > 1 else ""
            raise OutputTooLarge(
                f"the picture would be enlarged to {planned.largest / 1e6:.1f} megapixels{several} "
                f"on its way: at most {self.source_pixels / 1e6:g} are allowed"
            )

    def check_wish(self, transform: Transform) -> None:
        """Refuse a side longer than ``output_edge``, whatever the source. Raises OutputTooLarge."""
        dpr, zoom = transform["dpr"], transform["zoom"]
        sides = [
            dpr * min(transform[side] * zoom, transform[most] or math.inf)
            for side, most in (("w", "max_w"), ("h", "max_h"))
            if transform[side]
        ]
        if any(side > self.output_edge for side in sides):
            asked = " x ".join(f"{side:g}" for side in sides)
            raise OutputTooLarge(
                f"{asked} px is asked for: at most {self.output_edge} px a side is allowed"
            )


def check_wishes(wishes: Sequence[Wish]) -> None:
    """Refuse to make more than ``MAX_WISHES`` outputs at once. Raises TransformInvalid."""
    if len(wishes) > MAX_WISHES:
        raise TransformInvalid(
            f"{len(wishes)} outputs of one image are asked for: at most {MAX_WISHES} can be made"
        )


def decode_memory(header: Header) -> int:
    """Estimate the bytes that decoding holds at once.

    A streamed decode holds some rows; a progressive JPEG all its coefficients, an interlaced PNG
    all its pixels.
    """
    pixels = header.width * header.height
    if header.buffered:
        return round(pixels * header.coefficients)
    rows = min(header.height, 1_024)
    return header.width * rows * header.bands * header.depth
