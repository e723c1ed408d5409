"""Every error that Safelight raises on purpose, in one tree.

::

    SafelightError                500  internal
    ├── RequestError              400  malformed            the request is wrong
    │   ├── TransformInvalid      400  transform_invalid
    │   ├── EmptyBody             400  empty_body
    │   ├── EventUnknown          400  event_unknown
    │   ├── OutputTooLarge        400  output_too_large
    │   ├── Forbidden             403  forbidden
    │   ├── NotFound              404  not_found
    │   ├── NoPage                404  no_page
    │   ├── NoPipelines           404  no_pipelines
    │   ├── MethodNotAllowed      405  method_not_allowed
    │   ├── BodyTooSlow           408  body_too_slow
    │   ├── EventTooLarge         413  event_too_large
    │   ├── AddressTooLong        414  address_too_long
    │   └── RangeInvalid          416  range_invalid
    ├── SourceError               422  source               the image is wrong
    │   ├── SourceTooLarge        413  too_large
    │   ├── UnsupportedFormat     415  unsupported_format
    │   ├── SourceDamaged         422  damaged
    │   └── DecoderCrashed        422  decoder_crashed
    ├── Unavailable               503  unavailable          try again
    │   ├── Busy                  503  busy
    │   ├── WorkerLost            503  worker_lost
    │   ├── SourceChanging        503  source_changing
    │   ├── StoreUnavailable      503  store_unavailable
    │   └── DeadlineExceeded      504  deadline_exceeded
    └── SettingError              500  setting              a wrong configuration: stops the start

``code`` is part of the public contract: it never changes once published.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class SafelightError(Exception):
    """Carry a message for the client, and what a server must know to answer it.

    ``status`` is the HTTP status, ``code`` the stable machine-readable name, ``retryable`` whether
    the same request may succeed later, ``cacheable_seconds`` how long the same answer may be given
    again without trying (0: never), ``retry_after_seconds`` what a client is told to wait.
    ``picture`` is the key of the image at fault, where it is not the one asked for.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong here"
    retryable: ClassVar[bool] = False
    cacheable_seconds: ClassVar[int] = 0
    retry_after_seconds: int | None = None
    picture: str = ""

    @property
    def detail(self) -> str:
        """Say in a sentence what is wrong and what to do."""
        return str(self.args[0]) if self.args else self.title

    @property
    def reason(self) -> str:
        """Say it to whoever runs the service: a last argument is not for clients."""
        return str(self.args[-1]) if self.args else self.title

    def __str__(self) -> str:
        """Say the reason: a traceback, or what a platform logs, is not for clients."""
        return self.reason


class RequestError(SafelightError):
    """The request cannot be understood."""

    status = 400
    code = "malformed"
    title = "The request is malformed"


class TransformInvalid(RequestError):
    """The transform of the request has an unknown name or a value out of bounds."""

    code = "transform_invalid"
    title = "The transform is not valid"


class EmptyBody(RequestError):
    """An image was expected in the body of the request."""

    code = "empty_body"
    title = "The request has no body"


class EventUnknown(RequestError):
    """A notification about objects has a shape that is not known."""

    code = "event_unknown"
    title = "The notification cannot be understood"


class Forbidden(RequestError):
    """The request is understood, and not allowed."""

    status = 403
    code = "forbidden"
    title = "This is not allowed"


class NotFound(RequestError):
    """There is no such source."""

    status = 404
    code = "not_found"
    title = "There is no such image"


class NoPage(RequestError):
    """There is no such page of the service's own, or it is not shown."""

    status = 404
    code = "no_page"
    title = "There is no such page"


class NoPipelines(RequestError):
    """An upload was told of, and the settings have no pipelines."""

    # For most senders a 5xx means to come again for days; this is mended by hand.
    status = 404
    code = "no_pipelines"
    title = "No pipelines are configured"


class MethodNotAllowed(RequestError):
    """The address exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    title = "This method is not allowed here"


class BodyTooSlow(RequestError):
    """The body did not arrive in time."""

    status = 408
    code = "body_too_slow"
    title = "The body did not arrive in time"


class EventTooLarge(RequestError):
    """A notification about objects has more bytes than any sender's."""

    status = 413
    code = "event_too_large"
    title = "The notification is too large"


class RangeInvalid(RequestError):
    """No byte of the asked range exists."""

    status = 416
    code = "range_invalid"
    title = "The range is outside of the image"


class AddressTooLong(RequestError):
    """The address is longer than any that means something."""

    status = 414
    code = "address_too_long"
    title = "The address is too long"


class SourceError(SafelightError):
    """The source image cannot be used."""

    status = 422
    code = "source"
    title = "The image cannot be used"
    cacheable_seconds = 10


class SourceTooLarge(SourceError):
    """The source has more bytes, pixels, frames or bands than the limits allow."""

    status = 413
    code = "too_large"
    title = "The image is too large"


class UnsupportedFormat(SourceError):
    """The bytes are no image, or one that this build cannot read."""

    status = 415
    code = "unsupported_format"
    title = "The format is not supported"


class SourceDamaged(SourceError):
    """The image is truncated or broken."""

    code = "damaged"
    title = "The image is damaged"


class DecoderCrashed(SourceError):
    """The process that decoded the image died of it."""

    code = "decoder_crashed"
    title = "The image cannot be decoded"


class OutputTooLarge(RequestError):
    """The asked picture is larger than the limits allow."""

    code = "output_too_large"
    title = "The asked picture is too large"


class Unavailable(SafelightError):
    """The request is fine and cannot be served at the moment."""

    status = 503
    code = "unavailable"
    title = "Not available at the moment"
    retryable = True
    retry_after_seconds = 1


class Busy(Unavailable):
    """The queue for rendering is full."""

    code = "busy"
    title = "Too busy at the moment"


class WorkerLost(Unavailable):
    """The rendering process was killed from outside."""

    code = "worker_lost"
    title = "The rendering was interrupted"


class SourceChanging(Unavailable):
    """The source changed while it was read, more than once."""

    code = "source_changing"
    title = "The image is being changed"


class StoreUnavailable(Unavailable):
    """A store does not answer."""

    code = "store_unavailable"
    title = "The store does not answer"


class DeadlineExceeded(Unavailable):
    """The work took longer than the request may take."""

    status = 504
    code = "deadline_exceeded"
    title = "It took too long"
    cacheable_seconds = 10


class SettingError(SafelightError):
    """A setting is wrong: its name, the fault of its value, and an example."""

    code = "setting"
    title = "A setting is wrong"


def again(error: SafelightError) -> SafelightError:
    """Make the same error anew, to be raised for another request."""
    return type(error)(*error.args)


@contextmanager
def concerning(picture: str) -> Iterator[None]:
    """Name the picture of whose faults an error speaks, where it is not the one asked for."""
    try:
        yield
    except SourceError as error:
        named = type(error)(f"{picture}: {error.detail}")
        named.picture = picture
        raise named from error


def by_code(code: str) -> type[SafelightError]:
    """Find the class of an error's code (how an error crosses a process boundary).

    Raises KeyError for a code that no class has.
    """
    pending: list[type[SafelightError]] = [SafelightError]
    while pending:
        candidate = pending.pop()
        if candidate.code == code:
            return candidate
        pending.extend(candidate.__subclasses__())
    raise KeyError(code)
