"""What can be set of the processes that render."""

import msgspec


class Workers(msgspec.Struct, frozen=True):
    """How many processes render, and when one is replaced.

    ``processes``: 0 means one per core. ``recycle_jobs``: after so many; ``recycle_memory``: when
    it has grown past so many bytes.
    """

    processes: int = 0
    recycle_jobs: int = 500
    recycle_memory: int = 400_000_000
