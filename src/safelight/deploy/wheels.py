"""Wheels for another machine: Safelight's own, and those of what it needs."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from safelight.errors import SettingError

# What only the server and the command need, by the names of their projects. The rest of
# `dependencies` in pyproject.toml is what a function needs.
SERVER_ONLY = frozenset({"granian", "click", "rich"})
# Projects without a wheel on the index: one is built here, which is for any machine.
_WITHOUT_WHEELS = ("pyvips",)
# What glibc the wheels may want: that of the functions' own Linux, and all before it.
_NEWEST_GLIBC = 28
_OLDEST_GLIBC = 17
_PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
# Zips know no time before it, and one that is always the same makes equal zips of equal files.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_TAG = "py3-none-any"


def requirements(extra: str = "") -> list[str]:
    """List what a function needs besides Safelight itself, as pip takes it.

    ``extra``: one of pyproject.toml's, whose requirements are added.
    """
    needed = []
    for requirement in distribution("safelight").requires or ():
        wanted, _, marker = requirement.partition(";")
        named = re.search(r"extra == ['\"]([a-z]+)['\"]", marker)
        ours = named is None or named[1] == extra
        if ours and _project(wanted) not in SERVER_ONLY:
            needed.append(wanted.strip())
    return needed


def _project(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return found[0].lower().replace("_", "-")


def zip_files(target: Path, files: Iterator[tuple[str, bytes]]) -> None:
    """Write a zip that is the same whenever its files are."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, compresslevel=9)


def own_wheel(folder: Path) -> Path:
    """Write the wheel of the Safelight that runs, from its files, and name it.

    Raises SettingError when it cannot be written.
    """
    dist = distribution("safelight")
    name = f"safelight-{dist.version}"
    files = dict(_own_files(dist, f"{name}.dist-info"))
    record = f"{name}.dist-info/RECORD"
    files[record] = "".join(
        [
            *(f"{path},{_digest(data)},{len(data)}\n" for path, data in files.items()),
            f"{record},,\n",
        ]
    ).encode()
    wheel = folder / f"{name}-{_TAG}.whl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        zip_files(wheel, iter(files.items()))
    except OSError as error:
        raise SettingError(f"{wheel} cannot be written: {error.strerror}") from error
    return wheel


def _own_files(dist: Distribution, info: str) -> Iterator[tuple[str, bytes]]:
    package = Path(__file__).parent.parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"safelight/{path.relative_to(package).as_posix()}", path.read_bytes()
    for name in ("METADATA", "entry_points.txt"):
        yield f"{info}/{name}", (dist.read_text(name) or "").encode()
    for file in sorted(dist.files or ()):
        if file.parts[0].endswith(".dist-info") and file.parts[1] == "licenses":
            yield "/".join([info, *file.parts[1:]]), Path(str(file.locate())).read_bytes()
    made = f"Wheel-Version: 1.0\nGenerator: {info}\nRoot-Is-Purelib: true\nTag: {_TAG}\n"
    yield f"{info}/WHEEL", made.encode()


def _digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"


def install(wanted: list[str], folder: Path, *, arch: str, python: str, scratch: Path) -> None:
    """Unpack the wheels of ``wanted`` and of what they need, for another machine, in a folder.

    ``arch``: "arm64" or "x86_64". ``python``: such as "3.13". ``scratch``: an empty folder. Raises
    SettingError with what pip said.
    """
    for project in _WITHOUT_WHEELS:
        built = [requirement for requirement in wanted if _project(requirement) == project]
        _pip("wheel", "--no-deps", "--wheel-dir", str(scratch), *built)
    of_here = [wheel.name for wheel in scratch.iterdir() if not wheel.name.endswith("-any.whl")]
    if of_here:
        raise SettingError(
            f"{of_here[0]} was built for this machine, because it has libvips's headers: bundle "
            "where they are not installed"
        )
    machine = _PLATFORMS[arch]
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(_NEWEST_GLIBC, _OLDEST_GLIBC, -1)]
    tags += [f"manylinux_2_17_{machine}", f"manylinux2014_{machine}"]
    _pip(
        "install", "--target", str(folder), "--find-links", str(scratch), "--no-compile",
        *(f"--platform={tag}" for tag in tags),
        f"--python-version={python}", "--implementation=cp", "--only-binary=:all:", *wanted,
    )  # fmt: skip


def _pip(verb: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", verb, "--quiet", "--disable-pip-version-check"]
    ran = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - pip of this Python
    if ran.returncode:
        said = [line for line in ran.stderr.splitlines() if line.strip()] or ["it said nothing"]
        reason = said[-1].removeprefix("ERROR: ")
        # Its last line says that nothing was found, as if it could have looked for it.
        if "connection broken by" in ran.stderr:
            reason = "the index of packages cannot be reached"
        raise SettingError(f"pip {verb} failed: {reason}")
