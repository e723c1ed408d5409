"""A Dask cluster as the workforce of a back-fill."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from safelight.backfill.running import Workforce
from safelight.backfill.work import Maker, Work, release
from safelight.errors import SettingError, StoreUnavailable

_CONNECT_SECONDS = 10.0
# How long the number of workers is believed.
_COUNTED_SECONDS = 5.0
# Chunks for each thread of the cluster, so that none waits for the next one.
_AHEAD = 2


@contextmanager
def cluster(address: str, build: Callable[[int], Maker], name: str) -> Iterator[Workforce]:
    """Connect to a scheduler such as ``tcp://scheduler:8786``.

    ``build`` makes in a worker what it needs for as many threads as it has; it is kept there under
    ``name`` until the end. Raises SettingError, StoreUnavailable.
    """
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError:
        raise SettingError(
            "--dask needs a library more: pip install 'safelight[dask]', here and in the workers"
        ) from None
    try:
        # Its client takes its time to give up what is no address.
        get_address_host_port(address)
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except ValueError as error:
        raise SettingError(
            f"--dask {address}: {error} (example: --dask tcp://127.0.0.1:8786)"
        ) from error
    except OSError as error:
        raise StoreUnavailable(f"--dask {address}: no scheduler answers there") from error
    with client:
        threads = _Threads(lambda: sum(client.nthreads().values()))
        try:
            yield Workforce(
                # The same keys a second time are work to be done again, not a result to be reused.
                client.get_executor(pure=False),
                Work(_InWorker(build), name),
                lambda: _AHEAD * max(1, threads.now()),
                threads.now(),
            )
        finally:
            client.run(release, name, on_error="ignore")


class _Threads:
    """The size of a cluster, which may grow and shrink, asked for now and then."""

    def __init__(self, ask: Callable[[], int]) -> None:
        self._ask = ask
        self._known = 0
        self._until = 0.0

    def now(self) -> int:
        if time.monotonic() >= self._until:
            self._known = self._ask()
            self._until = time.monotonic() + _COUNTED_SECONDS
        return self._known


@dataclass(frozen=True, slots=True)
class _InWorker:
    """Build what a worker needs, when it is there."""

    build: Callable[[int], Maker]

    def __call__(self) -> Maker:
        from distributed import get_worker

        return self.build(get_worker().state.nthreads)
