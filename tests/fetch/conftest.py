"""A scripted origin on loopback, and sources that may ask it."""

from collections.abc import Callable, Iterator

import pytest

from safelight.fetch import Remotes, allowed_servers, fixed_origin
from safelight.fetch.origin import Origin
from safelight.limits import Limits
from tests.support.origin import ScriptedOrigin, origin

LIMITS = Limits(source_bytes=1_000_000, seconds=20)
LOOPBACK = Remotes(networks=("127.0.0.1/32",))

OriginOf = Callable[..., Origin]


@pytest.fixture
def server() -> Iterator[ScriptedOrigin]:
    """Give a server on 127.0.0.1 that does what the test says."""
    with origin() as scripted:
        yield scripted


@pytest.fixture
def tripwire() -> Iterator[ScriptedOrigin]:
    """Give a server that nobody may ask: at 127.0.0.2."""
    with origin("127.0.0.2") as scripted:
        yield scripted
        assert scripted.connections == 0


@pytest.fixture
def pictures(server: ScriptedOrigin) -> Origin:
    """Give the source of what that server has below /images."""
    return fixed_origin(f"{server.url}/images", LOOPBACK, LIMITS)


@pytest.fixture
def everywhere(server: ScriptedOrigin) -> Origin:
    """Give the source of what that server has below /a and /b, as addresses."""
    allow = (f"{server.url}/a/", f"{server.url}/b/")
    return allowed_servers(Remotes(allow, LOOPBACK.networks), LIMITS)
