"""Outputs: a picture that is done becomes bytes."""

from __future__ import annotations

from typing import cast

import pyvips
from msgspec.structs import replace

from safelight import costs, formats
from safelight.costs import REQUEST, Profile
from safelight.engine.choice import choices
from safelight.engine.metadata import written
from safelight.engine.patience import watched
from safelight.engine.savers import Saver, deepened, drawn
from safelight.errors import OutputTooLarge
from safelight.formats import Format
from safelight.operations.encoding import Encoding
from safelight.operations.frame import WHITE, Frame
from safelight.picture import Header


def encode(
    frame: Frame, header: Header, profile: Profile = REQUEST, *, ceiling: int | None = None
) -> tuple[bytes, Format]:
    """Write a rendered picture in the format that it asks for or deserves.

    With the metadata that was noted when its source was opened, and none besides. ``ceiling``: the
    bytes of a source that shows the same, which are not exceeded if that can be helped, unless a
    quality is asked for. Raises OutputTooLarge when it cannot be as small as it is asked for.
    """
    image = _on_background(cast("pyvips.Image", frame.image), frame.colour, frame.peak)
    # The resolution is the source's, and metadata like any other.
    image = watched(image.copy(xres=1.0, yres=1.0))
    frames = max(1, image.height // frame.height)
    bits = frame.reading.depth if image.format == "ushort" else 8
    encoding = replace(frame.encoding, palette=header.palette, bits=bits)
    source = formats.BY_NAME[header.format]
    answers: list[tuple[bytes, Format]] = []
    faults: list[OutputTooLarge] = []
    for format, lossless in choices(image, encoding, source, profile, frames=frames):
        wanted = replace(encoding, lossless=lossless)
        hidden = image.hasalpha() and not format.alpha
        shown = _flattened(image, WHITE, frame.peak) if hidden else image
        saver = _saver(shown, format, wanted, profile, frames=frames)
        try:
            answers.append((_bytes(saver, ceiling), format))
        except OutputTooLarge as fault:
            faults.append(fault)
    if not answers:
        raise faults[0]
    return min(answers, key=lambda answer: len(answer[0]))


def reads_once(frame: Frame, header: Header) -> bool:
    """Tell whether writing a picture reads its pixels once, and in order: they need not be held."""
    encoding = frame.encoding
    trying = encoding.max_bytes is not None or encoding.quality == "auto"
    return (encoding.format or header.format) == "jpeg" and not (trying or frame.image.hasalpha())


def _on_background(
    image: pyvips.Image, background: tuple[int, int, int, int] | None, peak: float
) -> pyvips.Image:
    """Lay a picture on its background, and drop an alpha channel that says nothing."""
    if not image.hasalpha():
        return image
    if image[image.bands - 1].min() == peak:
        return image.extract_band(0, n=image.bands - 1)
    if background is None or background[3] == 0:
        return image
    if background[3] == 255:
        return _flattened(image, background, peak)
    image = _coloured(image)
    ground = image.new_from_image([part * peak / 255 for part in background])
    above = ground.composite2(image, "over", compositing_space=image.interpretation)
    return above.cast(image.format)


def _flattened(
    image: pyvips.Image, background: tuple[int, int, int, int], peak: float
) -> pyvips.Image:
    ink = background[:3] if image.bands > 2 else background[:1]
    if image.bands <= 2 and len(set(background[:3])) > 1:
        image, ink = _coloured(image), background[:3]
    return image.flatten(background=[part * peak / 255 for part in ink])


def _coloured(image: pyvips.Image) -> pyvips.Image:
    return image.colourspace("rgb16" if image.format == "ushort" else "srgb")


def _saver(
    image: pyvips.Image, format: Format, encoding: Encoding, profile: Profile, *, frames: int
) -> Saver:
    """Decide how much effort a picture gets, and what is kept beside its pixels."""
    pixels = image.width * image.height

    def level(work: str) -> int:
        if encoding.effort is not None:
            return costs.level_of(work, encoding.effort)
        return costs.level_within(work, profile.budgets[work], pixels)

    work = costs.work(
        format.name, lossless=encoding.lossless, frames=frames, alpha=image.hasalpha()
    )
    asked = encoding.effort is not None or encoding.progressive is True
    plain = encoding.effort == 0 and encoding.progressive is False
    image, keep = written(image, format.name)
    if format.name == "avif" and not encoding.lossless and image.format == "uchar":
        image = deepened(image)
    return Saver(
        image,
        format,
        encoding,
        keep=keep,
        level=level(work),
        most=costs.level_within(work, profile.patience, pixels),
        palette_level=level("palette"),
        frames=frames,
        drawn=format.name in ("png", "gif") and drawn(image),
        one_pass=plain or (pixels > profile.one_pass and not asked),
    )


def _bytes(saver: Saver, ceiling: int | None) -> bytes:
    """Write a picture as well, and as small, as is asked for. Raises OutputTooLarge."""
    most = saver.encoding.max_bytes
    data = _exactly(saver, ceiling) if saver.lossless else _in_quality(saver, ceiling)
    if most is not None and len(data) > most:
        raise OutputTooLarge(
            f"the picture cannot be made as small as {most} bytes in {saver.format.name}: "
            "ask for a smaller size, or another format"
        )
    return data


def _in_quality(saver: Saver, ceiling: int | None) -> bytes:
    asked, most = saver.encoding.quality, saver.encoding.max_bytes
    if asked == "auto":
        from safelight.engine.quality import alike

        quality = alike(saver)
    else:
        quality = cast("int | None", asked) or saver.default_quality
    data = saver.write(quality)
    limits = [most, None if isinstance(asked, int) else ceiling]
    limit = min((bound for bound in limits if bound is not None), default=len(data))
    if len(data) <= limit:
        return data
    from safelight.engine.quality import under

    return under(saver, limit, quality, data)


def _exactly(saver: Saver, ceiling: int | None) -> bytes:
    data, most = saver.write(), saver.encoding.max_bytes
    if ceiling is not None and len(data) > ceiling:
        data = min(data, saver.patient().write(), key=len)
    if most is not None and len(data) > most:
        from safelight.engine.quality import fewer

        data = fewer(saver, most) or data
    return data
