"""Rotamers: the torsions that side chains like, and how much, given phi and psi."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.tables import tables
from napari_cryoai.building.atoms.topology import KINDS, SYMMETRIC, kind

Floats = NDArray[np.float64]


def turned(difference: Floats, number: int) -> Floats:
    """Differences `(..., k)` of chi, the short way round, where half a turn may mean the same."""
    away: Floats = np.angle(np.exp(1j * difference))
    symmetric = SYMMETRIC.get(KINDS[number], 0)
    if 0 < symmetric <= difference.shape[-1]:
        away[..., symmetric - 1] = np.angle(np.exp(2j * difference[..., symmetric - 1])) / 2
    return away


def log_density(kinds: NDArray[np.intp], chi: Floats) -> Floats:
    """`(n,)` logarithm of how common the torsions `(n, 4)` are; NaN where there are none."""
    found = np.full(len(kinds), np.nan)
    for number in np.unique(kinds).tolist():
        n_chi = len(kind(number).chi_atoms)
        rows = np.flatnonzero((kinds == number) & np.isfinite(chi[:, :n_chi]).all(1))
        if n_chi and len(rows):
            found[rows] = _log_mixture(chi[rows, :n_chi], number)
    return found


def _log_mixture(chi: Floats, number: int) -> Floats:
    known, n_chi = tables(), chi.shape[1]
    mine = known.rotamer_kind == number
    means, sd = known.rotamer_chi[mine, :n_chi], known.rotamer_sd[mine, :n_chi]
    shares = np.exp(known.rotamer_log[mine]).mean((1, 2))
    away = turned(chi[:, None] - means, number) / sd
    logs = np.log(shares) - 0.5 * (away**2).sum(-1) - np.log(sd).sum(-1)
    top = logs.max(1)
    result: Floats = top + np.log(np.exp(logs - top[:, None]).sum(1))
    return result


def rotamers_at(number: int, phi: Floats, psi: Floats) -> tuple[Floats, Floats, Floats]:
    """Rotamers of an amino acid.

    Parameters
    ----------
    number
        Row of `topology.KINDS`.
    phi, psi
        `(n,)` in radians; NaN where undefined.

    Returns
    -------
    chi, sd
        `(m, k)` in radians.
    log_share
        `(n, m)`.
    """
    known, n_chi = tables(), len(kind(number).chi_atoms)
    mine = known.rotamer_kind == number
    table = known.rotamer_log[mine]
    cells = [
        np.floor(np.mod(np.nan_to_num(t) + np.pi, 2 * np.pi) / (2 * np.pi) * table.shape[1])
        for t in (phi, psi)
    ]
    at = [np.clip(c, 0, table.shape[1] - 1).astype(np.intp) for c in cells]
    logs = table[:, at[0], at[1]].T
    overall = np.log(np.exp(table).mean((1, 2)))
    logs = np.where(np.isfinite(phi + psi)[:, None], logs, overall)
    return known.rotamer_chi[mine, :n_chi], known.rotamer_sd[mine, :n_chi], logs
