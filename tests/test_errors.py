import re
from collections.abc import Iterator

import pytest

from safelight import errors
from safelight.errors import (
    RequestError,
    SafelightError,
    SettingError,
    SourceError,
    Unavailable,
    again,
    by_code,
    concerning,
)


def below(kind: type[SafelightError]) -> Iterator[type[SafelightError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from below(child)


EVERY = list(below(SafelightError))


def drawn() -> dict[str, tuple[int, str, str | None]]:
    """Read the tree in the docstring: status, code and parent of each name."""
    found: dict[str, tuple[int, str, str | None]] = {}
    parents: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if row := re.match(r"    ([ │├└─]*)(\w+) +(\d{3})  (\w+)", line):
            depth, name = len(row[1]) // 4, row[2]
            found[name] = (int(row[3]), row[4], parents.get(depth - 1))
            parents[depth] = name
    return found


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    real = {
        kind.__name__: (
            kind.status,
            kind.code,
            None if kind is SafelightError else kind.__mro__[1].__name__,
        )
        for kind in EVERY
    }
    assert drawn() == real


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in EVERY]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_an_error_is_found_by_its_code(kind: type[SafelightError]) -> None:
    assert by_code(kind.code) is kind


@pytest.mark.parametrize("code", ["", "Internal", "no_such_code"])
def test_an_unknown_code_is_no_error(code: str) -> None:
    with pytest.raises(KeyError):
        by_code(code)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_an_error_says_what_a_server_must_know(kind: type[SafelightError]) -> None:
    error = kind()
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert error.detail == kind.title
    assert (kind.__doc__ or "").strip()
    assert kind.cacheable_seconds >= 0
    # Who may come again is told when, and nobody else.
    assert kind.retryable == (error.retry_after_seconds is not None)


def test_what_is_wrong_with_the_request_or_the_image_is_never_blamed_on_the_server() -> None:
    for kind in EVERY:
        blames_client = issubclass(kind, RequestError | SourceError)
        assert (400 <= kind.status < 500) == blames_client, kind
        assert kind.retryable == issubclass(kind, Unavailable), kind
    assert not issubclass(SettingError, RequestError)


def test_the_detail_is_the_message_and_an_empty_one_the_title() -> None:
    assert errors.NotFound("there is no cat.jpg").detail == "there is no cat.jpg"
    assert errors.NotFound().detail == errors.NotFound.title
    assert errors.NotFound(404).detail == "404"


def test_a_reason_is_for_whoever_runs_the_service_and_not_for_clients() -> None:
    error = again(errors.StoreUnavailable("the store does not answer", "s3://photos: refused"))
    assert error.detail == "the store does not answer"
    assert error.reason == str(error) == "s3://photos: refused"
    assert errors.NotFound("there is no cat.jpg").reason == "there is no cat.jpg"
    assert errors.NotFound().reason == errors.NotFound.title


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_an_error_raised_again_is_another_one_that_says_the_same(
    kind: type[SafelightError],
) -> None:
    first = kind("the sentence")
    second = again(first)
    assert second is not first
    assert type(second) is kind
    assert second.detail == "the sentence"
    assert second.__traceback__ is None


def test_a_delay_told_to_one_client_is_not_told_to_the_next() -> None:
    busy = errors.Busy("later")
    busy.retry_after_seconds = 30
    assert errors.Busy("later").retry_after_seconds == 1


def test_a_fault_of_another_picture_names_it_and_any_other_error_is_left_alone() -> None:
    with pytest.raises(errors.SourceDamaged) as named, concerning("marks/logo.png"):
        raise errors.SourceDamaged("the png is cut off")
    assert named.value.detail == "marks/logo.png: the png is cut off"
    with pytest.raises(errors.Busy, match=r"^later$"), concerning("marks/logo.png"):
        raise errors.Busy("later")
