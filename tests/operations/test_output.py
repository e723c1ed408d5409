import pytest
from hypothesis import given

from safelight.errors import TransformInvalid
from safelight.formats import WRITABLE, Format
from safelight.operations import OPERATIONS
from safelight.operations.encoding import Encoding
from safelight.operations.output import output
from safelight.transform import Transform, parse
from tests.support.frames import flat, framed
from tests.support.strategies import transforms

FRAME = framed(flat(4, 3, (0,)))


@pytest.mark.parametrize("format", WRITABLE, ids=lambda row: row.name)
def test_every_format_that_can_be_written_can_be_asked_for_by_name_or_suffix(
    format: Format,
) -> None:
    for word in (format.name, *format.suffixes):
        assert parse(f"format={word}")["format"] == format.name
        assert parse(f"f={word.upper()}")["format"] == format.name


@pytest.mark.parametrize("word", ["heic", "jxl", "bmp", "svg", "pdf", "source", "j"])
def test_what_cannot_be_written_cannot_be_asked_for(word: str) -> None:
    with pytest.raises(
        TransformInvalid, match="expected one of auto, jpeg, png, webp, avif, gif, tiff"
    ):
        parse(f"format={word}")


def test_nothing_said_is_nothing_decided() -> None:
    assert output(FRAME).encoding == Encoding()
    assert FRAME.encoding == Encoding(None, None, None, lossless=False, palette=False)


@given(transforms())
def test_what_is_asked_for_is_what_is_to_be_written(transform: Transform) -> None:
    given = {name: v for name, v in transform.arguments if name in ("format", "quality", "effort")}
    encoding = output(FRAME, **given, lossless=transform["lossless"]).encoding
    assert encoding.format == transform["format"]
    assert encoding.quality == transform["quality"]
    assert encoding.effort == transform["effort"]
    assert encoding.lossless is transform["lossless"]


def test_the_output_is_the_last_word() -> None:
    assert max(OPERATIONS.values(), key=lambda operation: operation.stage).name == "output"


@pytest.mark.parametrize("text", ["q=0", "q=101", "effort=10", "effort=-1", "lossless=maybe"])
def test_values_out_of_bounds_are_refused(text: str) -> None:
    with pytest.raises(TransformInvalid, match="expected"):
        parse(text)
