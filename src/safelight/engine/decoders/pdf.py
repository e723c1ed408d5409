"""PDF: a page, drawn by PDFium (pypdfium2) at the size that is wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pyvips

from safelight.engine.decoders.extra import PDF
from safelight.errors import SourceDamaged, SourceTooLarge, UnsupportedFormat
from safelight.picture import Header

# PDFium serves one thread at a time, and a process in which pictures are made may have several.
_ONE_AT_A_TIME = threading.Lock()
_WHITE = (255, 255, 255, 255)
_BANDS = 3
# Ten times what PDF allows (ISO 32000-2, annex C): the numbers of a hostile page have no end.
_LONGEST_SIDE = 144_000
# In px; what is longer yet is stretched.
_CANVAS = 32_000


def probe(data: bytes, *, page: int) -> Header:
    """Count the pages, and read the size of one: a point is a px. Raises as Decoder says."""
    with _opened(data) as document:
        width, height = document.get_page_size(page - 1)
        pages = len(document)
    if not (width > 0 and height > 0):
        raise SourceDamaged(f"page {page} of the PDF has no size")
    if max(width, height) > _LONGEST_SIDE:
        raise SourceTooLarge(f"page {page} of the PDF is {width:g} x {height:g} points large")
    return Header(
        format="pdf", width=max(1, round(width)), height=max(1, round(height)), bands=_BANDS,
        depth=1, pages=pages, orientation=1, alpha=False, palette=False, space="srgb", profile=None,
        buffered=True, coefficients=_BANDS, scans=1, vector=True,
    )  # fmt: skip


def load(data: bytes, header: Header, *, page: int, size: tuple[int, int]) -> pyvips.Image:  # noqa: ARG001 - it has any size
    """Draw a page on white. Raises as Decoder says.

    Annotations are drawn as the file shows them. Nothing in it is run: scripts and forms need
    parts of PDFium that are not started, or not there.
    """
    library = PDF.library()
    raw = library.raw
    across, down = (min(side, _CANVAS) for side in size)
    with (
        _opened(data) as document,
        closing(document.get_page(page - 1)) as drawing,
        closing(
            library.PdfBitmap.new_native(across, down, raw.FPDFBitmap_BGR, rev_byteorder=True)
        ) as paper,
    ):
        paper.fill_rect(_WHITE, 0, 0, across, down)
        flags = raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER
        raw.FPDF_RenderPageBitmap(paper, drawing, 0, 0, across, down, 0, flags)
        # Memory of Python's: it outlives the bitmap.
        image = pyvips.Image.new_from_memory(paper.buffer, across, down, _BANDS, "uchar")
    return image.copy(interpretation="srgb")


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """Open a document for what is done inside, and say what PDFium's errors mean."""
    library = PDF.library()
    try:
        with _ONE_AT_A_TIME, library.PdfDocument(data) as document:
            yield document
    except library.PdfiumError as error:
        if error.err_code in (library.raw.FPDF_ERR_PASSWORD, library.raw.FPDF_ERR_SECURITY):
            raise UnsupportedFormat("the PDF needs a password: save it without") from error
        raise SourceDamaged("the PDF cannot be drawn: it is damaged; upload it again") from error
