"""Trained latent spaces on disk, ours and cryoDRGN's: places and the particles they are of."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.output import CONFIG, LATENTS, read_config, read_latents
from napari_cryoai.io.cryodrgn_run import is_cryodrgn_run, read_cryodrgn_run
from napari_cryoai.io.particle_files import ParticleFiles

AnyPath = str | PathLike[str]


def read_run(
    folder: AnyPath, *, particles: AnyPath | None = None, root: AnyPath | None = None
) -> tuple[LatentTable, ParticleFiles]:
    """The particles of a training with their places, and where they were read from.

    Parameters
    ----------
    folder
        Of `cryoai heterogeneity train`, or of `cryodrgn train_vae`.
    particles, root
        Where the file of particles, and the root of the paths in it, are now if they moved.

    Raises
    ------
    CryoAIError
        If it is neither, or damaged.
    """
    folder = Path(folder)
    if not (folder / LATENTS).exists() and is_cryodrgn_run(folder):
        return read_cryodrgn_run(folder, particles=particles, root=root)
    table = read_latents(folder / LATENTS)
    files = ParticleFiles.of_config(read_config(folder), folder / CONFIG)
    return table, files.moved(particles, root)
