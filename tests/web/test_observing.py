"""What may be told of an address, and through which door it leads."""

import pytest

from safelight.web.observing import door_of, told_path


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("/w=1/a.jpg?token=secret", "/w=1/a.jpg"),
        ("/w=1/https://me:secret@example.com/a.jpg", "/w=1/https://…@example.com/a.jpg"),
        ("/" + "a" * 5_000, "/" + "a" * 999),
        ("/a%0Ab", "/a%0Ab"),
    ],
)
def test_what_a_path_may_hide_is_not_told(raw: str, told: str) -> None:
    assert told_path(raw.encode()) == told


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/", "index"), ("/800x600/a.jpg", "native"), ("/original/a.jpg", "native"),
        ("/pic/100/a.jpg", "pic"), ("/picture/a.jpg", "picture"), ("/resize", "resize"),
        ("/info/a.jpg", "info"), ("/metrics", "metrics"), ("/openapi.json", "openapi.json"),
    ],
)  # fmt: skip
def test_there_are_few_doors(path: str, door: str) -> None:
    assert door_of(path) == door
