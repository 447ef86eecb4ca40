"""Particles and latents as cryoDRGN's pickles, of arrays alone.

Documented in `docs/formats/cryodrgn.md`.
"""

from __future__ import annotations

import pickle
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.core.poses import to_cryodrgn
from napari_cryoai.io.atomic import replacing
from napari_cryoai.io.cryodrgn_arrays import CTF_COLUMNS
from napari_cryoai.io.indices import write_indices

AnyPath = str | PathLike[str]

POSES, CTF, INDICES, LATENTS = "poses.pkl", "ctf.pkl", "ind.pkl", "z.pkl"
_PROTOCOL = 4
_TINY = 1e-12


def write_cryodrgn(
    stack: ParticleStack,
    folder: AnyPath,
    *,
    rows: NDArray[Any] | None = None,
    latents: LatentTable | None = None,
) -> list[Path]:
    """Write `poses.pkl` and `ctf.pkl`; with `rows` `ind.pkl`, with `latents` `z.pkl`.

    The images stay where they are; cryoDRGN inverts them unless told `--uninvert-data`, which is
    for images whose density is dark.

    Parameters
    ----------
    rows
        Which particles of the stack to take (`--ind`): poses and CTF are of all of them.
    latents
        Places of the particles to take.

    Raises
    ------
    CryoAIError
        If there is neither a pose nor a CTF, the pixel sizes differ, or the images have been
        multiplied by their CTF or its sign, which cryoDRGN has no word for.
    """
    folder = Path(folder)
    files: dict[str, tuple[Any, ...]] = {}
    if stack.rotations is not None:
        box_A = stack.pixel_size_A * stack.box_size_px
        poses = to_cryodrgn(stack.rotations, stack.shifts_yx_A, box_A)
        files[POSES] = (tuple(part.astype(np.float32) for part in poses),)
    if stack.ctf is not None:
        files[CTF] = (_ctf_table(stack).astype(np.float32),)
    if not files:
        raise CryoAIError(
            "the particles have neither poses nor a CTF", remedy="Choose refined particles"
        )
    if latents is not None:
        files[LATENTS] = _mean_and_log_variance(latents, len(stack) if rows is None else len(rows))
    for name, values in files.items():
        with replacing(folder / name) as part:
            part.write_bytes(b"".join(pickle.dumps(value, _PROTOCOL) for value in values))
    if rows is not None:
        write_indices(folder / INDICES, rows)
    return [folder / name for name in (*files, *([INDICES] if rows is not None else []))]


def _ctf_table(stack: ParticleStack) -> NDArray[np.float64]:
    """`(n, 9)`."""
    ctf, pixel_size_A = stack.require_ctf(), stack.require_pixel_size()
    if (ctf.phase_flipped | ctf.premultiplied).any():
        raise CryoAIError(
            "the images have been multiplied by their CTF or its sign, and cryoDRGN would do so "
            "again",
            remedy="Extract them again without --phase-flip",
        )
    columns = [getattr(ctf, name) for name in CTF_COLUMNS]
    first = (np.full(len(stack), value) for value in (float(stack.box_size_px), pixel_size_A))
    return np.stack([*first, *columns], -1)


def _mean_and_log_variance(table: LatentTable, count: int) -> tuple[NDArray[np.float32], ...]:
    if len(table) != count:
        raise CryoAIError(
            f"there are places of {len(table):,} particles, and {count:,} particles",
            remedy="Select the same particles of both",
        )
    variance = np.diagonal(table.covariance, axis1=1, axis2=2)
    return table.mean.astype(np.float32), np.log(np.maximum(variance, _TINY)).astype(np.float32)
