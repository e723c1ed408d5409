import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from safelight.errors import Forbidden, NotFound, StoreUnavailable
from safelight.fetch.addresses import Guard
from safelight.fetch.allow import Rule
from safelight.fetch.gate import Found, Gate
from safelight.fetch.origin import Origin
from safelight.limits import Limits
from safelight.remote import Remote, read
from tests.fetch.conftest import LIMITS
from tests.support.origin import ScriptedOrigin, origin
from tests.support.serving import wait_for

# What a name means in these tests; all else has to be a number.
NAMES = {
    "localhost": ["::1", "127.0.0.1"],
    "localhost.localdomain": ["127.0.0.1"],
    "ip6-localhost": ["::1"],
    "a.localhost": ["127.0.0.1"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "rebound.example": ["127.0.0.2"],
    "private.example": ["10.0.0.1"],
    "metadata": ["169.254.169.254"],
    "metadata.google.internal": ["169.254.169.254", "fd20:ce::254"],
    "instance-data": ["169.254.169.254"],
    "metadata.tencentyun.com": ["169.254.0.23"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "scoped.example": ["fe80::1%lo"],
    "all-of-them.example": ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "0.0.0.0"],
}
NUMBERS = [
    # 127.0.0.1 and its neighbours, in all the forms that inet_aton reads.
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "2130706433", "0x7f000001", "0X7F000001",
    "017700000001", "0x7f.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "0177.0.0.01", "127.1", "127.0.1",
    "127.0x1", "127.0.0.0x1", "0000000000177.1", "0x0000000007f.1", "127.00.00.01",
    # The same with letters that become digits and dots when a name is normalised.
    "①②⑦.⓪.⓪.①", "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "127。0。0。1", "127\uff0e1",
    "127｡1", "\u06f1\u06f2\u06f7.\u06f0.\u06f0.\u06f1", "\U0001d7cf\U0001d7d0\U0001d7d5.1",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "\u2113ocalhost", "loca\u00adlhost", "localho\u017ft",
    # With a dot at the end, escaped, beside a name and behind a user.
    "127.0.0.1.", "localhost.", "127.1.", "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "%6cocalhost",
    "LOCALHOST", "LocalHost", "user@127.0.0.1", "a.example@127.0.0.1", "127.0.0.1@127.0.0.1",
    "a.example\\@127.0.0.1", "127.0.0.1\\.a.example", "127.0.0.1#", "127.0.0.1%00.a.example",
    "127.0.0.1\t", "127.0.0.1 ",
    # This network, private, shared, link-local, metadata.
    "0", "0.0.0.0", "0x0", "00", "0.1", "10.0.0.1", "012.0.0.1", "0xa.0.0.1", "167772161", "10.1",
    "172.16.0.1", "172.31.255.255", "0xac.0x10.0.1", "2886729729", "192.168.0.1", "192.168.1",
    "0xc0.0xa8.0.1", "3232235521", "100.64.0.1", "100.100.100.200", "1684300900", "169.254.169.254",
    "169.254.43518", "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376",
    "025177524776", "169.254.170.2", "169.254.0.23", "168.63.129.16", "2822734096", "192.0.0.192",
    "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
    "255.255.255.255", "4294967295", "0xffffffff", "240.0.0.1",
    # IPv6, and what is inside of it.
    "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::0001]",
    "[::127.0.0.1]", "[::7f00:1]", "[::ffff:127.0.0.1]", "[::FFFF:7F00:1]", "[0:0:0::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::ffff:10.0.0.1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::]", "[2001:0:7f00:1::]", "[2001::1]", "[2606:4700::5efe:127.0.0.1]",
    "[2606:4700::200:5efe:7f00:1]", "[fe80::1]", "[fe80::1%lo]", "[fe80::1%25lo]", "[::1%25lo]",
    "[febf::1]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]", "[fd20:ce::254]", "[ff02::1]",
    "[2001:db8::1]", "[3fff::1]", "[100::1]", "[5f00::1]", "[4000::1]",
]  # fmt: skip


def numbers_only(host: str, port: int) -> Sequence[Found]:
    """Resolve as the system does, but ask nobody: a name is one of ``NAMES`` or none."""
    found: list[Found] = []
    for text in NAMES.get(host, [host]):
        found += socket.getaddrinfo(
            text, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    return found


class Anywhere(Rule, frozen=True):
    """No rule at all: the guard alone has to hold."""

    def permits(self, remote: Remote) -> bool:
        return True


def unguarded_by_rules(gate: Gate, limits: Limits = LIMITS) -> Origin:
    return Origin(read, [Anywhere(read("https://a/b"))], gate, limits)


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note where sockets connect to, in place of connecting."""
    dialled: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:
        dialled.append(address)
        raise ConnectionRefusedError("in a test")

    monkeypatch.setattr(socket.socket, "connect", connect)
    return dialled


def test_the_table_of_what_must_be_blocked_is_long() -> None:
    assert len({*NAMES, *NUMBERS}) > 130


@pytest.mark.parametrize("host", [*NAMES, *NUMBERS])
def test_what_is_not_public_is_refused_before_a_packet_goes_out(
    host: str, dialled: list[Any]
) -> None:
    source = unguarded_by_rules(Gate(Guard(), resolver=numbers_only))
    for key in (f"https://{host}/cat.jpg", f"http://{host}:8080/cat.jpg"):
        for ask in (source.head, source.open):
            with pytest.raises((NotFound, Forbidden)):
                ask(key)
    assert dialled == []


@pytest.mark.parametrize("host", [*NAMES, *(host.strip("[]") for host in NUMBERS)])
def test_the_gate_alone_refuses_them_whatever_the_grammar_would_have_passed(
    host: str, dialled: list[Any]
) -> None:
    gate = Gate(Guard(), resolver=numbers_only)
    with pytest.raises((Forbidden, StoreUnavailable)) as caught:
        gate.dial(Remote("http", host, 80, "/cat.jpg"), time.monotonic() + 20)
    assert dialled == []
    try:
        found = numbers_only(host, 80)
    except (OSError, UnicodeError):
        # No number for this system's resolver: it never got as far as the guard.
        assert isinstance(caught.value, StoreUnavailable)
    else:
        assert found
        assert isinstance(caught.value, Forbidden)


def test_what_is_public_is_dialled_at_the_address_that_was_judged(dialled: list[Any]) -> None:
    asked: list[str] = []

    def resolver(host: str, port: int) -> Sequence[Found]:
        asked.append(host)
        return numbers_only("1.1.1.1" if len(asked) == 1 else "127.0.0.1", port)

    with pytest.raises(StoreUnavailable):
        unguarded_by_rules(Gate(Guard(), resolver=resolver)).head("https://one.example/cat.jpg")
    assert asked == ["one.example"]
    assert dialled == [("1.1.1.1", 443)]


def test_of_several_addresses_those_that_are_public_are_dialled_in_turn(dialled: list[Any]) -> None:
    def resolver(host: str, port: int) -> Sequence[Found]:
        return [
            found
            for text in ("127.0.0.1", "1.1.1.1", "10.0.0.1", "2606:4700:4700::1111", "::1")
            for found in numbers_only(text, port)
        ]

    with pytest.raises(StoreUnavailable):
        Gate(Guard(), resolver=resolver).dial(read("http://a.example/b"), time.monotonic() + 20)
    assert [address[0] for address in dialled] == ["1.1.1.1", "2606:4700:4700::1111"]


def test_an_address_of_a_family_that_this_machine_has_not_is_passed_over(
    dialled: list[Any],
) -> None:
    def resolver(host: str, port: int) -> Sequence[Found]:
        [(_, *rest)] = numbers_only("1.0.0.1", port)
        return [(-2, *rest), *numbers_only("1.1.1.1", port)]

    with pytest.raises(StoreUnavailable):
        Gate(Guard(), resolver=resolver).dial(read("http://a.example/b"), time.monotonic() + 20)
    assert [address[0] for address in dialled] == ["1.1.1.1"]


@pytest.fixture
def to_the_tripwire(tripwire: ScriptedOrigin) -> Iterator[ScriptedOrigin]:
    """Give a server on 127.0.0.1 at the port of the tripwire: only the address differs."""
    with origin("127.0.0.1", port=tripwire.port) as scripted:
        yield scripted


def rebinding(*answers: str) -> Any:
    """Resolve every name to one address after the other; the last one stays."""
    left = list(answers)

    def resolver(host: str, port: int) -> Sequence[Found]:
        return numbers_only(left.pop(0) if len(left) > 1 else left[0], port)

    return resolver


def test_a_name_that_changes_its_mind_leads_nowhere(
    to_the_tripwire: ScriptedOrigin, tripwire: ScriptedOrigin
) -> None:
    server = to_the_tripwire
    server.put("/cat.jpg", b"cat", etag='"1"')
    gate = Gate(Guard(["127.0.0.1/32"]), resolver=rebinding("127.0.0.1", "127.0.0.2"))
    source = unguarded_by_rules(gate)
    key = f"http://rebinding.example:{server.port}/cat.jpg"
    source.head(key)
    # The first connection has a body on it that nobody has asked for yet: another one is needed.
    with pytest.raises(Forbidden):
        source.head(key)
    assert server.connections == 1
    assert tripwire.connections == 0


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2:{port}/cat.jpg",
        "//127.0.0.2:{port}/cat.jpg",
        "http://rebound.example:{port}/cat.jpg",
        "http://2130706434:{port}/cat.jpg",
        "http://user@127.0.0.2:{port}/cat.jpg",
        "http:\\\\127.0.0.2:{port}/cat.jpg",
        "http://[::1]:{port}/cat.jpg",
        "http://[::ffff:7f00:2]:{port}/cat.jpg",
        "http://0/cat.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "gopher://127.0.0.2:{port}/_GET",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_to_what_is_not_public_is_refused_at_every_hop(
    hops: int, target: str, server: ScriptedOrigin, tripwire: ScriptedOrigin
) -> None:
    for hop in range(1, hops):
        server.redirects(f"/{hop}", f"/{hop + 1}")
    server.redirects(f"/{hops}", target.format(port=tripwire.port))
    source = unguarded_by_rules(Gate(Guard(["127.0.0.1/32"]), resolver=numbers_only))
    for ask in (source.head, source.open):
        with pytest.raises((Forbidden, StoreUnavailable)) as caught:
            ask(f"{server.url}/1")
        assert "127" not in caught.value.detail
        assert "169" not in caught.value.detail
    assert server.targets == [f"/{hop}" for hop in range(1, hops + 1)] * 2
    assert tripwire.connections == 0


def test_the_environment_sends_nothing_through_a_proxy(
    server: ScriptedOrigin, tripwire: ScriptedOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.setenv(name, tripwire.url)
    server.put("/cat.jpg", b"cat")
    source = unguarded_by_rules(Gate(Guard(["127.0.0.1/32"])))
    assert source.head(f"{server.url}/cat.jpg").size == 3
    assert server.connections == 1
    assert tripwire.connections == 0


def test_a_resolver_that_never_answers_costs_no_more_than_the_time_there_is() -> None:
    answered = threading.Event()

    def resolver(host: str, port: int) -> Sequence[Found]:
        answered.wait(20)
        return numbers_only("1.1.1.1", port)

    gate = Gate(Guard(), resolver=resolver)
    with pytest.raises(StoreUnavailable):
        gate.dial(read("https://slow.example/cat.jpg"), time.monotonic() + 0.1)
    assert not answered.is_set()
    answered.set()


def test_names_that_are_looked_up_are_bounded() -> None:
    answered = threading.Event()
    looking = []

    def resolver(host: str, port: int) -> Sequence[Found]:
        looking.append(host)
        answered.wait(20)
        raise OSError("no such name")

    gate = Gate(Guard(), resolver=resolver)
    for number in range(20):
        with pytest.raises(StoreUnavailable):
            gate.dial(read(f"https://a{number}.example/cat.jpg"), time.monotonic() + 0.02)
    wait_for(lambda: len(looking) == 16)
    answered.set()


def test_a_server_that_accepts_nothing_costs_no_more_than_the_time_there_is() -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        gate = Gate(Guard(["127.0.0.1/32"]))
        remote = read(f"http://127.0.0.1:{full.getsockname()[1]}/cat.jpg")
        with pytest.raises(StoreUnavailable):
            gate.dial(remote, time.monotonic() + 0.2)


def test_a_time_that_is_over_before_it_begins_dials_nobody(dialled: list[Any]) -> None:
    with pytest.raises(StoreUnavailable):
        Gate(Guard(), resolver=numbers_only).dial(read("http://1.1.1.1/a"), time.monotonic() - 1)
    assert dialled == []


@pytest.mark.parametrize("answer", [[], OSError("no such name"), UnicodeError("no name at all")])
def test_a_name_without_an_address_is_no_reason_to_fail_otherwise(answer: Any) -> None:
    def resolver(host: str, port: int) -> Sequence[Found]:
        if isinstance(answer, Exception):
            raise answer
        return numbers_only("127.0.0.1", port)[:0]

    with pytest.raises(StoreUnavailable) as caught:
        Gate(Guard(), resolver=resolver).dial(read("http://a.example/a"), time.monotonic() + 20)
    assert "no such name" not in caught.value.detail


# TLS: the certificate is that of the name, whichever address was dialled.


@pytest.fixture
def secured(data: Path) -> Iterator[ScriptedOrigin]:
    """Give a server that can prove to be images.example.com, to who trusts its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(data / "tls" / "certificate.pem", data / "tls" / "key.pem")
    with origin(tls=context) as scripted:
        scripted.put("/cat.jpg", b"cat")
        yield scripted


def trusting(data: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=data / "tls" / "certificate.pem")


def to_loopback(host: str, port: int) -> Sequence[Found]:
    return numbers_only("127.0.0.1", port)


def test_over_tls_the_name_is_asked_for_and_proved(secured: ScriptedOrigin, data: Path) -> None:
    named: list[str] = []
    assert secured.tls is not None
    secured.tls.sni_callback = lambda _, name, __: named.append(name)
    gate = Gate(Guard(["127.0.0.1/32"]), resolver=to_loopback, tls=trusting(data))
    source = unguarded_by_rules(gate)
    key = f"https://images.example.com:{secured.port}/cat.jpg"
    assert source.head(key).size == 3
    with source.open(key) as opened:
        assert opened.read() == b"cat"
    assert named == ["images.example.com"]
    assert secured.asked[0].headers["host"] == f"images.example.com:{secured.port}"


@pytest.mark.parametrize("host", ["other.example.com", "example.com", "127.0.0.1"])
def test_a_certificate_of_another_name_is_refused(
    host: str, secured: ScriptedOrigin, data: Path
) -> None:
    gate = Gate(Guard(["127.0.0.1/32"]), resolver=to_loopback, tls=trusting(data))
    with pytest.raises(StoreUnavailable):
        unguarded_by_rules(gate).head(f"https://{host}:{secured.port}/cat.jpg")
    assert secured.asked == []


def test_a_certificate_that_nobody_vouches_for_is_refused(secured: ScriptedOrigin) -> None:
    gate = Gate(Guard(["127.0.0.1/32"]), resolver=to_loopback)
    with pytest.raises(StoreUnavailable):
        unguarded_by_rules(gate).head(f"https://images.example.com:{secured.port}/cat.jpg")
    assert secured.asked == []


def test_a_server_that_speaks_no_tls_is_not_asked_without(server: ScriptedOrigin) -> None:
    gate = Gate(Guard(["127.0.0.1/32"]), resolver=to_loopback)
    source = unguarded_by_rules(gate, Limits(seconds=0.5))
    with pytest.raises(StoreUnavailable):
        source.head(f"https://images.example.com:{server.port}/cat.jpg")
    assert all(not asked.target.startswith("/cat") for asked in server.asked)


def test_no_handshake_takes_longer_than_the_time_there_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        gate = Gate(Guard(["127.0.0.1/32"]), resolver=to_loopback)
        remote = read(f"https://images.example.com:{silent.getsockname()[1]}/cat.jpg")
        with pytest.raises(StoreUnavailable):
            gate.dial(remote, time.monotonic() + 0.2)


def test_these_names_and_numbers_are_what_the_guard_refuses() -> None:
    for addresses in NAMES.values():
        for text in addresses:
            assert Guard().fault(ipaddress.ip_address(text.partition("%")[0]))
