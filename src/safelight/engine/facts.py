"""What a source's metadata says, wherever its format keeps it."""

from __future__ import annotations

import pyvips

from safelight.engine.metadata import EXIF, IPTC, XMP, blob
from safelight.engine.source import load
from safelight.metadata.facts import facts
from safelight.picture import Facts, Header

# Their tags are EXIF's.
_TAGGED = ("tiff", "raw")


def told(data: bytes, header: Header, policy: str, loaded: pyvips.Image | None = None) -> Facts:
    """Tell what a policy of ``metadata.POLICIES`` allows of a source.

    ``data``: a whole source file; ``loaded``: its first page, if that is open already. Raises
    SourceError of some kind.
    """
    if header.vector:
        # No program keeps its notes in these where others look for them.
        return {}
    image = loaded or load(data, header, page=1, frames=1, scale=0.0)[0]
    said = facts(
        policy,
        exif_data=data if header.format in _TAGGED else blob(image, EXIF),
        xmp_data=blob(image, XMP),
        iptc_data=blob(image, IPTC),
    )
    return said if policy == "copyright" else {**said, "orientation": header.orientation}
