"""A model relaxed in a force field and in its map, if the map does not object.

The force field knows what the polish does not: hydrogens, and what attracts. It is used as the
polish is: downhill, a little, ending as soon as little is gained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.building.atoms.backdrop import WIDTHS_A
from napari_cryoai.building.atoms.field import Field, field_around
from napari_cryoai.building.atoms.force_field import KT, UnrelaxableError, in_density
from napari_cryoai.building.atoms.full_atoms import TYPICAL_RESOLUTION_A
from napari_cryoai.building.atoms.hydrogens import part_of_openmm, with_hydrogens
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.structure import Structure
from napari_cryoai.jobs.progress import Job, Progress

Floats = NDArray[np.float64]

STEPS = 20
"""Of the minimiser between two reports of progress."""
MOST = 15
"""Reports at most."""
ENOUGH_KT = 0.02
"""Where the energy falls by less than this for each atom between two reports, it ends."""
LOSS = 0.01
"""The correlation with the map may fall by so much."""

_POINTS, _AROUND_A = 4, 1.0
"""Places for each atom where the correlation is measured, and how far from it."""
_NEIGHBOURS = 24


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A model that was relaxed; or left as it was.

    Attributes
    ----------
    structure
        The same atoms in the same order.
    warnings
        Why it was left, a sentence.
    """

    structure: Structure
    warnings: tuple[str, ...] = ()


def relax(
    structure: Structure, density: DensityMap, resolution_A: float | None, seed: int = 0
) -> Job[Relaxed]:
    """Relax a model that `build_atoms` has made; see `force_field` for what moves its atoms.

    Parameters
    ----------
    structure
        Of amino acids alone, all of them whole.
    density
        In its frame.
    resolution_A
        Of the map.
    seed
        Of hydrogens, and of the places where the correlation with the map is measured.

    Returns
    -------
    relaxed
        The model as it was, and a warning, if the correlation with the map would fall by more than
        `LOSS`, or if there is no density, no finite energy, or too large a model.

    Raises
    ------
    CryoAIError
        If OpenMM is not installed.
    """
    part_of_openmm()
    try:
        return (yield from _relaxed(structure, density, resolution_A or TYPICAL_RESOLUTION_A, seed))
    except UnrelaxableError as why:
        return Relaxed(structure, (f"The model was not relaxed: {why}.",))


def _relaxed(
    structure: Structure, density: DensityMap, resolution_A: float, seed: int
) -> Job[Relaxed]:
    yield Progress(0, MOST + 1, "Adding hydrogens")
    field = field_around(density, resolution_A, structure.xyz_A[structure.atom_names == "CA"])
    if field is None:
        raise UnrelaxableError("there is no density where it lies")
    molecule = with_hydrogens(structure, seed)
    yield Progress(1, MOST + 1, "Relaxing in the force field")
    context = in_density(molecule, field, resolution_A)
    moved = yield from _downhill(context, len(structure))
    relaxed = structure.moved_to(moved[molecule.heavy])
    before, after = correlations(field, structure.xyz_A, relaxed.xyz_A, seed)
    if after < before - LOSS:
        raise UnrelaxableError(
            f"its correlation with the map would fall from {before:.3f} to {after:.3f}"
        )
    return Relaxed(relaxed)


def _downhill(context: Any, heavy: int) -> Job[Floats]:
    """Places `(n, 3)` of all atoms, once little is gained for each of so many."""
    openmm = part_of_openmm()
    energy = _energy(context)
    for turn in range(MOST):
        try:
            openmm.LocalEnergyMinimizer.minimize(context, 1.0, STEPS)
        except openmm.OpenMMException as error:
            raise UnrelaxableError(str(error).rstrip(".")) from None
        before, energy = energy, _energy(context)
        yield Progress(turn + 2, MOST + 1, "Relaxing in the force field")
        if before - energy < ENOUGH_KT * KT * heavy:
            break
    state = context.getState(getPositions=True)
    return np.array(state.getPositions(asNumpy=True)._value, np.float64) * 10


def _energy(context: Any) -> float:
    """In kJ/mol."""
    found = float(context.getState(getEnergy=True).getPotentialEnergy()._value)
    if not math.isfinite(found):
        raise UnrelaxableError("its energy is not finite")
    return found


def correlations(field: Field, one_A: Floats, other_A: Floats, seed: int) -> tuple[float, float]:
    """Correlation of the density with the atoms `(n, 3)` of two models, around both of them.

    An atom shows as a Gaussian, of the width that suits the first model best.
    """
    rng = np.random.default_rng(seed)
    places = np.repeat(np.concatenate([one_A, other_A]), _POINTS, axis=0)
    places = places + rng.normal(scale=_AROUND_A, size=places.shape)
    seen = field.sample(places)
    first, second = (_distances(places, xyz_A) for xyz_A in (one_A, other_A))
    before, width_A = max((_correlation(seen, first, w), w) for w in WIDTHS_A.tolist())
    return before, _correlation(seen, second, width_A)


def _distances(places: Floats, xyz_A: Floats) -> Floats:
    reach = 3 * float(WIDTHS_A[-1])
    away: Floats = cKDTree(xyz_A).query(places, k=_NEIGHBOURS, distance_upper_bound=reach)[0]
    return away


def _correlation(seen: Floats, away_A: Floats, width_A: float) -> float:
    atoms = np.exp(-0.5 * (away_A / width_A) ** 2).sum(1)
    return float(np.corrcoef(seen, atoms)[0, 1])
