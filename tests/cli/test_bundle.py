"""``safelight bundle``: what goes into a zip, what does not, and what is refused."""

import re
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight import __version__
from safelight.deploy import bundle, wheels
from safelight.deploy.elf import check_machines, machine_of
from safelight.deploy.wheels import own_wheel, requirements
from safelight.errors import SettingError
from tests.support.commands import refused, run


def elf(machine: int, *, big: bool = False) -> bytes:
    order = "big" if big else "little"
    start = b"\x7fELF\x02" + (b"\x02" if big else b"\x01") + bytes(10)
    return start + (3).to_bytes(2, order) + machine.to_bytes(2, order) + bytes(44)  # type: ignore[arg-type]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder as pip leaves one."""
    folder = tmp_path / "site"
    for path, data in {
        "obstore/__init__.py": b"import this_is_never_run\n",
        "obstore/_obstore.pyi": b"",
        "obstore/_obstore.abi3.so": elf(183),
        "obstore/tests/test_it.py": b"",
        "pyvips.libs/libvips.so.42": elf(183),
        "safelight/cli/__init__.py": b"",
        "safelight/service.py": b"VALUE = 1\n",
        "safelight/py.typed": b"",
        "bin/granian": b"#!",
        "obstore-1.dist-info/RECORD": b"",
        "obstore-1.dist-info/METADATA": b"Name: obstore\n",
        "obstore-1.dist-info/licenses/LICENSE": b"MIT",
        "obstore-1.dist-info/sboms/a.json": b"{}",
    }.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_no_function_loads_is_left_out_and_licences_stay(site: Path) -> None:
    bundle.prune(site)
    assert names(site) == [
        "obstore-1.dist-info/METADATA",
        "obstore-1.dist-info/licenses/LICENSE",
        "obstore/__init__.py",
        "obstore/_obstore.abi3.so",
        "pyvips.libs/libvips.so.42",
        "safelight/service.py",
    ]


def test_the_machine_of_a_shared_object_is_read_in_either_byte_order() -> None:
    assert machine_of(elf(183)[:20]) == 183
    assert machine_of(elf(62, big=True)[:20]) == 62
    assert machine_of(b"\x7fELF") is None
    assert machine_of(b"MZ" + bytes(60)) is None


def test_a_library_for_another_processor_is_refused_by_its_name(site: Path) -> None:
    assert check_machines(site, "arm64") == 2
    (site / "obstore" / "_obstore.abi3.so").write_bytes(elf(62))
    with pytest.raises(SettingError, match=r"obstore/_obstore.abi3.so is x86_64, and not for arm"):
        check_machines(site, "arm64")


@pytest.mark.parametrize("name", ["a.so", "liba.so.1", "a.dylib", "a.pyd"])
def test_a_library_of_another_system_is_refused(site: Path, name: str) -> None:
    (site / name).write_bytes(b"MZ" + bytes(60))
    with pytest.raises(SettingError, match=f"{name} is no ELF file, and not for arm64"):
        check_machines(site, "arm64")


def test_a_library_is_known_by_its_content_too(site: Path) -> None:
    (site / "program").write_bytes(elf(243))
    with pytest.raises(SettingError, match="program is machine 243"):
        check_machines(site, "arm64")


def test_a_zip_is_the_same_each_time_and_has_the_settings_beside(
    site: Path, tmp_path: Path
) -> None:
    made = []
    for number in (1, 2):
        output = tmp_path / f"{number}.zip"
        assert bundle.compile_ahead(site, "/var/task", "{}.{}".format(*sys.version_info))
        made.append(
            bundle.pack(site, output, "", {"safelight.toml": b"# 1"}, libraries=2, compiled=True)
        )
    assert Path("1.zip").read_bytes() == Path("2.zip").read_bytes()
    assert made[0].packed == Path("1.zip").stat().st_size
    with zipfile.ZipFile("1.zip") as archive:
        assert archive.read("safelight.toml") == b"# 1"
        entry = archive.getinfo("safelight/service.py")
        assert entry.external_attr >> 16 == 0o100644
        assert archive.namelist() == sorted(archive.namelist())
        (compiled,) = (name for name in archive.namelist() if "/service.cpython" in name)
        # Believed as it is (PEP 552): in a zip there are no times to compare with.
        assert archive.read(compiled)[4:8] == (0b01).to_bytes(4, "little")
    assert names(tmp_path).count(".1.zip.part") == 0


def test_libraries_lie_where_the_platform_looks(site: Path) -> None:
    bundle.pack(site, Path("a.zip"), ".packages", {"host.json": b""}, libraries=2, compiled=False)
    with zipfile.ZipFile("a.zip") as archive:
        assert ".packages/safelight/service.py" in archive.namelist()
        assert "host.json" in archive.namelist()


def test_what_is_too_large_is_refused_and_nothing_is_written(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("MOST_UNPACKED", "MOST_PACKED"):
        with monkeypatch.context() as smaller:
            smaller.setattr(bundle, bound, 10)
            with pytest.raises(SettingError, match="more than a function should load"):
                bundle.pack(site, Path("a.zip"), "", {}, libraries=0, compiled=False)
    assert not list(Path().glob("*.zip*"))


def test_the_bounds_are_what_a_zip_may_just_have(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bundle.pack(site, Path("a.zip"), "", {}, libraries=0, compiled=False)
    for bound, size in (("MOST_UNPACKED", made.unpacked), ("MOST_PACKED", made.packed)):
        monkeypatch.setattr(bundle, bound, size)
        assert bundle.pack(site, Path("a.zip"), "", {}, libraries=0, compiled=False) == made
        with monkeypatch.context() as smaller:
            smaller.setattr(bundle, bound, size - 1)
            with pytest.raises(SettingError, match="more than a function should load"):
                bundle.pack(site, Path("b.zip"), "", {}, libraries=0, compiled=False)


def test_a_zip_is_there_whole_or_not_at_all(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def zip_files(target: Path, files: Iterator[tuple[str, bytes]]) -> None:
        wheels.zip_files(target, files)
        written.append(target.stat().st_ino)
        assert target.parent == Path()
        assert Path("a.zip").read_bytes() == b"of the last time"

    Path("a.zip").write_bytes(b"of the last time")
    monkeypatch.setattr(bundle, "zip_files", zip_files)
    bundle.pack(site, Path("a.zip"), "", {}, libraries=0, compiled=False)
    # The very file that was written beside it, and no copy of that.
    assert written == [Path("a.zip").stat().st_ino]


def test_where_nothing_can_be_written_that_is_told(site: Path) -> None:
    Path("file").write_text("")
    for output in ("file/a.zip", "/proc/a.zip"):
        with pytest.raises(SettingError, match=f"{output} cannot be written"):
            bundle.pack(site, Path(output), "", {}, libraries=0, compiled=False)
    refused(run("bundle", "wheel", "--output", "file"), "cannot be written")


@pytest.mark.parametrize(
    ("options", "output", "arch"),
    [
        (["aws"], "safelight.zip", "arm64"),
        (["aws", "--arch", "x86_64", "--output", "."], "safelight.zip", "x86_64"),
        (["azure", "--output", "a.zip"], "a.zip", "x86_64"),
    ],
)
def test_a_zip_is_for_the_machine_that_the_cloud_has(
    options: list[str], output: str, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(target: str, output: Path, *, arch: str, **_: object) -> bundle.Bundle:
        asked.append((target, str(output), arch))
        return bundle.Bundle(output, 1, 1, 0, True)

    asked: list[tuple[str, str, str]] = []
    # What it makes needs the index: tests/full/test_deploy_bundle.py.
    monkeypatch.setattr(bundle, "build", build)
    assert run("bundle", *options).exit_code == 0
    assert asked == [(options[0], output, arch)]


def test_a_python_that_is_not_here_leaves_modules_as_they_are(site: Path) -> None:
    assert not bundle.compile_ahead(site, "/var/task", "3.99")
    assert not list(site.rglob("*.pyc"))


def test_a_function_needs_neither_the_server_nor_the_command() -> None:
    def needed(extra: str = "") -> set[str]:
        return {re.split("[<>=]", requirement)[0] for requirement in requirements(extra)}

    everywhere = {"h11", "msgspec", "obstore", "pyvips", "pyvips-binary"}
    assert needed() == everywhere
    assert needed("azure") == everywhere | {"azure-functions"}


@pytest.mark.parametrize(("arch", "machine"), [("arm64", "aarch64"), ("x86_64", "x86_64")])
def test_no_wheel_is_taken_that_the_linux_of_functions_is_too_old_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arch: str, machine: str
) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(wheels, "_pip", lambda *arguments: calls.append(arguments))
    scratch = tmp_path / "wheels"
    scratch.mkdir()
    wheels.install(["pyvips>=3"], tmp_path, arch=arch, python="3.13", scratch=scratch)
    built, installed = calls
    assert built[-1] == "pyvips>=3"
    assert "--python-version=3.13" in installed
    tags = [tag.removeprefix("--platform=") for tag in installed if "--platform" in tag]
    # What libvips needs, and no platform of functions has less.
    assert tags[0] == f"manylinux_2_28_{machine}"
    assert tags[-2:] == [f"manylinux_2_17_{machine}", f"manylinux2014_{machine}"]
    assert all(tag.endswith(machine) for tag in tags)
    (scratch / "pyvips-3-cp313-cp313-linux_x86_64.whl").write_bytes(b"")
    with pytest.raises(SettingError, match="built for this machine"):
        wheels.install(["pyvips>=3"], tmp_path, arch=arch, python="3.13", scratch=scratch)


def test_safelight_makes_its_own_wheel_and_pip_takes_it(tmp_path: Path) -> None:
    wheel = Path(run("bundle", "wheel", "--output", "made").stdout.strip())
    assert wheel == Path("made") / f"safelight-{__version__}-py3-none-any.whl"
    again = own_wheel(tmp_path / "again")
    assert wheel.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        assert "safelight/py.typed" in archive.namelist()
        assert "safelight/deploy/templates/common/.dockerignore.tmpl" in archive.namelist()
        assert any("/licenses/LICENSE" in name for name in archive.namelist())
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
         "--target", str(tmp_path / "there"), str(wheel)],
        check=True, timeout=50,
    )  # fmt: skip
    assert (tmp_path / "there" / "safelight" / "service.py").exists()


@pytest.mark.parametrize(("target", "version"), [("aws", "3.11"), ("azure", "3.10")])
def test_a_python_that_libvips_does_not_run_with_there_is_refused(
    target: str, version: str
) -> None:
    refused(run("bundle", target, "--python", version), "would not run", f"on {target}")


@pytest.mark.parametrize("version", ["3", "2.7", "3.x", "latest"])
def test_what_is_no_version_of_python_is_refused(version: str) -> None:
    refused(run("bundle", "aws", "--python", version), "--python", "example: --python 3.13")


def test_what_is_missing_is_told_before_anything_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def install(*_: object, **__: object) -> None:
        pytest.fail("it was fetched")

    monkeypatch.setattr(bundle, "install", install)
    refused(run("bundle", "azure"), "function_app.py cannot be read", "safelight init writes one")
    refused(run("bundle", "aws", "--config", "a.toml"), "a.toml cannot be read")


def test_an_index_that_cannot_be_reached_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    refused(run("bundle", "aws"), "the index of packages cannot be reached")
