"""The only package that knows libvips: read a header, decode, run a transform, encode, analyse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyvips

from safelight import formats
from safelight.engine.patience import until
from safelight.engine.rendering import run
from safelight.engine.source import available, missing, probe

if TYPE_CHECKING:
    from safelight.engine.analysis import analyse
    from safelight.engine.developing import develop

__all__ = ["analyse", "capabilities", "develop", "prepare", "probe", "run", "until"]

_ALLOWED_LOADERS = ("Jpeg", "Png", "Webp", "Heif", "Nsgif", "Tiff", "Svg")


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
    """List versions, the formats that can really be read and written here, and why others not."""
    return {
        "libvips": ".".join(str(pyvips.version(part)) for part in range(3)),
        "pyvips": pyvips.__version__,
        "reads": [f.name for f in formats.FORMATS if not missing(f)],
        "lacks": {f.name: reason for f in formats.FORMATS if (reason := missing(f))},
        "writes": [f.name for f in formats.FORMATS if available(f.saver)],
    }


def __getattr__(name: str) -> Any:
    """Load what few requests need where it is asked for: a cold start counts."""
    if name == "analyse":
        from safelight.engine.analysis import analyse

        return analyse
    if name == "develop":
        from safelight.engine.developing import develop

        return develop
    raise AttributeError(name)
