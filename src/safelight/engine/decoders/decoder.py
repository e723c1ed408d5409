"""What a decoder is: the functions that a module of this package has."""

from __future__ import annotations

from typing import Protocol

import pyvips

from safelight.picture import Header


class Decoder(Protocol):
    """Read a format that libvips does not read."""

    def probe(self, data: bytes, *, page: int) -> Header:
        """Read what the header says, without decoding pixels.

        ``data``: a whole file; ``page`` counts from 1, and is there. Raises UnsupportedFormat,
        SourceDamaged, SourceTooLarge.
        """

    def load(
        self, data: bytes, header: Header, *, page: int, size: tuple[int, int]
    ) -> pyvips.Image:
        """Decode a page whose header is within the limits.

        ``size``: what is wanted, in px, if it is a drawing; a picture comes in its own size. The
        image is upright, has alpha last, and carries its ICC profile and metadata. Raises
        SourceError of some kind.
        """


class Wrapper(Protocol):
    """Read a format that is only a wrapper for another."""

    def unwrap(self, data: bytes) -> bytes | None:
        """Take out the file that is shown, None when the format has a decoder for what is inside.

        ``data``: a whole file. Raises UnsupportedFormat, SourceDamaged, SourceTooLarge.
        """
