"""From the address of a store to a client of obstore's that speaks to it."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store

from safelight.errors import SettingError
from safelight.storage.addresses import Address, in_host
from safelight.storage.credentials import VARIABLES, of_aws, of_azure, of_tencent

# Parts of the time that a call may take. Tries begin in the first RETRY of it, and none lasts
# longer than TRY, so that all of them together end in time. A connection that says nothing for
# SILENCE has stalled: it ends early enough for another try.
_CONNECT, _SILENCE, _RETRY, _TRY = 0.15, 0.25, 0.3, 0.65
_BACKOFF = 0.02
_RETRIES = 3
# https://cloud.tencent.com/document/product/436/7749: with it a PUT of what is there is a conflict.
_COS_CREATE = {"x-cos-forbid-overwrite": "true"}


class Client(msgspec.Struct, frozen=True, weakref=True, eq=False):
    """A client of obstore's, and how it creates: ``creating`` has its plain puts refuse to replace.

    Where there is no ``creating``, a put of the mode "create" does so.
    """

    store: Any
    creating: Any = None


# A client has connections of its own, and reads all certificates that are trusted: some ms.
_SHARED: WeakValueDictionary[object, Client] = WeakValueDictionary()
_LOCK = threading.Lock()


def connect(
    address: Address, *, seconds: float, environment: Mapping[str, str] = os.environ
) -> Client:
    """Give a client whose every call, with all its tries, ends within ``seconds``.

    A new one speaks to nobody yet. Who asks for the same meanwhile gets the same. Raises
    SettingError.
    """
    if address.kind == "memory":
        return Client(MemoryStore())
    same = (
        address.kind,
        address.name,
        frozenset(address.options.items()),
        seconds,
        frozenset(environment.items()),
    )
    with _LOCK:
        client = _SHARED.get(same) or _connected(address, seconds, environment)
        _SHARED[same] = client
    return client


def _connected(address: Address, seconds: float, environment: Mapping[str, str]) -> Client:
    try:
        return _KINDS[address.kind](address, timing(seconds), environment)
    except (BaseError, ValueError):
        # Their text may hold what was taken for a key.
        raise SettingError(
            f"{address} cannot be opened, its credentials are incomplete or malformed: "
            f"set {VARIABLES[address.kind]}"
        ) from None


def timing(seconds: float) -> dict[str, Any]:
    """Tell obstore how long to wait and how often to try."""
    return {
        "client_options": {
            "connect_timeout": timedelta(seconds=_CONNECT * seconds),
            "read_timeout": timedelta(seconds=_SILENCE * seconds),
            "timeout": timedelta(seconds=_TRY * seconds),
        },
        "retry_config": {
            "max_retries": _RETRIES,
            "retry_timeout": timedelta(seconds=_RETRY * seconds),
            "backoff": {
                "init_backoff": timedelta(seconds=_BACKOFF * seconds / 4),
                "max_backoff": timedelta(seconds=_BACKOFF * seconds),
                "base": 2,
            },
        },
    }


def _s3(address: Address, times: Mapping[str, Any], environment: Mapping[str, str]) -> Client:
    config = s3_config(address, environment)
    return Client(S3Store(address.name, config=config, **_reaching(config, times)))  # type: ignore[arg-type]


def s3_config(address: Address, environment: Mapping[str, str]) -> dict[str, Any]:
    """Say everything that the environment could say otherwise."""
    anonymous = address.flag("anonymous")
    config: dict[str, Any] = {} if anonymous else of_aws(environment)
    config["skip_signature"] = anonymous
    # Deleting many at once needs a digest that not every compatible server understands.
    config["disable_bulk_delete"] = True
    if "region" in address.options:
        config["region"] = address.options["region"]
    style = address.options.get("style")
    if style:
        config["virtual_hosted_style_request"] = style == "virtual"
    endpoint = address.options.get("endpoint") or _first(
        environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"
    )
    if endpoint:
        # obstore wants the bucket in the host, and would leave it out of the path in silence.
        endpoint = in_host(endpoint, address.name) if style == "virtual" else endpoint
        config["endpoint"] = config["aws_endpoint_url_s3"] = endpoint
    return config


def _cos(address: Address, times: Mapping[str, Any], environment: Mapping[str, str]) -> Client:
    config = cos_config(address)
    if not config["skip_signature"]:
        times = {**times, "credential_provider": of_tencent(environment)}
    reaching = _reaching(config, times)
    creating = {**reaching, "client_options": {**reaching["client_options"]}}
    creating["client_options"]["default_headers"] = _COS_CREATE
    return Client(
        S3Store(address.name, config=config, **reaching),  # type: ignore[arg-type]
        S3Store(address.name, config=config, **creating),  # type: ignore[arg-type]
    )


def cos_config(address: Address) -> dict[str, Any]:
    """Speak S3 to Tencent: virtual-hosted style only, and create-only puts of its own kind."""
    region = address.options["region"]
    endpoint = in_host(
        address.options.get("endpoint", f"https://cos.{region}.myqcloud.com"), address.name
    )
    return {
        "region": region,
        "endpoint": endpoint,
        "aws_endpoint_url_s3": endpoint,
        "virtual_hosted_style_request": True,
        "conditional_put": "disabled",
        "disable_bulk_delete": True,
        "skip_signature": address.flag("anonymous"),
    }


def _az(address: Address, times: Mapping[str, Any], environment: Mapping[str, str]) -> Client:
    config = az_config(address, environment)
    return Client(AzureStore(address.name, config=config, **_reaching(config, times)))  # type: ignore[arg-type]


def az_config(address: Address, environment: Mapping[str, str]) -> dict[str, Any]:
    """Say what the URL and the connection string say; the rest obstore finds."""
    config: dict[str, Any] = of_azure(environment)
    if "account" in address.options:
        config["account_name"] = address.options["account"]
    if "endpoint" in address.options:
        config["endpoint"] = address.options["endpoint"]
    config["use_emulator"] = address.flag("emulator")
    config["skip_signature"] = address.flag("anonymous")
    return config


def _gs(address: Address, times: Mapping[str, Any], _environment: Mapping[str, str]) -> Client:
    config: dict[str, Any] = {"skip_signature": address.flag("anonymous")}
    if "endpoint" in address.options:
        config["base_url"] = address.options["endpoint"]
    return Client(GCSStore(address.name, config=config, **_reaching(config, times)))  # type: ignore[arg-type]


def _reaching(config: Mapping[str, Any], times: Mapping[str, Any]) -> dict[str, Any]:
    """Let a server be spoken to without TLS where its address says so."""
    endpoint = str(config.get("endpoint") or config.get("base_url") or "")
    options = dict(times["client_options"])
    if endpoint.startswith("http://"):
        options["allow_http"] = True
    return {**times, "client_options": options}


def _first(environment: Mapping[str, str], *names: str) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


_KINDS = {"s3": _s3, "az": _az, "gs": _gs, "cos": _cos}
