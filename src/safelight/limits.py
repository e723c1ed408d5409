"""What is too large: checked from the header, before a pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from safelight.errors import OutputTooLarge, SourceTooLarge
from safelight.operations.geometry import crop_box, fit_box, turned_size
from safelight.picture import Header
from safelight.transform import Transform


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of what is accepted and produced.

    ``source_bytes`` and ``memory`` (estimate for one decode) are in bytes, ``source_pixels`` counts
    all decoded frames, ``output_edge`` is in px, ``seconds`` is the time for one render,
    ``worker_memory`` the address space of a rendering process in bytes.
    """

    source_bytes: int = 64_000_000
    source_pixels: int = 50_000_000
    frames: int = 1
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

    def check_header(self, header: Header) -> None:
        """Refuse what would cost too much to decode. Raises SourceTooLarge."""
        pixels = header.width * header.height * min(header.pages, self.frames)
        if pixels > self.source_pixels:
            raise SourceTooLarge(
                f"the image is {header.width} x {header.height} px: "
                f"at most {self.source_pixels / 1e6:g} megapixels are allowed"
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
            kind = "progressive or interlaced image" if header.buffered else "image"
            raise SourceTooLarge(
                f"this {kind} of {header.width} x {header.height} px needs too much memory: "
                "save it smaller, or not progressive"
            )

    def check_output(self, width: int, height: int, transform: Transform) -> tuple[int, int]:
        """Reckon the output of a picture of ``width`` x ``height`` px as shown, and bound it.

        Returns the output's size. Raises OutputTooLarge.
        """
        fitted = fit_box(*cropped_size(width, height, transform), **fit_arguments(transform))
        across, down = fitted.box
        edge, pixels = max(across, down), across * down
        if edge > self.output_edge or pixels > self.output_pixels:
            raise OutputTooLarge(
                f"the answer would be {across} x {down} px: at most {self.output_edge} px a side "
                f"and {self.output_pixels / 1e6:g} megapixels are allowed"
            )
        # A long thin source enlarged to cover a box is far larger than the box before it is cut.
        if fitted.scaled[0] * fitted.scaled[1] > self.source_pixels:
            raise OutputTooLarge(
                f"the picture would be enlarged to {fitted.scaled[0]} x {fitted.scaled[1]} px "
                f"before it is cut: at most {self.source_pixels / 1e6:g} megapixels are allowed"
            )
        return across, down

    def check_wish(self, transform: Transform) -> None:
        """Refuse a side longer than ``output_edge``, whatever the source. Raises OutputTooLarge."""
        sides = [transform[name] * transform["dpr"] for name in ("w", "h") if transform[name]]
        if any(side > self.output_edge for side in sides):
            asked = " x ".join(f"{side:g}" for side in sides)
            raise OutputTooLarge(
                f"{asked} px is asked for: at most {self.output_edge} px a side is allowed"
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


def cropped_size(width: int, height: int, transform: Transform) -> tuple[int, int]:
    """Reckon the size in px of what is left for ``resize``, after turning and cropping."""
    width, height = turned_size(width, height, int(transform["rotate"]))
    if transform["crop"] is not None:
        _, _, width, height = crop_box(width, height, transform["crop"])
    return width, height


def fit_arguments(transform: Transform) -> dict[str, Any]:
    """Pick the arguments of ``fit_box`` out of a transform."""
    return {name: transform[name] for name in ("w", "h", "fit", "enlarge", "dpr")}
