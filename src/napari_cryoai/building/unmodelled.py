"""What of the sequences is not in a model, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.threading.thread import Threaded
from napari_cryoai.core.atomic_model import Polymer, Unmodelled

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def unmodelled(threaded: Threaded, polymers: Sequence[Polymer]) -> tuple[Unmodelled, ...]:
    """What of the sequences has no residue of the trace, and why."""
    found: list[Unmodelled] = []
    free = threaded.trace.ca_A[threaded.polymer < 0]
    for number, polymer in enumerate(polymers):
        mine = np.flatnonzero(threaded.polymer == number)
        at = dict(zip(threaded.position[mine].tolist(), mine.tolist(), strict=True))
        length = len(polymer.sequence)
        missing = np.array([i for i in range(length) if i not in at], np.intp)
        for run in np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1):
            if len(run):
                flanks = [at[i] for i in (run[0] - 1, run[-1] + 1) if i in at]
                reason = _reason(run, length, threaded.trace.ca_A[flanks], free)
                found.append(Unmodelled(polymer.name, int(run[0]) + 1, int(run[-1]) + 1, reason))
    return tuple(found)


_NEAR_A = 6.5
"""A residue of the trace within this distance of where a chain ends may be its next one."""


def _reason(run: Ints, length: int, flanks: Floats, free: Floats) -> str:
    if not len(flanks):
        return "no part of the chain was found in the trace"
    distance = np.linalg.norm(flanks[:, None] - free[None], axis=2) if len(free) else np.full(1, 99)
    if distance.min() < _NEAR_A:
        return "too uncertain: the trace goes on, but its residues fit no place well enough"
    if run[0] == 0 or run[-1] == length - 1:
        return "terminus: the trace ends before it"
    return "no trace"
