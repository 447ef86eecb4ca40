"""How well a map agrees with another map, or with an atomic model.

Correlations with a model are those of Afonine et al. 2018 (Acta Cryst. D74, 814), as Phenix
computes them: the model's own map, cut off at the map's resolution, against the map as it is, over
the box, over a mask around the atoms, or over the highest voxels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import gemmi
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.maps.placement import inside_map
from napari_cryoai.maps.qscore import SIGMA_A, QScores, q_scores
from napari_cryoai.physics.fsc import MAP_TO_MODEL, FscCurve, HalfMapFsc, fsc, masked_fsc
from napari_cryoai.physics.masks import EDGE_A, mask_of_model
from napari_cryoai.physics.potential import atoms_of, potential
from napari_cryoai.physics.radial import low_pass

RADII_A = {"C": 1.775, "N": 1.50, "O": 1.45, "S": 1.80, "P": 1.90, "D": 1.20}
"""Of atoms in proteins and nucleic acids (Fokine et al. 2003, J. Appl. Cryst. 36, 352); those of
other elements are van der Waals radii."""
PROBE_A, SHRINK_A = 1.11, 0.9
"""Of the mask of Jiang and Bruenger 1994 (J. Mol. Biol. 243, 100), with the values of Phenix."""

_LARGEST_A = 3.3
_SOFT_RADIUS_A = 3.0


class ReferenceFsc(HalfMapFsc):
    """FSC of a map with something that has no noise: a model, or the truth of a simulation."""

    @property
    def best(self) -> FscCurve:
        """The curve to report: masked where there is a mask."""
        return self.masked or self.unmasked


@dataclass(frozen=True)
class Correlations:
    """Pearson's correlation of a map and a model's map, over different voxels; none if flat.

    Attributes
    ----------
    box
        All.
    mask
        Those of the mask around the atoms.
    volume
        As many, but the highest of the model's map.
    peaks
        As many, the highest of the model's map and as many, the highest of the map.
    """

    box: float | None
    mask: float | None
    volume: float | None
    peaks: float | None


@dataclass(frozen=True)
class ModelAgreement:
    """How a map agrees with an atomic model.

    Attributes
    ----------
    correlations
        With the model's map at `resolution_A`.
    resolution_A
        Where the model's map was cut off.
    resolution_given
        Whether the user said so; it is where the FSC falls to 0.5 otherwise.
    fsc
        With the model's map, not cut off.
    q
        Q-score of every atom.
    n_outside
        How many atoms lie outside the map and were left out.
    """

    correlations: Correlations
    resolution_A: float
    resolution_given: bool
    fsc: ReferenceFsc
    q: QScores
    n_outside: int


def compare_with_model(
    density: DensityMap,
    structure: Structure,
    *,
    resolution_A: float | None = None,
    mask: Tensor | None = None,
    q_sigma_A: float = SIGMA_A,
) -> ModelAgreement:
    """Compare a map with the atomic model that was fitted to it.

    Parameters
    ----------
    density
        The map, with its place in space.
    structure
        Atoms in the same frame. Hydrogens count for the model's map, if there are some.
    resolution_A
        Of the map. If not given, where the masked FSC with the model falls to 0.5: good enough for
        one map, but to compare two maps give both the same.
    mask
        `(nz, ny, nx)` from 0 to 1, for the FSC; around the atoms if not given.
    q_sigma_A
        See `qscore.q_scores`.

    Raises
    ------
    CryoAIError
        If no atom lies in the map, the map is flat, or the resolution lies beyond Nyquist.
    """
    _check_contrast(density)
    inside = inside_map(structure, density)
    within = structure.select(inside)
    map_ = torch.from_numpy(density.data)
    model = model_map(within, density)
    curves = reference_fsc(
        map_, model, density.pixel_size_A, _soft_mask(within, density) if mask is None else mask
    )
    cut_A = _checked(resolution_A, density) or _from_curve(curves.best, density)
    cut = low_pass(model, density.pixel_size_A, cut_A, edge=0)
    correlations = correlate(map_, cut, torch.from_numpy(atom_mask(within, density)))
    q = q_scores(density, structure, q_sigma_A)
    given = resolution_A is not None
    return ModelAgreement(correlations, cut_A, given, curves, q, int((~inside).sum()))


def model_map(structure: Structure, density: DensityMap) -> Tensor:
    """Electrostatic potential of atoms in vacuum on the grid of a map, `(nz, ny, nx)` in V.

    Each atom is as wide as its B-factor says. Atoms have to lie in the map.
    """
    n = max(density.shape)
    centre = density.world_of(np.full((1, 3), n // 2))[0, ::-1]
    # A B-factor below 0 is a slip of some programs: no atom is narrower than one at rest.
    still = replace(structure, b_factors_A2=structure.b_factors_A2.clip(min=0))
    xyz_A, atoms = atoms_of(still.moved_to(still.xyz_A - centre))
    nz, ny, nx = density.shape
    return potential(xyz_A, atoms, n, density.pixel_size_A)[:nz, :ny, :nx].contiguous()


def reference_fsc(
    map_: Tensor, reference: Tensor, pixel_size_A: float, mask: Tensor | None = None
) -> ReferenceFsc:
    """FSC of a map and a reference, `(nz, ny, nx)` each, as they are and in a mask."""
    n = max(map_.shape)
    masked = None if mask is None else masked_fsc(map_, reference, mask)
    return ReferenceFsc(
        FscCurve(fsc(map_, reference), n, pixel_size_A),
        None if masked is None else FscCurve(masked, n, pixel_size_A),
    )


def correlate(map_: Tensor, model: Tensor, inside: Tensor) -> Correlations:
    """Correlations of a map and a model's map on the same grid.

    Parameters
    ----------
    map_, model
        `(nz, ny, nx)`.
    inside
        The voxels around the atoms, of the same shape.
    """
    count = int(inside.sum())
    top = _highest(model, count)
    either = top | _highest(map_, count)
    return Correlations(
        correlation(map_, model),
        *(correlation(map_[some], model[some]) for some in (inside, top, either)),
    )


def correlation(a: Tensor, b: Tensor, weights: Tensor | None = None) -> float | None:
    """Pearson's correlation of two maps over all voxels, or with weights; none if one is flat."""
    if not a.numel() or any(m.min() == m.max() for m in (a, b)):
        return None
    w = None if weights is None else weights.double() / weights.double().sum()

    def mean(values: Tensor) -> Tensor:
        return values.mean() if w is None else (w * values).sum()

    a, b = a.double(), b.double()
    a, b = a - mean(a), b - mean(b)
    power = float(mean(a * a) * mean(b * b))
    return float(mean(a * b)) / math.sqrt(power) if power > 0 else None


def atom_mask(structure: Structure, density: DensityMap) -> NDArray[np.bool_]:
    """The voxels of a map `(nz, ny, nx)` that atoms take up, and no solvent.

    Around each atom a ball of its radius and that of a probe; of what these cover, what lies closer
    than `SHRINK_A` to an uncovered voxel goes back to the solvent. Hydrogens count, if there are
    some.
    """
    from scipy.ndimage import distance_transform_edt  # slow to import

    inside = np.zeros(density.shape, np.bool_)
    near, low = _near(structure, density, _LARGEST_A + PROBE_A)
    part = inside[near]
    centres = density.index_of(structure.xyz_A[:, ::-1]) - low
    for element in np.unique(structure.elements).tolist():
        radius = (_radius(element) + PROBE_A) / density.pixel_size_A
        _cover(part, centres[structure.elements == element], radius)
    if not part.all():
        part[...] = distance_transform_edt(part) * density.pixel_size_A >= SHRINK_A
    return inside


def _cover(inside: NDArray[np.bool_], centres: NDArray[np.float64], radius: float) -> None:
    """Set what lies within `radius` of points; both in voxels."""
    reach = math.ceil(radius)
    axis = np.arange(-reach, reach + 1)
    cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    cube = cube[(cube**2).sum(1) <= (radius + math.sqrt(3) / 2) ** 2]
    for start in range(0, len(centres), 4096):
        part = centres[start : start + 4096]
        nearest = np.round(part).astype(np.intp)
        voxels = nearest[:, None] + cube
        close = ((voxels - part[:, None]) ** 2).sum(-1) <= radius**2
        within = ((voxels >= 0) & (voxels < inside.shape)).all(-1)
        inside[tuple(voxels[close & within].T)] = True


def _radius(element: str) -> float:
    return RADII_A.get(element) or float(gemmi.Element(element).vdw_r)


def _highest(map_: Tensor, count: int) -> Tensor:
    """At least so many voxels: the highest, and those that are equal to the last of them."""
    values = map_.flatten()
    kth = values.numel() - min(max(count, 1), values.numel()) + 1
    # numpy: torch's kthvalue is slow for large maps
    level = np.partition(values.cpu().numpy(), kth - 1)[kth - 1]
    return map_ >= float(level)


def _soft_mask(structure: Structure, density: DensityMap) -> Tensor:
    mask = torch.zeros(density.shape)
    near, low = _near(structure, density, _SOFT_RADIUS_A + EDGE_A)
    part = mask[near]
    zyx_A = structure.xyz_A[:, ::-1] - density.world_of(low)
    part[...] = mask_of_model(
        torch.from_numpy(zyx_A), part.shape, density.pixel_size_A, radius_A=_SOFT_RADIUS_A
    )
    return mask


def _near(
    structure: Structure, density: DensityMap, reach_A: float
) -> tuple[tuple[slice, slice, slice], NDArray[np.float64]]:
    """The part of the box that lies within reach of atoms, and its first voxel.

    Distances in the whole of a large box would take most of the time.
    """
    index = density.index_of(structure.xyz_A[:, ::-1])
    reach = math.ceil(reach_A / density.pixel_size_A) + 1
    low = np.maximum(np.floor(index.min(0)).astype(int) - reach, 0)
    high = np.ceil(index.max(0)).astype(int) + reach + 1
    z, y, x = (slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))
    return (z, y, x), low.astype(np.float64)


def _from_curve(curve: FscCurve, density: DensityMap) -> float:
    found = curve.resolution_A(MAP_TO_MODEL)
    return found if math.isfinite(found) else 2 * density.pixel_size_A


def _checked(resolution_A: float | None, density: DensityMap) -> float | None:
    if resolution_A is None or resolution_A >= 2 * density.pixel_size_A * (1 - 1e-3):
        return resolution_A
    raise CryoAIError(
        f"a resolution of {resolution_A:g} A is finer than the voxels of the map can hold "
        f"({2 * density.pixel_size_A:g} A)",
        remedy="Give the map's resolution in Angstrom",
    )


def _check_contrast(density: DensityMap) -> None:
    if density.data.max() > density.data.min():
        return
    raise CryoAIError(
        "the map holds the same value everywhere", remedy="Repeat what made it, or copy it again"
    )
