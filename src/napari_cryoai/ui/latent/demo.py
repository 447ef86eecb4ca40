"""A small latent space to try the explorer on: a molecule with an arm that bends.

The maps and their principal components are computed; places of particles are drawn around where
their conformer lies, as noise would scatter them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.ui.latent.session import Opened

if TYPE_CHECKING:
    from napari_cryoai.heterogeneity.model import LatentModel

SIDE, PIXEL_A = 40, 4.0
ANGLES = np.radians(np.linspace(-60, 60, 41))
_WIDTH = 2.2
Floats = NDArray[np.float64]


def demo(particles: int = 20_000, components: int = 6, seed: int = 0) -> Opened:
    """Particles of a molecule whose arm bends, a third of them without a small domain."""
    rng = np.random.default_rng(seed)
    maps = np.stack([conformer(a, domain) for domain in (0.0, 1.0) for a in ANGLES])
    mean = maps.mean(0)
    flat = (maps - mean).reshape(len(maps), -1)
    _, sizes, axes = np.linalg.svd(flat, full_matrices=False)
    scale = sizes[:components] / np.sqrt(len(maps))
    basis = axes[:components] * scale[:, None]
    states = flat @ basis.T / scale**2  # (s, r) coefficients of the conformers
    which, angle, present = _drawn(particles, rng)
    sd = 0.16 * rng.gamma(6.0, 1 / 6.0, particles)
    places = states[which] + rng.normal(size=(particles, components)) * sd[:, None]
    covariance = np.eye(components)[None] * (sd**2)[:, None, None]
    table = LatentTable(
        places.astype(np.float32),
        covariance.astype(np.float32),
        np.arange(particles, dtype=np.int64),
        np.array([f"{i + 1:06d}@simulated" for i in range(particles)]),
        {"angle": np.degrees(angle).astype(np.float32), "domain": present.astype(np.float32)},
    )
    return Opened(_model(mean, basis, table), config={"method": "covariance"})


def conformer(angle: float, domain: float) -> Floats:
    """`(n, n, n)` density: a body, an arm at an angle, and a small domain or none."""
    centres = [(0.0, 0.0, -7.0 + 3.5 * i, 1.0) for i in range(4)]
    tip = np.array([0.0, np.sin(angle), np.cos(angle)])
    centres += [(*(np.array([0.0, 0.0, 4.5]) + 3.0 * (i + 0.6) * tip), 0.9) for i in range(4)]
    centres += [(6.0, 2.0, -7.0, domain), (8.0, 4.0, -5.0, domain)]
    z, y, x = np.indices((SIDE,) * 3) - SIDE // 2
    total = np.zeros((SIDE,) * 3)
    for cz, cy, cx, weight in centres:
        squares = (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2
        total += weight * np.exp(-squares / (2 * _WIDTH**2))
    return total


def _drawn(n: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], Floats, NDArray[np.bool_]]:
    """Row of the conformer, angle, and whether the domain is there, of each particle."""
    bent = np.where(rng.random(n) < 0.4, rng.normal(-0.55, 0.2, n), rng.normal(0.45, 0.35, n))
    at = np.clip(np.searchsorted(ANGLES, bent), 0, len(ANGLES) - 1)
    present = rng.random(n) > 0.34
    return at + present * len(ANGLES), ANGLES[at], present


def _model(mean: Floats, basis: Floats, table: LatentTable) -> LatentModel:
    import torch  # it takes seconds to load

    from napari_cryoai.heterogeneity.model import LatentModel

    side = (len(basis), SIDE, SIDE, SIDE)
    return LatentModel(
        "covariance",
        torch.from_numpy(mean.astype(np.float32)),
        torch.from_numpy(basis.astype(np.float32).reshape(side)),
        None,
        table,
        PIXEL_A,
    )
