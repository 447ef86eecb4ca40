"""Maps by regression: what the images show, as a linear function of known coefficients.

Each half of the particles gives its own maps; where the halves agree in a shell, that shell is
kept, elsewhere it is damped: with the FSC between the halves, by `2 FSC / (1 + FSC)` (Rosenthal and
Henderson 2003, J. Mol. Biol. 333, 721, equation 20).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from napari_cryoai.heterogeneity.engines.checkpoint import Checkpoint
from napari_cryoai.heterogeneity.engines.components import Components
from napari_cryoai.heterogeneity.engines.fit import Fit, part_of, told
from napari_cryoai.heterogeneity.engines.images import Rows
from napari_cryoai.heterogeneity.engines.lattice import Lattice
from napari_cryoai.heterogeneity.engines.posterior import Evidence
from napari_cryoai.jobs.progress import Job, part

ROUNDS = 3

Moments = Callable[[Rows], tuple[Tensor, Tensor]]
"""Mean `(m, r)` and second moment `(m, r, r)` of the coefficients of particles."""


def regressed(
    fit: Fit, halves: tuple[Rows, Rows], moments: Moments, kept: Checkpoint
) -> Job[tuple[Tensor, Tensor]]:
    """Maps at the full resolution of the working box.

    Returns
    -------
    maps
        `(r, n, n, n)` on the CPU; the first is that of coefficient 0.
    fsc
        `(shells, r)` between the halves.
    """
    lattice = Lattice(fit.images.radius, fit.images.device)
    tables = []
    for i, rows in enumerate(halves):
        name = f"maps of half {i + 1}"
        half = _half(fit, lattice, rows, moments, kept, name)
        tables.append((yield from part(half, 50 * i, 50 * i + 50)))
    shared = Components(lattice, tables[0])
    correlation = shared.correlation(tables[1])
    damped = 0.5 * (tables[0] + tables[1]) * damping(correlation)[lattice.shell].repeat(1, 2)
    maps = lattice.maps(damped) * fit.mask
    return maps.cpu(), correlation.cpu()


def damping(correlation: Tensor) -> Tensor:
    """What shells `(shells, r)` are multiplied by; nothing beyond the second that disagrees."""
    positive = correlation.clamp(0, 1)
    lost = torch.cumsum((correlation < 0).long(), 0) > 1
    return torch.where(lost, 0.0, 2 * positive / (1 + positive))


def _half(
    fit: Fit, lattice: Lattice, rows: Rows, moments: Moments, kept: Checkpoint, name: str
) -> Job[Tensor]:
    images = fit.images

    def known(found: Evidence, some: Rows) -> tuple[Tensor, Tensor]:
        mean, second = moments(some)
        return mean.to(images.device), second.to(images.device)

    r = moments(rows[:1])[0].shape[1]
    empty = torch.zeros(len(lattice), 2 * r, device=images.device)
    here = Fit(images, fit.prior, Components(lattice, empty, regularised=False), fit.mask)
    parts, done = here.parts, kept.state(name, lambda state: _restored(here, state)) or 0
    for number in range(done, ROUNDS):
        job = told(parts.round(images, rows, known), here, len(rows))
        sums = yield from part_of(job, number, ROUNDS)
        parts.move(sums)
        parts.table = lattice.table(lattice.maps(parts.table) * fit.mask)
        state = {"rounds": number + 1, "table": parts.table, "weights": parts.weights}
        kept.keep(name, partial(dict, state))
    return parts.table


def _restored(here: Fit, state: dict[str, Any]) -> int:
    """Take up maps where they were; returns how many rounds have been made."""
    device = here.images.device
    table, weights = state["table"].to(device), state["weights"].to(device)
    if table.shape != here.parts.table.shape:
        raise ValueError("maps of another size")
    here.parts.table, here.parts.weights = table, weights
    return int(state["rounds"])
