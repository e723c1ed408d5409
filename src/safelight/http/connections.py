"""This process's own TCP connections, for what Granian has no call for.

Granian stops accepting and waits for its connections without a bound, and a client that never
reads holds its connection for ever. Both are ended here, from below: to the server it looks as if
the client had left.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator


def end_all(port: int) -> int:
    """End all connections to our port; returns how many."""
    ended = 0
    for connection in _sockets(port):
        # Refused by the socket that listens, and by a connection that is gone already.
        with contextlib.suppress(OSError):
            connection.getpeername()
            connection.shutdown(socket.SHUT_RDWR)
            ended += 1
    return ended


def bound_unread(port: int, seconds: float) -> bool:
    """End each later connection whose client reads nothing for ``seconds``.

    Returns whether anything listens on the port yet. Only Linux hands the bound down from the
    socket that listens.
    """
    for listening in _sockets(port):
        if not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            continue
        if sys.platform == "linux":
            listening.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1_000)
            )
        return True
    return False


def _sockets(port: int) -> Iterator[socket.socket]:
    """Open a second descriptor to each of our TCP sockets on a port."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - numbers, not paths
        # Not a socket, or closed in the meantime.
        with contextlib.suppress(OSError), _duplicate(int(name)) as connection:
            internet = connection.family in (socket.AF_INET, socket.AF_INET6)
            if internet and connection.getsockname()[1] == port:
                yield connection


def _duplicate(descriptor: int) -> socket.socket:
    duplicate = os.dup(descriptor)
    try:
        return socket.socket(fileno=duplicate)
    except OSError:
        os.close(duplicate)
        raise
