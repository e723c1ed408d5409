"""Sources: what their header says, and their pixels at the size that is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pyvips
from msgspec.structs import replace

from safelight import cicp, formats
from safelight.engine.circles import check_exif
from safelight.engine.colour import converted, embedded
from safelight.engine.decoders import DECODERS, WRAPPERS, decoder, unavailable, wrapper
from safelight.engine.guards import check_png_texts, check_tiff_colours, jpeg_scales
from safelight.engine.metadata import chosen
from safelight.engine.patience import watched
from safelight.errors import SourceDamaged, SourceError, SourceTooLarge, UnsupportedFormat
from safelight.formats import Format
from safelight.icc import profile_name
from safelight.operations.frame import FLUSH, Frame, Image, Margins, Materials, resample
from safelight.operations.reading import Reading
from safelight.picture import Header
from safelight.plan import Plan

# What a loader that shrinks leaves for the Lanczos step: less would be seen, more is waste.
# libjpeg's scaling is a clean one and comes in steps, libwebp's is coarser and in any size.
JPEG_RESIDUAL = 1.3
WEBP_RESIDUAL = 1.4
# What Lanczos leaves for turning by any angle, which softens a little.
TILT_RESIDUAL = 1.2
# Start of scan, and the high byte of its length: three bytes are found faster than two.
_SCAN = b"\xff\xda\x00"
# librsvg refuses to draw on a larger canvas.
_SVG_CANVAS = 32_000
# What a strip of frames says of itself, and a single frame must not.
_STRIP_FIELDS = ("page-height", "n-pages", "delay", "loop")


def available(nickname: str | None) -> bool:
    """Tell whether this build of libvips has an operation for bytes in memory."""
    return nickname is not None and bool(pyvips.type_find("VipsOperation", f"{nickname}_buffer"))


def missing(format: Format) -> str | None:
    """Say why a format cannot be read here, in words for a client; None when it can."""
    if format.name in (*DECODERS, *WRAPPERS):
        return unavailable(format.name)
    return None if available(format.loader) else "this build cannot read it"


def probe(data: bytes, *, page: int = 1) -> Header:
    """Read what the header says, without decoding pixels.

    ``data``: a whole file; ``page`` counts from 1, and is there. Raises UnsupportedFormat,
    SourceDamaged, SourceTooLarge.
    """
    format = _recognised(data)
    if inner := _unwrapped(data, format):
        return replace(probe(inner), format=format.name)
    if reader := decoder(format.name):
        return reader.probe(data, page=page)
    if format.name == "svg":
        return _svg_header(data)
    if format.name == "png":
        check_png_texts(data)
    elif format.name == "tiff":
        check_tiff_colours(data)
    check_exif(data, format.name)
    image = _load(data, format, **({} if page == 1 else {"page": page - 1}))
    # Counting reads the whole file: 1 ms a megabyte, so only where it can matter.
    scans = data.count(_SCAN) if _field(image, "jpeg-multiscan", 0) else 1
    progressive = scans > 1
    interlaced = format.name == "png" and bool(_field(image, "interlaced", 0))
    depth = {"uchar": 1, "ushort": 2, "float": 4, "double": 8}.get(image.format, 4)
    subsampled = "4:2:0" in str(_field(image, "jpeg-chroma-subsample", ""))
    return Header(
        format=format.name,
        width=image.width,
        height=_field(image, "page-height", image.height),
        bands=image.bands,
        depth=depth,
        pages=max(1, _field(image, "n-pages", 1)),
        orientation=_orientation(image),
        alpha=bool(image.hasalpha()),
        palette=bool(_field(image, "palette", 0)),
        space=image.interpretation,
        profile=_profile(image),
        buffered=progressive or interlaced,
        coefficients=(3.0 if subsampled else 2.0 * image.bands)
        if progressive
        else image.bands * depth,
        scans=scans,
        delays=tuple(_field(image, "delay", ())),
        loop=_field(image, "loop", 0),
    )


def _svg_header(data: bytes) -> Header:
    from safelight.engine.drawings import prepared

    drawing = prepared(data)
    width, height = max(1, round(drawing.width)), max(1, round(drawing.height))
    if not drawing.sized:
        # Only what draws it can tell the size of its ink.
        inked = _load_svg(drawing.data, scale=1.0)
        width, height = inked.width, inked.height
    return Header(
        format="svg", width=width, height=height, bands=4, depth=1, pages=1, orientation=1,
        alpha=True, palette=False, space="srgb", profile=None, buffered=False, coefficients=4,
        scans=1, vector=True,
    )  # fmt: skip


def _recognised(data: bytes) -> Format:
    format = formats.sniff(data)
    if format is None or (format.name == "svg" and not _is_svg(data)):
        known = ", ".join(f.name for f in formats.FORMATS if not missing(f))
        raise UnsupportedFormat(f"the bytes are no image that is known here: {known}")
    if reason := missing(format):
        raise UnsupportedFormat(f"{format.name} is recognised, but {reason}")
    return format


def _is_svg(data: bytes) -> bool:
    # Not loaded by a process that only ever sees photographs: a cold start counts.
    from safelight.svg import is_svg

    return is_svg(data)


def _unwrapped(data: bytes, format: Format) -> bytes | None:
    """Take out the file that is shown, if the format is only a wrapper for it."""
    reader = wrapper(format.name)
    return reader.unwrap(data) if reader else None


def _load(data: bytes, format: Format, **options: Any) -> pyvips.Image:
    """Open for one pass from top to bottom; a damaged file fails instead of turning grey."""
    # Where a loader takes a buffer, pyvips gives it a copy.
    source = pyvips.Source.new_from_memory(data)
    try:
        image = pyvips.Operation.call(
            f"{format.loader}_source", source, access="sequential", fail_on="error", **options
        )
    except pyvips.Error as error:
        raise fault(format.name, error) from error
    # It lives as long as all that is made of it: pyvips does so where libvips chooses the loader.
    image._references.append(source)  # noqa: SLF001
    return watched(image)


def fault(format: str, error: pyvips.Error) -> SourceError:
    """Say what libvips's error means; its own words are not for clients."""
    if "out of memory" in str(error):
        return SourceTooLarge(f"decoding the {format} needs more memory than there is")
    return SourceDamaged(f"the {format} cannot be decoded: it is damaged; upload it again")


def _field(image: pyvips.Image, name: str, default: Any) -> Any:
    return image.get(name) if image.get_typeof(name) else default


def _orientation(image: pyvips.Image) -> int:
    value = _field(image, "orientation", 1)
    return value if value in range(1, 9) else 1


def _profile(image: pyvips.Image) -> str | None:
    data = embedded(image)
    return None if data is None else profile_name(data) or "unnamed"


def decode(
    data: bytes,
    header: Header,
    reading: Reading,
    planned: Plan,
    *,
    frames: int,
    materials: Materials,
    residual: float = 1.0,
) -> Iterator[Frame]:
    """Open a source at the size that is needed: upright, in its colour space, frame by frame.

    A frame's nominal size is the full size as shown; its image may already be smaller. They have to
    be taken in order, each before the next. ``residual``: what a loader leaves at least for the
    Lanczos step; formats have a least of their own.
    """
    size = as_stored(header, planned) if planned.direct else None
    strip, overhang = load(
        data, header, page=reading.page, frames=frames, scale=planned.scale, size=size,
        residual=residual,
    )  # fmt: skip
    decisions: dict[str, Any] = {}
    for page in _pages(strip, frames):
        # Resampling before turning keeps the decoder streaming: only the small picture is held.
        small = resample(page, *size, overhang) if size else page
        yield framed(
            coloured(small, data, header, reading), data, header, reading, materials,
            overhang=FLUSH if size else overhang, wanted=planned.scaled if size else None,
            decisions=decisions,
        )  # fmt: skip


def coloured(image: Image, data: bytes, header: Header, reading: Reading) -> Image:
    """Bring what was loaded to the colours that are wanted."""
    declared = cicp.space(data, header.format)
    loaded = cast("pyvips.Image", image)
    return converted(loaded, profile=reading.profile, depth=reading.depth, declared=declared)


def framed(
    image: Image,
    data: bytes,
    header: Header,
    reading: Reading,
    materials: Materials,
    *,
    overhang: Margins = FLUSH,
    wanted: tuple[int, int] | None = None,
    decisions: dict[str, Any] | None = None,
) -> Frame:
    """Make the frame that operations begin with of a picture in its colours, as it is stored."""
    noted = chosen(image, reading.metadata, tiff=data if header.format == "tiff" else b"")
    frame = Frame(
        noted, header.width, header.height, materials, reading=reading, overhang=overhang,
        wanted=wanted, decisions={} if decisions is None else decisions,
    )  # fmt: skip
    return _upright(frame, header.orientation)


def as_stored(header: Header, planned: Plan) -> tuple[int, int]:
    """Give the size to scale to before the picture is turned."""
    width, height = header.shown
    across, down = planned.scaled
    if planned.region == (height, width) and width != height:
        across, down = down, across
    elif planned.region != (width, height):
        scale = min(planned.scale * TILT_RESIDUAL, max(1.0, planned.scale))
        across, down = (max(1, round(side * scale)) for side in header.shown)
    return (down, across) if header.orientation >= 5 else (across, down)


def _pages(strip: Image, frames: int) -> Iterator[Image]:
    """Cut an animation's strip into its frames, each of them whole in memory."""
    if frames == 1:
        yield strip
        return
    height = strip.get("page-height")
    for number in range(frames):
        page = strip.crop(0, number * height, strip.width, height).copy()
        for field in _STRIP_FIELDS:
            page.remove(field)
        yield page.copy_memory()


def load(
    data: bytes,
    header: Header,
    *,
    page: int,
    frames: int,
    scale: float,
    size: tuple[int, int] | None = None,
    residual: float = 1.0,
) -> tuple[pyvips.Image, Margins]:
    """Load as much as is needed at ``scale``, and tell what of it is not the picture's.

    ``size``: in px as stored, where just that is wanted: a drawing can be had so. ``residual`` as
    in ``decode``. The pixels can be read once, from top to bottom.
    """
    format = formats.BY_NAME[header.format]
    # Something has to be left of the thinnest picture.
    scale = max(scale, 1 / min(header.width, header.height))
    if inner := _unwrapped(data, format):
        header = replace(header, format=_recognised(inner).name)
        return load(
            inner, header, page=page, frames=frames, scale=scale, size=size, residual=residual
        )
    if reader := decoder(header.format):
        across, down = (max(1, round(side * scale)) for side in (header.width, header.height))
        return reader.load(data, header, page=page, size=size or (across, down)), FLUSH
    if header.format == "jpeg":
        shrink = _jpeg_shrink(scale, max(JPEG_RESIDUAL, residual)) if jpeg_scales(data) else 1
        image = _load(data, format, shrink=shrink)
        # What would not be a whole px at the edge is left out.
        sides = (image.width - header.width / shrink, image.height - header.height / shrink)
        return image, (0.0, 0.0, *sides)
    options = {} if frames == 1 and page == 1 else {"page": page - 1, "n": frames}
    # libwebp loses the colours of a picture of one or two columns when it shrinks it.
    webp_scale = scale * max(WEBP_RESIDUAL, residual)
    if header.format == "webp" and webp_scale < 1 and header.width > 2:
        return _load(data, format, scale=webp_scale, **options), FLUSH
    if header.format == "svg":
        largest = _SVG_CANVAS / max(header.width, header.height)
        from safelight.engine.drawings import prepared

        return _load_svg(prepared(data).data, scale=min(scale, largest)), FLUSH
    return _load(data, format, **(options if header.pages > 1 else {})), FLUSH


def _load_svg(drawing: bytes, *, scale: float) -> pyvips.Image:
    """Draw with ``scale`` px for each px of CSS; libvips counts from 72 to the inch."""
    return _load(drawing, formats.BY_NAME["svg"], dpi=96, scale=scale * 72 / 96)


def _jpeg_shrink(scale: float, residual: float) -> int:
    """Choose libjpeg's own scaling: the largest that leaves enough for a good resampling."""
    return next((s for s in (8, 4, 2) if scale * s * residual <= 1), 1)


def _upright(frame: Frame, orientation: int) -> Frame:
    """Mirror and turn as EXIF's orientation says."""
    mirrored = frame.mirrored() if orientation in (2, 4, 5, 7) else frame
    return mirrored.turned({3: 2, 4: 2, 5: 3, 6: 1, 7: 1, 8: 3}.get(orientation, 0))
