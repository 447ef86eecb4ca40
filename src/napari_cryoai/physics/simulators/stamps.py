"""Particles of atomic detail on a micrograph: each projected, imaged at its own depth, placed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor

from napari_cryoai.physics.ctf import electron_wavelength_A
from napari_cryoai.physics.fourier import frequencies, shift_phases, to_real
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.pseudo_atoms import random_rotations

Floats = NDArray[np.float64]

BATCH = 16
MAX_SPREAD_A = 150.0
"""How far around a particle its fringes are followed; the margin of a micrograph is as wide."""


@dataclass(frozen=True, eq=False)
class Stamp:
    """Where and how the particles of a micrograph lie, one row each.

    Attributes
    ----------
    yx_px
        `(n, 2)` centres, in pixels of the canvas.
    rotations
        `(n, 3, 3)` that take the map into the view.
    weights
        `(n,)` strength of each.
    defocus_A
        `(n,)` mean defocus of each.
    conformer
        `(n,)` index of its map.
    """

    yx_px: Floats
    rotations: Floats
    weights: Floats
    defocus_A: Floats
    conformer: NDArray[np.int64]


def contrast(
    model: MicrographModel, conformers: Conformers, stamp: Stamp, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """What the particles add to the image of a canvas `(ny, nx)`, CTF and envelopes applied."""
    image = torch.zeros(shape)
    side = _side(model, conformers.diameter_A)
    whole = np.rint(stamp.yx_px).astype(int)
    for kind in np.unique(stamp.conformer):
        rows = np.flatnonzero(stamp.conformer == kind)
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            seen = _imaged(
                model, conformers, int(kind), side, stamp.rotations[part], stamp.defocus_A[part],
                stamp.yx_px[part] - whole[part],
            )  # fmt: skip
            seen *= torch.as_tensor(stamp.weights[part], dtype=torch.float32)[:, None, None]
            for one, (y, x) in zip(seen, (whole[part] - side // 2).tolist(), strict=True):
                _add(image, one, y, x)
    return image.numpy()


def weight_for_snr(model: MicrographModel, conformers: Conformers) -> float:
    """Strength of a particle that gives the wanted SNR, from 24 views of it alone."""
    views = random_rotations(24, np.random.default_rng(model.structure_seed))
    side = _side(model, conformers.diameter_A)
    y, x = np.mgrid[:side, :side] - side // 2
    circle = np.hypot(y, x) * model.pixel_size_A < conformers.diameter_A / 2
    power = 0.0
    for start in range(0, 24, BATCH):
        part = views[start : start + BATCH]
        kind = start // BATCH % len(conformers)
        defocus = np.full(len(part), model.defocus_A)
        seen = _imaged(model, conformers, kind, side, part, defocus, np.zeros((len(part), 2)))
        power += float(seen[:, torch.as_tensor(circle)].square().mean(1).sum()) / len(views)
    return float(np.sqrt(model.snr / power) * model.noise_sigma)


def _imaged(
    model: MicrographModel,
    conformers: Conformers,
    kind: int,
    side: int,
    rotations: Floats,
    defocus_A: Floats,
    shifts_px: Floats,
) -> Tensor:
    """Images `(m, side, side)` of one conformer, moved by fractions of a pixel."""
    n, pixel_A = conformers.n, model.pixel_size_A
    turns = torch.as_tensor(rotations, dtype=torch.float32)
    small = to_real(conformers.transform(kind).slices(turns), (n, n))
    before = side // 2 - n // 2
    after = side - n - before
    # The centre stays where it is: no need to shift the origin there and back.
    views = torch.fft.rfft2(torch.nn.functional.pad(small, (before, after, before, after)))
    gy, gx = frequencies((side, side), pixel_A)
    ctf = replace(
        model.ctf,
        defocus_A=torch.as_tensor(defocus_A, dtype=torch.float32),
        b_factor_A2=model.b_factor_A2,
    )
    drift = torch.sinc(model.drift_A / math.sqrt(2) * (gy + gx))
    shifts = torch.as_tensor(shifts_px * pixel_A, dtype=torch.float32)
    views *= ctf.at(gy, gx) * drift
    views *= shift_phases(shifts, (side, side), pixel_A)
    return torch.fft.irfft2(views, s=(side, side))


def _side(model: MicrographModel, diameter_A: float) -> int:
    """Box that holds a particle and its fringes, as far as the envelope lets them be seen."""
    seen = math.sqrt(4 * math.log(20) / max(model.b_factor_A2, 1.0))
    g = min(seen, 0.5 / model.pixel_size_A)
    spread_A = min(MAX_SPREAD_A, electron_wavelength_A(model.voltage_kV) * model.defocus_A * g)
    return int(fft.next_fast_len(math.ceil((diameter_A + 2 * spread_A) / model.pixel_size_A), True))


def _add(image: Tensor, one: Tensor, y: int, x: int) -> None:
    """Add a box whose corner is at `(y, x)`; what lies outside the image is left out."""
    (ny, nx), side = image.shape, len(one)
    rows = slice(max(0, y), min(ny, y + side))
    columns = slice(max(0, x), min(nx, x + side))
    if rows.start < rows.stop and columns.start < columns.stop:
        image[rows, columns] += one[
            rows.start - y : rows.stop - y, columns.start - x : columns.stop - x
        ]
