"""The only module that knows libvips: read a header, decode, run a transform, encode."""

from __future__ import annotations

import time
from typing import Any, cast

import pyvips

from safelight import formats, svg
from safelight.errors import SafelightError, SourceDamaged, UnsupportedFormat
from safelight.formats import Format
from safelight.icc import profile_name
from safelight.limits import Limits, cropped_size, fit_arguments
from safelight.operations.frame import WHITE, Encoding, Frame, Image, resample
from safelight.operations.geometry import fit_box
from safelight.picture import Header, Rendering
from safelight.transform import Transform

# What is left for the Lanczos step after a loader has shrunk: less would be seen, more is waste.
RESIDUAL_SCALE = 1.4
# librsvg refuses to draw on a larger canvas.
_SVG_CANVAS = 32_000
# Bits of entropy of the green band below which a picture is drawn rather than photographed.
_DRAWN_ENTROPY = 5.5

_ALLOWED_LOADERS = ("Jpeg", "Png", "Webp", "Heif", "Nsgif", "Tiff", "Svg")
_SRGB_PROFILES = ("sRGB IEC61966-2", "sRGB built-in", "sRGB2014")


def prepare(threads: int = 1) -> None:
    """Harden libvips for untrusted input: no cache, listed loaders only.

    ``threads``: how many one picture may use. Call once per process, before anything else here.
    """
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(threads)
    pyvips.operation_block_set("VipsForeignLoad", state=True)
    for loader in _ALLOWED_LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", state=False)


def capabilities() -> dict[str, Any]:
    """List versions, and the formats that this build can really read and write."""
    return {
        "libvips": ".".join(str(pyvips.version(part)) for part in range(3)),
        "pyvips": pyvips.__version__,
        "reads": [f.name for f in formats.FORMATS if _exists(f.loader)],
        "writes": [f.name for f in formats.FORMATS if _exists(f.saver)],
    }


def _exists(nickname: str | None) -> bool:
    return nickname is not None and bool(pyvips.type_find("VipsOperation", f"{nickname}_buffer"))


def probe(data: bytes) -> Header:
    """Read what the header says, without decoding pixels.

    ``data``: a whole file. Raises UnsupportedFormat, SourceDamaged, SourceTooLarge.
    """
    format = _recognised(data)
    if format.name == "svg":
        return _svg_header(data)
    image = _load(data, format)
    scans = data.count(b"\xff\xda") if format.name == "jpeg" else 1
    progressive = bool(_field(image, "jpeg-multiscan", 0)) and scans > 1
    interlaced = format.name == "png" and bool(_field(image, "interlaced", 0))
    depth = {"uchar": 1, "ushort": 2, "float": 4, "double": 8}.get(str(image.format), 4)
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
        space=str(image.interpretation),
        profile=_profile(image),
        buffered=progressive or interlaced,
        coefficients=(3.0 if subsampled else 2.0 * image.bands)
        if progressive
        else image.bands * depth,
        scans=scans,
    )


def _svg_header(data: bytes) -> Header:
    drawing = svg.prepare(data)
    width, height = max(1, round(drawing.width)), max(1, round(drawing.height))
    return Header(
        format="svg", width=width, height=height, bands=4, depth=1, pages=1, orientation=1,
        alpha=True, palette=False, space="srgb", profile=None, buffered=False, coefficients=4,
        scans=1,
    )  # fmt: skip


def _recognised(data: bytes) -> Format:
    format = formats.sniff(data[:4096])
    if format is None or (format.name == "svg" and not svg.is_svg(data)):
        known = ", ".join(f.name for f in formats.FORMATS if f.loader)
        raise UnsupportedFormat(f"the bytes are no image that is known here: {known}")
    if not _exists(format.loader):
        raise UnsupportedFormat(f"{format.name} is recognised, but this build cannot read it")
    return format


def _load(data: bytes, format: Format, **options: Any) -> pyvips.Image:
    """Open for one pass from top to bottom; a damaged file fails instead of turning grey."""
    try:
        return cast(
            "pyvips.Image",
            pyvips.Operation.call(
                f"{format.loader}_buffer", data, access="sequential", fail_on="error", **options
            ),
        )
    except pyvips.Error as error:
        raise SourceDamaged(f"the {format.name} cannot be decoded: it is damaged") from error


def _field(image: pyvips.Image, name: str, default: Any) -> Any:
    return image.get(name) if image.get_typeof(name) else default


def _orientation(image: pyvips.Image) -> int:
    value = _field(image, "orientation", 1)
    return value if value in range(1, 9) else 1


def _profile(image: pyvips.Image) -> str | None:
    data = _field(image, "icc-profile-data", None)
    return None if data is None else profile_name(data) or "unnamed"


def run(data: bytes, transform: Transform, limits: Limits) -> Rendering:
    """Make a picture.

    ``data``: a whole source file. Raises SourceError of some kind when it cannot be used,
    OutputTooLarge when the answer would be too large.
    """
    started = time.perf_counter()
    header = probe(data)
    limits.check_header(header)
    if header.format == "svg":
        transform = transform.changed(enlarge=True)
    limits.check_output(*header.shown, transform)
    try:
        frame = decode(data, header, transform)
        for operation, arguments in transform.steps():
            frame = operation.apply(frame, **arguments)
        frame = frame.in_memory()
    except pyvips.Error as error:
        raise SourceDamaged(f"the {header.format} cannot be decoded: it is damaged") from error
    decoded = time.perf_counter()
    encoded, format = encode(frame, header)
    return Rendering(
        data=encoded,
        mime=format.mime,
        width=frame.image.width,
        height=frame.image.height,
        source_width=header.shown[0],
        source_height=header.shown[1],
        decode_ms=(decoded - started) * 1e3,
        encode_ms=(time.perf_counter() - decoded) * 1e3,
    )


def decode(data: bytes, header: Header, transform: Transform) -> Frame:
    """Open a source at the size that the transform needs: upright, in sRGB or grey, 8 bits.

    The frame's nominal size is the full size as shown; its image may already be smaller.
    """
    width, height = header.shown
    turned = int(transform["rotate"]) % 180 != 0
    region = cropped_size(width, height, transform)
    wanted = fit_box(*region, **cast("Any", fit_arguments(transform))).scaled
    scale = max(target / full for target, full in zip(wanted, region, strict=True))
    image: Image = _load_scaled(data, header, scale)
    if transform["crop"] is None:
        # Resampling before turning keeps the decoder streaming: only the small picture is held.
        swapped = turned != (header.orientation >= 5)
        image = resample(image, *(reversed(wanted) if swapped else wanted))
    image = _upright_srgb(image)
    return Frame(image, width, height)


def _load_scaled(data: bytes, header: Header, scale: float) -> pyvips.Image:
    format = formats.BY_NAME[header.format]
    if header.format == "jpeg":
        return _load(data, format, shrink=_jpeg_shrink(scale))
    if header.format == "webp" and scale * RESIDUAL_SCALE < 1:
        return _load(data, format, scale=scale * RESIDUAL_SCALE)
    if header.format == "svg":
        largest = _SVG_CANVAS / max(header.width, header.height)
        return _load(svg.prepare(data).data, format, scale=min(scale, largest))
    return _load(data, format)


def _jpeg_shrink(scale: float) -> int:
    """Choose libjpeg's own scaling: the largest that leaves enough for a good resampling."""
    return next((s for s in (8, 4, 2) if scale * s * RESIDUAL_SCALE <= 1), 1)


def _upright_srgb(image: Any) -> Image:
    image = _srgb(image)
    if _orientation(image) != 1:
        # Turning reads the pixels in another order than the decoder gives them.
        image = image.copy_memory().autorot()
    return cast("Image", image)


def _srgb(image: pyvips.Image) -> pyvips.Image:
    """Convert to sRGB, or to grey where the source is grey, 8 bits a value."""
    grey = str(image.interpretation) in ("b-w", "grey16") or image.bands < 3
    space = "b-w" if grey else "srgb"
    if str(image.interpretation) == "multiband":
        image = image.copy(interpretation=space)
    image = _by_profile(image, grey=grey)
    if str(image.interpretation) != space:
        image = image.colourspace(space)
    if str(image.format) == "ushort":
        image = image.cast("uchar", shift=True)
    return image if str(image.format) == "uchar" else image.cast("uchar")


def _by_profile(image: pyvips.Image, *, grey: bool) -> pyvips.Image:
    name = _profile(image)
    cmyk = str(image.interpretation) == "cmyk"
    if not cmyk and (name is None or name.startswith(_SRGB_PROFILES)):
        return image
    try:
        if grey:
            return image.icc_import(embedded=True)
        fallback = {"input_profile": "cmyk"} if cmyk else {}
        return cast(
            "pyvips.Image", image.icc_transform("srgb", embedded=True, depth=8, **fallback)
        )
    except pyvips.Error:
        # A profile that does not fit the image or is broken says nothing about its colours:
        # they are shown as viewers show them, as if there were none.
        return image


def encode(frame: Frame, header: Header) -> tuple[bytes, Format]:
    """Write a rendered picture, without metadata, in the format that it asks for or deserves."""
    image = cast("pyvips.Image", frame.image)
    if image.hasalpha() and image[image.bands - 1].min() == 255:
        image = cast("pyvips.Image", image.extract_band(0, n=image.bands - 1))
    format = _output_format(frame.encoding, header, alpha=image.hasalpha())
    opaque = frame.background is not None and frame.background[3] == 255
    if image.hasalpha() and (opaque or not format.alpha):
        image = _flattened(image, frame.background or WHITE)
    try:
        return _SAVERS[format.name](image, frame.encoding, header), format
    except pyvips.Error as error:
        raise SafelightError(f"the picture could not be written as {format.name}") from error


def _output_format(encoding: Encoding, header: Header, *, alpha: bool) -> Format:
    source = formats.BY_NAME[header.format]
    if encoding.format in (None, "auto"):
        if encoding.format is None and source.web:
            return source
        return formats.BY_NAME["png" if alpha else "jpeg"]
    return formats.BY_NAME[cast("str", encoding.format)]


def _flattened(image: pyvips.Image, background: tuple[int, int, int, int]) -> pyvips.Image:
    ink = background[:3] if image.bands > 2 else background[:1]
    if image.bands <= 2 and len(set(background[:3])) > 1:
        image, ink = image.colourspace("srgb"), background[:3]
    return image.flatten(background=[float(part) for part in ink])


def _save_jpeg(image: pyvips.Image, encoding: Encoding, header: Header) -> bytes:
    thorough = (encoding.effort or 0) >= 5
    return image.jpegsave_buffer(
        Q=_quality(encoding, "jpeg"), optimize_coding=True, interlace=True, quant_table=3,
        trellis_quant=thorough, overshoot_deringing=thorough, optimize_scans=thorough, keep="none",
    )  # fmt: skip


def _save_webp(image: pyvips.Image, encoding: Encoding, header: Header) -> bytes:
    effort = 2 if encoding.effort is None else round(encoding.effort * 6 / 9)
    return image.webpsave_buffer(
        Q=_quality(encoding, "webp"), effort=effort, lossless=encoding.lossless, keep="none"
    )


def _save_avif(image: pyvips.Image, encoding: Encoding, header: Header) -> bytes:
    return image.heifsave_buffer(
        Q=_quality(encoding, "avif"), effort=encoding.effort or 0, lossless=encoding.lossless,
        compression="av1", bitdepth=8, keep="none",
    )  # fmt: skip


def _save_png(image: pyvips.Image, encoding: Encoding, header: Header) -> bytes:
    compression = 4 if encoding.effort is None else encoding.effort
    filters = "none" if header.palette or _drawn(image) else "all"
    data = image.pngsave_buffer(compression=compression, filter=filters, keep="none")
    if not header.palette:
        return data
    return min(data, image.pngsave_buffer(compression=compression, palette=True, keep="none"), key=len)


def _save_gif(image: pyvips.Image, encoding: Encoding, header: Header) -> bytes:
    return image.gifsave_buffer(effort=(encoding.effort or 4) + 1, keep="none")


def _save_tiff(image: pyvips.Image, encoding: Encoding, header: Header) -> bytes:
    return image.tiffsave_buffer(compression="deflate", predictor="horizontal", keep="none")


_SAVERS = {
    "jpeg": _save_jpeg,
    "webp": _save_webp,
    "avif": _save_avif,
    "png": _save_png,
    "gif": _save_gif,
    "tiff": _save_tiff,
}


def _quality(encoding: Encoding, name: str) -> int:
    return encoding.quality or cast("int", formats.BY_NAME[name].quality)


def _drawn(image: pyvips.Image) -> bool:
    """Tell a drawing from a photograph: PNG's filters help the one and harm the other."""
    return image[min(1, image.bands - 1)].hist_find().hist_entropy() < _DRAWN_ENTROPY

