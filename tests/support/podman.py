"""Images and containers by podman, in a store of their own: no registry is asked for a base.

What a Dockerfile names as its base is put together here: the programs of this machine that its
steps need, with their libraries, and a Python where the official image has it.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PROGRAMS = ("sh", "bash", "env", "install", "ls", "sleep")
# Wheels expect them of any Debian.
_LIBRARIES = (
    "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1",
    "libstdc++.so.6", "libutil.so.1",
)  # fmt: skip
_NOT_NEEDED = ("test", "site-packages", "__pycache__", "config-*", "idlelib", "tkinter")
_PATH = "/usr/local/bin:/usr/bin"
# What pip asks by on this machine.
_MOUNTED = ("/etc/ssl/certs", "/etc/pip.conf")


class Podman:
    """What podman does with a store of images in a folder."""

    def __init__(self, folder: Path) -> None:
        # The folder of a test is longer than the 50 characters that podman takes for this one.
        self._run = tempfile.mkdtemp(prefix="podman-")
        self._command = [
            "podman", "--root", str(folder / "store"), "--runroot", self._run,
            "--storage-driver", "overlay", "--cgroup-manager", "cgroupfs",
        ]  # fmt: skip
        if shutil.which("runc"):
            self._command += ["--runtime", "runc"]

    def __call__(self, *arguments: str, seconds: float = 30) -> str:
        """Run podman, and return what it said; a failure is one of the test."""
        ran = subprocess.run(
            [*self._command, *arguments], capture_output=True, text=True, timeout=seconds,
            check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def logs(self, name: str) -> str:
        """Give what a container has said."""
        ran = subprocess.run(
            [*self._command, "logs", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=30, check=False,
        )  # fmt: skip
        return ran.stdout

    def base(self, dockerfile: Path, python: Path, scratch: Path) -> str:
        """Make the image that a Dockerfile begins with, and name it; ``python`` is to be in it."""
        (name,) = set(re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE))
        _root(scratch / "root", python)
        archive = scratch / "root.tar"
        subprocess.run(["tar", "-C", scratch / "root", "-cf", archive, "."], check=True)
        name = f"docker.io/library/{name}"
        self("import", "--change", f"ENV PATH={_PATH}", str(archive), name, seconds=90)
        return name

    def build(self, folder: Path, name: str) -> None:
        """Build the image of a folder."""
        mounted = [f"--volume={path}:{path}:ro" for path in _MOUNTED if Path(path).exists()]
        said = [f"--env={name}" for name in os.environ if name in ("PIP_CERT", "PIP_INDEX_URL")]
        self(
            "build", "--isolation", "chroot", "--network", "host", "--pull-never", "--layers",
            "--format", "docker", *mounted, *said, "--tag", name, str(folder), seconds=170,
        )  # fmt: skip

    def inspected(self, name: str) -> dict[str, Any]:
        """Tell what podman knows of an image or a container."""
        (found,) = json.loads(self("inspect", name))
        return dict(found)

    @contextmanager
    def running(self, name: str, *arguments: str) -> Iterator[str]:
        """Run a container without a network, and give its name.

        ``arguments``: those of ``podman run``, and the image and its own behind them.
        """
        # Podman would raise them, which not every machine allows.
        bounds = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
        self("run", "--detach", "--name", name, "--network", "none", *bounds, *arguments)
        try:
            yield name
        finally:
            self("rm", "--force", "--time", "0", name)

    def close(self) -> None:
        """Leave nothing mounted."""
        self("rm", "--all", "--force", "--time", "0")
        self("rmi", "--all", "--force", seconds=90)
        shutil.rmtree(self._run, ignore_errors=True)


def _root(root: Path, python: Path) -> None:
    """Put a system into a folder: as little as a shell and a Python need."""
    for name in ("bin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("etc", "proc", "sys", "dev", "tmp", "usr/local/bin", "usr/local/lib"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "ld.so.conf").write_text("/usr/local/lib\n")
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    prefix, version = python.parent.parent, python.name
    shutil.copy2(python, root / "usr/local/bin" / version)
    (root / "usr/local/bin/python").symlink_to(version)
    for library in (prefix / "lib").glob("libpython*"):
        shutil.copy2(library, root / "usr/local/lib")
    modules = root / "usr/local/lib" / version
    shutil.copytree(
        prefix / "lib" / version,
        modules,
        ignore=shutil.ignore_patterns(*_NOT_NEEDED),
        symlinks=True,
    )
    programs = [Path(found).resolve() for found in map(shutil.which, _PROGRAMS) if found]
    for name, program in zip(_PROGRAMS, programs, strict=True):
        shutil.copy2(program, root / "usr" / "bin" / name)
    for library in _libraries([python, *programs, *modules.rglob("*.so")]):
        if not library.is_relative_to(prefix):
            there = root / str(library).lstrip("/").removeprefix("usr/")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(library, there)
    subprocess.run(["ldconfig", "-r", root], check=True)


def _libraries(programs: Sequence[Path]) -> set[Path]:
    """List the libraries that programs load, by the names that they ask for."""
    told = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    found = set(re.findall(r"(?:=> |^\t)(/\S+) \(0x", told, re.MULTILINE))
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for name in _LIBRARIES:
        found.add(re.findall(rf"\t{re.escape(name)} .* => (\S+)", known)[0])
    return {Path(path) for path in found}
