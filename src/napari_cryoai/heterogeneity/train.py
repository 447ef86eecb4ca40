"""From a file of particles to the folder of a latent space, by any of the methods."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.heterogeneity.engines.checkpoint import Checkpoint
from napari_cryoai.heterogeneity.engines.covariance import CovarianceParams, Trained, covariance
from napari_cryoai.heterogeneity.engines.vae import VaeParams, vae
from napari_cryoai.heterogeneity.output import LATENTS, write_model
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.jobs.progress import Job, Progress, part
from napari_cryoai.jobs.record import write_record
from napari_cryoai.jobs.resume import fingerprint

CHECKPOINT = "training.checkpoint"
"""What a training under way keeps in its folder."""


@dataclass(frozen=True)
class Engine:
    """A method: the class of its parameters, and its job `(params, stack, mask=, kept=)`."""

    params: type[CovarianceParams]
    job: Callable[..., Job[Trained]]


METHODS = {"covariance": Engine(CovarianceParams, covariance), "vae": Engine(VaeParams, vae)}


def train(
    method: str,
    params: CovarianceParams,
    files: ParticleFiles,
    folder: Path,
    *,
    mask: DensityMap | None = None,
    resume: bool = False,
) -> Job[Trained]:
    """Read the particles, fit the latent space, and write all of it to the folder.

    Parameters
    ----------
    resume
        Whether to go on from the folder's checkpoint, if there is one.

    Raises
    ------
    CryoAIError
        If the folder holds something else, the particles cannot be read or used, or the checkpoint
        is one of another training.
    """
    start = time.perf_counter()
    check_folder(folder)
    kept = Checkpoint(folder / CHECKPOINT, _identity(method, params, files, mask))
    if resume:
        kept.resume()
    yield Progress(0, 100, "Reading the table of particles")
    stack = files.read()
    with naming(files.particles):
        found = yield from part(METHODS[method].job(params, stack, mask=mask, kept=kept), 1, 98)
    yield Progress(98, 100, "Writing")
    table = replace(found.model.table, rows=files.rows(len(stack)))
    trained = replace(found, model=replace(found.model, table=table))
    config = {**params.model_dump(mode="json"), **files.as_config(), **_said(trained)}
    written = write_model(trained.model, folder, config, trained.rounds)
    write_record(
        folder,
        f"heterogeneity train --method {method}",
        params,
        inputs=[files.particles],
        outputs=written,
        seed=params.seed,
        device=params.device,
        seconds=time.perf_counter() - start,
    )
    kept.remove()
    return trained


def check_folder(folder: Path) -> None:
    """Refuse a folder of other things.

    Raises
    ------
    CryoAIError
        If it holds files, and none of a latent space.
    """
    check_writable(folder)
    ours = any((folder / name).exists() for name in (LATENTS, CHECKPOINT))
    if folder.is_dir() and any(folder.iterdir()) and not ours:
        raise CryoAIError(
            "holds other files already", path=folder, remedy="Choose a new or an empty folder"
        )


def _said(trained: Trained) -> dict[str, Any]:
    held_out = trained.held_out
    return {
        "held_out_gain": held_out.gain,
        "held_out_error": held_out.error,
        "structure_found": held_out.found,
        "structure": held_out.text(),
        "halves": trained.halves,
    }


def _identity(
    method: str, params: CovarianceParams, files: ParticleFiles, mask: DensityMap | None
) -> str:
    """What a training that is resumed must have in common with the one that was cut short."""
    told = files.as_config()
    read = (files.particles, files.poses, files.ctf, files.indices)
    sizes = [path.stat().st_size for path in read if path is not None and path.exists()]
    inside = None if mask is None else zlib.crc32(np.ascontiguousarray(mask.data).tobytes())
    return fingerprint(
        params, without={"device", "epochs"}, method=method, files=told, sizes=sizes, mask=inside
    )
