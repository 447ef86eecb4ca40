"""The table of extracted particles: where each came from, its CTF, what the picks knew of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io import relion
from napari_cryoai.io.columns import decimals
from napari_cryoai.io.image_stacks import open_images, spelling
from napari_cryoai.io.micrograph_ctf import OPTIONAL
from napari_cryoai.io.optics import GROUP, WithOptics
from napari_cryoai.io.particle_stacks import write_particles
from napari_cryoai.io.relion_particles import ctf_of, micrographs_of
from napari_cryoai.particles.extract_plan import Block, ExtractParams

STACK, TABLE = "particles.mrcs", "particles.star"

Rows = Mapping[int, NDArray[np.intp]]


def write_table(
    params: ExtractParams,
    blocks: Sequence[Block],
    rows: Rows,
    picks: PickTable,
    stack: Path,
    table: Path,
) -> ParticleStack:
    """Write the table beside the stack.

    Parameters
    ----------
    rows
        Which particles of each block were kept.
    """
    used = [(block, rows[i]) for i, block in enumerate(blocks) if len(rows[i])]
    chosen = picks.select(np.concatenate([block.rows[own] for block, own in used]))
    blocks_of_star = relion.to_blocks(chosen, [_true_to_size(block) for block, _ in used])
    columns = {k: np.array(v, object) for k, v in blocks_of_star["particles"].items()}
    columns |= _fit_columns(used)
    names, micrograph = micrographs_of(blocks_of_star["particles"])
    said = spelling(stack, table)
    images = open_images([f"{i + 1:06d}@{said}" for i in range(len(chosen))], table)
    particles = ParticleStack.of_images(
        images,
        _each([block.pixel_size_A for block, _ in used], used),
        shifts_yx_A=_shifts(used, picks),
        ctf=_ctf(params, used, blocks_of_star, table),
        names=names,
        micrograph=micrograph,
        yx_px=np.concatenate([block.centre_px[own] for block, own in used]),
        score=chosen.score,
        group=columns[GROUP].astype(np.int32),
        extra=columns,
        sidecar={"optics": blocks_of_star["optics"]},
    )
    write_particles(particles, table)
    return particles


Used = Sequence[tuple[Block, NDArray[np.intp]]]


def _true_to_size(block: Block) -> Any:
    """The micrograph with the pixel size that was worked with."""
    if block.ctf is None:
        return block.micrograph
    return replace(block.micrograph, pixel_size_A=block.ctf.pixel_size_A)


def _each(values: Sequence[float], used: Used) -> NDArray[np.float64]:
    """A value of each block for each of its particles."""
    return np.repeat(np.array(values, np.float64), [len(own) for _, own in used])


def _shifts(used: Used, picks: PickTable) -> NDArray[np.float64]:
    """What the whole pixel of the box centre leaves of the pick's centre; no image was shifted."""
    shifts = []
    for block, own in used:
        rest_px = picks.yx_px[block.rows[own]] - block.centre_px[own]
        micrograph_A = _true_to_size(block).require_pixel_size()
        shifts.append(rest_px * micrograph_A)
    return np.concatenate(shifts)


def _ctf(
    params: ExtractParams, used: Used, star: Mapping[str, Any], table: Path
) -> ParticleCtf | None:
    """The CTF of the micrographs, or else what the picks' own file says."""
    own = [block.ctf for block, _ in used if block.ctf is not None]
    if len(own) < len(used):
        return ctf_of(WithOptics(star["particles"], star["optics"], table))
    return ParticleCtf.of_values(
        sum(len(rows) for _, rows in used),
        **{name: _each([getattr(c, name) for c in own], used) for name in _CTF_FIELDS},
        phase_flipped=params.phase_flip,
    )


_CTF_FIELDS = (
    *("defocus_u_A", "defocus_v_A", "defocus_angle_deg"),
    *("voltage_kV", "cs_mm", "amplitude_contrast", "phase_shift_deg"),
)


def _fit_columns(used: Used) -> dict[str, NDArray[np.object_]]:
    """How well the CTF of the micrograph fitted, for the selections that users make by it."""
    own: list[MicrographCtf] = [block.ctf for block, _ in used if block.ctf is not None]
    if len(own) < len(used):
        return {}
    columns = {}
    for name in ("fit_score", "fit_resolution_A"):
        values = np.nan_to_num(_each([getattr(c, name) for c in own], used))
        columns[OPTIONAL[name]] = np.array(decimals(values), object)
    return columns
