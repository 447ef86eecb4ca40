"""Particles by what is known of them: their place, columns of the run, columns of their file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.selection.conditions import Columns, rows_where
from napari_cryoai.heterogeneity.selection.file_columns import FileColumns
from napari_cryoai.io.particle_files import ParticleFiles


def select_particles(
    table: LatentTable,
    condition: str,
    files: ParticleFiles | None = None,
    more: Mapping[str, ArrayLike] | None = None,
) -> NDArray[np.intp]:
    """The particles for which a condition holds, as indices into the table, ascending.

    Parameters
    ----------
    condition
        See `conditions.rows_where`. Names are, the first that fits: columns of `more`, `z1` to
        `zd`, `row` (counted from 1), columns of the table, and what the particles' file tells (see
        `file_columns.FileColumns`).
    files
        Where the particles were read from; opened only if the condition names one of its columns.
    more
        Other columns, `(n,)` each: clusters, scores.

    Raises
    ------
    CryoAIError
        If the condition cannot be read, names no column, or the file has other particles now.
    """
    near: dict[str, ArrayLike] = {**table.columns, "row": table.rows + 1}
    near |= {f"z{i + 1}": table.mean[:, i] for i in range(table.z_dim)}
    near |= more or {}
    far = None if files is None else FileColumns(table, files)

    def find(name: str) -> ArrayLike | None:
        if name in near:
            return near[name]
        return None if far is None else far.find(name)

    def names() -> list[str]:
        return [*near, *(far.names() if far is not None else [])]

    return np.flatnonzero(rows_where(condition, Columns(len(table), find, names)))
