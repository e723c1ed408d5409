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
    known = "auto, auto-webp, auto-avif, jpeg, png, webp, avif, gif, tiff"
    with pytest.raises(TransformInvalid, match=f"expected one of {known}"):
        parse(f"format={word}")


def test_nothing_said_is_nothing_decided() -> None:
    assert output(FRAME).encoding == Encoding()
    assert FRAME.encoding == Encoding(None, None, None, lossless=False, palette=False)


@given(transforms())
def test_what_is_asked_for_is_what_is_to_be_written(transform: Transform) -> None:
    names = [parameter.name for parameter in OPERATIONS["output"].parameters]
    given = {name: value for name, value in transform.arguments if name in names}
    encoding = output(FRAME, **given).encoding
    assert {name: getattr(encoding, name) for name in names} == {
        name: transform[name] for name in names
    }


def test_the_output_is_the_last_word() -> None:
    assert max(OPERATIONS.values(), key=lambda operation: operation.stage).name == "output"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("quality=AUTO", "quality=auto"),
        ("format=auto-avif,max_bytes=50kb", "format=auto-avif,max_bytes=50000"),
        ("colours=16", "colors=16"),
        ("colors,format=png", "format=png,colors=256"),
        ("progressive=no", "progressive=false"),
        ("subsampling=420", "subsampling=420"),
        ("subsampling=auto", ""),
    ],
)
def test_what_is_asked_for_has_one_text(text: str, canonical: str) -> None:
    assert parse(text).canonical == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "q=0", "q=101", "q=best", "effort=10", "effort=-1", "lossless=maybe", "progressive=2",
        "subsampling=411", "colors=1", "colors=257", "max_bytes=99", "max_bytes=50kib",
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_refused(text: str) -> None:
    with pytest.raises(TransformInvalid, match="expected"):
        parse(text)
