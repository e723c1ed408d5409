"""What the Dockerfiles do, in a fresh environment, for machines that let nobody run containers."""

import json
import re
import shlex
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.full.test_deploy import init
from tests.stores.servers import free_port, running, tool
from tests.support.commands import run

pytestmark = [pytest.mark.full, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stages of the image in a folder."""
    folder = tmp_path_factory.mktemp("image")
    app = init("docker", folder / "app")
    assert run("bundle", "wheel", "--output", str(app)).exit_code == 0
    python = Path(tool("ministack")).with_name("python3.13").resolve()
    subprocess.run([python, "-m", "venv", folder / "opt"], check=True, timeout=60)
    stage = " ".join(steps(app)).replace("/tmp/safelight-*.whl", f"{app}/safelight-*.whl")
    stage = stage.replace("/opt/safelight/bin/", f"{folder}/opt/bin/")
    subprocess.run(["bash", "-ec", stage], check=True, timeout=150, capture_output=True)
    for name in ("variants", "photos"):
        (folder / name).mkdir()
    return folder


def steps(app: Path) -> list[str]:
    """Find what the first stage runs to install Safelight."""
    text = (app / "Dockerfile").read_text().replace("\\\n", "")
    return [step for step in re.findall(r"^RUN (.*)$", text, re.MULTILINE) if "pip install" in step]


def environment(dockerfile: Path, folder: Path, **more: str) -> dict[str, str]:
    text = dockerfile.read_text().replace("\\\n", "")
    (given,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    found = dict(word.split("=", 1) for word in shlex.split(given))
    found["PATH"] = f"{folder}/opt/bin:/usr/bin:/bin"
    assert found["MALLOC_ARENA_MAX"] == "2"
    stores = {
        "SAFELIGHT_SOURCE_URL": f"file:{folder}/photos",
        "SAFELIGHT_VARIANTS_URL": f"file:{folder}/variants",
    }
    return found | stores | more


def started(command: str, given: Mapping[str, str], app: Path) -> list[str]:
    """Write the command in the folder of the image, with its variables alone."""
    variables = [f"{name}={value}" for name, value in given.items()]
    return ["env", "-i", f"--chdir={app}", *variables, *shlex.split(command)]


def asked(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_there_is_no_pip_in_it_and_no_root_needed(image: Path) -> None:
    assert not (image / "opt" / "bin" / "pip").exists()
    text = (image / "app" / "Dockerfile").read_text()
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)


def test_the_server_answers_and_its_own_check_finds_it_healthy(
    image: Path, photos: Path, tmp_path: Path
) -> None:
    shutil.copy(photos / "sunset.jpg", image / "photos" / "cat.jpg")
    (image / "photos" / "cat.jpg").chmod(0o644)
    app, port = image / "app", free_port()
    text = (app / "Dockerfile").read_text()
    (command,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    given = environment(app / "Dockerfile", image, SAFELIGHT_SERVER_PORT=str(port))
    serve = started(shlex.join(json.loads(command)), given, app)
    url = f"http://127.0.0.1:{port}"
    with running(serve, tmp_path / "log", f"{url}/readyz"):
        (check,) = re.findall(r"HEALTHCHECK .*\\\n\s+CMD (\[.*\])", text)
        healthy = [part.replace("8000", str(port)) for part in json.loads(check)]
        subprocess.run(started(shlex.join(healthy), given, app), check=True, timeout=20)
        assert asked(f"{url}/thumb/cat.jpg")[0] == 200
        assert asked(f"{url}/w=299/cat.jpg")[0] == 403
    assert list((image / "variants").rglob("*"))


@pytest.mark.parametrize(
    ("target", "command"),
    [("tencent", "./scf_bootstrap"), ("gcp", "python -m safelight.functions.gcp"),
     ("gcp", "python -m safelight.functions.gcp events")],
)  # fmt: skip
def test_the_images_of_functions_answer_at_their_port(
    image: Path, photos: Path, tmp_path: Path, target: str, command: str
) -> None:
    """Elsewhere than at 9000 or 8080, which somebody may have."""
    shutil.copy(photos / "sunset.jpg", image / "photos" / "cat.jpg")
    (image / "photos" / "cat.jpg").chmod(0o644)
    app = init(target, image / target) if not (image / target).exists() else image / target
    port = free_port()
    given = environment(app / "Dockerfile", image, PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    with running(started(command, given, app), tmp_path / "log", f"{url}/healthz"):
        assert asked(f"{url}/thumb/cat.jpg")[0] == 200
