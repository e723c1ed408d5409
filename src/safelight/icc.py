"""What an ICC colour profile is called, and which colour space it stands for."""

from __future__ import annotations

import struct

_MAX_TAGS = 200

# XYZ of the primaries, adapted to D50 as profiles keep them: IEC 61966-2-1 for sRGB; SMPTE RP 431-2
# with the white point D65 for Display P3. The largest difference between two that mean the same.
_COLORANTS = {
    "srgb": (0.4361, 0.2225, 0.0139, 0.3851, 0.7169, 0.0971, 0.1431, 0.0606, 0.7139),
    "p3": (0.5151, 0.2412, -0.0011, 0.2920, 0.6922, 0.0419, 0.1571, 0.0666, 0.7841),
}
_CLOSE = 0.002
# Both have the same curve (IEC 61966-2-1 §5.2), and these are points on it.
_CURVE = ((0.02, 0.001548), (0.1, 0.010023), (0.25, 0.050876), (0.5, 0.214041), (0.8, 0.603827))
_SAME = 0.002


def profile_name(data: bytes) -> str | None:
    """Read a profile's description.

    ``data``: a whole profile. Returns None when it has none that can be read. Format: ICC.1:2022
    §7.3 (tag table), §10.15 (multiLocalizedUnicodeType), and ICC.1:2001 §6.5.17 for version 2.
    """
    try:
        return _text(_tag(data, b"desc")) or None
    except (struct.error, KeyError):
        return None


def space(data: bytes) -> str | None:
    """Recognise a profile of sRGB ("srgb") or Display P3 ("p3"), whoever wrote it.

    ``data``: a whole profile. Returns None for any other space and for what cannot be read. By the
    primaries and the curves, since names differ: ICC.1:2022 §10.6 (curveType), §10.18
    (parametricCurveType), §10.31 (XYZType). A profile with tables (§9.2.1) goes beyond them.
    """
    try:
        if data[16:20] != b"RGB " or b"A2B0" in _directory(data):
            return None
        found = [part for name in (b"rXYZ", b"gXYZ", b"bXYZ") for part in _xyz(_tag(data, name))]
        curves = [_tag(data, name) for name in (b"rTRC", b"gTRC", b"bTRC")]
        if any(abs(_at(curve, x) - y) > _SAME for curve in curves for x, y in _CURVE):
            return None
    except (struct.error, KeyError, ArithmeticError):
        return None
    for name, expected in _COLORANTS.items():
        if all(abs(a - b) < _CLOSE for a, b in zip(found, expected, strict=True)):
            return name
    return None


def _directory(data: bytes) -> dict[bytes, tuple[int, int]]:
    """Map each tag's signature to where it is, and its size."""
    (count,) = struct.unpack_from(">I", data, 128)
    table = data[132 : 132 + 12 * min(count, _MAX_TAGS)]
    whole = len(table) // 12 * 12
    return {name: (start, size) for name, start, size in struct.iter_unpack(">4sII", table[:whole])}


def _tag(data: bytes, name: bytes) -> bytes:
    start, size = _directory(data)[name]
    return data[start : start + size]


def _text(tag: bytes) -> str:
    if tag[:4] == b"mluc":
        length, offset = struct.unpack_from(">II", tag, 20)
        text = tag[offset : offset + length].decode("utf-16-be", "replace")
    else:
        (length,) = struct.unpack_from(">I", tag, 8)
        text = tag[12 : 12 + length].decode("latin-1")
    return "".join(letter for letter in text[:200] if letter.isprintable()).strip()


def _xyz(tag: bytes) -> tuple[float, ...]:
    return tuple(part / 65_536 for part in struct.unpack_from(">iii", tag, 8))


def _at(tag: bytes, x: float) -> float:
    """Read a curve's value at ``x``, both 0 to 1."""
    if tag[:4] == b"para":
        return _parametric(tag, x)
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return x
    if count == 1:
        return float(x ** (struct.unpack_from(">H", tag, 12)[0] / 256))
    low = min(int(x * (count - 1)), count - 2)
    left, right = struct.unpack_from(">HH", tag, 12 + 2 * low)
    return float(left + (right - left) * (x * (count - 1) - low)) / 65_535


def _parametric(tag: bytes, x: float) -> float:
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind not in (3, 4):
        # The others are pure powers, or have no straight part: no curve of sRGB.
        return x
    gamma, a, b, c, d = (part / 65_536 for part in struct.unpack_from(">5i", tag, 12))
    above, below = (
        (part / 65_536 for part in struct.unpack_from(">2i", tag, 32)) if kind == 4 else (0.0, 0.0)
    )
    value = (a * x + b) ** gamma + above if x >= d else c * x + below
    return value if isinstance(value, float) else x
