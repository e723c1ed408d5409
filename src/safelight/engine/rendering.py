"""One picture: a source is opened, goes through its operations, and is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType

import msgspec
import pyvips
from msgspec.structs import replace

from safelight import formats
from safelight.costs import REQUEST, Profile
from safelight.engine.choice import may_move
from safelight.engine.materials import Studio
from safelight.engine.source import decode, fault, probe
from safelight.engine.target import encode
from safelight.errors import SourceError, TransformInvalid
from safelight.limits import Limits
from safelight.operations import Stage
from safelight.operations.frame import Frame
from safelight.operations.reading import Reading
from safelight.picture import Header, Rendering
from safelight.plan import Plan, plan, reading
from safelight.transform import Transform

# Stages that leave a picture's look as it is, if they leave its size.
_LOOKS_ALIKE = (Stage.SOURCE, Stage.CANVAS, Stage.ORIENT, Stage.RESIZE, Stage.OUTPUT)


class Draft(msgspec.Struct, frozen=True):
    """A picture before a pixel is decoded: what is made, of what, and how large it will be.

    ``frames`` of the source are wanted.
    """

    transform: Transform
    reading: Reading
    header: Header
    frames: int
    planned: Plan


def run(
    data: bytes,
    transform: Transform,
    limits: Limits,
    *,
    pictures: Mapping[str, bytes] = MappingProxyType({}),
    profile: Profile = REQUEST,
) -> Rendering:
    """Make a picture.

    ``data``: a whole source file; ``pictures``: those of ``transform.pictures()``, by key;
    ``profile``: how much writing it may cost. Raises SourceError of some kind when a source cannot
    be used, OutputTooLarge when the answer would be.
    """
    started = time.perf_counter()
    draft = drafted(partial(page_header, data), transform, limits)
    frame = exposed(data, draft, limits, Studio(pictures, limits), profile)
    return written(frame, data, draft, limits, profile, started=started)


def page_header(data: bytes, page: int) -> Header:
    """Read the header of a page that is there. Raises SourceError of some kind."""
    return probe(data, page=page)


def drafted(header_of: Callable[[int], Header], transform: Transform, limits: Limits) -> Draft:
    """Plan a picture, and check it against the limits.

    ``header_of`` reads the header of a page that is there. Raises TransformInvalid for one that is
    not, SourceTooLarge, OutputTooLarge.
    """
    opened = reading(transform)
    header = _header(header_of, opened)
    if not opened.orient:
        header = replace(header, orientation=1)
    frames = _frames(header, opened, transform)
    limits.check_header(header, frames=frames)
    if header.vector:
        transform = transform.changed(enlarge=True)
    planned = plan(*header.shown, transform)
    limits.check_plan(planned, frames=frames)
    return Draft(transform, opened, header, frames, planned)


def exposed(
    data: bytes, draft: Draft, limits: Limits, materials: Studio, profile: Profile
) -> Frame:
    """Decode a source for one picture, and take it through the operations.

    Raises SourceError of some kind when a source cannot be used, OutputTooLarge.
    """
    header = draft.header
    source = partial(
        decode, data, header, draft.reading, draft.planned, frames=draft.frames,
        materials=materials, residual=profile.residual,
    )  # fmt: skip
    try:
        frames = [through(frame, draft.transform, limits).in_memory() for frame in source()]
        return _joined(frames, header)
    except pyvips.Error as error:
        if _is_whole(source, error):
            # An operation's fault, and nothing that another file would mend.
            raise
        raise fault(header.format, error) from error


def written(
    frame: Frame, data: bytes, draft: Draft, limits: Limits, profile: Profile, *, started: float
) -> Rendering:
    """Write a picture that went through its operations.

    ``data``: the source; ``started``: when it was begun, a ``time.perf_counter()``. Raises
    OutputTooLarge when it cannot be as small as it is asked for.
    """
    decoded = time.perf_counter()
    header, transform = draft.header, draft.transform
    ceiling = len(data) if _same(frame, header, transform) else None
    encoded, format = encode(frame, header, profile, ceiling=ceiling)
    if draft.reading.hdr and header.format == format.name == "jpeg":
        # Loaded where it is asked for, as few ask for it: a cold start counts.
        from safelight.engine import gainmap

        bright = gainmap.kept(encoded, data, frame, header, transform, limits)
        encoded = bright if len(bright) <= (transform["max_bytes"] or len(bright)) else encoded
    return Rendering(
        data=encoded,
        mime=format.mime,
        width=frame.width,
        height=frame.height,
        source_width=header.shown[0],
        source_height=header.shown[1],
        decode_ms=(decoded - started) * 1e3,
        encode_ms=(time.perf_counter() - decoded) * 1e3,
    )


def _header(header_of: Callable[[int], Header], opened: Reading) -> Header:
    """Read the header of the page that is wanted. Raises TransformInvalid when it is not there."""
    header = header_of(1)
    if opened.page > header.pages:
        has = "one page" if header.pages == 1 else f"{header.pages} pages"
        raise TransformInvalid(f"page={opened.page}: the image has {has}")
    return header if opened.page == 1 else header_of(opened.page)


def _frames(header: Header, opened: Reading, transform: Transform) -> int:
    """Count the frames that are wanted: one, unless source and output are both animations."""
    if not (formats.BY_NAME[header.format].animation and may_move(transform["format"])):
        return 1
    rest = header.pages - opened.page + 1
    return rest if opened.frames is None else min(rest, opened.frames)


def through(frame: Frame, transform: Transform, limits: Limits) -> Frame:
    """Take a frame through all operations; what they do may still be pending."""
    for operation, arguments in transform.steps():
        if operation.stage == Stage.SOURCE:
            continue
        frame = operation.apply(frame, **arguments)
        if operation.full:
            # What it leaves is known only now.
            limits.check_plan(plan(frame.width, frame.height, transform, after=operation.stage))
    return frame


def _is_whole(source: Callable[[], Iterable[Frame]], error: pyvips.Error) -> bool:
    """Tell, after an error, whether every pixel of a source can be had all the same."""
    if "out of memory" in str(error):
        return False
    try:
        for frame in source():
            frame.image.avg()
    except (pyvips.Error, SourceError):
        return False
    return True


def _same(frame: Frame, header: Header, transform: Transform) -> bool:
    """Tell whether a picture is its source again, at most turned: as many pixels, of one look."""
    alike = all(operation.stage in _LOOKS_ALIKE for operation, _ in transform.steps())
    size = sorted((frame.width, frame.height))
    return alike and not header.vector and size == sorted(header.shown)


def _joined(frames: list[Frame], header: Header) -> Frame:
    """Put the frames of an animation into one strip, as libvips writes them."""
    first = frames[0]
    if len(frames) == 1:
        return first
    start = first.reading.page - 1
    delays = list(header.delays[start : start + len(frames)])
    strip = pyvips.Image.arrayjoin([frame.image for frame in frames], across=1).copy()
    strip.set_type(pyvips.GValue.gint_type, "page-height", first.image.height)
    strip.set_type(pyvips.GValue.array_int_type, "delay", delays)
    strip.set_type(pyvips.GValue.gint_type, "loop", header.loop)
    return replace(first, image=strip)
