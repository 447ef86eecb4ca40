"""The electrostatic potential of atoms on a grid: what electrons are scattered by.

An atom's potential is a sum of five Gaussians, from the five that fit its electron scattering
factor (Peng et al. 1996, Acta Cryst. A52, 257), each widened by the atom's B-factor. What is
computed is the part of it that a grid can hold, all frequencies up to Nyquist along every axis and
nothing else, so that no pixel size and no place on the grid changes what a map shows. To get there
all Gaussians are blurred, sampled on a finer grid where they alias no more, resampled, and
sharpened again by as much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import gemmi
import torch
from torch import Tensor

from napari_cryoai.core.structure import Structure

VOLT_A2 = 47.87801
"""h^2 / (2 pi m e): the potential in V of a scattering factor in A, when it is transformed."""

ICE_V = 3.5
"""Mean inner potential of vitreous ice, which atoms displace (Harscher and Lichte 1998)."""

VOLUMES_A3 = {"H": 5.15, "C": 16.44, "N": 2.49, "O": 9.13, "P": 5.73, "S": 19.86}
"""Volume of solvent that an atom displaces (Fraser et al. 1978, J. Appl. Cryst. 11, 693)."""

REFINEMENT = 1.5
"""How many times finer the inner grid is. Aliases end up below 1e-4 of an atom's transform."""

SAFE_B = 48.0
"""Width of the narrowest Gaussian on the inner grid, as a B-factor in pixels squared."""

REACH = 3.5
"""Where Gaussians are cut off, in standard deviations of the widest."""


@dataclass(frozen=True)
class Gaussians:
    """Atoms as sums of Gaussians, `(n, k)` each.

    Attributes
    ----------
    weights
        Integral of each, in V A^3.
    b_A2
        Width of each: its transform is `exp(-b g^2 / 4)`.
    """

    weights: Tensor
    b_A2: Tensor

    @classmethod
    def of_elements(
        cls, elements: Sequence[str], b_factors_A2: Tensor, solvent_V: float = 0.0
    ) -> Gaussians:
        """Five of every atom, and a sixth for the solvent that it displaces, if there is any.

        Parameters
        ----------
        elements
            `n` symbols; one that is not known counts as carbon.
        b_factors_A2
            `(n,)`.
        solvent_V
            Potential of the solvent: what is left is the contrast against it.
        """
        kinds = list(dict.fromkeys(elements))
        rows = torch.tensor([kinds.index(e) for e in elements], device=b_factors_A2.device)
        table = torch.tensor([_gaussians_of(kind, solvent_V) for kind in kinds])
        weights, b = table.to(b_factors_A2)[rows].unbind(1)
        return cls(weights, b + b_factors_A2[:, None])


def atoms_of(
    structure: Structure,
    *,
    solvent_V: float = 0.0,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Gaussians]:
    """Positions `(n, 3)` (x, y, z) and Gaussians of a structure, as tensors."""
    xyz = torch.as_tensor(structure.xyz_A, dtype=dtype, device=device)
    b = torch.as_tensor(structure.b_factors_A2, dtype=dtype, device=device)
    gaussians = Gaussians.of_elements(structure.elements.tolist(), b, solvent_V)
    full = torch.as_tensor(structure.occupancies, dtype=dtype, device=device)
    return xyz, Gaussians(gaussians.weights * full[:, None], gaussians.b_A2)


def potential(xyz_A: Tensor, atoms: Gaussians, n: int, pixel_size_A: float) -> Tensor:
    """Potential of atoms in a cubic box.

    Parameters
    ----------
    xyz_A
        `(n_atoms, 3)` positions (x, y, z) relative to the box centre, voxel `n // 2`. What lies
        outside the box comes in again on the other side. Gradients flow back to them and to
        `atoms`.
    n
        Side of the box in voxels.

    Returns
    -------
    map
        `(n, n, n)` as `[z, y, x]`, in V.
    """
    inner = pixel_size_A / REFINEMENT
    blur = max(0.0, SAFE_B * pixel_size_A**2 - float(atoms.b_A2.detach().min()))
    b = atoms.b_A2 + blur
    reach = REACH * math.sqrt(float(b.detach().max()) / (8 * math.pi**2))
    half = math.ceil(reach / inner)
    first = torch.floor(xyz_A.detach() / inner).long()
    low = first.amin(0) - half
    size = [int(s) for s in first.amax(0) + half + 2 - low]
    fine = _sampled(xyz_A, atoms.weights, b, first, low, size, half, inner)
    for axis in (2, 1, 0):  # x, y, z: the innermost is the last of the three
        at = inner * torch.arange(size[2 - axis], device=fine.device, dtype=torch.float64)
        at = at + inner * float(low[2 - axis])
        resample = _resampling(at, n, pixel_size_A, inner, blur).to(fine.dtype)
        fine = torch.tensordot(fine, resample, dims=([axis], [1])).movedim(-1, axis)
    return fine


def map_of(
    structure: Structure,
    n: int,
    pixel_size_A: float,
    *,
    solvent_V: float = ICE_V,
    device: torch.device | str | None = None,
) -> Tensor:
    """Potential `(n, n, n)` of a structure in ice, in V, the origin of its atoms at the centre."""
    xyz, atoms = atoms_of(structure, solvent_V=solvent_V, device=device)
    return potential(xyz, atoms, n, pixel_size_A)


@lru_cache(maxsize=256)
def _gaussians_of(element: str, solvent_V: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    found = gemmi.Element("C" if element in ("", "X") else element)
    weights = [VOLT_A2 * a for a in found.c4322.a]
    widths = list(found.c4322.b)
    volume = VOLUMES_A3.get(element, VOLUMES_A3["C"])
    weights.append(-solvent_V * volume)
    widths.append(4 * math.pi * volume ** (2 / 3))
    count = 6 if solvent_V else 5
    return tuple(weights[:count]), tuple(widths[:count])


def _sampled(
    xyz_A: Tensor,
    weights: Tensor,
    b_A2: Tensor,
    first: Tensor,
    low: Tensor,
    size: Sequence[int],
    half: int,
    inner: float,
) -> Tensor:
    """The Gaussians on the inner grid, whose voxel 0 is at `low`; cut off at `half` voxels."""
    nx, ny, nz = size
    steps = torch.arange(-half, half + 2, device=xyz_A.device)
    grid = xyz_A.new_zeros(nz * ny * nx)
    corner = first - low
    each = max(1, 8_000_000 // len(steps) ** 3)
    for start in range(0, len(xyz_A), each):
        part = slice(start, start + each)
        away = (first[part, :, None] + steps) * inner - xyz_A[part, :, None]
        exponent = -4 * math.pi**2 / b_A2[part, None, :, None]
        along = torch.exp(exponent * away[:, :, None, :] ** 2)  # atom, axis, Gaussian, step
        height = weights[part] * (4 * math.pi / b_A2[part]) ** 1.5
        plane = (height[:, :, None, None] * along[:, 2, :, :, None]) * along[:, 1, :, None, :]
        values = torch.matmul(plane.flatten(2).transpose(1, 2), along[:, 0])
        x, y, z = (corner[part, i, None] + steps for i in range(3))
        index = ((z * ny)[:, :, None] + y[:, None, :]).flatten(1)[:, :, None] * nx + x[:, None, :]
        grid = grid.scatter_add(0, index.flatten(), values.flatten())
    return grid.reshape(nz, ny, nx)


def _resampling(at_A: Tensor, n: int, pixel_size_A: float, inner: float, blur: float) -> Tensor:
    """Matrix `(n, m)` from samples at `at_A` to the grid: band limit, and the blur undone."""
    x = (torch.arange(n, device=at_A.device, dtype=at_A.dtype) - n // 2) * pixel_size_A
    g = torch.arange((n + 1) // 2, device=at_A.device, dtype=at_A.dtype) / (n * pixel_size_A)
    weight = 2 * torch.exp(blur / 4 * g * g)
    weight[0] = 1.0
    to, source = (2 * math.pi * g * places[:, None] for places in (x, at_A))
    total = (to.cos() * weight) @ source.cos().T + (to.sin() * weight) @ source.sin().T
    return total * (inner / (n * pixel_size_A))
