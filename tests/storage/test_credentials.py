"""Credentials from the places of each platform."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from safelight.errors import SettingError
from safelight.storage.credentials import of_aws, of_azure, of_tencent

CREDENTIALS = """
[default]
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key = se%cret/1

[work]
aws_access_key_id = AKIDWORK
aws_secret_access_key = secret2
aws_session_token = token2
"""
CONFIG = """
[default]
region = eu-west-1
output = json

[profile work]
region = eu-central-1
"""


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Give the environment of somebody who uses AWS's command line."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(CREDENTIALS)
    (tmp_path / ".aws" / "config").write_text(CONFIG)
    return {"HOME": str(tmp_path)}


def test_the_profile_of_the_command_line_is_taken(home: dict[str, str]) -> None:
    assert of_aws(home) == {
        "access_key_id": "AKIDDEFAULT",
        "secret_access_key": "se%cret/1",
        "region": "eu-west-1",
    }
    assert of_aws({**home, "AWS_PROFILE": "work", "AWS_REGION": "us-east-2"}) == {
        "access_key_id": "AKIDWORK",
        "secret_access_key": "secret2",
        "session_token": "token2",
    }


def test_files_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(CREDENTIALS)
    environment = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "keys"), "HOME": "/nowhere"}
    assert of_aws(environment)["access_key_id"] == "AKIDDEFAULT"


@pytest.mark.parametrize(
    "variable",
    ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"],
)
def test_credentials_of_the_environment_come_before_files(
    home: dict[str, str], variable: str
) -> None:
    assert of_aws({**home, variable: "x"}) == {"region": "eu-west-1"}


def test_without_files_there_is_nothing(tmp_path: Path) -> None:
    assert of_aws({"HOME": str(tmp_path)}) == {}
    assert of_aws({"HOME": str(tmp_path), "AWS_PROFILE": "work"}) == {}


@pytest.mark.parametrize("damage", [b"secret\n", b"[default\nsecret = 1", b"[a]\n\xff\xfesecret"])
def test_a_damaged_file_is_named_and_not_shown(home: dict[str, str], damage: bytes) -> None:
    path = Path(home["HOME"]) / ".aws" / "credentials"
    path.write_bytes(damage)
    with pytest.raises(SettingError, match="is not in the form") as caught:
        of_aws(home)
    assert str(path) in caught.value.detail
    assert "secret" not in caught.value.detail


def test_a_connection_string_says_account_key_and_endpoint() -> None:
    text = (
        "DefaultEndpointsProtocol=https;AccountName=example;AccountKey=a2V5PT0=;"
        "BlobEndpoint=https://example.blob.core.windows.net/;EndpointSuffix=core.windows.net;"
    )
    assert of_azure({"AZURE_STORAGE_CONNECTION_STRING": text}) == {
        "account_name": "example",
        "account_key": "a2V5PT0=",
        "endpoint": "https://example.blob.core.windows.net/",
    }
    shared = "BlobEndpoint=https://a.example;SharedAccessSignature=sv=2021&sig=a%3D"
    assert of_azure({"AZURE_STORAGE_CONNECTION_STRING": shared}) == {
        "endpoint": "https://a.example",
        "sas_key": "sv=2021&sig=a%3D",
    }


def test_the_variables_of_azures_command_line_are_taken() -> None:
    environment = {"AZURE_STORAGE_ACCOUNT": "example", "AZURE_STORAGE_KEY": "a2V5"}
    assert of_azure(environment) == {"account_name": "example", "account_key": "a2V5"}
    assert of_azure({}) == {}


def test_a_connection_string_that_is_none_is_not_shown() -> None:
    with pytest.raises(SettingError, match="is not Name=value") as caught:
        of_azure({"AZURE_STORAGE_CONNECTION_STRING": "secret"})
    assert "secret" not in caught.value.detail.replace("SECRET", "")


def test_tencents_credentials_are_read_again_when_they_are_needed() -> None:
    environment = {"TENCENTCLOUD_SECRETID": "1", "TENCENTCLOUD_SECRETKEY": "2"}
    credentials = of_tencent(environment)
    assert {"token": None, "access_key_id": "1", "secret_access_key": "2"}.items() <= (
        credentials().items()
    )
    environment |= {"TENCENTCLOUD_SECRETID": "3", "TENCENTCLOUD_SESSIONTOKEN": "4"}
    again = credentials()
    assert (again["access_key_id"], again["token"]) == ("3", "4")
    assert 0 < (again["expires_at"] - datetime.now(UTC)).total_seconds() <= 300


def test_the_names_of_tencents_sdks_are_known() -> None:
    environment = {"TENCENTCLOUD_SECRET_ID": "1", "TENCENTCLOUD_SECRET_KEY": "2"}
    assert of_tencent(environment)()["access_key_id"] == "1"


@pytest.mark.parametrize("environment", [{}, {"TENCENTCLOUD_SECRETID": "secret"}])
def test_without_credentials_of_tencent_their_variables_are_named(
    environment: dict[str, str],
) -> None:
    with pytest.raises(SettingError, match="set TENCENTCLOUD_SECRETID and TENCENTCLOUD_SECRETKEY"):
        of_tencent(environment)
