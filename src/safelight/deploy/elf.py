"""Read from the header of an ELF file for which processor it was built."""

from __future__ import annotations

from pathlib import Path

from safelight.deploy.targets import MACHINES
from safelight.errors import SettingError

_ENDS = (".so", ".dylib", ".pyd", ".dll")
_HEADER = 20


def machine_of(header: bytes) -> int | None:
    """Read the machine of an ELF file from its first 20 bytes; None for any other file."""
    if len(header) < _HEADER or not header.startswith(b"\x7fELF"):
        return None
    order = "big" if header[5] == 2 else "little"
    return int.from_bytes(header[18:20], order)  # type: ignore[arg-type]


def check_machines(folder: Path, arch: str) -> int:
    """Refuse a folder with a shared object for another processor; return how many there are.

    ``arch``: "arm64" or "x86_64". Raises SettingError with the file's name.
    """
    names = {machine: name for name, machine in MACHINES.items()}
    count = 0
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        with path.open("rb") as file:
            machine = machine_of(file.read(_HEADER))
        # libvips.so.42 counts too.
        library = machine is not None or any(
            path.name.endswith(end) or f"{end}." in path.name for end in _ENDS
        )
        if not library:
            continue
        if machine != MACHINES[arch]:
            found = "no ELF file" if machine is None else names.get(machine, f"machine {machine}")
            raise SettingError(
                f"{path.relative_to(folder)} is {found}, and not for {arch}: there it would not "
                "load"
            )
        count += 1
    return count
