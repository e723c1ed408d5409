"""Signatures against those that AWS publishes: its test suite, and the example of its guide."""

from datetime import UTC, datetime

import pytest

from safelight.sigv4 import Credentials, sign

NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
EXAMPLE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HOST = "https://example.amazonaws.com"


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "signature"),
    [
        (  # get-vanilla
            "GET", f"{HOST}/", {}, b"",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (  # get-vanilla-query-order-key-case
            "GET", f"{HOST}/?Param2=value2&Param1=value1", {}, b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (  # post-vanilla
            "POST", f"{HOST}/", {}, b"",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (  # post-x-www-form-urlencoded
            "POST", f"{HOST}/", {"Content-Type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)  # fmt: skip
def test_the_suite_of_aws_is_reproduced(
    method: str, url: str, headers: dict[str, str], body: bytes, signature: str
) -> None:
    signed = sign(
        method, url, headers, body,
        credentials=EXAMPLE, region="us-east-1", service="service", now=NOW,
    )  # fmt: skip
    assert signed["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
    )
    assert signed["authorization"].endswith(f", Signature={signature}")
    assert signed["x-amz-date"] == "20150830T123600Z"


def test_the_example_of_the_guide_is_reproduced() -> None:
    signed = sign(
        "GET",
        "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        b"",
        credentials=EXAMPLE,
        region="us-east-1",
        service="iam",
        now=NOW,
    )
    assert signed["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


def test_a_token_of_credentials_that_end_is_signed_too() -> None:
    credentials = Credentials("AKIDEXAMPLE", "secret", "token")
    signed = sign(
        "POST", f"{HOST}/", {}, b"",
        credentials=credentials, region="us-east-1", service="cloudfront", now=NOW,
    )  # fmt: skip
    assert signed["x-amz-security-token"] == "token"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in signed["authorization"]


def test_no_secret_is_shown() -> None:
    shown = repr(Credentials("AKIDEXAMPLE", "sesame", "open"))
    assert "AKIDEXAMPLE" in shown
    assert "sesame" not in shown
    assert "open" not in shown
