"""PDF documents, object by object: sound ones, and what no program would write."""

from __future__ import annotations

from collections.abc import Iterable


def document(objects: Iterable[bytes], *, trailer: bytes = b"") -> bytes:
    """Write objects, the first of which is the catalogue, with the table of where they are."""
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    table += b"".join(b"%010d 00000 n \n" % place for place in places)
    size = b"trailer <</Size %d /Root 1 0 R %b>>" % (len(places) + 1, trailer)
    return body + table + size + b"\nstartxref\n%d\n%%%%EOF\n" % len(body)


def stream(content: bytes, *, about: bytes = b"") -> bytes:
    return b"<<%b /Length %d>> stream\n%b\nendstream" % (about, len(content), content)


def pages(
    *contents: bytes,
    box: bytes = b"[0 0 300 200]",
    about: bytes = b"",
    count: int | None = None,
    more: Iterable[bytes] = (),
    trailer: bytes = b"",
) -> bytes:
    """Write a page for each content; ``about`` is said of all, ``more`` are further objects.

    Pages and contents have the numbers 3 to 2 + 2 n; then come a font, /F, and the further ones.
    """
    number = len(contents)
    kids = b" ".join(b"%d 0 R" % (3 + i) for i in range(number))
    font = b"<</F %d 0 R>>" % (3 + 2 * number)
    return document(
        [
            b"<</Type /Catalog /Pages 2 0 R>>",
            b"<</Type /Pages /Kids [%b] /Count %d>>" % (kids, number if count is None else count),
            *(
                b"<</Type /Page /Parent 2 0 R /MediaBox %b /Contents %d 0 R"
                b" /Resources <</Font %b>> %b>>" % (box, 3 + number + i, font, about)
                for i in range(number)
            ),
            *map(stream, contents),
            b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
            *more,
        ],
        trailer=trailer,
    )
