import pytest

from safelight.access import Security
from safelight.dialects import Grammar, match
from safelight.errors import Forbidden, SettingError
from safelight.transform import parse_preset

KEYS = ("correct horse battery staple",)
GRAMMAR = Grammar(
    {"thumb": parse_preset("w=300,h=300,blur=2"), "grey": parse_preset("grayscale")},
    parse_preset("format=auto"),
)


def allowed(security: Security, address: str) -> bool:
    path, _, query = address.partition("?")
    try:
        security.check(match(path, query, GRAMMAR))
    except Forbidden:
        return False
    return True


ADDRESSES = ["/thumb/a.jpg", "/thumb,grey/a.jpg", "/800x/a.jpg", "/original/a.jpg", "/pic/a.jpg"]


@pytest.mark.parametrize(
    ("security", "heard"),
    [
        (Security(), True),
        (Security(keys=KEYS), False),
        (Security(keys=KEYS, widths=(800,), operations=("resize",)), False),
        (Security(keys=KEYS, unsigned=True), True),
        (Security(unsigned=True), True),
    ],
)
def test_with_keys_an_address_is_signed_unless_it_is_said_otherwise(
    security: Security, heard: bool
) -> None:
    assert [allowed(security, address) for address in ADDRESSES] == [heard] * len(ADDRESSES)


@pytest.mark.parametrize("unsigned", [True, False])
@pytest.mark.parametrize("keys", [KEYS, ()])
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/thumb/a.jpg", True),
        ("/thumb,grey/a.jpg", True),
        ("/%74humb/a.jpg", True),
        ("/thumb/a.jpg?w=5", True),
        ("/thumb,w=300/a.jpg", False),
        ("/thumb,blur=/a.jpg", False),
        ("/thumb,800x/a.jpg", False),
        ("/thumb,grayscale/a.jpg", False),
        ("/w=300/a.jpg", False),
        ("/fit=cover/a.jpg", False),
        ("/original/a.jpg", False),
        ("/pic/a.jpg", False),
        ("/pic/480/a.jpg", False),
        ("/picture/a.jpg", False),
        ("/picture/a.jpg?scalex=5", False),
    ],
)
def test_presets_only_means_their_names_and_nothing_else(
    keys: tuple[str, ...], unsigned: bool, address: str, expected: bool
) -> None:
    security = Security(keys=keys, unsigned=unsigned, presets_only=True)
    assert allowed(security, address) is expected


@pytest.mark.parametrize(
    ("operations", "address", "expected"),
    [
        (("resize",), "/800x600,fit=inside/a.jpg", True),
        (("resize",), "/w=80,format=webp/a.jpg", False),
        (("resize", "format"), "/w=80,f=webp/a.jpg", True),
        (("resize", "format"), "/w=80,f=webp,q=50/a.jpg", False),
        (("resize", "format"), "/pic/a.jpg", False),
        (("w",), "/w=80/a.jpg", True),
        (("w",), "/80x60/a.jpg", False),
        (("w",), "/blur=5/a.jpg", False),
        (("w",), "/fit=cover/a.jpg", False),
        (("w",), "/thumb/a.jpg", True),
        (("w",), "/thumb,blur=3/a.jpg", False),
        (("w",), "/original/a.jpg", True),
        (("w",), "/pic/480/a.jpg", True),
        (("w",), "/picture/a.jpg?scalex=5&scaley=5", False),
        (("resize",), "/picture/a.jpg?scalex=5", True),
        (("resize",), "/picture/a.jpg?scalex=5&encoding=webp", False),
    ],
)
def test_operations_bound_what_is_said_beside_presets(
    operations: tuple[str, ...], address: str, expected: bool
) -> None:
    assert allowed(Security(operations=operations), address) is expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/w=320/a.jpg", True),
        ("/320x9/a.jpg", True),
        ("/w=321/a.jpg", False),
        ("/thumb/a.jpg", True),
        ("/thumb,w=640/a.jpg", True),
        ("/thumb,w=/a.jpg", False),
        ("/thumb,w=300/a.jpg", False),
        ("/pic/320/a.jpg", True),
        ("/pic/300/a.jpg", False),
        ("/picture/a.jpg?scalex=319.5", True),
        ("/picture/a.jpg?scalex=300", False),
        ("/original/a.jpg", True),
    ],
)
def test_widths_bound_the_width_that_is_said(address: str, expected: bool) -> None:
    assert allowed(Security(widths=(320, 640)), address) is expected


def test_a_refusal_says_what_there_is() -> None:
    for security, address, said in [
        (Security(operations=("resize",)), "/blur=5/a.jpg", "'blur' needs .* resize, and presets"),
        (Security(widths=(320, 640)), "/5x/a.jpg", "320, 640"),
        (Security(presets_only=True), "/5x/a.jpg", "only presets"),
        (Security(keys=KEYS), "/5x/a.jpg", "not signed"),
    ]:
        with pytest.raises(Forbidden, match=said):
            security.check(match(address, "", GRAMMAR))


@pytest.mark.parametrize(
    ("security", "exposable", "unrestricted"),
    [
        (Security(), False, True),
        (Security(unsigned=True), True, True),
        (Security(keys=KEYS), True, False),
        (Security(keys=KEYS, unsigned=True), True, True),
        (Security(presets_only=True), True, False),
        (Security(unsigned=True, widths=(5,)), True, False),
        (Security(unsigned=True, operations=("resize",)), True, False),
    ],
)
def test_who_may_reach_it_follows_from_what_may_be_asked(
    security: Security, exposable: bool, unrestricted: bool
) -> None:
    assert (security.exposable, security.unrestricted) == (exposable, unrestricted)


def test_no_secret_is_shown() -> None:
    security = Security(keys=("short secret",), admin_key="secret")
    assert "secret" not in repr(security)
    for wrong in (security, Security(admin_key="secret")):
        with pytest.raises(SettingError) as caught:
            wrong.check_settings()
        assert "secret" not in caught.value.detail
