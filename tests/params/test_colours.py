from typing import Any

import pytest

from safelight.params import Colour, Colours, Kind


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Colour(), "fff", (255, 255, 255, 255)),
        (Colour(), "F008", (255, 0, 0, 136)),
        (Colour(), "#1a2b3c", (26, 43, 60, 255)),
        (Colour(), "1a2b3c80", (26, 43, 60, 128)),
        (Colour(), "Transparent", (0, 0, 0, 0)),
        (Colour(), "gray", (128, 128, 128, 255)),
        (Colour(), "grey", (128, 128, 128, 255)),
        (Colour(words=("blur",)), "Blur", "blur"),
        (Colour(words=("blur",)), "blue", (0, 0, 255, 255)),
        (Colours(), "red:0f08", ((255, 0, 0, 255), (0, 255, 0, 136))),
    ],
)
def test_these_are_read(kind: Kind, text: str, value: Any) -> None:
    assert kind.parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((Colour(), text) for text in ("", "f", "ff", "fffff", "fffffff", "ggg", "##fff")),
        *((Colour(), text) for text in ("#white", "fff\n", "\uff11\uff12\uff13", "blur")),
        *((Colours(), text) for text in ("", "red", "red:", ":red", "red:blue:lime", "a:b")),
    ],
)
def test_these_are_refused(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError, match=r"1a2b3c"):
        kind.parse(text)


def test_a_refusal_names_the_words() -> None:
    with pytest.raises(ValueError, match=r"or white, or blur$"):
        Colour(words=("blur",)).parse("pink-ish")


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Colour(), (1, 2, 3, 255), "010203"),
        (Colour(), (1, 2, 3, 254), "010203fe"),
        (Colour(words=("blur",)), "blur", "blur"),
        (Colours(), ((1, 2, 3, 255), (4, 5, 6, 7)), "010203:04050607"),
    ],
)
def test_these_are_written(kind: Kind, value: Any, text: str) -> None:
    assert kind.build(value) == text
