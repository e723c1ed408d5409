"""The only way out: a name is resolved once, its addresses are judged, and those are dialled.

Whatever was said before, the address that a socket connects to has passed the guard. There is no
moment between judging and dialling in which a name could come to mean something else.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cached_property
from typing import Any, TypeAlias

from safelight.errors import Forbidden, StoreUnavailable
from safelight.fetch.addresses import Guard
from safelight.remote import Remote

log = logging.getLogger("safelight")

# What socket.getaddrinfo returns: family, type, protocol, a name, and the address to dial.
Found: TypeAlias = tuple[Any, Any, int, str, tuple[Any, ...]]
Resolver: TypeAlias = Callable[[str, int], Sequence[Found]]

_LOOKUPS_AT_ONCE = 16


def resolve(host: str, port: int) -> Sequence[Found]:
    """Ask the system for the addresses of a name."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Gate:
    """Open connections to where the guard lets them."""

    def __init__(
        self, guard: Guard, *, resolver: Resolver = resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        """``tls``: by default the system's certificate authorities are trusted."""
        self._guard = guard
        self._resolve = resolver
        self._tls = tls
        self._lookups = threading.Semaphore(_LOOKUPS_AT_ONCE)

    def dial(self, remote: Remote, deadline: float) -> socket.socket:
        """Connect to a server, over TLS for https, before ``deadline`` (``time.monotonic()``).

        The certificate has to be that of the name, whichever address was dialled. Raises Forbidden
        when no address of it is public, StoreUnavailable.
        """
        try:
            found = self._lookup(remote, deadline)
            allowed = [one for one in found if self._fault(remote, one) is None]
            if found and not allowed:
                raise Forbidden("pictures of that server may not be fetched")
            connection = self._connect(allowed, deadline)
            if remote.scheme == "http":
                return connection
            return self._secured(connection, remote.host, deadline)
        except (OSError, ValueError) as error:
            raise unavailable(remote, error) from error

    def _fault(self, remote: Remote, found: Found) -> str | None:
        # Of a link-local IPv6 address the part behind % is the interface.
        address = ipaddress.ip_address(str(found[4][0]).partition("%")[0])
        fault = self._guard.fault(address)
        if fault is not None:
            log.warning(
                "%s is not asked at %s (%s); remote.networks may allow it",
                remote.host, address, fault,
            )  # fmt: skip
        return fault

    def _lookup(self, remote: Remote, deadline: float) -> Sequence[Found]:
        """Resolve a name in a thread of its own: the system's resolver knows no deadline."""
        if not self._lookups.acquire(timeout=left(deadline)):
            raise TimeoutError("too many names are being looked up")
        answer: Future[Sequence[Found]] = Future()

        def look_up() -> None:
            try:
                answer.set_result(self._resolve(remote.host, remote.port))
            except (OSError, ValueError) as error:
                answer.set_exception(error)
            finally:
                self._lookups.release()

        threading.Thread(target=look_up, name="safelight-lookup", daemon=True).start()
        return answer.result(left(deadline))

    def _connect(self, allowed: Sequence[Found], deadline: float) -> socket.socket:
        """Dial one address after the other; each gets its share of the time that is left."""
        for waiting in range(len(allowed), 0, -1):
            try:
                return _connected(allowed[-waiting], left(deadline) / waiting)
            except OSError:
                if waiting == 1:
                    raise
        raise OSError("it has no address")

    def _secured(self, connection: socket.socket, host: str, deadline: float) -> ssl.SSLSocket:
        try:
            connection.settimeout(left(deadline))
            return self._context.wrap_socket(connection, server_hostname=host)
        except BaseException:
            connection.close()
            raise

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._tls or ssl.create_default_context()


def _connected(found: Found, seconds: float) -> socket.socket:
    family, kind, protocol, _, address = found
    connection = socket.socket(family, kind, protocol)
    try:
        connection.settimeout(seconds)
        connection.connect(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


def left(deadline: float) -> float:
    """Return the seconds until a deadline. Raises TimeoutError when it has passed."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("its time is over")
    return seconds


def unavailable(remote: Remote, reason: object) -> StoreUnavailable:
    """Make the error for a server that gives no picture; only the log hears why."""
    log.warning("%s gives no picture: %s", remote.authority, reason or "no reason")
    return StoreUnavailable("the server of the picture does not give it at the moment: try again")
