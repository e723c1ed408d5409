"""URLs of stores: what they say, and that what is refused is not shown."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import SettingError
from safelight.storage.addresses import Address, in_host, parse
from safelight.storage.store import is_plain_key

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("url", "address", "shown"),
    [
        ("memory:", Address("memory"), "memory://"),
        ("file:./a%20folder", Address("file", prefix="./a folder"), "file:///./a folder"),
        ("s3://photos", Address("s3", "photos"), "s3://photos"),
        ("S3://photos/", Address("s3", "photos"), "s3://photos"),
        (
            "s3://my.photos/2026/n%C3%A4h/?endpoint=http://127.0.0.1:7070&region=eu-west-1&style=path",
            Address(
                "s3",
                "my.photos",
                "2026/näh",
                {"endpoint": "http://127.0.0.1:7070", "region": "eu-west-1", "style": "path"},
            ),
            "s3://my.photos/2026/näh",
        ),
        (
            "s3://photos?endpoint=https%3A%2F%2F%5B%3A%3A1%5D%3A9000%2Fs3&anonymous=true",
            Address("s3", "photos", "", {"endpoint": "https://[::1]:9000/s3", "anonymous": "true"}),
            "s3://photos",
        ),
        (
            "az://photos/a/b?account=example&emulator=false",
            Address("az", "photos", "a/b", {"account": "example", "emulator": "false"}),
            "az://photos/a/b",
        ),
        ("gs://my_photos", Address("gs", "my_photos"), "gs://my_photos"),
        (
            "cos://photos-1250000000?region=ap-guangzhou",
            Address("cos", "photos-1250000000", "", {"region": "ap-guangzhou"}),
            "cos://photos-1250000000",
        ),
    ],
)
def test_a_url_says_where_a_store_is(url: str, address: Address, shown: str) -> None:
    assert parse(url) == address
    assert str(parse(url)) == shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://", "no bucket"),
        ("s3:photos", "no bucket"),
        ("s3:///photos", "no bucket"),
        ("s3://photos:80/", "no bucket"),
        ("s3://pho tos", "no bucket"),
        ("s3://-photos", "no bucket"),
        ("s3://key:secret@photos", "credentials do not belong into the URL of a store"),
        ("s3://photos/a//b", "no bucket or prefix"),
        ("s3://photos/../b", "no bucket or prefix"),
        ("s3://photos/%2e%2e/b", "no bucket or prefix"),
        ("s3://photos/a%00", "no bucket or prefix"),
        ("s3://photos#2026", "no fragment"),
        ("s3://photos?style=hosted", "style: expected path or virtual"),
        ("s3://photos?region=Ireland", "region: expected a region such as eu-west-1"),
        ("s3://photos?region=a&region=b", "region: expected a region such as eu-west-1, once"),
        ("s3://photos?endpoint=127.0.0.1:7070", "endpoint: expected an address such as https://"),
        ("s3://photos?endpoint=http://a?b", "endpoint: expected"),
        ("s3://photos?endpoint=http://a%23b", "endpoint: expected"),
        ("s3://photos?endpoint=ftp://a", "endpoint: expected"),
        ("s3://photos?anonymous=yes", "anonymous: expected true or false"),
        ("s3://photos?account=a", "known are endpoint, region, style, anonymous"),
        ("az://photos?account=Example", "account: expected 3 to 24 lower-case"),
        ("gs://photos?region=eu", "known are endpoint, anonymous"),
        ("cos://photos-1250000000", "needs a region"),
        ("cos://photos?region=ap-guangzhou", "no bucket"),
        ("cos://photos-1250000000?region=ap-guangzhou&style=path", "known are region, endpoint"),
        ("file://host/photos", "names no store"),
        ("http://[", "names no store"),
        ("", "names no store"),
    ],
)
def test_a_url_that_names_no_store_is_refused_with_the_reason(url: str, said: str) -> None:
    with pytest.raises(SettingError, match=re.escape(said)):
        parse(url)


@pytest.mark.parametrize(
    "url",
    [
        f"s3://key:{SECRET}@photos",
        f"az://{SECRET}@photos?account=example",
        f"s3://photos?secret_access_key={SECRET}",
        f"s3://photos?{SECRET}",
        f"s3://photos?endpoint=http://key:{SECRET}@127.0.0.1",
        f"s3://photos?region={SECRET}@",
        f"s4://key:{SECRET}@photos",
        f"gs://photos/a//b?x={SECRET}",
        f"gs://{SECRET} photos",
        f"minio://photos?password={SECRET}",
        f"http://key:{SECRET}@[",
    ],
)
def test_what_may_be_a_secret_is_not_shown(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse(url)
    assert SECRET not in caught.value.detail


buckets = st.from_regex(r"[a-z0-9][a-z0-9.-]{1,60}[a-z0-9]", fullmatch=True)
prefixes = st.text(max_size=60).filter(is_plain_key) | st.just("")
endpoints = st.from_regex(r"https?://[a-z][a-z0-9.-]{0,20}(:[1-9][0-9]{0,3})?", fullmatch=True)


@given(buckets, prefixes, endpoints, st.sampled_from(["path", "virtual"]), st.booleans())
def test_what_a_url_is_made_of_is_read_from_it(
    bucket: str, prefix: str, endpoint: str, style: str, anonymous: bool
) -> None:
    options = {"endpoint": endpoint, "style": style, "anonymous": str(anonymous).lower()}
    query = "&".join(f"{name}={quote(value)}" for name, value in options.items())
    read = parse(f"s3://{bucket}/{quote(prefix)}?{query}")
    assert read == Address("s3", bucket, prefix, options)
    assert read.flag("anonymous") is anonymous


@given(
    st.text(max_size=80)
    | st.builds("{}://{}".format, st.sampled_from(["s3", "az", "gs", "cos"]), st.text(max_size=80))
)
def test_any_text_is_an_address_or_a_wrong_setting(url: str) -> None:
    try:
        address = parse(url)
    except SettingError:
        return
    assert address.kind in ("memory", "file", "s3", "az", "gs", "cos")
    assert address.kind == "file" or not address.prefix or is_plain_key(address.prefix)


@given(endpoints, buckets)
def test_a_bucket_is_in_the_host_once(endpoint: str, bucket: str) -> None:
    hosted = in_host(endpoint, bucket)
    assert hosted.partition("://")[2].startswith(f"{bucket}.")
    assert in_host(hosted, bucket) == hosted
