"""The two halves of a data set that never see each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack

Rows = NDArray[np.intp]


def split_halves(stack: ParticleStack, seed: int) -> tuple[Rows, Rows]:
    """Rows of each half: as the file says, or at random where it says nothing.

    Parameters
    ----------
    seed
        Of the random halves; particles that are in no half are shared out too.

    Raises
    ------
    CryoAIError
        If a half is empty.
    """
    half = stack.half.copy()
    free = np.flatnonzero(half == 0)
    # Whichever half is smaller gets more of them; equal ones, every other.
    order = np.random.default_rng(seed).permutation(free)
    lack = int(np.sum(half == 2) - np.sum(half == 1))
    first = int(np.clip((len(free) + lack + 1) // 2, 0, len(free)))
    half[order[:first]], half[order[first:]] = 1, 2
    one, two = np.flatnonzero(half == 1), np.flatnonzero(half == 2)
    if not len(one) or not len(two):
        raise CryoAIError(
            f"one of the two halves is empty ({len(one)} and {len(two)} particles)",
            remedy="Give at least two particles, or remove the column _rlnRandomSubset",
        )
    return one, two


def halves_told(stack: ParticleStack, seed: int) -> str:
    """Where the halves of `split_halves` come from, in words."""
    free = int(np.sum(stack.half == 0))
    if free == len(stack):
        return f"Halves drawn at random (seed {seed}): the file names none"
    if free:
        return f"Halves as the file has them; {free:,} particles in none shared out (seed {seed})"
    return "Halves as the file has them"
