"""What a chain of amino acids costs: its geometry, its contacts, the density it misses.

The sum of squares of deviations in units of their spread, halved, as in a likelihood; so the terms
can be added. Differentiable in the places of the atoms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from napari_cryoai.building.atoms.bonded import bonded_pairs
from napari_cryoai.building.atoms.field import Field
from napari_cryoai.building.atoms.restraints import (
    bond_graph,
    ideal_angles,
    ideal_bonds,
    ideal_centres,
    ideal_torsions,
)
from napari_cryoai.building.atoms.tables import tables
from napari_cryoai.building.atoms.topology import CA, SLOTS, C, N, kind

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]

BOND_SPREAD_A, ANGLE_SPREAD_RAD = 0.02, 0.035
VOLUME_SPREAD_A3 = 0.2
TORSION_SPREAD_RAD = 0.09
CONTACT_SPREAD_A = 0.10
REACH_A = 5.0
"""Pairs of atoms this near are watched for contacts, until the list is made anew."""
RADII_A = {"C": 1.70, "N": 1.55, "O": 1.52, "S": 1.80}
ALLOWED_A, HYDROGEN_BOND_A = 0.30, 0.40
"""How far atoms may overlap at no cost; and how much farther N and O may."""


@dataclass(frozen=True)
class Weights:
    """How much the terms count against each other.

    Attributes
    ----------
    density
        Of an atom at full density.
    rama
        Of the logarithm of how common phi and psi are.
    contacts
        Of squared overlaps.
    """

    density: float = 10.0
    rama: float = 0.5
    contacts: float = 1.0


class Energy:
    """The cost of the atoms of some residues, as a function of their places.

    Parameters
    ----------
    kinds, bound, is_cis, classes
        `(n,)` of the residues: amino acid, bond to the residue before, whether that is cis, and the
        row of `rama_classes.CLASSES`.
    present
        `(n, SLOTS)` whether there is such an atom.
    field
        The density; None without a map.
    """

    def __init__(
        self,
        kinds: Ints,
        bound: Mask,
        is_cis: Mask,
        classes: Ints,
        present: Mask,
        field: Field | None,
        weights: Weights,
    ) -> None:
        self.weights, self.field = weights, field
        self.rows = np.flatnonzero(present.ravel())
        place = np.full(present.size, -1, np.intp)
        place[self.rows] = np.arange(len(self.rows))

        def here(atoms: Ints, values: Floats) -> tuple[Tensor, Tensor]:
            local = place[atoms]
            ok = (local >= 0).all(1) & np.isfinite(values)
            return torch.from_numpy(local[ok]), torch.from_numpy(values[ok])

        self.bonds = here(*ideal_bonds(kinds, bound))
        self.angles = here(*ideal_angles(kinds, bound, is_cis))
        self.centres = here(*ideal_centres(kinds, bound))
        self.torsions = here(*ideal_torsions(kinds, bound, is_cis))
        self.graph = bond_graph(self.bonds[0].numpy(), len(self.rows))
        elements = _elements(kinds).ravel()[self.rows]
        self.radii = np.array([RADII_A[e] for e in elements])
        self.polar = np.isin(elements, ["N", "O"])
        self.masses = torch.tensor([SCATTERING[e] for e in elements], dtype=torch.float64)
        self.phi_psi, self.classes = _phi_psi(place, bound, classes)
        table = torch.from_numpy(np.maximum(tables().rama, LEAST_RAMA)).float()
        self.rama = functional.pad(table[None], (1, 1, 1, 1), mode="circular")[0]
        self.pairs = torch.empty((0, 2), dtype=torch.long)
        self.nearest = torch.empty(0, dtype=torch.float64)

    def watch(self, xyz: Tensor) -> None:
        """Find the pairs of atoms that may come into contact."""
        pairs = cKDTree(xyz.detach().numpy()).query_pairs(REACH_A, output_type="ndarray")
        pairs = pairs[~bonded_pairs(self.graph, pairs, bonds=3)]
        one, other = pairs.T
        nearest = self.radii[one] + self.radii[other] - ALLOWED_A
        nearest -= HYDROGEN_BOND_A * (self.polar[one] & self.polar[other])
        self.pairs, self.nearest = torch.from_numpy(pairs), torch.from_numpy(nearest)

    def __call__(self, xyz: Tensor) -> Tensor:
        """The cost of atoms at `(k, 3)` (x, y, z), float64, in the order of `rows`."""
        return self.geometry(xyz) + self.weights.contacts * self.contacts(xyz) - self.support(xyz)

    def geometry(self, xyz: Tensor) -> Tensor:
        """Bonds, angles, hands, flat groups, phi and psi."""
        atoms, wanted = self.bonds
        length = (xyz[atoms[:, 0]] - xyz[atoms[:, 1]]).norm(dim=1)
        cost = _squares((length - wanted) / BOND_SPREAD_A)
        atoms, wanted = self.angles
        spokes = xyz[atoms[:, 0]] - xyz[atoms[:, 1]], xyz[atoms[:, 2]] - xyz[atoms[:, 1]]
        cosine = functional.cosine_similarity(*spokes)
        cost = cost + _squares((cosine - wanted.cos()) / (ANGLE_SPREAD_RAD * wanted.sin()))
        atoms, wanted = self.centres
        a, b, c = (xyz[atoms[:, i]] - xyz[atoms[:, 0]] for i in (1, 2, 3))
        volume = (torch.linalg.cross(a, b) * c).sum(1)
        cost = cost + _squares((volume - wanted) / VOLUME_SPREAD_A3)
        atoms, wanted = self.torsions
        away = 1 - torch.cos(torsions(xyz, atoms) - wanted)
        cost = cost + away.sum() / TORSION_SPREAD_RAD**2
        return cost - self.weights.rama * self._common(xyz)

    def contacts(self, xyz: Tensor) -> Tensor:
        """Atoms that are nearer than they may be."""
        distance = (xyz[self.pairs[:, 0]] - xyz[self.pairs[:, 1]]).norm(dim=1)
        return _squares((self.nearest - distance).clamp(min=0) / CONTACT_SPREAD_A)

    def support(self, xyz: Tensor) -> Tensor:
        """What the density adds; nothing without a map."""
        if self.field is None:
            return xyz.new_zeros(())
        # Beyond twice the usual density there is a metal, or noise: no atom gains by moving there.
        return self.weights.density * (self.field.at(xyz).clamp(max=2.0) * self.masses).sum()

    def _common(self, xyz: Tensor) -> Tensor:
        """Sum of the logarithms of how common phi and psi are."""
        if not len(self.phi_psi):
            return xyz.new_zeros(())
        turns = torsions(xyz, self.phi_psi.reshape(-1, 4)).reshape(-1, 2)
        n = self.rama.shape[-1] - 2
        at = (turns + np.pi) / (2 * np.pi) * n + 0.5  # cells are known at their middles
        low = at.detach().floor().clamp(0, n).long()
        part = (at - low).float()
        table, classes = self.rama, self.classes
        corners = [[table[classes, low[:, 0] + i, low[:, 1] + j] for j in (0, 1)] for i in (0, 1)]
        lines = [c[0] * (1 - part[:, 1]) + c[1] * part[:, 1] for c in corners]
        return (lines[0] * (1 - part[:, 0]) + lines[1] * part[:, 0]).sum().to(xyz.dtype)


LEAST_RAMA = -6.0
SCATTERING = {"C": 1.0, "N": 1.05, "O": 1.1, "S": 1.6}
"""How strongly elements scatter, relative to carbon; S is blurred at these resolutions."""


def torsions(xyz: Tensor, atoms: Tensor) -> Tensor:
    """Torsions `(k,)` [rad] of atoms `(k, 4)`."""
    a, b, c, d = (xyz[atoms[:, i]] for i in range(4))
    along = functional.normalize(c - b, dim=1)
    first, second = a - b, d - c
    first = first - (first * along).sum(1, keepdim=True) * along
    second = second - (second * along).sum(1, keepdim=True) * along
    sine = (torch.linalg.cross(along, first) * second).sum(1)
    return torch.atan2(sine, (first * second).sum(1))


def _squares(z: Tensor) -> Tensor:
    """Half the sum of squares; far away it grows no faster than linearly."""
    return functional.huber_loss(z, torch.zeros_like(z), reduction="sum", delta=6.0)


def _elements(kinds: Ints) -> NDArray[np.str_]:
    """`(n, SLOTS)`; empty beyond the atoms."""
    table = np.full((int(kinds.max(initial=0)) + 1, SLOTS), "", "<U1")
    for number in np.unique(kinds).tolist():
        atoms = kind(number).atoms
        table[number, : len(atoms)] = [name[0] for name in atoms]
    found: NDArray[np.str_] = table[kinds]
    return found


def _phi_psi(place: Ints, bound: Mask, classes: Ints) -> tuple[Tensor, Tensor]:
    """Atoms `(k, 2, 4)` of phi and psi of residues that have both, and their classes."""
    after = np.append(bound[1:], False)
    base = np.flatnonzero(bound & after) * SLOTS
    phi = np.stack([base - SLOTS + C, base + N, base + CA, base + C], 1)
    psi = np.stack([base + N, base + CA, base + C, base + SLOTS + N], 1)
    atoms = place[np.stack([phi, psi], 1)]
    ok = (atoms >= 0).all((1, 2))
    return torch.from_numpy(atoms[ok]), torch.from_numpy(classes[base // SLOTS][ok])
