"""What the role of `safelight init aws` allows is what the function does, and nothing else.

Its policy, as osls packages it, is enforced by a small S3: what it does not allow is refused, and
what it allows and nobody did is more than is needed.
"""

import contextlib
import fnmatch
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.full.test_deploy import judged, with_artifact
from tests.support.lambdas import Lambda, function
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, SmallS3, Stored, small_s3

pytestmark = [pytest.mark.full, pytest.mark.timeout(180)]

ACCOUNT = "123456789012"
ORIGINALS = f"safelight-{ACCOUNT}"
VARIANTS = f"{ORIGINALS}-resized"
PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Partition": "aws", "AWS::Region": "eu-west-1"}


@dataclass
class Role:
    """What a policy allows of S3: a right for each action on each resource of each statement."""

    rights: set[tuple[str, str]]
    used: set[tuple[str, str]] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def allows(self, action: str, bucket: str, key: str) -> bool:
        resource = f"arn:aws:s3:::{bucket}{f'/{key}' if key else ''}"
        found = [
            (named, pattern)
            for named, pattern in self.rights
            if named == action and fnmatch.fnmatchcase(resource, pattern)
        ]
        self.used.update(found)
        if not found:
            self.refused.append((action, resource))
        return bool(found)


@dataclass
class Cloud:
    """The function of the folder, which has its role."""

    s3: SmallS3
    function: Lambda
    role: Role

    def tell(self, name: str, key: str) -> Any:
        record = {
            "eventSource": "aws:s3",
            "eventName": name,
            "s3": {"bucket": {"name": ORIGINALS}, "object": {"key": key}},
        }
        message = {"messageId": "1", "eventSource": "aws:sqs"}
        body = json.dumps({"Records": [record]})
        return self.function.invoke({"Records": [message | {"body": body}]})

    def upload(self, key: str, data: bytes) -> None:
        self.s3.bucket(ORIGINALS)[key] = Stored(data, {}, time.time())
        assert self.tell("ObjectCreated:Put", key) == {"batchItemFailures": []}

    def remove(self, key: str) -> None:
        del self.s3.bucket(ORIGINALS)[key]
        assert self.tell("ObjectRemoved:Delete", key) == {"batchItemFailures": []}

    def ask(self, path: str) -> int:
        return self.function.ask("url", "GET", path).status


def resolved(value: Any, *, website: bool) -> Any:
    """Work out what CloudFormation would."""
    match value:
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([\w:]+)\}", lambda name: PSEUDO.get(name[1], name[0]), text)
        case {"Fn::If": ["Website", then, other]}:
            return resolved(then if website else other, website=website)
        case dict():
            return {name: resolved(each, website=website) for name, each in value.items()}
        case list():
            return [resolved(each, website=website) for each in value]
        case _:
            return value


def role_of(resources: dict[str, Any]) -> Role:
    ((policy,),) = (resources["Role"]["Properties"]["Policies"],)
    rights = set()
    for statement in policy["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        actions, patterns = (
            value if isinstance(value, list) else [value]
            for value in (statement["Action"], statement["Resource"])
        )
        rights |= {(a, p) for a in actions for p in patterns if a.startswith("s3:")}
    return Role(rights)


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = with_artifact(tmp_path_factory.mktemp("rights") / "aws")
    judged("osls", "package", folder=folder)
    made = folder / ".serverless" / "cloudformation-template-update-stack.json"
    return dict(json.loads(made.read_text())["Resources"]) | {"folder": folder}


@contextlib.contextmanager
def deployed(resources: dict[str, Any], *, website: bool) -> Iterator[Cloud]:
    settled = resolved({k: v for k, v in resources.items() if k != "folder"}, website=website)
    variables = settled["ResizeLambdaFunction"]["Properties"]["Environment"]["Variables"]
    role = role_of(settled)
    with small_s3(region="eu-west-1") as s3:
        s3.bucket(ORIGINALS)
        s3.bucket(VARIANTS)
        s3.allowed = role.allows
        environment = variables | {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": s3.endpoint,
            # Otherwise what was just seen would be believed for a while.
            "SAFELIGHT_SOURCE_REMEMBER_SECONDS": "0",
            "SAFELIGHT_SOURCE_MISSING_SECONDS": "0",
        }
        with function(resources["folder"], environment) as started:
            yield Cloud(s3, started, role)


@pytest.mark.parametrize("website", [True, False], ids=["website", "cloudfront"])
def test_the_role_allows_what_the_function_does_and_nothing_else(
    resources: dict[str, Any], data: Path, website: bool
) -> None:
    photographs = [
        (data / "photos" / f"{name}.jpg").read_bytes() for name in ("photo-1mp", "exif-6")
    ]
    with deployed(resources, website=website) as cloud:
        cloud.upload("uploads/a.jpg", photographs[0])
        asked = [cloud.ask(f"/card/uploads/{name}.jpg") for name in ("a", "a", "missing")]
        assert asked == [302 if website else 200, 200, 404]
        cloud.upload("uploads/a.jpg", photographs[1])
        assert cloud.ask("/thumb/uploads/a.jpg") == (302 if website else 200)
        cloud.upload("uploads/b.jpg", b"no image")
        assert "failed/uploads/b.jpg.json" in cloud.s3.bucket(ORIGINALS)
        cloud.upload("uploads/b.jpg", photographs[0])
        cloud.remove("uploads/a.jpg")
        cloud.remove("uploads/b.jpg")
        assert cloud.s3.bucket(ORIGINALS) == {}
        assert cloud.function.ask("url", "GET", "/readyz").status == 200
        assert cloud.role.refused == []
        assert cloud.role.rights - cloud.role.used == set()
