"""What the file of the particles says of those in a latent space, column by column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.particle_export import check_identity
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_tables import ParticleTable, open_table

Floats = NDArray[np.float64]


def _defocus(stack: ParticleStack) -> Any:
    return None if stack.ctf is None else (stack.ctf.defocus_u_A + stack.ctf.defocus_v_A) / 2


def _astigmatism(stack: ParticleStack) -> Any:
    return None if stack.ctf is None else np.abs(stack.ctf.defocus_u_A - stack.ctf.defocus_v_A)


def _phase_shift(stack: ParticleStack) -> Any:
    return None if stack.ctf is None else stack.ctf.phase_shift_deg


def _tilt(stack: ParticleStack) -> Any:
    if stack.rotations is None:
        return None
    return np.degrees(np.arccos(np.clip(stack.rotations[:, 2, 2], -1, 1)))


PROPERTIES: Mapping[str, Callable[[ParticleStack], Any]] = {
    "defocus_A": _defocus,
    "astigmatism_A": _astigmatism,
    "phase_shift_deg": _phase_shift,
    "tilt_deg": _tilt,
    "shift_A": lambda stack: np.hypot(*stack.shifts_yx_A.T),
    "x_px": lambda stack: stack.yx_px[:, 1],
    "y_px": lambda stack: stack.yx_px[:, 0],
    "half": lambda stack: stack.half,
    "group": lambda stack: stack.group,
    "micrograph": lambda stack: stack.micrograph + 1,
    "score": lambda stack: stack.score,
    "pixel_size_A": lambda stack: stack.pixel_size_A,
}
"""What particles have whatever their file calls it; micrographs are counted from 1."""


class FileColumns:
    """Columns of the file that the particles of a latent space were read from.

    The file is opened when the first column is asked for, and must have the same particles in its
    rows as it had then.

    Parameters
    ----------
    table
        The particles.
    files
        Where they were read from.
    """

    def __init__(self, table: LatentTable, files: ParticleFiles):
        self._rows = table.rows
        self._names = table.names
        self._files = files

    def find(self, name: str) -> Floats | None:
        """`(n,)`, a property of `PROPERTIES` or a column of numbers; None if there is none.

        Columns of `.cs` files are called with `_` for `/`; those of vectors end in `_0`, `_1`, ...

        Raises
        ------
        CryoAIError
            If the file is missing, or has other particles now.
        """
        if name in PROPERTIES:
            values = PROPERTIES[name](self._stack)
            return None if values is None else np.asarray(values, np.float64)[self._place]
        column = self._source.column(name)
        return None if column is None else column[self._rows]

    def names(self) -> list[str]:
        """All that may be asked for."""
        return [*PROPERTIES, *self._source.columns()]

    @cached_property
    def _source(self) -> ParticleTable:
        source = open_table(self._files)
        check_identity(source, self._rows, self._names.tolist())
        return source

    @cached_property
    def _stack(self) -> ParticleStack:
        """What the files say of every particle that was read."""
        _ = self._source
        return self._files.read(with_images=False)

    @cached_property
    def _place(self) -> NDArray[np.intp]:
        """Where each particle of the table is in that stack."""
        own = self._files.rows(len(self._stack))
        order = np.argsort(own)
        return order[np.searchsorted(own, self._rows, sorter=order)]
