"""What moves the atoms of a model in OpenMM: the Amber force field, the map, and springs.

OpenMM counts in nm and kJ/mol.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.energy import SCATTERING, TORSION_SPREAD_RAD
from napari_cryoai.building.atoms.field import Field
from napari_cryoai.building.atoms.hydrogens import Molecule, part_of_openmm
from napari_cryoai.building.atoms.topology import BACKBONE
from napari_cryoai.core.angles import dihedral

Floats = NDArray[np.float64]

FORCES = "amber14/protein.ff14SB.xml"
"""Maier et al. 2015, J. Chem. Theory Comput. 11, 3696."""
CUTOFF_A = 10.0
DIELECTRIC = 4.0
"""Between charges, as inside of proteins: in vacuum charged side chains would fold back."""
KT = 2.494
"""At 300 K, in kJ/mol."""

DENSITY_KT = 10.0
"""What a carbon gains where the density is as high as is usual at the backbone."""
PEAK = 2.0
"""Density beyond this counts as this: there is a metal, or noise."""
SPRING_A = 0.5
"""An atom of the main chain that has moved so far costs half a kT."""

MARGIN_A = 4.0
FINEST_A, COARSEST_A = 1.0, 1.6
"""Between values of the density."""
MOST_VALUES = 1_500_000
"""OpenMM keeps 600 bytes for each."""


class UnrelaxableError(Exception):
    """Why a model cannot be relaxed, as the end of a sentence."""


def in_density(molecule: Molecule, field: Field, resolution_A: float) -> Any:
    """`openmm.Context` of a molecule: force field, density, springs.

    Raises
    ------
    UnrelaxableError
        If the molecule is too large for a table of the density that is fine enough.
    """
    openmm = part_of_openmm()
    system = _system(molecule.topology)
    system.addForce(_density(molecule, field, resolution_A))
    system.addForce(_springs(molecule))
    system.addForce(_hands_and_planes(molecule))
    # With more threads the same input would not give the same result twice.
    fast, one = openmm.Platform.getPlatformByName("CPU"), {"Threads": "1"}
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), fast, one)
    context.setPositions(molecule.xyz_A / 10)
    return context


def _system(topology: Any) -> Any:
    """`openmm.System` with the force field."""
    app = part_of_openmm("openmm.app")
    bridged = {
        residue: "CYX"
        for residue in topology.residues()
        if residue.name == "CYS" and "HG" not in {atom.name for atom in residue.atoms()}
    }
    system = app.ForceField(FORCES).createSystem(
        topology,
        nonbondedMethod=app.CutoffNonPeriodic,
        nonbondedCutoff=CUTOFF_A / 10,
        residueTemplates=bridged,
        ignoreExternalBonds=True,
    )
    for force in system.getForces():
        if hasattr(force, "setReactionFieldDielectric"):
            _screen(force)
    return system


def _screen(force: Any) -> None:
    """Let charges act as in a dielectric: `q1 q2 / DIELECTRIC`."""
    for i in range(force.getNumParticles()):
        charge, *rest = force.getParticleParameters(i)
        force.setParticleParameters(i, charge / math.sqrt(DIELECTRIC), *rest)
    for i in range(force.getNumExceptions()):
        one, other, product, *rest = force.getExceptionParameters(i)
        force.setExceptionParameters(i, one, other, product / DIELECTRIC, *rest)


def _density(molecule: Molecule, field: Field, resolution_A: float) -> Any:
    """Pulls heavy atoms to where the density is high, the more the more they scatter."""
    force = part_of_openmm().CustomCompoundBondForce(1, "-weight * density(x1, y1, z1)")
    force.addPerBondParameter("weight")
    force.addTabulatedFunction("density", _table(molecule.xyz_A, field, resolution_A))
    for atom in molecule.topology.atoms():
        if molecule.heavy[atom.index]:
            force.addBond([atom.index], [KT * DENSITY_KT * SCATTERING[atom.element.symbol]])
    return force


def _table(xyz_A: Floats, field: Field, resolution_A: float) -> Any:
    """`openmm.Continuous3DFunction` of the density around atoms, x fastest; 0 outside."""
    low, high = xyz_A.min(0) - MARGIN_A, xyz_A.max(0) + MARGIN_A
    step = max(min(FINEST_A, resolution_A / 3), float(np.prod(high - low) / MOST_VALUES) ** (1 / 3))
    if step > COARSEST_A:
        raise UnrelaxableError("it is too large")
    axes = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    values = field.sample(np.stack([x, y, z], -1)).clip(max=PEAK)
    borders = [end / 10 for axis in axes for end in (axis[0], axis[-1])]
    sizes = [len(axis) for axis in axes]
    return part_of_openmm().Continuous3DFunction(*sizes, values.ravel(), *borders)


def _springs(molecule: Molecule) -> Any:
    """Hold the main chain to where it is, softly."""
    force = part_of_openmm().CustomExternalForce(
        "spring * ((x - x0)^2 + (y - y0)^2 + (z - z0)^2) / 2"
    )
    force.addGlobalParameter("spring", KT / (SPRING_A / 10) ** 2)
    for name in ("x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    for atom in molecule.topology.atoms():
        if atom.name in BACKBONE:
            force.addParticle(atom.index, (molecule.xyz_A[atom.index] / 10).tolist())
    return force


def _hands_and_planes(molecule: Molecule) -> Any:
    """Keep the hands of carbons, and bonds between residues trans or cis, as they are."""
    force = part_of_openmm().CustomTorsionForce("stiff * (1 - cos(theta - theta0))")
    force.addGlobalParameter("stiff", KT / TORSION_SPREAD_RAD**2)
    force.addPerTorsionParameter("theta0")
    hands, planes = molecule.hands[:, [0, 2, 3, 4]], molecule.peptide_bonds
    turns = dihedral(*molecule.xyz_A[hands].swapaxes(0, 1))
    flat = np.pi * (np.abs(dihedral(*molecule.xyz_A[planes].swapaxes(0, 1))) > np.pi / 2)
    atoms, wanted = np.concatenate([hands, planes]), np.concatenate([turns, flat])
    for four, turn in zip(atoms.tolist(), wanted.tolist(), strict=True):
        force.addTorsion(*four, [turn])
    return force
