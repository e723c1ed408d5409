"""From addresses to clients: styles, endpoints, what the environment says, how long is waited."""

from pathlib import Path
from typing import Any

import obstore
import pytest

from safelight.errors import SettingError
from safelight.storage import clients, open_store
from safelight.storage.addresses import Address, parse
from safelight.storage.clients import az_config, connect, cos_config, s3_config, timing
from tests.stores.versitygw import versitygw

BARE = {"HOME": "/nowhere"}


def s3(query: str = "", **environment: str) -> dict[str, Any]:
    config = s3_config(parse(f"s3://photos?{query}"), BARE | environment)
    assert config.pop("disable_bulk_delete") is True
    assert config.get("endpoint") == config.pop("aws_endpoint_url_s3", None)
    return config


def test_amazon_needs_nothing_but_a_bucket() -> None:
    assert s3() == {"skip_signature": False}
    assert s3("region=eu-west-1&style=virtual") == {
        "skip_signature": False,
        "region": "eu-west-1",
        "virtual_hosted_style_request": True,
    }


def test_an_endpoint_has_the_bucket_in_its_path_or_its_host() -> None:
    assert s3("endpoint=https://s3.example&style=path")["endpoint"] == "https://s3.example"
    hosted = s3("endpoint=https://s3.example:9000/&style=virtual")
    assert hosted["endpoint"] == "https://photos.s3.example:9000/"
    assert hosted["virtual_hosted_style_request"] is True


def test_an_endpoint_of_the_environment_is_taken_unless_the_url_has_one() -> None:
    general, own = "http://a.example", "http://b.example"
    assert s3(AWS_ENDPOINT_URL=general)["endpoint"] == general
    assert s3(AWS_ENDPOINT_URL=general, AWS_ENDPOINT_URL_S3=own)["endpoint"] == own
    assert (
        s3("endpoint=http://c.example", AWS_ENDPOINT_URL_S3=own)["endpoint"] == "http://c.example"
    )
    assert s3("style=virtual", AWS_ENDPOINT_URL=general)["endpoint"] == "http://photos.a.example"


def test_a_public_bucket_is_asked_without_credentials(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("[default]\naws_access_key_id = 1\n")
    keys = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "keys")}
    assert s3("anonymous=true", **keys) == {"skip_signature": True}
    assert s3(**keys) == {"skip_signature": False, "access_key_id": "1"}


@pytest.mark.parametrize("endpoint", ["", "&endpoint=https://cos.ap-guangzhou.myqcloud.com"])
def test_tencent_has_the_bucket_in_the_host_whatever_amazons_variables_say(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = cos_config(parse(f"cos://photos-1250000000?region=ap-guangzhou{endpoint}"))
    assert config["endpoint"] == "https://photos-1250000000.cos.ap-guangzhou.myqcloud.com"
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "amazons")
    environment = {"TENCENTCLOUD_SECRETID": "1", "TENCENTCLOUD_SECRETKEY": "2"}
    address = parse(f"cos://photos-1250000000?region=ap-guangzhou{endpoint}")
    client = connect(address, seconds=1, environment=environment)
    signed = obstore.sign(client.store, "GET", "a b.jpg", timing(60)["client_options"]["timeout"])
    assert signed.startswith(
        "https://photos-1250000000.cos.ap-guangzhou.myqcloud.com/a%20b.jpg?X-Amz-Algorithm"
    )
    assert "Token" not in signed


def test_azure_takes_the_account_from_the_url_before_the_environment() -> None:
    environment = {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=one;AccountKey=a2V5"}
    assert az_config(parse("az://photos"), environment)["account_name"] == "one"
    config = az_config(parse("az://photos?account=two&emulator=true"), environment)
    assert (config["account_name"], config["use_emulator"]) == ("two", True)


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("az://photos", {}),
        ("az://photos?account=example", {"AZURE_STORAGE_ACCOUNT_KEY": "s3cr3t!"}),
        ("gs://photos", {"GOOGLE_SERVICE_ACCOUNT_KEY": "{s3cr3t"}),
        ("s3://photos", {"AWS_ACCESS_KEY_ID": "s3cr3t!"}),
    ],
)
def test_credentials_that_are_none_stop_the_start_and_are_not_shown(
    url: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=f"^{url[:11]} cannot be opened.* set [A-Z]") as caught:
        open_store(url)
    assert "s3cr3t" not in caught.value.detail


@pytest.mark.parametrize("seconds", [0.5, 10.0, 60.0])
def test_all_tries_together_end_in_time(seconds: float) -> None:
    times = timing(seconds)
    client, retry = times["client_options"], times["retry_config"]
    longest = retry["retry_timeout"] + client["timeout"] + retry["backoff"]["max_backoff"]
    assert longest.total_seconds() < seconds
    # What has stalled is noticed early enough for another try.
    assert client["connect_timeout"] < client["read_timeout"] < retry["retry_timeout"]


@pytest.mark.full
def test_a_real_server_finds_the_bucket_in_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 127.0.0.1 is the bucket 127 below the domain 0.0.1: no name has to be resolved.
    with versitygw(tmp_path / "gateway", arguments=("--virtual-domain", "0.0.1")) as server:
        (tmp_path / "gateway" / "buckets" / "127").mkdir()
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        store = open_store(f"s3://127/a?endpoint=http://0.0.1:{server.port}&style=virtual")
        store.check()
        store.put("b c.jpg", b"picture", {})
        assert (
            tmp_path / "gateway" / "buckets" / "127" / "a" / "b c.jpg"
        ).read_bytes() == b"picture"
        assert [entry.key for entry in store.list()] == ["b c.jpg"]


def test_one_bucket_has_one_client_as_long_as_it_is_in_use() -> None:
    environment = {"AWS_ACCESS_KEY_ID": "1", "AWS_SECRET_ACCESS_KEY": "2", "AWS_REGION": "r"}
    first = connect(parse("s3://photos/one"), seconds=1, environment=environment)
    assert connect(parse("s3://photos/two"), seconds=1, environment=environment) is first
    others = [
        connect(parse("s3://photos"), seconds=2, environment=environment),
        connect(parse("s3://photos?style=virtual"), seconds=1, environment=environment),
        connect(parse("s3://photos"), seconds=1, environment={**environment, "AWS_REGION": "s"}),
    ]
    assert first not in others
    assert len(set(others)) == len(others)


def test_stores_of_one_bucket_share_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Address] = []
    s3 = clients._KINDS["s3"]

    def counted(address: Address, *rest: Any) -> clients.Client:
        made.append(address)
        return s3(address, *rest)

    monkeypatch.setitem(clients._KINDS, "s3", counted)
    stores = [open_store(f"s3://shared-bucket/{folder}") for folder in ("a", "b", "a")]
    assert len(stores) == 3
    assert len(made) == 1


def test_memory_is_shared_with_nobody() -> None:
    first = connect(parse("memory:"), seconds=1)
    assert connect(parse("memory:"), seconds=1) is not first
