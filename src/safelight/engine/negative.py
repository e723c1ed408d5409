"""A source decoded once, and the sizes that are made of it, one from the other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import cast

import msgspec
import pyvips

from safelight.engine.rendering import Draft
from safelight.engine.source import as_stored, coloured, fault, framed, load
from safelight.operations.frame import FLUSH, Frame, Image, Margins, Materials, resample
from safelight.plan import Size, parent


class _Need(msgspec.Struct, frozen=True):
    """How large the whole picture is wanted, in px as stored, before operations other than turning.

    ``exactly``: just so, else it may be larger.
    """

    size: Size
    exactly: bool

    @classmethod
    def of(cls, draft: Draft) -> _Need:
        header, planned = draft.header, draft.planned
        if planned.direct:
            return cls(as_stored(header, planned), exactly=True)
        across, down = (round(side * planned.scale) for side in (header.width, header.height))
        return cls((max(1, across), max(1, down)), exactly=False)


class Negative:
    """What several pictures are made of that read a source the same way, but for its metadata.

    The source is decoded once, no larger than needed, and each plain size is made from the smallest
    before it that is large enough. Where one of the pictures needs all pixels these are kept, in
    their final colours. Else the colours of each size are converted by themselves, and what is
    decoded only streams through, if a single size is made from it. ``loaded`` is the source, or its
    pixels, with what it says of itself.
    """

    def __init__(self, data: bytes, drafts: Sequence[Draft], *, residual: float) -> None:
        """Open ``data``, a whole source file, for pictures that take one frame of it.

        ``residual`` as in ``decode``. Raises SourceError of some kind.
        """
        header, reading = drafts[0].header, drafts[0].reading
        stored = (header.width, header.height)
        needs = {_Need.of(draft) for draft in drafts}
        self._data, self._header, self._reading = data, header, reading
        # Those that are made once and for all; what is enlarged is of no use to others.
        self._sizes = {
            need.size
            for need in needs
            if need.exactly and need.size != stored and _inside(need.size, stored)
        }
        apart = [need for need in needs if not self._is_made(need)]
        tops = [size for size in self._sizes if parent(size, self._sizes) is None]
        scale = max(to / of for need in needs for to, of in zip(need.size, stored, strict=True))
        self.loaded, self._overhang = load(
            data, header, page=reading.page, frames=1, scale=min(1.0, scale), residual=residual
        )
        self._coloured = any(draft.planned.full for draft in drafts) or any(
            need.size == stored for need in apart
        )
        self._kept = bool(apart) or len(tops) > 1
        self._made: dict[Size, Image] = {}

    @property
    def memory(self) -> int:
        """The bytes that are held of the source's own pixels."""
        image = cast("Image", self.loaded)
        values = image.width * image.height * image.bands
        return values * self._header.depth if self._kept else 0

    def frame(self, draft: Draft, materials: Materials) -> Frame:
        """Give the frame that one of the pictures begins with. Raises SourceError of some kind."""
        need = _Need.of(draft)
        try:
            image, overhang = self._picture(need)
        except pyvips.Error as error:
            raise fault(self._header.format, error) from error
        if not self._coloured:
            image = coloured(image, self._data, self._header, self._reading)
        return framed(
            image, self._data, draft.header, draft.reading, materials, overhang=overhang,
            wanted=draft.planned.scaled if need.exactly else None,
        )  # fmt: skip

    def _is_made(self, need: _Need) -> bool:
        """Tell whether one of the sizes is what is needed, or large enough."""
        if need.exactly:
            return need.size in self._sizes
        return parent(need.size, self._sizes) is not None

    def _picture(self, need: _Need) -> tuple[Image, Margins]:
        if self._is_made(need):
            size = need.size if need.exactly else parent(need.size, self._sizes)
            return self._sized(cast("Size", size)), FLUSH
        image = self._source
        if need.exactly:
            return resample(image, *need.size, self._overhang), FLUSH
        return image, self._overhang

    def _sized(self, size: Size) -> Image:
        """Make the whole picture at one of the sizes."""
        if size not in self._made:
            larger = parent(size, self._sizes)
            small = (
                resample(self._sized(larger), *size)
                if larger
                else resample(self._source, *size, self._overhang)
            )
            self._made[size] = small.copy_memory()
        return self._made[size]

    @cached_property
    def _source(self) -> Image:
        """The source's own pixels; they can be read once only, unless they are kept."""
        image = cast("Image", self.loaded)
        if self._coloured:
            image = coloured(image, self._data, self._header, self._reading)
        if self._kept:
            image = cast("Image", image.copy_memory())
            # The decoder is let go, with what it holds: half as much as the pixels of a progressive
            # JPEG.
            self.loaded = cast("pyvips.Image", image)
        return image


def _inside(size: Size, other: Size) -> bool:
    return size[0] <= other[0] and size[1] <= other[1]
