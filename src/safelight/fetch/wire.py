"""Connections that speak HTTP/1.1, with an end to every wait, and those that are used again."""

from __future__ import annotations

import select
import socket
import threading
import time
import weakref
from collections.abc import Iterator, Sequence

import h11

from safelight.fetch.gate import Gate, left, unavailable
from safelight.remote import Remote

# Pictures are compressed already; what is sent compressed all the same is undone with a bound.
_HEADERS = (("User-Agent", "Safelight"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))
_MAX_HEAD = 65_536
_READ = 65_536
_MOST_IDLE = 32
_IDLE_SECONDS = 15.0


class Wire:
    """One connection to one server."""

    def __init__(self, connection: socket.socket, remote: Remote) -> None:
        """Take over a connection to the server of ``remote``."""
        self.server = _server(remote)
        self.since = 0.0
        self._connection = connection
        # One that is forgotten hangs up, too.
        weakref.finalize(self, connection.close)
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)

    def ask(
        self, remote: Remote, headers: Sequence[tuple[str, str]], deadline: float
    ) -> h11.Response:
        """Send a GET and read the head of its answer.

        Raises OSError, TimeoutError at the deadline, h11.RemoteProtocolError.
        """
        request = h11.Request(
            method="GET",
            target=remote.target,
            headers=[("Host", remote.authority), *_HEADERS, *headers],
        )
        head = (self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b"")
        self._connection.settimeout(left(deadline))
        self._connection.sendall(head)
        while True:
            event = self._next(deadline)
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise ConnectionError("it hung up without an answer")

    def chunks(self, deadline: float) -> Iterator[bytes]:
        """Read the body piece by piece.

        Raises OSError, TimeoutError, and h11.RemoteProtocolError for one that is cut short or
        longer than its head says.
        """
        while True:
            event = self._next(deadline)
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                raise ConnectionError("it hung up in the middle of an answer")
        if self._http.trailing_data[0]:
            raise h11.RemoteProtocolError("the body is longer than its head says")

    def _next(self, deadline: float) -> object:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._connection.settimeout(left(deadline))
            self._http.receive_data(self._connection.recv(_READ))

    def rest(self) -> bool:
        """Make ready for another request; False when this connection cannot have one."""
        if self._http.their_state is h11.SEND_BODY:
            # Where there is no body, as in 304, the answer ends when one is asked for.
            self._http.next_event()
        states = (self._http.our_state, self._http.their_state)
        if states != (h11.DONE, h11.DONE) or not self.quiet:
            return False
        self._http.start_next_cycle()
        self.since = time.monotonic()
        return True

    @property
    def quiet(self) -> bool:
        """Whether nothing has come that nobody asked for: neither the end nor an answer."""
        if self._http.trailing_data != (b"", False):
            return False
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Wires:
    """Connections by server; those that rest are used again."""

    def __init__(self, gate: Gate) -> None:
        """Dial through ``gate``."""
        self._gate = gate
        self._lock = threading.Lock()
        self._idle: list[Wire] = []

    def ask(
        self, remote: Remote, headers: Sequence[tuple[str, str]], deadline: float
    ) -> tuple[Wire, h11.Response]:
        """Send a GET to the server of ``remote``; its body is still to be read from the wire.

        Raises Forbidden, StoreUnavailable.
        """
        wire = self._take(remote)
        if wire is not None:
            try:
                return wire, wire.ask(remote, headers, deadline)
            except (OSError, h11.RemoteProtocolError):
                # It may have been closed for having rested: a fresh one tells.
                wire.close()
        wire = Wire(self._gate.dial(remote, deadline), remote)
        try:
            return wire, wire.ask(remote, headers, deadline)
        except (OSError, h11.RemoteProtocolError) as error:
            wire.close()
            raise unavailable(remote, error) from error

    def give(self, wire: Wire) -> None:
        """Keep a connection whose answer was read to its end; hang up where it cannot rest."""
        if not wire.rest():
            wire.close()
            return
        with self._lock:
            self._idle.append(wire)
            old = [one for one in self._idle if _tired(one)] or self._idle[:-_MOST_IDLE]
            self._idle = [one for one in self._idle if one not in old]
        for one in old:
            one.close()

    def _take(self, remote: Remote) -> Wire | None:
        """Take a resting connection, the one that was used last."""
        while True:
            with self._lock:
                same = [one for one in self._idle if one.server == _server(remote)]
                if not same:
                    return None
                wire = same[-1]
                self._idle.remove(wire)
            if not _tired(wire) and wire.quiet:
                return wire
            wire.close()


def _server(remote: Remote) -> tuple[str, str, int]:
    return remote.scheme, remote.host, remote.port


def _tired(wire: Wire) -> bool:
    return time.monotonic() - wire.since > _IDLE_SECONDS
