import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.fetch.addresses import Guard

NOT_PUBLIC = [
    # Loopback, this network, unspecified.
    "127.0.0.1", "127.0.0.2", "127.255.255.255", "127.1.2.3", "0.0.0.0", "0.0.0.1", "0.255.255.255",
    "::", "::1", "::2",
    # Private and shared.
    "10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255",
    "100.64.0.0", "100.127.255.255", "fc00::", "fd00::1", "fdff:ffff::1", "fec0::1", "feff::1",
    # Link-local.
    "169.254.0.0", "169.254.255.255", "fe80::1", "febf:ffff::1",
    # What hands out credentials.
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "100.100.100.200",
    "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    # Multicast, broadcast and reserved.
    "224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1", "254.1.2.3", "ff02::1",
    "ff0e::1", "192.0.0.0", "192.0.0.255", "192.88.99.1", "192.31.196.1", "192.52.193.1",
    "192.175.48.1", "2620:4f:8000::1",
    # Documentation, benchmarks, what is discarded.
    "192.0.2.1", "198.51.100.1", "203.0.113.255", "198.18.0.0", "198.19.255.255", "2001:db8::1",
    "3fff::1", "3fff:fff::1", "2001:2::1", "100::1", "100:0:0:1::1", "2001:10::1", "2001:20::1",
    # IPv6 that holds an IPv4 address: of this machine, a metadata service, and a public one.
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
    "::127.0.0.1", "::169.254.169.254", "::8.8.8.8",
    "::ffff:0:127.0.0.1", "::ffff:0:169.254.169.254",
    "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::8.8.8.8",
    "64:ff9b:1::127.0.0.1", "64:ff9b:1:ffff::169.254.169.254",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1",
    "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001::1",
    "2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1", "fe80::5efe:8.8.8.8",
    # Assigned to nobody.
    "1::1", "4000::1", "5f00::1", "a000::1", "e000::1", "::1:0:0:1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1", "168.63.129.15", "168.63.129.17", "169.253.255.255",
    "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0",
    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255",
    "203.0.112.255", "203.0.114.0", "223.255.255.255", "2000::1", "2001:200::1",
    "2001:4860:4860::8888", "2003::1", "2606:4700:4700::1111", "2a00:1450:4001:800::200e",
    "3ffe::1", "3fff:1000::1",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_what_is_not_public_is_refused_with_the_reason(text: str) -> None:
    assert Guard().fault(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public_may_be_asked(text: str) -> None:
    assert Guard().fault(ipaddress.ip_address(text)) is None


def test_there_is_no_gap_in_the_table_of_what_must_be_refused() -> None:
    assert len(NOT_PUBLIC) == len(set(NOT_PUBLIC)) >= 90


@given(st.ip_addresses())
def test_what_python_knows_not_to_be_global_is_never_asked(address: ipaddress.IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert Guard().fault(address)


@given(st.ip_addresses(v=6))
def test_of_ipv6_only_global_unicast_is_asked(address: ipaddress.IPv6Address) -> None:
    if Guard().fault(address) is None:
        assert address in ipaddress.ip_network("2000::/3")


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_of_an_ipv6_address_is_no_way_round(
    inner: ipaddress.IPv4Address,
) -> None:
    number = int(inner)
    for outer in (
        number,
        0xFFFF << 32 | number,
        0xFFFF << 48 | number,
        0x64_FF9B << 96 | number,
        0x64_FF9B_0001 << 80 | number,
        0x2002 << 112 | number << 80,
        0x2001 << 112 | number << 64,
        0x2606_4700 << 96 | 0x5EFE << 32 | number,
        0x2606_4700 << 96 | 0x200_5EFE << 32 | number,
    ):
        assert Guard().fault(ipaddress.IPv6Address(outer))


@pytest.mark.parametrize(
    ("network", "opened", "closed"),
    [
        ("10.0.0.0/8", ["10.0.0.1", "10.255.0.1"], ["192.168.0.1", "::ffff:10.0.0.1"]),
        ("10.1.0.0/16", ["10.1.2.3"], ["10.2.0.1"]),
        ("127.0.0.1/32", ["127.0.0.1"], ["127.0.0.2", "::1"]),
        ("::1/128", ["::1"], ["::2", "127.0.0.1"]),
        ("fd00::/8", ["fd12::1"], ["fc00::1", "fd00:ec2::254", "fd20:ce::254"]),
        ("169.254.0.0/16", ["169.254.1.1"], ["169.254.169.254", "169.254.170.2", "169.254.0.23"]),
        ("169.254.169.254/32", ["169.254.169.254"], ["169.254.169.253"]),
        ("100.64.0.0/10", ["100.64.0.1"], ["100.100.100.200"]),
        ("64:ff9b::/96", ["64:ff9b::8.8.8.8"], ["64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254"]),
        ("64:ff9b:1::/48", ["64:ff9b:1::8.8.8.8"], ["64:ff9b:1::10.0.0.1"]),
        ("2002::/16", ["2002:808:808::1"], ["2002:7f00:1::1"]),
        ("::ffff:0:0/96", ["::ffff:8.8.8.8"], ["::ffff:127.0.0.1"]),
    ],
)
def test_a_network_that_is_allowed_opens_itself_and_nothing_in_it_that_hands_out_credentials(
    network: str, opened: list[str], closed: list[str]
) -> None:
    guard = Guard([network])
    assert [guard.fault(ipaddress.ip_address(text)) for text in opened] == [None] * len(opened)
    assert all(guard.fault(ipaddress.ip_address(text)) for text in closed)


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/7",
        "172.16.0.0/11",
        "8.8.8.0/24",
        "2000::/3",
        "2606:4700::/32",
    ],
)
def test_a_network_that_is_public_or_too_wide_is_not_what_anybody_means(text: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        Guard([text])


@pytest.mark.parametrize("text", ["", "10", "10.0.0.1/8", "10.0.0.0/33", "localhost"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no network, such as"):
        Guard([text])


def test_every_row_can_be_read_in_the_same_way_by_all_who_know_it() -> None:
    faults = {Guard().fault(ipaddress.ip_address(text)) for text in NOT_PUBLIC}
    for rule in ("RFC 1918", "RFC 6598", "RFC 3927", "RFC 6052", "RFC 8215", "RFC 3056", "RFC 4380",
                 "RFC 2765", "RFC 5214", "RFC 3879", "RFC 5771", "metadata of Azure"):  # fmt: skip
        assert any(rule in (fault or "") for fault in faults), rule


def test_a_network_of_the_other_family_opens_nothing() -> None:
    for networks, text in itertools.product([["::1/128"], ["fd00::/8"]], ["127.0.0.1", "10.0.0.1"]):
        assert Guard(networks).fault(ipaddress.ip_address(text))
