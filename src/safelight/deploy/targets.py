"""Where Safelight can be brought, and what is written for each place: the tables."""

from __future__ import annotations

from dataclasses import dataclass

CONFIG = "safelight.toml"

# Architecture -> the machine in the header of its ELF files (e_machine).
MACHINES = {"arm64": 183, "x86_64": 62}


@dataclass(frozen=True, slots=True)
class Function:
    """What the zip of a function is.

    ``root`` is where its Python finds the libraries there; ``arch`` the machine that it has, or
    the cheaper one of two.
    """

    root: str
    arch: str
    # The first Python there whose glibc the wheel of libvips runs with.
    oldest_python: int
    # Where they lie in the zip.
    inside: str = ""
    # The extra with what this platform needs besides.
    extra: str = ""
    # Files of the deployment folder that belong into the zip.
    files: tuple[str, ...] = ()


_PACKAGES = ".python_packages/lib/site-packages"
FUNCTIONS = {
    "aws": Function("/var/task", "arm64", 12),
    "azure": Function(
        f"/home/site/wwwroot/{_PACKAGES}",
        "x86_64",
        11,
        _PACKAGES,
        "azure",
        ("function_app.py", "host.json"),
    ),
}


@dataclass(frozen=True, slots=True)
class Target:
    """What ``safelight init`` writes for a place, and what is to be done then.

    ``region`` and ``bucket`` are what they are when they are not said; empty where there is no
    such thing. ``longest`` is the longest name made of a bucket's, ``most`` how many characters it
    may have. ``steps`` are the commands that follow.
    """

    files: tuple[str, ...]
    steps: tuple[str, ...]
    region: str = ""
    bucket: str = ""
    longest: str = "<<bucket>>-resized"
    most: int = 63


TARGETS = {
    "aws": Target(
        ("serverless.yml", "template.yaml"),
        (
            "safelight bundle aws",
            "npx osls@4.3.1 deploy    # or: sam deploy --guided --region <<region>>",
        ),
        region="eu-west-1",
        bucket="<<name>>-${AWS::AccountId}",
    ),
    "azure": Target(
        (
            "function_app.py", "function_app_bindings.py", "host.json", "local.settings.json",
            "requirements.txt", ".funcignore", "main.bicep", "events.bicep",
        ),
        (
            "az group create --name <<name>> --location <<region>>",
            "az deployment group create --resource-group <<name>> --template-file main.bicep",
            "safelight bundle azure --arch x86_64",
            "az functionapp deployment source config-zip --resource-group <<name>>"
            " --src safelight.zip --name APP    # the first deployment told it",
            "az deployment group create --resource-group <<name>> --template-file events.bicep",
        ),
        region="westeurope",
    ),
    "tencent": Target(
        ("Dockerfile", "scf_bootstrap", ".dockerignore", "main.tf"),
        (
            "safelight bundle wheel --output .",
            "docker build --platform linux/amd64"
            " --tag ccr.ccs.tencentyun.com/NAMESPACE/<<name>>:<<version>> .",
            "docker push ccr.ccs.tencentyun.com/NAMESPACE/<<name>>:<<version>>",
            "terraform init",
            "terraform apply    # asks for the account and the image",
        ),
        region="ap-guangzhou",
        bucket="<<name>>",
        # https://www.tencentcloud.com/document/product/436/13312
        longest="<<bucket>>-made-1250000000.cos.<<region>>.myqcloud.com",
        most=60,
    ),
    "gcp": Target(
        ("Dockerfile", ".dockerignore", "main.tf"),
        (
            "safelight bundle wheel --output .",
            "gcloud services enable cloudresourcemanager.googleapis.com    # which Terraform asks",
            "terraform init",
            "terraform apply -target google_artifact_registry_repository.images"
            "    # where the image goes",
            "docker build --platform linux/amd64"
            " --tag <<region>>-docker.pkg.dev/PROJECT/<<name>>/<<name>>:<<version>> .",
            "docker push <<region>>-docker.pkg.dev/PROJECT/<<name>>/<<name>>:<<version>>",
            "terraform apply",
        ),
        region="europe-west1",
        bucket="<<name>>-photos",
        longest="PROJECT-<<bucket>>-resized",
    ),
    "docker": Target(
        ("Dockerfile", "compose.yaml", ".dockerignore", "photos/README"),
        ("safelight bundle wheel --output .", "docker compose up --build"),
    ),
    "kubernetes": Target(
        (
            "Dockerfile", ".dockerignore", "kustomization.yaml", "deployment.yaml", "service.yaml",
            "ingress.yaml", "hpa.yaml", "pdb.yaml", "networkpolicy.yaml", "knative/service.yaml",
        ),
        (
            "safelight bundle wheel --output .",
            "docker build --tag registry.example.com/<<name>>:<<version>> .",
            "docker push registry.example.com/<<name>>:<<version>>",
            "kubectl create namespace <<name>>",
            "kubectl apply -k .",
        ),
        region="eu-west-1",
        bucket="<<name>>-photos",
    ),
}  # fmt: skip
