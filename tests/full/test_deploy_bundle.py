"""`safelight bundle`, with the wheels of the index: all that a function needs, and little else."""

import json
import subprocess
import zipfile
from concurrent.futures import Future
from pathlib import Path

import pytest

from safelight.deploy.elf import machine_of
from safelight.deploy.targets import FUNCTIONS, MACHINES
from tests.support.bundles import HERE, THERE, Made, python

pytestmark = [pytest.mark.full, pytest.mark.timeout(180)]

# Nothing but the zip and the standard library: neither user nor site packages.
ALONE = ("-I", "-S", "-B")
REQUEST = {
    "version": "2.0",
    "rawPath": "/thumb/sunset.jpg",
    "rawQueryString": "",
    "headers": {"host": "abc.lambda-url.eu-west-1.on.aws", "accept": "image/webp"},
    "requestContext": {"http": {"method": "GET", "path": "/thumb/sunset.jpg"}},
    "isBase64Encoded": False,
}
PROGRAM = """
import json, sys
sys.path[:0] = [sys.argv[1]]
from safelight.functions.aws import handler
class Context:
    aws_request_id = "a-call"
    get_remaining_time_in_millis = staticmethod(lambda: 30_000)
answer = handler(json.loads(sys.argv[2]), Context())
foreign = [m.__file__ for m in list(sys.modules.values())
           if (getattr(m, "__file__", None) or "").startswith(sys.argv[1])]
print(json.dumps([answer, sorted(sys.modules), foreign]))
"""


@pytest.mark.parametrize(("name", "arch"), [("here", HERE), ("there", THERE)])
def test_each_shared_object_is_for_the_processor_and_all_of_it_is_small(
    zips: dict[str, Future[Made]], name: str, arch: str
) -> None:
    made = zips[name].result()
    assert f"5 shared objects, each for {arch}" in made.said
    assert "not compiled" not in made.said
    with zipfile.ZipFile(made.path) as archive:
        libraries = [name for name in archive.namelist() if ".so" in name]
        assert {machine_of(archive.read(name)[:20]) for name in libraries} == {MACHINES[arch]}
        assert sum(entry.file_size for entry in archive.infolist()) <= 60_000_000
        assert archive.read("safelight.toml") == (made.path.parent / "safelight.toml").read_bytes()
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert made.path.stat().st_size <= 25_000_000
    assert not tops & {"granian", "click", "rich", "cffi", "pycparser", "bin"}


def test_the_zip_answers_by_itself_and_is_the_same_each_time(
    zips: dict[str, Future[Made]], tmp_path: Path, photos: Path
) -> None:
    made = zips["here"].result().path
    assert made.read_bytes() == zips["again"].result().path.read_bytes()
    there = tmp_path / "task"
    with zipfile.ZipFile(made) as archive:
        archive.extractall(there)
    environment = {
        "LAMBDA_TASK_ROOT": str(there),
        "SAFELIGHT_SOURCE_URL": f"file:{photos}",
        "SAFELIGHT_VARIANTS_URL": "memory:",
    }
    ran = subprocess.run(
        [python(), *ALONE, "-c", PROGRAM, str(there), json.dumps(REQUEST)], cwd=tmp_path,
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    answer, modules, foreign = json.loads(ran.stdout)
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "image/webp"
    assert len(foreign) > 50
    heavy = {"asyncio", "click", "granian", "safelight.cli", "safelight.http", "cffi"}
    assert not heavy & set(modules)


def test_azure_finds_the_libraries_and_the_app_in_its_zip(
    zips: dict[str, Future[Made]], tmp_path: Path
) -> None:
    made = zips["azure"].result().path
    there = tmp_path / "wwwroot"
    with zipfile.ZipFile(made) as archive:
        archive.extractall(there)
    assert json.loads((there / "host.json").read_text())["version"] == "2.0"
    program = """
import json, sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/" + sys.argv[2]]
import function_app
print(json.dumps(sorted(f.get_function_name() for f in function_app.app.get_functions())))
"""
    ran = subprocess.run(
        [python(), *ALONE, "-c", program, str(there), FUNCTIONS["azure"].inside], cwd=there,
        env={"SAFELIGHT_SOURCE_URL": "az://photos?account=example"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    # What events.bicep names.
    events = (made.parent / "events.bicep").read_text()
    assert "Host.Functions.uploaded" in events
    assert "/functions/changed" in events
    assert {"uploaded", "changed", "given_up", "resize", "serve"} <= set(told)
