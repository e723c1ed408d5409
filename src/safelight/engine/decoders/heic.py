"""HEIC: photographs of telephones, decoded by the libheif and libde265 of pillow-heif."""

from __future__ import annotations

from typing import Any

import pyvips

from safelight.engine.decoders.extra import HEIC
from safelight.errors import SourceDamaged, SourceError, SourceTooLarge, UnsupportedFormat
from safelight.icc import profile_name
from safelight.picture import Header

# What pillow-heif raises for files that libheif refuses, by the kind of libheif's error.
_REFUSED = (ValueError, EOFError, SyntaxError, RuntimeError, OSError, IndexError)
# Samples per pixel that the decoder holds beside the picture, by the kind of subsampling; those of
# a grey picture are 1, and alpha is another.
_PLANES = {420: 1.5, 422: 2.0, 444: 3.0}
# The primaries of Display P3 and the curve of sRGB (ITU-T H.273, tables 2 and 3).
_P3 = (12, 13)


def probe(data: bytes, *, page: int) -> Header:  # noqa: ARG001 - one picture counts
    """Read the header of the primary picture. Raises as Decoder says.

    The size is that after the turns and cuts of the file (ISO/IEC 23008-12 §6.5), which libheif
    obeys. The orientation in its EXIF only tells of them, and must not turn the picture again.
    """
    picture = _primary(data)
    bands, depth = _shape(picture)
    planes = _PLANES.get(picture.info.get("chroma"), 1.0) + (bands in (2, 4))
    profile = _blobs(picture.info).get("icc-profile-data")
    return Header(
        format="heic", width=picture.size[0], height=picture.size[1], bands=bands, depth=depth,
        pages=1, orientation=1, alpha=bands in (2, 4), palette=False, space=_space(bands, depth),
        profile=profile_name(profile) or "unnamed" if profile else None,
        # The planes are decoded whole before they become rows.
        buffered=True, coefficients=depth * (bands + planes),
        scans=1,
    )  # fmt: skip


def load(data: bytes, header: Header, *, page: int, size: tuple[int, int]) -> pyvips.Image:  # noqa: ARG001 - it has its own
    """Decode the primary picture; 10 and 12 bits a value become 16. Raises as Decoder says."""
    picture = _primary(data)
    bands, depth = _shape(picture)
    try:
        pixels = picture.data
    except _REFUSED as error:
        raise _fault(error) from error
    kind = "ushort" if depth == 2 else "uchar"
    image = pyvips.Image.new_from_memory(pixels, *picture.size, bands, kind)
    image = image.copy(interpretation=_space(bands, depth))
    if picture.premultiplied_alpha:
        image = image.unpremultiply().cast(kind)
    for field, blob in _blobs(picture.info).items():
        image.set_type(pyvips.GValue.blob_type, field, blob)
    return image


def _primary(data: bytes) -> Any:
    library = HEIC.library()
    library.options.DECODE_THREADS = pyvips.concurrency_get()
    for unwanted in ("THUMBNAILS", "DEPTH_IMAGES", "AUX_IMAGES"):
        setattr(library.options, unwanted, False)
    try:
        found = library.open_heif(data, convert_hdr_to_8bit=False)
        return found[found.primary_index]
    except _REFUSED as error:
        raise _fault(error) from error


def _fault(error: Exception) -> SourceError:
    """Say what libheif's error means; its own words are not for clients."""
    if "imit exceeded" in str(error) or "Memory allocation" in str(error):
        return SourceTooLarge("the HEIC has more parts or pixels than a picture should have")
    # Pictures in another codec are left out, so that there is none to be found.
    if isinstance(error, (SyntaxError, IndexError)) or "Unsupported" in str(error):
        return UnsupportedFormat("the HEIC uses a feature or a codec that cannot be read here")
    return SourceDamaged("the HEIC cannot be decoded: it is damaged; upload it again")


def _shape(picture: Any) -> tuple[int, int]:
    """Give bands, and bytes a value, of a mode as "RGBA" or "RGB;16"."""
    letters, _, wide = picture.mode.partition(";")
    return len(letters), 2 if wide else 1


def _space(bands: int, depth: int) -> str:
    if bands < 3:
        return "grey16" if depth == 2 else "b-w"
    return "rgb16" if depth == 2 else "srgb"


def _blobs(info: dict[str, Any]) -> dict[str, bytes]:
    """Give what is attached to the pixels, by the names of libvips."""
    found = {"icc-profile-data": info.get("icc_profile"), "xmp-data": info.get("xmp")}
    codes = info.get("nclx_profile") or {}
    if (codes.get("color_primaries"), codes.get("transfer_characteristics")) == _P3:
        found["icc-profile-data"] = pyvips.Operation.call("profile_load", "p3")
    if info.get("exif"):
        found["exif-data"] = b"Exif\0\0" + info["exif"].removeprefix(b"Exif\0\0")
    return {field: blob for field, blob in found.items() if blob}
