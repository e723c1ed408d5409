"""PDF: pages at any size, drawn sharp; what documents may claim; what is never done for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight import engine
from safelight.engine.decoders import pdf as decoder
from safelight.errors import (
    OutputTooLarge,
    SafelightError,
    SourceDamaged,
    SourceTooLarge,
    TransformInvalid,
    UnsupportedFormat,
)
from safelight.limits import Limits
from tests.support.documents import document, pages, stream
from tests.support.pictures import encoded, mean_difference, picture_of, run

# A page of 300 x 200 points, a third of it red, from the left.
RED = b"1 0 0 rg 0 0 100 200 re f"
BLUE = b"0 0 1 rg 0 0 300 200 re f"


def test_a_page_is_as_large_in_px_as_in_points() -> None:
    header = engine.probe(pages(RED))
    assert (header.format, header.width, header.height, header.pages) == ("pdf", 300, 200, 1)
    assert (header.bands, header.alpha, header.vector) == (3, False, True)
    made = run(pages(RED))
    assert (made.mime, made.width, made.height) == ("image/jpeg", 300, 200)


@pytest.mark.parametrize("width", [3, 30, 300, 900, 3_000])
def test_a_page_is_drawn_sharp_at_any_size(width: int) -> None:
    made = np.asarray(picture_of(pages(RED), f"w={width},format=png"))
    assert made.shape == (width * 2 // 3, width, 3)
    assert (made[:, : width // 3] == (255, 0, 0)).all()
    assert (made[:, width // 3 :] == 255).all()


@pytest.mark.parametrize("width", [31, 77, 101, 333])
def test_a_drawn_page_is_not_resampled(width: int) -> None:
    made = picture_of(pages(RED), f"w={width},format=png")
    drawn = decoder.load(pages(RED), engine.probe(pages(RED)), page=1, size=made.size)
    assert made.tobytes() == drawn.write_to_memory()


def test_a_page_of_broken_size_is_drawn_to_the_very_edge() -> None:
    whole = pages(b"0 0 1 rg 0 0 400 400 re f", box=b"[0 0 299.7 200.4]")
    assert engine.probe(whole).shown == (300, 200)
    for size in ("", "w=77", "50x50,fit=fill"):
        made = np.asarray(picture_of(whole, f"{size},format=png"))
        assert (made == (0, 0, 255)).all()


@pytest.mark.parametrize(
    "change", ["crop=100:0:100:100", "rotate=90", "w=60,h=60", "flip=horizontal"]
)
def test_a_page_goes_through_operations_as_a_picture_of_its_size(change: str) -> None:
    png = encoded(picture_of(pages(RED), "format=png"), "PNG")
    made, same = (picture_of(file, f"{change},format=png") for file in (pages(RED), png))
    assert made.size == same.size
    assert mean_difference(made, same) < 3


def test_what_turns_and_cuts_a_page_is_obeyed() -> None:
    turned = picture_of(pages(RED, about=b"/Rotate 90"), "format=png")
    assert turned.size == (200, 300)
    assert (turned.getpixel((100, 50)), turned.getpixel((100, 250))) == ((255, 0, 0), (255,) * 3)
    cut = picture_of(pages(RED, about=b"/CropBox [50 100 150 200]"), "format=png")
    assert cut.size == (100, 100)
    assert (cut.getpixel((20, 50)), cut.getpixel((80, 50))) == ((255, 0, 0), (255,) * 3)


def test_a_page_is_chosen_by_its_number() -> None:
    file = pages(RED, BLUE)
    assert engine.probe(file).pages == 2
    assert picture_of(file, "page=2,w=30,format=png").getpixel((25, 10)) == (0, 0, 255)
    assert picture_of(file, "page=1,w=30,format=png").getpixel((25, 10)) == (255, 255, 255)
    with pytest.raises(TransformInvalid, match="2 pages"):
        run(file, "page=3")


def test_a_page_has_its_own_size(data: Path) -> None:
    file = document(
        [
            b"<</Type /Catalog /Pages 2 0 R>>",
            b"<</Type /Pages /Kids [3 0 R 4 0 R] /Count 2>>",
            b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 300 200]>>",
            b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 60 90]>>",
        ]
    )
    assert engine.probe(file).shown == (300, 200)
    made = run(file, "page=2,w=40")
    assert (made.source_width, made.source_height, made.width, made.height) == (60, 90, 40, 60)
    sample = (data / "robustness" / "tolerate" / "imagor__sample.pdf").read_bytes()
    assert (engine.probe(sample).pages, engine.probe(sample).shown) == (2, (612, 792))


def test_text_is_drawn_black_on_white() -> None:
    made = picture_of(pages(b"BT /F 90 Tf 20 60 Td (Hello) Tj ET"), "format=png,w=600")
    shares = np.asarray(made.convert("L"))
    assert 0.05 < (shares < 64).mean() < 0.3
    assert (shares > 192).mean() > 0.6


def test_annotations_are_drawn_as_the_file_shows_them() -> None:
    look = stream(
        b"0 1 0 rg 0 0 50 50 re f", about=b"/Type /XObject /Subtype /Form /BBox [0 0 50 50]"
    )
    note = b"<</Type /Annot /Subtype /Square /Rect [200 100 250 150] /F 4 /AP <</N 6 0 R>>>>"
    file = pages(RED, about=b"/Annots [7 0 R]", more=[look, note])
    made = picture_of(file, "format=png")
    assert (made.getpixel((225, 75)), made.getpixel((225, 150))) == ((0, 255, 0), (255,) * 3)


def test_nothing_of_a_document_is_run() -> None:
    script = b"<</S /JavaScript /JS (this.closeDoc(); app.launchURL('http://127.0.0.1:9/');)>>"
    file = pages(RED, about=b"/AA <</O %b>>" % script).replace(
        b"/Type /Catalog", b"/OpenAction %b /Type /Catalog" % script
    )
    # The table of places is wrong now, and found again.
    assert picture_of(file, "w=30,format=png").getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("box", "size"),
    [
        # What is no box, or has no inside, is a page of letter size.
        (b"[0 0 0 0]", (612, 792)),
        (b"[0 0 nan inf]", (612, 792)),
        (b"(large)", (612, 792)),
        (b"[300 200 0 0]", (300, 200)),
        (b"[-50 -50 50 50]", (100, 100)),
        (b"[0 0 0.2 0.3]", (1, 1)),
    ],
)
def test_an_odd_box_has_a_size_all_the_same(box: bytes, size: tuple[int, int]) -> None:
    assert engine.probe(pages(RED, box=box)).shown == size
    assert run(pages(RED, box=box), "w=20").width == 20


def test_a_page_is_bounded_before_it_is_drawn() -> None:
    with pytest.raises(SourceTooLarge, match="megapixels"):
        run(pages(RED, box=b"[0 0 14400 14400]"), "w=10")
    with pytest.raises(SourceTooLarge, match="points large"):
        run(pages(RED, box=b"[0 0 1000000 1]"), "w=10")
    with pytest.raises(OutputTooLarge):
        run(pages(RED), "w=9000")
    with pytest.raises(SourceTooLarge):
        run(pages(RED), "w=10", Limits(source_pixels=59_999))


def test_a_page_longer_than_any_canvas_is_drawn_and_stretched() -> None:
    header = engine.probe(pages(BLUE, box=b"[0 0 300 200]"))
    image = decoder.load(pages(BLUE), header, page=1, size=(40_000, 1))
    assert (image.width, image.height) == (32_000, 1)


@pytest.mark.parametrize("count", [-5, 0, 1, 1_000, 1_000_000_000])
def test_a_wrong_number_of_pages_is_found_out(count: int) -> None:
    file = pages(RED, count=count)
    assert run(file, "w=10").width == 10
    with pytest.raises((TransformInvalid, SourceDamaged)):
        run(file, "page=900,w=10")


@pytest.mark.parametrize(
    "file",
    [
        b"%PDF-1.7\n",
        b"%PDF-" + b"\xff" * 500,
        pages(),
        pages(RED).replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]"),
        pages(RED)[:200],
    ],
)
def test_what_cannot_be_drawn_is_damaged(file: bytes) -> None:
    with pytest.raises(SourceDamaged, match="damaged; upload it again"):
        run(file, "w=10")


@pytest.mark.parametrize(
    "handler",
    [
        b"/Filter /Standard /V 1 /R 2 /P -4 /O <%b> /U <%b>" % (b"41" * 32, b"42" * 32),
        b"/Filter /Nobody /V 9",
    ],
)
def test_a_document_with_a_password_is_unsupported(handler: bytes) -> None:
    trailer = b"/Encrypt <<%b>> /ID [<00> <00>]" % handler
    with pytest.raises(UnsupportedFormat, match="password: save it without"):
        run(pages(RED, trailer=trailer), "w=10")


def test_pdfium_serves_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    draw, held = pypdfium2.raw.FPDF_RenderPageBitmap, []

    def watched(*arguments: object) -> None:
        held.append(decoder._ONE_AT_A_TIME.locked())
        draw(*arguments)

    monkeypatch.setattr(pypdfium2.raw, "FPDF_RenderPageBitmap", watched)
    assert run(pages(RED), "w=50").width == 50
    assert held == [True]
    assert not decoder._ONE_AT_A_TIME.locked()


def test_a_page_can_be_analysed() -> None:
    assert engine.analyse(pages(RED), Limits()).dominant == "#ffffff"
    assert engine.analyse(pages(BLUE), Limits()).dominant == "#0000ff"


MODEL = pages(RED + b" BT /F 20 Tf 9 9 Td (Hello) Tj ET", BLUE)


@settings(max_examples=200)
@given(st.data())
def test_no_change_of_a_byte_breaks_the_decoder(draw: st.DataObject) -> None:
    file = bytearray(MODEL)
    for _ in range(draw.draw(st.integers(1, 6))):
        file[draw.draw(st.integers(5, len(file) - 1))] = draw.draw(st.integers(0, 255))
    part = bytes(file[: draw.draw(st.integers(20, len(file)))])
    assert "pdfium" not in refusal(part).lower()


def refusal(file: bytes) -> str:
    """Make a picture, or give the words of an error of ours; any other fails the test."""
    try:
        run(file, "w=10")
    except SafelightError as error:
        return error.detail
    return ""
