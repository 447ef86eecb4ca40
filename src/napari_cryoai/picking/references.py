"""References for the template detector, from a file: a stack of images, or picks to average."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.mrc import read_header, read_mrc
from napari_cryoai.io.picks import read_picks
from napari_cryoai.picking.preprocess import Prepared, prepare
from napari_cryoai.picking.template import references_from_picks, references_from_stack

STACKS = (".mrc", ".mrcs", ".mrc.gz", ".mrcs.gz")
MOST_MICROGRAPHS = 20
"""So many micrographs with picks are enough to average from."""


def load_references(
    path: Path | None, micrographs: Sequence[Micrograph], diameter_A: float
) -> NDArray[np.float32]:
    """References on the prepared grid, `(k, n, n)`, density bright.

    Raises
    ------
    CryoAIError
        If there is no file, or nothing usable in it.
    """
    if path is None:
        raise CryoAIError(
            "the template detector has nothing to look for",
            remedy="Give references: a stack of class averages, or a file of picks to average",
        )
    if path.name.lower().endswith(STACKS):
        return _from_stack(path, diameter_A)
    return average_picks(read_picks(path, micrographs=micrographs), micrographs, diameter_A)


def average_picks(
    picks: PickTable, micrographs: Sequence[Micrograph], diameter_A: float
) -> NDArray[np.float32]:
    """Average the particles that are picked already; see `references_from_picks`."""
    prepared: list[Prepared] = []
    centres: list[NDArray[np.float64]] = []
    for micrograph in micrographs:
        rows = picks.rows_of(micrograph.name)
        if len(rows) and len(prepared) < MOST_MICROGRAPHS:
            ready = prepare(micrograph.read(), diameter_A / micrograph.require_pixel_size())
            prepared.append(ready)
            centres.append(ready.from_micrograph(picks.yx_px[rows]))
    references = references_from_picks(prepared, centres) if prepared else None
    if references is None or not len(references):
        raise CryoAIError(
            "none of the picks lies on the micrographs at hand",
            remedy="Pick a few particles first, away from the border; 20 or more average well",
        )
    return references


def _from_stack(path: Path, diameter_A: float) -> NDArray[np.float32]:
    header = read_header(path)
    if header.pixel_size_A is None:
        raise CryoAIError(
            "the references do not say their pixel size",
            path=path,
            remedy="Write it into the header of the file",
        )
    stack = np.asarray(read_mrc(path), np.float32)
    stack = stack.reshape(-1, *stack.shape[-2:])
    return references_from_stack(stack, header.pixel_size_A, diameter_A)
