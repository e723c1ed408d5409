"""A zip for a function: Safelight and what it needs, for the machine that the cloud has."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from safelight.deploy.elf import check_machines
from safelight.deploy.targets import CONFIG, FUNCTIONS, Function
from safelight.deploy.wheels import install, own_wheel, requirements, zip_files
from safelight.errors import SettingError

MOST_UNPACKED = 60_000_000
MOST_PACKED = 25_000_000

# What no function loads. pyvips's wheel has its interface compiled, for which _cffi_backend is
# enough: cffi's own Python and its parser of C are for those who compile. What typing lacks before
# Python 3.13, libraries would load because it is there.
_LEFT_OUT = (
    "bin", "cffi", "pycparser", "typing_extensions.py",
    "safelight/__main__.py", "safelight/cli", "safelight/deploy", "safelight/http",
    "safelight/integrations",
)  # fmt: skip
_LEFT_OUT_FOLDERS = frozenset({"__pycache__", "docs", "sboms", "test", "tests"})
_LEFT_OUT_ENDS = (".pyi", ".pyx", ".pxd", ".c", ".h", "/py.typed")
_LEFT_OUT_OF_INFO = frozenset(
    {"RECORD", "WHEEL", "INSTALLER", "REQUESTED", "direct_url.json", "entry_points.txt",
     "top_level.txt"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was written: sizes in bytes, and whether its modules are compiled already."""

    path: Path
    packed: int
    unpacked: int
    libraries: int
    compiled: bool


def build(target: str, output: Path, *, arch: str, python: str, config: Path | None) -> Bundle:
    """Write the zip of a function.

    ``target``: a name in FUNCTIONS. ``arch``: "arm64" or "x86_64". ``python``: such as "3.13".
    ``config``: settings to put beside; files of the deployment folder are taken from where they
    are. Raises SettingError.
    """
    place = FUNCTIONS[target]
    beside = _beside(place, config)
    with tempfile.TemporaryDirectory(prefix="safelight-bundle-") as scratch:
        site = Path(scratch) / "site"
        wheels = Path(scratch) / "wheels"
        wheels.mkdir()
        install(requirements(place.extra), site, arch=arch, python=python, scratch=wheels)
        with zipfile.ZipFile(own_wheel(Path(scratch))) as own:
            own.extractall(site)
        prune(site)
        libraries = check_machines(site, arch)
        compiled = compile_ahead(site, place.root, python)
        return pack(site, output, place.inside, beside, libraries=libraries, compiled=compiled)


def _beside(place: Function, config: Path | None) -> dict[str, bytes]:
    beside = {} if config is None else {CONFIG: config}
    folder = Path() if config is None else config.parent
    beside |= {name: folder / name for name in place.files}
    try:
        return {name: path.read_bytes() for name, path in beside.items()}
    except OSError as error:
        raise SettingError(
            f"{error.filename} cannot be read: {error.strerror} (safelight init writes one)"
        ) from error


def prune(site: Path) -> None:
    """Remove what is not needed at run time. Licences stay."""
    for path in sorted(site.rglob("*"), reverse=True):
        inside = path.relative_to(site)
        if _is_left_out(inside, path.is_dir()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_left_out(path: Path, folder: bool) -> bool:
    if path.as_posix() in _LEFT_OUT:
        return True
    if folder:
        return path.name in _LEFT_OUT_FOLDERS
    if path.parts[0].endswith(".dist-info"):
        return len(path.parts) == 2 and path.name in _LEFT_OUT_OF_INFO
    return f"/{path.as_posix()}".endswith(_LEFT_OUT_ENDS)


def compile_ahead(site: Path, root: str, python: str) -> bool:
    """Compile the modules, if that Python is here: a function cannot keep what it compiles.

    Tracebacks name files below ``root``. Tell whether it was done.
    """
    interpreter = _interpreter(python)
    if interpreter is None:
        return False
    # Files in a zip have no times to compare: what is beside a module belongs to it.
    command = [
        interpreter, "-I", "-m", "compileall", "-q", "-j", "1",
        "--invalidation-mode", "unchecked-hash", "-s", str(site), "-p", root, str(site),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a Python that was asked for
    return True


def _interpreter(python: str) -> str | None:
    """Find a Python of that version. A name on PATH may be one that only says it is missing."""
    if python == "{}.{}".format(*sys.version_info):
        return sys.executable
    found = shutil.which(f"python{python}")
    if found is None:
        return None
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
    return found if told.stdout.startswith(f"Python {python}.") else None


def pack(
    site: Path,
    output: Path,
    inside: str,
    beside: dict[str, bytes],
    *,
    libraries: int,
    compiled: bool,
) -> Bundle:
    """Zip a folder, and refuse what is too large to start quickly. Raises SettingError."""
    unpacked = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    unpacked += sum(map(len, beside.values()))
    if unpacked > MOST_UNPACKED:
        raise SettingError(f"{unpacked / 1e6:.1f} MB unpacked are more than a function should load")

    def files() -> Iterator[tuple[str, bytes]]:
        for path in site.rglob("*"):
            if path.is_file():
                yield (
                    "/".join(filter(None, (inside, path.relative_to(site).as_posix()))),
                    (path.read_bytes()),
                )
        yield from beside.items()

    # Whole or not at all: what deploys it may look at any time.
    part = output.with_name(f".{output.name}.part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            zip_files(part, files())
            packed = part.stat().st_size
            if packed > MOST_PACKED:
                raise SettingError(f"{packed / 1e6:.1f} MB are more than a function should load")
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise SettingError(f"{output} cannot be written: {error.strerror}") from error
    return Bundle(output, packed, unpacked, libraries, compiled)
