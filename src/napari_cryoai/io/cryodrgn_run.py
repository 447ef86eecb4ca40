"""The folder of a training of cryoDRGN: its latents, and the particles that they are of.

Documented in `docs/formats/cryodrgn.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.io.cryodrgn_arrays import read_cryodrgn_latent
from napari_cryoai.io.cryodrgn_latents import table_of_latents
from napari_cryoai.io.guards import read_text
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_tables import open_table

AnyPath = str | PathLike[str]

CONFIG = "config.yaml"
_DATA = "dataset_args"
_EPOCH = re.compile(r"z\.(\d{1,9})\.pkl")
_KEYS = {"particles": "particles", "poses": "poses", "ctf": "ctf", "ind": "indices"}
_KEYS |= {"datadir": "root"}


def is_cryodrgn_run(folder: AnyPath) -> bool:
    """Whether a folder is what cryoDRGN leaves behind."""
    folder = Path(folder)
    return (folder / CONFIG).is_file() and bool(_latents(folder))


def read_cryodrgn_run(
    folder: AnyPath,
    epoch: int | None = None,
    *,
    particles: AnyPath | None = None,
    root: AnyPath | None = None,
) -> tuple[LatentTable, ParticleFiles]:
    """Read the places of all particles, and where these are told of.

    Parameters
    ----------
    epoch
        Which of the files `z.N.pkl`; the last if not given.
    particles, root
        Where the particles, and the folder of their stacks, lie now if they moved.

    Raises
    ------
    CryoAIError
        If the folder is none of a training, its particles are not where they were, or not as many.
    """
    folder = Path(folder)
    latents = _latents(folder)
    if not latents or (epoch is not None and epoch not in latents):
        raise CryoAIError(
            "holds no latents of cryoDRGN" + ("" if epoch is None else f" of epoch {epoch}"),
            path=folder,
            remedy="Choose the folder that cryodrgn train_vae or abinit wrote to (-o)",
        )
    epoch = max(latents) if epoch is None else epoch
    files = _files(_config(folder / CONFIG), folder, epoch).moved(particles, root)
    every = np.asarray(open_table(files).names(), np.str_)
    rows = files.rows(len(every))
    if len(rows) and rows.max() >= len(every):
        raise CryoAIError(
            f"names particle {int(rows.max()):,}, counted from 0, of {len(every):,}",
            path=files.indices,
            remedy=f"Find the particles that were trained on; '{folder / CONFIG}' names them",
        )
    path = latents[epoch]
    mean, variance = read_cryodrgn_latent(path, count=len(rows))
    return table_of_latents(mean, variance, rows, every[rows], path), files


def _latents(folder: Path) -> dict[int, Path]:
    """The files of latents by epoch; one without a number counts as the last of all."""
    numbered = ((_EPOCH.fullmatch(path.name), path) for path in folder.glob("z.*.pkl"))
    found = {int(match[1]): path for match, path in numbered if match is not None}
    alone = folder / "z.pkl"
    return found or ({0: alone} if alone.is_file() else {})


def _config(path: Path) -> Mapping[str, Any]:
    """What cryoDRGN wrote of its run."""
    try:
        found = yaml.safe_load(read_text(path, limit_bytes=1 << 24))
    except (yaml.YAMLError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get(_DATA), dict):
        raise CryoAIError(
            "does not name the particles of a training of cryoDRGN (dataset_args)",
            path=path,
            remedy="Choose a folder of cryoDRGN 1.0 or later, with the config.yaml it wrote",
        )
    return found


def _files(config: Mapping[str, Any], folder: Path, epoch: int) -> ParticleFiles:
    told = config[_DATA]
    given = {ours: told[theirs] for theirs, ours in _KEYS.items() if told.get(theirs)}
    if told.get("invert_data") is False:
        given["uninvert_data"] = True
    refined = folder / f"pose.{epoch}.pkl"
    if refined.is_file():
        command = config.get("cmd")
        given["poses"] = str(refined)
        # Alone among its commands, this one writes shifts in pixels.
        given["shifts_in_pixels"] = isinstance(command, list) and "abinit" in command
    return ParticleFiles.of_config(given, folder / CONFIG)
