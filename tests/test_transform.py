import copy
import pickle
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safelight.errors import TransformInvalid
from safelight.operations import OPERATIONS, PARAMETERS
from safelight.transform import MAX_TEXT, Transform, bare_size, parse, parse_preset
from tests.support.strategies import arguments, spellings, tokens, transforms, values

PRESETS = {
    "thumb": parse_preset("w=300,h=300,fit=inside,format=jpeg"),
    "smart": parse_preset("gravity=smart"),
    "exact": parse_preset("fit=cover"),
    "loose": parse_preset("fit=inside"),
}

# No kind of parameter takes it.
NO_VALUE = "no-value\0"


def refused(text: str, presets: dict[str, Transform] | None = None) -> str:
    with pytest.raises(TransformInvalid) as caught:
        parse(text, presets)
    return caught.value.detail


# One picture, one text.


@given(transforms())
def test_the_canonical_text_is_read_as_the_same_transform(transform: Transform) -> None:
    again = parse(transform.canonical)
    assert again == transform
    assert repr(again.arguments) == repr(transform.arguments)
    assert again.canonical == transform.canonical


@given(st.data())
def test_every_spelling_of_the_same_has_the_same_canonical_text(data: st.DataObject) -> None:
    given = data.draw(arguments())
    text = data.draw(spellings(given))
    assert parse(text).canonical == Transform.of(**given).canonical


@given(st.data())
def test_the_order_of_the_text_is_irrelevant(data: st.DataObject) -> None:
    plain = tokens(data.draw(arguments()))
    shuffled = data.draw(st.permutations(plain))
    assert parse(",".join(plain)) == parse(",".join(shuffled))


@given(transforms(), transforms())
def test_transforms_are_equal_exactly_when_their_texts_are(one: Transform, two: Transform) -> None:
    assert (one == two) == (one.canonical == two.canonical)
    assert one != two or hash(one) == hash(two)


@pytest.mark.parametrize(
    ("pixels", "parts"),
    [("crop=0:0:1:1", "crop=0.0:0.0:1.0:1.0"), ("crop=1:0:9:9,w=5", "crop=1.0:0:9:9,w=5")],
)
def test_a_crop_of_one_pixel_is_not_a_crop_of_the_whole_side(pixels: str, parts: str) -> None:
    assert parse(pixels) != parse(parts)
    assert parse(pixels).canonical != parse(parts).canonical
    assert len({parse(pixels), parse(parts)}) == 2


@given(transforms())
def test_a_transform_survives_copying_and_pickling(transform: Transform) -> None:
    for same in (copy.copy(transform), copy.deepcopy(transform)):
        assert same == transform
    assert pickle.loads(pickle.dumps(transform)).canonical == transform.canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        (",,", ""),
        ("800x600", "w=800,h=600"),
        ("800x", "w=800"),
        ("x600", "h=600"),
        ("00800x600", "w=800,h=600"),
        ("height=600,width=800", "w=800,h=600"),
        ("800x600,fit=cover,gravity=center,enlarge=no,dpr=1", "w=800,h=600"),
        ("800x600,g=n", "gravity=north,w=800,h=600"),
        ("800x600,enlarge", "w=800,h=600,enlarge=true"),
        ("f=JPG,q=70", "format=jpeg,quality=70"),
        ("f=tif", "format=tiff"),
        ("background=red", "bg=ff0000"),
        ("bg=%23FFF", "bg=ffffff"),
        ("flip=hv", "flip=both"),
        ("%77=8", "w=8"),
        ("w=%38", "w=8"),
        ("rotate=0", ""),
    ],
)
def test_these_texts_have_this_canonical_form(text: str, canonical: str) -> None:
    assert parse(text).canonical == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("fit=fill,gravity=north,enlarge", ""),
        ("fit=fill,enlarge,dpr=2", "enlarge=true,dpr=2"),
        ("fit=fill,enlarge,max_w=5", "enlarge=true,max_w=5"),
        ("crop=0:0:9:9,g=n", "crop=0:0:9:9"),
        ("crop=9:9,g=n", "gravity=north,crop=9:9"),
        ("ar=1,g=n", "gravity=north,aspect=1:1"),
        ("800x,fit=fill,gravity=north", "w=800"),
        ("x600,dpr=2,enlarge", "h=600,enlarge=true,dpr=2"),
        ("800x600,fit=inside,g=n", "w=800,h=600,fit=inside"),
        ("800x600,fit=outside,g=n", "w=800,h=600,fit=outside"),
        ("800x600,fit=fill,g=n", "w=800,h=600,fit=fill"),
        ("800x600,fit=contain,g=n", "gravity=north,w=800,h=600,fit=contain"),
    ],
)
def test_what_has_no_effect_is_not_in_the_text(text: str, canonical: str) -> None:
    assert parse(text).canonical == canonical


def test_percent_encoding_is_undone_once() -> None:
    assert "w='%38'" in refused("w=%2538")


# Presets and defaults.


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("thumb", "w=300,h=300,fit=inside,format=jpeg"),
        ("thumb,thumb", "w=300,h=300,fit=inside,format=jpeg"),
        ("thumb,format=avif", "w=300,h=300,fit=inside,format=avif"),
        ("format=avif,thumb", "w=300,h=300,fit=inside,format=avif"),
        ("thumb,h=100", "w=300,h=100,fit=inside,format=jpeg"),
        ("100x100,thumb", "w=100,h=100,fit=inside,format=jpeg"),
        ("thumb,fit=cover", "w=300,h=300,format=jpeg"),
        ("thumb,loose", "w=300,h=300,fit=inside,format=jpeg"),
        ("80x60,smart", "gravity=smart,w=80,h=60"),
        ("smart", ""),
        ("%74humb", "w=300,h=300,fit=inside,format=jpeg"),
    ],
)
def test_what_is_said_wins_over_a_preset(text: str, canonical: str) -> None:
    assert parse(text, PRESETS).canonical == canonical


def test_two_presets_that_disagree_are_an_error_even_about_a_default() -> None:
    assert "'fit'" in refused("thumb,exact", PRESETS)
    assert "'fit'" in refused("80x60,loose,exact", PRESETS)
    assert "'fit'" in refused("80x60,exact,loose,fit=fill", PRESETS)
    pixel, side = parse_preset("crop=0:0:1:1"), parse_preset("crop=0:0:1.0:1.0")
    assert "'crop'" in refused("a,b", {"a": pixel, "b": side})


def test_defaults_fill_what_is_open_and_nothing_else() -> None:
    defaults = parse_preset("fit=fill,format=auto")
    assert parse("", None, defaults).canonical == "format=auto"
    assert parse("800x600", None, defaults).canonical == "w=800,h=600,fit=fill,format=auto"
    assert parse("800x600,fit=cover", None, defaults).canonical == "w=800,h=600,format=auto"
    assert parse("80x60,exact", PRESETS, defaults).canonical == "w=80,h=60,format=auto"
    assert parse("thumb", PRESETS, defaults).canonical == PRESETS["thumb"].canonical
    assert parse("w=5,f=png", None, defaults).canonical == "w=5,format=png"


@given(arguments(), arguments(), arguments())
def test_the_request_wins_over_the_preset_and_that_over_the_defaults(
    said: dict[str, Any], preset: dict[str, Any], defaults: dict[str, Any]
) -> None:
    made = parse(
        ",".join([*tokens(said), "mine"]),
        {"mine": parse_preset(",".join(tokens(preset)))},
        parse_preset(",".join(tokens(defaults))),
    )
    assert made == Transform.of(**(defaults | preset | said))


def test_a_preset_is_read_like_a_request_but_knows_no_other_preset() -> None:
    with pytest.raises(TransformInvalid, match="unknown name 'thumb'"):
        parse_preset("thumb,w=5")
    assert parse_preset("h=5,w=4").canonical == "w=4,h=5"


# What is wrong is said so that it can be mended.


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_wrong_value_is_answered_with_the_name_what_is_expected_and_an_example(name: str) -> None:
    parameter = PARAMETERS[name]
    with pytest.raises(ValueError, match=r"\S") as expected:
        parameter.kind.parse(NO_VALUE)
    detail = refused(f"{name}={quote(NO_VALUE)}")
    assert detail.startswith(f"{name}={NO_VALUE!r} is not valid: expected {expected.value}")
    assert f"example: {OPERATIONS[parameter.operation].example}" in detail
    for alias in parameter.kind.aliases:
        assert refused(f"{alias}={quote(NO_VALUE)}") == detail


def test_an_unknown_name_is_answered_with_where_the_known_ones_are() -> None:
    for text in ("huge", "huge=1", "W=1", "Thumb", "800X600", "800x600x2", "-5x5", "x", "٨x٨"):
        detail = refused(text, PRESETS)
        assert "unknown name" in detail, text
        assert detail.endswith("/openapi.json")
    assert all(name in refused("huge", PRESETS) for name in PRESETS)


@pytest.mark.parametrize("word", ["w", "width", "q", "format", "f", "crop", "g"])
def test_a_name_without_a_value_is_told_that_it_needs_one(word: str) -> None:
    assert refused(word).startswith(f"'{word}' needs a value (example: ")


@pytest.mark.parametrize(
    "text",
    [
        "w=5,w=5",
        "w=5,width=6",
        "5x5,w=5",
        "5x,6x",
        "enlarge,enlarge=0",
        "q=1,quality=1",
        "%77=5,w=5",
    ],
)
def test_nothing_is_given_twice(text: str) -> None:
    assert "more than once" in refused(text)


@pytest.mark.parametrize("text", ["0x600", "800x0", "70000x", "x9999999999", "800x" + "9" * 300])
def test_a_bare_size_has_the_bounds_of_its_sides(text: str) -> None:
    assert "is not valid: expected a whole number from 1 to 65535" in refused(text)


def test_a_text_without_end_is_refused_before_it_is_read() -> None:
    assert parse("," * MAX_TEXT) == Transform()
    assert "longer" in refused("," * (MAX_TEXT + 1))


def test_what_is_repeated_in_an_error_is_short_and_holds_no_control_letter() -> None:
    for text in ("w=" + "9\n" * 1_000, "\x1b[31m" * 100, "%0d%0aX: y", "w=%1b"):
        detail = refused(text)
        assert detail.isprintable()
        assert len(detail) < 500 + len(", ".join(PARAMETERS))


odd = st.one_of(
    st.text(max_size=60),
    st.text(st.sampled_from("wxhfitq=,,%0123456789.:-"), max_size=40),
    st.lists(
        st.one_of(
            st.sampled_from(["thumb", "smart", "80x60", "x", "=", "%", "%2C", "%ff", "\ud800"]),
            st.builds(
                lambda name, equals, value: name + equals + value,
                st.sampled_from([*PARAMETERS, "f", "q", "g", "width", "nonsense"]),
                st.sampled_from(["=", "%3D", "==", ""]),
                st.text(max_size=8),
            ),
        ),
        max_size=6,
    ).map(",".join),
)


@given(odd)
def test_any_text_is_a_transform_or_an_invalid_one(text: str) -> None:
    try:
        transform = parse(text, PRESETS)
    except TransformInvalid:
        return
    assert parse(transform.canonical) == transform


@given(st.data())
def test_a_real_text_with_a_fault_in_it_is_a_transform_or_an_invalid_one(
    data: st.DataObject,
) -> None:
    text = data.draw(spellings(data.draw(arguments())))
    position = data.draw(st.integers(0, len(text)))
    spoilt = text[:position] + data.draw(st.text(max_size=3)) + text[position:]
    try:
        transform = parse(spoilt, PRESETS)
    except TransformInvalid:
        return
    assert parse(transform.canonical) == transform


# The transform itself.


@given(arguments())
def test_a_parameter_that_is_not_set_has_its_default(given: dict[str, Any]) -> None:
    transform = Transform.of(**given)
    for name, parameter in PARAMETERS.items():
        if name in transform:
            assert transform[name] == given[name] != parameter.default
        else:
            assert transform[name] == parameter.default


@given(transforms())
def test_the_steps_hold_every_argument_once_and_run_by_stage(transform: Transform) -> None:
    steps = transform.steps()
    assert sorted(name for _, given in steps for name in given) == sorted(
        name for name, _ in transform.arguments
    )
    stages = [operation.stage for operation, _ in steps]
    assert stages == sorted(stages)
    assert all(given for _, given in steps)


@given(st.data())
def test_a_change_is_what_would_have_been_asked_for(data: st.DataObject) -> None:
    given = data.draw(arguments())
    name = data.draw(st.sampled_from(list(PARAMETERS)))
    value = data.draw(values(PARAMETERS[name].kind))
    transform = Transform.of(**given)
    # What was dropped for having no effect does not come back by a change.
    assume(all(name in transform or given[name] == PARAMETERS[name].default for name in given))
    assert transform.changed(**{name: value}) == Transform.of(**(given | {name: value}))


def test_none_takes_an_argument_out() -> None:
    transform = parse("800x600,fit=inside,q=70")
    assert transform.changed(quality=None).canonical == "w=800,h=600,fit=inside"
    assert transform.changed(w=None).canonical == "h=600,quality=70"
    assert transform.canonical == "w=800,h=600,fit=inside,quality=70"


def test_a_transform_cannot_be_changed_in_place() -> None:
    transform = parse("800x600")
    with pytest.raises(AttributeError):
        transform.arguments = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        transform.canonical = ""  # type: ignore[misc]


@given(st.one_of(st.text(max_size=8), st.from_regex(re.compile(r"[0-9]{0,4}x[0-9]{0,4}\Z"))))
def test_a_bare_size_is_digits_a_cross_and_digits_with_one_side_at_least(word: str) -> None:
    sides = bare_size(word)
    assert (sides is not None) == bool(re.fullmatch(r"[0-9]+x[0-9]*|x[0-9]+", word))
    assert sides is None or "x".join(sides) == word


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("widht=300", "unknown name 'widht': did you mean width?"),
        ("tumb", "unknown name 'tumb': did you mean thumb"),
        ("qqqq", "unknown name 'qqqq': the presets are thumb"),
    ],
)
def test_an_unknown_name_is_answered_with_what_may_be_meant(text: str, said: str) -> None:
    with pytest.raises(TransformInvalid) as caught:
        parse(text, {"thumb": parse("w=300")})
    assert caught.value.detail.startswith(said)
    assert len(caught.value.detail) < 200
