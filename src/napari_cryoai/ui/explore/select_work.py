"""Rules and files of selections, for a thread."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.core.selection_set import SelectionSet
from napari_cryoai.io.particle_export import export_particles
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.selections import read_selections, write_selections
from napari_cryoai.ui.kit.parts import counted
from napari_cryoai.ui.latent.session import Opened

SELECTIONS = "selections.npz"
FILTER = "RELION STAR (*.star);;cryoSPARC (*.cs);;Indices (*.npz *.npy *.txt *.ind *.pkl)"
ORIGINALS = "Particles (*.star *.cs);;All files (*)"
Mask = NDArray[np.bool_]


def where(source: Opened, columns: Mapping[str, NDArray[np.float32]], rule: str) -> Mask:
    """`(n,)` particles for which a rule holds, over these columns and those of their file.

    Raises
    ------
    CryoAIError
        If the rule cannot be read, or names what there is not.
    """
    from napari_cryoai.heterogeneity.selection.select import select_particles

    try:
        files: ParticleFiles | None = particle_files(source)
    except CryoAIError:
        files = None  # columns of the latent space need no file
    mask = np.zeros(len(source.model.table), np.bool_)
    mask[select_particles(source.model.table, rule, files, columns)] = True
    return mask


def particle_files(source: Opened) -> ParticleFiles:
    """The files that were trained on.

    Raises
    ------
    CryoAIError
        If the folder does not tell.
    """
    if source.folder is None:
        raise CryoAIError(
            "these particles are in no file",
            remedy="Open the folder of a training, which names the file of its particles",
        )
    return ParticleFiles.of_config(source.config, source.folder / "config.yaml")


def particles_of(source: Opened, *, with_images: bool = True) -> ParticleStack:
    """The particles of a latent space, in its order.

    Raises
    ------
    CryoAIError
        If the file is missing, or has fewer particles now.
    """
    files, table = particle_files(source), source.model.table
    stack = files.read(with_images=with_images)
    rows = files.rows(len(stack))
    order = np.argsort(rows)
    at = np.searchsorted(rows, table.rows, sorter=order).clip(max=len(rows) - 1)
    if not np.array_equal(rows[order[at]], table.rows):
        raise CryoAIError(
            "has other particles than those that were trained on",
            path=files.particles,
            remedy="Put the file back that was trained on",
        )
    return stack.select(order[at])


def saved(source: Opened) -> SelectionSet | None:
    """The selections that were kept in the folder; None if there are none.

    Raises
    ------
    CryoAIError
        If they are about other particles, or damaged.
    """
    if source.folder is None or not (source.folder / SELECTIONS).is_file():
        return None
    return read_selections(source.folder / SELECTIONS, source.model.table)


def save(source: Opened, state: SelectionSet) -> None:
    """Keep the selections in the folder.

    Raises
    ------
    CryoAIError
        If it cannot be written to.
    """
    if source.folder is None:
        return
    try:
        write_selections(source.folder / SELECTIONS, state, source.model.table)
    except OSError as error:
        raise CryoAIError(
            f"the selections could not be kept ({error.strerror})",
            path=source.folder / SELECTIONS,
            remedy="Make the folder writable; they are lost when the window is closed",
        ) from error


def proposed(source: Opened | None) -> Path:
    """Where to begin when a file is asked for."""
    folder = source.folder if source is not None and source.folder is not None else Path()
    return folder / "selected.star"


def export(source: Opened, mask: Mask, path: Path, original: Path | None = None) -> str:
    """Write the particles of a mask; returns what was done, in a sentence.

    Parameters
    ----------
    original
        The file of the particles that those trained on were made from, by binning say.

    Raises
    ------
    CryoAIError
        If their file has changed, or fewer were written than are selected.
    """
    table, wanted = source.model.table, int(mask.sum())
    rows, names = table.rows[mask], table.names[mask]
    written = export_particles(particle_files(source), rows, names, path, original=original)
    if written != wanted:
        raise CryoAIError(
            f"{wanted:,} particles are selected but {written:,} were written",
            path=path,
            remedy="Do not use that file; export again",
        )
    of = "" if original is None else f", as in {original.name}"
    return f"Wrote {counted(written, 'particle')}{of}, to {path}"
