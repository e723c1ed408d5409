"""Runs of a bitmap: each kind of step, and no end that costs more than the bitmap is worth."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from safelight.engine.decoders.runs import unpack_runs
from safelight.errors import SourceDamaged
from tests.support.bitmaps import bmp, dib

ROW, END = b"\0\0", b"\0\1"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\4\7" + ROW + b"\4\5" + END, [7, 7, 7, 7, 5, 5, 5, 5]),
        (b"\1\7\3\2" + ROW + b"\2\5\2\6" + END, [7, 2, 2, 2, 5, 5, 6, 6]),
        # An odd number of single pixels is followed by a byte that means nothing.
        (b"\0\3\1\2\3\xff\1\4" + ROW + b"\0\4\5\6\7\x08" + END, [1, 2, 3, 4, 5, 6, 7, 8]),
        # What is skipped stays 0: the end of a row, of the bitmap, and a move.
        (b"\1\7" + ROW + END, [7, 0, 0, 0, 0, 0, 0, 0]),
        (END, [0] * 8),
        (b"\0\2\1\1\2\7" + END, [0, 0, 0, 0, 0, 7, 7, 0]),
        (b"\1\7\0\2\2\0\1\5" + ROW + END, [7, 0, 0, 5, 0, 0, 0, 0]),
        # A run past the end of its row is cut off there.
        (b"\7\7" + ROW + b"\1\5" + END, [7, 7, 7, 7, 5, 0, 0, 0]),
        (b"\2\7\0\4\1\2\3\4" + ROW + END, [7, 7, 1, 2, 0, 0, 0, 0]),
        (b"\0\2\xff\1\2\7" + END, [0] * 8),
        # Above the last row nothing counts, and the bitmap's end need not be said.
        (b"\0\2\0\2\1\7", [0] * 8),
        (b"\4\7" + ROW + b"\4\5", [7, 7, 7, 7, 5, 5, 5, 5]),
        (b"\4\7" + ROW + b"\4\5" + ROW, [7, 7, 7, 7, 5, 5, 5, 5]),
    ],
)
def test_steps_of_bytes(data: bytes, expected: list[int]) -> None:
    assert list(unpack_runs(b"behind" + data, 6, 4, 2, nibbles=False)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\5\x12" + END, [1, 2, 1, 2, 1, 0]),
        (b"\0\3\x12\x30\1\x40" + END, [1, 2, 3, 4, 0, 0]),
        (b"\0\5\x12\x34\x50\xff\1\x60" + END, [1, 2, 3, 4, 5, 6]),
        (b"\0\6\x12\x34\x56\xff" + END, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_steps_of_nibbles(data: bytes, expected: list[int]) -> None:
    assert list(unpack_runs(data, 0, 6, 1, nibbles=True)) == expected


@pytest.mark.parametrize("data", [b"", b"\4", b"\4\7", b"\4\7\0\0\3\5", b"\4\7\0\0\0\4\1\2"])
def test_what_ends_before_the_bitmap_is_cut_short(data: bytes) -> None:
    with pytest.raises(SourceDamaged, match="cut short"):
        unpack_runs(data, 0, 4, 2, nibbles=False)


@pytest.mark.parametrize("step", [b"\0\2\0\0", b"\1\7", b"\xff\xff"])
def test_steps_without_end_are_not_followed(step: bytes) -> None:
    # A gigabyte of them, if anybody read it.
    class Endless(bytes):
        def __getitem__(self, key: object) -> bytes:  # type: ignore[override]
            assert isinstance(key, slice)
            self.reads += 1
            return (step * 2)[key.start % len(step) :][: key.stop - key.start]

        reads = 0

    endless = Endless()
    with pytest.raises(SourceDamaged, match="come to an end"):
        unpack_runs(endless, 0, 4, 2, nibbles=False)
    assert endless.reads <= 2 * (4 * 2 + 2 + 1)


def packed(row: list[int], cuts: list[int]) -> bytes:
    """Write a row as runs and single pixels, cut where the cuts say."""
    data = b""
    while row:
        size = min(cuts.pop() if cuts else 255, len(row))
        part, row = row[:size], row[size:]
        if len(set(part)) == 1:
            data += bytes((size, part[0]))
        elif size < 3:
            data += b"".join(bytes((1, value)) for value in part)
        else:
            data += bytes((0, size, *part)) + bytes(size % 2)
    return data + ROW


@given(
    st.integers(1, 9).flatmap(
        lambda width: st.lists(
            st.lists(st.integers(0, 2), min_size=width, max_size=width), min_size=1, max_size=5
        )
    ),
    st.lists(st.integers(1, 6)),
)
def test_rows_come_back_however_they_are_packed(rows: list[list[int]], cuts: list[int]) -> None:
    data = b"".join(packed(list(row), cuts) for row in rows) + END
    width, height = len(rows[0]), len(rows)
    flat = [value for row in rows for value in row]
    assert list(unpack_runs(data, 0, width, height, nibbles=False)) == flat
    file = bmp(dib(width, height, 8, compression=1, colours=[(i, 0, 9) for i in range(256)]), data)
    assert Image.open(io.BytesIO(file)).transpose(
        Image.Transpose.FLIP_TOP_BOTTOM
    ).tobytes() == bytes(flat)


@given(st.binary(max_size=200), st.booleans())
def test_any_steps_give_a_whole_canvas_or_are_damaged(data: bytes, nibbles: bool) -> None:
    try:
        assert len(unpack_runs(data, 0, 7, 5, nibbles=nibbles)) == 35
    except SourceDamaged:
        return
