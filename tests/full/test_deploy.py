"""What `safelight init` writes is judged by those who know: linters, validators, osls itself."""

import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from safelight.deploy.targets import TARGETS
from tests.stores.servers import tool
from tests.support.commands import run

pytestmark = [pytest.mark.full, pytest.mark.timeout(180)]

# Nothing of a real account; each of these programs looks for one all the same.
NOBODY = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAM_CLI_TELEMETRY": "0",
    "SLS_TELEMETRY_DISABLED": "1",
    "SLS_NOTIFICATIONS_MODE": "off",
}


def init(target: str, folder: Path, *options: str) -> Path:
    result = run("init", target, str(folder), *options)
    assert result.exit_code == 0, result.stderr
    return folder


def judged(*command: str, folder: Path) -> str:
    """Run a judge, and return what it said; it says no by how it ends."""
    program, *arguments = command
    ran = subprocess.run(
        [tool(program), *arguments], cwd=folder, env=os.environ | NOBODY | {"HOME": str(folder)},
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def with_artifact(folder: Path, *options: str) -> Path:
    """Write the folder of a function, with a zip to deploy, of which only the name counts here."""
    init("aws", folder, *options)
    with zipfile.ZipFile(folder / "safelight.zip", "w") as archive:
        archive.writestr("safelight.toml", "")
    return folder


OPTIONS = [(), ("--name", "pics", "--bucket", "my-cats", "--region", "eu-central-1")]


@pytest.mark.parametrize("options", OPTIONS, ids=["as it is", "with names"])
def test_cloudformation_and_sam_find_no_fault(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = with_artifact(tmp_path / "aws", *options)
    commands = (
        ("cfn-lint", "template.yaml"),
        ("sam", "validate", "--lint", "--template", "template.yaml"),
    )
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda command: judged(*command, folder=folder), commands))


@pytest.fixture(scope="module")
def packaged(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[dict[str, Any]]]]:
    """Begin to package for either front, and with a word misspelt; both cores at it."""

    def package(front: str, wrong: str = "") -> dict[str, Any]:
        folder = with_artifact(tmp_path_factory.mktemp("osls") / "aws")
        file = folder / "serverless.yml"
        if wrong:
            file.write_text(file.read_text().replace("reservedConcurrency", wrong))
        judged("osls", "package", "--param", f"front={front}", folder=folder)
        made = folder / ".serverless" / "cloudformation-template-update-stack.json"
        # That the role is named twice is osls's own.
        judged("cfn-lint", "--ignore-checks", "W3005", "--template", str(made), folder=folder)
        return dict(json.loads(made.read_text())["Resources"])

    with ThreadPoolExecutor(2) as pool:
        yield {
            "website": pool.submit(package, "website"),
            "cloudfront": pool.submit(package, "cloudfront"),
            "misspelt": pool.submit(package, "website", "reservedConcurency"),
        }


@pytest.mark.parametrize("front", ["website", "cloudfront"])
def test_osls_packages_it_with_every_property_known(
    packaged: dict[str, Future[dict[str, Any]]], front: str
) -> None:
    resources = packaged[front].result()
    mapping = resources["ResizeEventSourceMappingSQSEvents"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    function = resources["ResizeLambdaFunction"]["Properties"]
    waits = resources["Events"]["Properties"]["VisibilityTimeout"]
    assert waits >= 6 * function["Timeout"]
    assert function["MemorySize"] >= 1769


CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def test_the_cdn_sorts_viewers_into_three_kinds(
    packaged: dict[str, Future[dict[str, Any]]], tmp_path: Path
) -> None:
    code = packaged["cloudfront"].result()["Sorting"]["Properties"]["FunctionCode"]
    headers = [{"accept": {"value": value}} for value in (CHROME, "image/webp,*/*", "*/*", "")]
    events = json.dumps(
        [*({"request": {"headers": h}} for h in headers), {"request": {"headers": {}}}]
    )
    program = (
        f"{code}; console.log(JSON.stringify({events}.map(e => handler(e).headers.accept.value)))"
    )
    assert json.loads(judged("node", "-e", program, folder=tmp_path)) == [
        "image/avif,image/webp", "image/webp", "*/*", "*/*", "*/*",
    ]  # fmt: skip


def test_osls_refuses_what_is_misspelt(packaged: dict[str, Future[dict[str, Any]]]) -> None:
    with pytest.raises(AssertionError, match="reservedConcurency"):
        packaged["misspelt"].result()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Let checkov look at all targets at once: most of its time is its start."""
    home = tmp_path_factory.mktemp("checkov")
    for target in TARGETS:
        init(target, home / target)
    # In serverless.yml it does not read the reasons for what is skipped; the resources there are
    # those of template.yaml.
    said = judged(
        "checkov", "--directory", ".", "--compact", "--skip-download",
        "--skip-framework", "serverless", "--output", "json", folder=home,
    )  # fmt: skip
    return list(json.loads(said))


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_checkov_finds_nothing_that_is_not_explained(target: str, reports: list[Any]) -> None:
    kinds = set()
    for report in reports:
        assert report["summary"]["failed"] == report["summary"]["parsing_errors"] == 0
        for check in report["results"]["passed_checks"] + report["results"]["skipped_checks"]:
            if check["repo_file_path"].startswith(f"/{target}/"):
                kinds.add(report["check_type"])
                result = check["check_result"]
                assert result["result"] == "PASSED" or result["suppress_comment"]
    assert kinds >= JUDGED[target]


JUDGED: dict[str, set[str]] = {
    "aws": {"cloudformation"},
    "azure": {"bicep"},
    "docker": {"dockerfile"},
    "gcp": {"dockerfile", "terraform"},
    "kubernetes": {"dockerfile", "kubernetes"},
    # It knows no rules for Tencent's resources.
    "tencent": {"dockerfile"},
}


@pytest.mark.parametrize("target", ["docker", "tencent"])
def test_hadolint_has_nothing_to_say_of_a_dockerfile(target: str, tmp_path: Path) -> None:
    assert judged("hadolint", "Dockerfile", folder=init(target, tmp_path / "there")) == ""


def test_every_manifest_fits_the_schema_of_kubernetes(tmp_path: Path) -> None:
    folder = init("kubernetes", tmp_path / "there")
    # Kustomize's and Knative's are not among the schemas: checkov reads the latter.
    plain = [file.name for file in folder.glob("*.yaml") if file.name != "kustomization.yaml"]
    assert len(plain) == 6
    said = judged("kubernetes-validate", "--strict", *plain, folder=folder)
    assert "FAIL" not in said
    named = set(re.findall(r"- (\S+\.yaml)", (folder / "kustomization.yaml").read_text()))
    assert named == set(plain)


def test_kustomize_puts_it_together(tmp_path: Path) -> None:
    folder = init("kubernetes", tmp_path / "there", "--name", "pics")
    made = judged("kustomize", "build", ".", folder=folder)
    assert "image: registry.example.com/pics:" in made
    # Named where it is made and where it is mounted, with the digest of what it holds.
    assert len(set(re.findall(r"name: (pics-settings-\w+)", made))) == 1
    assert made.count("pics-settings-") == 2


HCL = "import hcl2, json, sys; print(json.dumps(hcl2.load(open(sys.argv[1]))))"


@pytest.mark.parametrize("target", ["gcp", "tencent"])
def test_terraform_files_are_read_and_name_what_they_have(target: str, tmp_path: Path) -> None:
    """Terraform itself would ask its registry for the providers."""
    folder = init(target, tmp_path / "there")
    python = Path(tool("checkov")).with_name("python")
    read = subprocess.run(
        [python, "-c", HCL, "main.tf"], cwd=folder, capture_output=True, text=True, check=True
    )
    file = json.loads(read.stdout)
    have = {
        f"{kind}.{name}" for block in file["resource"] for kind in block for name in block[kind]
    }
    have |= {f"var.{name}" for block in file["variable"] for name in block}
    have |= {f"local.{name}" for block in file["locals"] for name in block}
    have |= {
        f"data.{kind}.{name}"
        for block in file.get("data", [])
        for kind in block
        for name in block[kind]
    }
    used = re.findall(
        r"(?<![\w./-])((?:data\.)?(?:google|tencentcloud)_\w+\.\w+|var\.\w+|local\.\w+)",
        (folder / "main.tf").read_text(),
    )
    assert len(used) > 10
    assert sorted(set(used) - have) == []
