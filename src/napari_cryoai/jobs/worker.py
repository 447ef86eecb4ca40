"""What a worker process does first; loaded by dask under this name."""

from __future__ import annotations

import signal


def dask_setup(worker: object) -> None:
    """Leave Ctrl+C, which a terminal sends to every process, to the one that shows the bar."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
