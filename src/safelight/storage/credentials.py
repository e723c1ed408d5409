"""Credentials from where each platform keeps them, beyond what obstore looks for by itself.

obstore reads the variables of each cloud and asks the machine it runs on. Not its own are the files
of AWS's command line, the connection string of Azure, and Tencent's variables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from safelight.errors import SettingError

# What somebody sets who has no other credentials.
VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "cos": "TENCENTCLOUD_SECRETID and TENCENTCLOUD_SECRETKEY",
}
# Where obstore finds credentials of AWS before any file.
_AWS_ELSEWHERE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_AWS_KEYS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
}
_AZURE_PARTS = {
    "accountname": "account_name",
    "accountkey": "account_key",
    "sharedaccesssignature": "sas_key",
    "blobendpoint": "endpoint",
}
# A function's variables change when its credentials are renewed.
_TENCENT_AGAIN = timedelta(minutes=5)


def of_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Read the profile of AWS's command line, unless the environment has other credentials.

    Format: AWS SDKs and Tools Reference Guide, shared config and credentials files. Raises
    SettingError.
    """
    profile = environment.get("AWS_PROFILE", "default")
    home = Path(environment.get("HOME", "~")).expanduser() / ".aws"
    paths = [
        Path(environment.get(variable) or home / name)
        for variable, name in (
            ("AWS_CONFIG_FILE", "config"),
            ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        )
    ]
    # A function has none: it need not load what reads them.
    found = _profile(profile, paths) if any(map(os.path.isfile, paths)) else {}
    settings: dict[str, str] = {}
    if not any(environment.get(variable) for variable in _AWS_ELSEWHERE):
        settings = {name: found[theirs] for theirs, name in _AWS_KEYS.items() if theirs in found}
    if "region" in found and not environment.keys() & {"AWS_REGION", "AWS_DEFAULT_REGION"}:
        settings["region"] = found["region"]
    return settings


def _profile(name: str, paths: Iterable[Path]) -> dict[str, str]:
    import configparser

    files = configparser.RawConfigParser()
    for path in paths:
        try:
            files.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            # Their text would show the line, and the line may be the secret.
            raise SettingError(f"{path} is not in the form of AWS's command line") from None
    found: dict[str, str] = {}
    for section in (f"profile {name}", name):
        if files.has_section(section):
            found |= files[section]
    return found


def of_azure(environment: Mapping[str, str]) -> dict[str, str]:
    """Read the connection string of a storage account, and the variables of Azure's command line.

    Format: Azure Storage documentation, "Configure Azure Storage connection strings". Raises
    SettingError.
    """
    settings: dict[str, str] = {}
    for variable, name in (
        ("AZURE_STORAGE_ACCOUNT", "account_name"),
        ("AZURE_STORAGE_KEY", "account_key"),
    ):
        if environment.get(variable):
            settings[name] = environment[variable]
    for part in environment.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals:
            raise SettingError("AZURE_STORAGE_CONNECTION_STRING is not Name=value;Name=value")
        if name.strip().lower() in _AZURE_PARTS:
            settings[_AZURE_PARTS[name.strip().lower()]] = value.strip()
    return settings


def of_tencent(environment: Mapping[str, str]) -> Callable[[], Any]:
    """Make what gives the credentials of Tencent Cloud whenever they are needed.

    Functions have ``TENCENTCLOUD_SECRETID``, the SDKs read ``TENCENTCLOUD_SECRET_ID``. Raises
    SettingError when there are none.
    """

    def variable(name: str, sdks: str) -> str:
        return environment.get(f"TENCENTCLOUD_{name}") or environment.get(
            f"TENCENTCLOUD_{sdks}", ""
        )

    def credentials() -> dict[str, object]:
        return {
            "access_key_id": variable("SECRETID", "SECRET_ID"),
            "secret_access_key": variable("SECRETKEY", "SECRET_KEY"),
            "token": variable("SESSIONTOKEN", "TOKEN") or None,
            "expires_at": datetime.now(UTC) + _TENCENT_AGAIN,
        }

    known = credentials()
    if not known["access_key_id"] or not known["secret_access_key"]:
        raise SettingError(f"cos:// needs credentials: set {VARIABLES['cos']}")
    return credentials
