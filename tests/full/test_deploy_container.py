"""The images themselves: built of their Dockerfiles by podman, and run as their folders say."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.full.test_deploy import init
from tests.stores.servers import tool
from tests.support.commands import run
from tests.support.podman import Podman

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

BASE = "docker.io/library/python:3.13-slim-bookworm"
# Asked from inside, since a container here has no network: at which port what is answered.
ASK = """
import http.client, json, sys
def ask(path):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
    connection.request("GET", path)
    return connection.getresponse().status
print(json.dumps([ask(path) for path in sys.argv[2:]]))
"""
PROXIES = ("--env=http_proxy=http://127.0.0.1:9", "--env=HTTP_PROXY=http://127.0.0.1:9")


def written(target: str, folder: Path) -> Path:
    """Write a folder with its wheel, as somebody does who lets nobody else read what they write."""
    init(target, folder)
    assert run("bundle", "wheel", "--output", str(folder)).exit_code == 0
    for wheel in folder.glob("*.whl"):
        # So that the same steps are those of a cache.
        os.utime(wheel, (0, 0))
    (folder / "safelight.toml").chmod(0o600)
    return folder


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("this system lets nobody mount: what the stages do is in test_deploy_image.py")
    home = tmp_path_factory.mktemp("podman")
    podman = Podman(home)
    folder = written("docker", home / "docker")
    python = Path(tool("ministack")).with_name("python3.13").resolve()
    try:
        assert podman.base(folder / "Dockerfile", python, home) == BASE
        podman.build(folder, "server")
        yield podman
    finally:
        podman.close()


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> str:
    """Give a folder of photographs as an argument."""
    folder = tmp_path_factory.mktemp("photographs")
    folder.chmod(0o755)
    shutil.copy(photos / "sunset.jpg", folder / "cat.jpg")
    (folder / "cat.jpg").chmod(0o644)
    return f"--volume={folder}:/photos:ro"


def asked(podman: Podman, name: str, port: int, *paths: str) -> list[int]:
    """Ask a container once it listens."""
    end = time.monotonic() + 30
    while True:
        try:
            told = podman("exec", name, "python", "-c", ASK, str(port), *paths)
        except AssertionError:
            assert time.monotonic() < end, podman.logs(name)
            time.sleep(0.2)
        else:
            return list(json.loads(told))


def test_the_image_has_what_runs_and_nothing_that_installs(podman: Podman) -> None:
    image = podman.inspected("server")
    assert image["Config"]["User"] == "10001:10001"
    base = podman.inspected(BASE)
    assert image["Size"] - base["Size"] < 100_000_000
    with podman.running("looked-into", "server", "sleep", "60") as name:
        programs = podman("exec", name, "ls", "/opt/safelight/bin").split()
    assert "safelight" in programs
    assert "pip" not in programs


def restrictions(compose: str) -> list[str]:
    """Say to podman what compose.yaml says to Docker."""
    said = dict(re.findall(r"^    (\w+): (.+)$", compose, re.MULTILINE))
    assert said["read_only"] == "true"
    assert said["cap_drop"] == "[ALL]"
    assert said["security_opt"] == '["no-new-privileges:true"]'
    (tmpfs,) = json.loads(said["tmpfs"])
    return [
        "--read-only", "--read-only-tmpfs=false", "--tmpfs", tmpfs, "--cap-drop", "ALL",
        "--security-opt", "no-new-privileges", "--memory", said["mem_limit"],
        "--pids-limit", said["pids_limit"],
    ]  # fmt: skip


def test_it_serves_without_rights_on_a_root_that_cannot_be_written(
    podman: Podman, photographs: str, tmp_path: Path
) -> None:
    bounds = restrictions((init("docker", tmp_path / "docker") / "compose.yaml").read_text())
    with podman.running("served", *PROXIES, *bounds, photographs, "server") as name:
        paths = ("/readyz", "/thumb/cat.jpg", "/thumb/cat.jpg", "/w=299/cat.jpg")
        assert asked(podman, name, 8_000, *paths) == [200, 200, 200, 403]
        # By the image's own check, which no proxy hears of.
        podman("healthcheck", "run", name)
        assert podman("exec", name, "ls", "/variants") == "cat.jpg@\n"
        podman("stop", "--time", "15", name)
        assert podman.inspected(name)["State"]["ExitCode"] == 0


@pytest.mark.parametrize(
    ("port", "command"),
    [(8_080, "python -m safelight.functions.gcp"),
     (8_080, "python -m safelight.functions.gcp events")],
)  # fmt: skip
def test_the_same_image_is_what_cloud_run_starts(
    podman: Podman, photographs: str, port: int, command: str
) -> None:
    with podman.running("cloudrun", photographs, "server", *command.split()) as name:
        assert asked(podman, name, port, "/healthz", "/thumb/cat.jpg") == [200, 200]


def test_the_image_for_tencent_listens_where_scf_asks(
    podman: Podman, photographs: str, tmp_path: Path
) -> None:
    folder = written("tencent", tmp_path / "tencent")
    # As it is in a checkout on Windows.
    (folder / "scf_bootstrap").chmod(0o644)
    podman.build(folder, "tencent")
    stores = ("--env=SAFELIGHT_SOURCE_URL=file:/photos", "--env=SAFELIGHT_VARIANTS_URL=memory:")
    with podman.running("scf", "--read-only", *stores, photographs, "tencent") as name:
        assert asked(podman, name, 9_000, "/healthz", "/thumb/cat.jpg") == [200, 200]
