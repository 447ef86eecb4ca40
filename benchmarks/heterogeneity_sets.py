"""Simulated sets with known states: a part that turns or swings, two conformers, classes, none.

Poses are known, the CTF is on, particles are shifted, and their contrast varies. There is no
envelope: what falls off differently from image to image is a puzzle of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.particle_truth import TRUTH
from napari_cryoai.io.structures import read_structure
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.motions import Motion, MotionKind, moving
from napari_cryoai.physics.simulators.particle_files import PARTICLES, write_particle_set
from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleModel
from napari_cryoai.physics.simulators.pseudo_atoms import make_particle

CLASSES = 10
MOTIONS: dict[str, tuple[MotionKind, int, float]] = {
    "turn": ("turn", 100, 40.0),
    "linear-1d": ("hinge", 50, 40.0),
    "linear-2d": ("plane", 100, 30.0),
    "circular-1d": ("turn", 50, 25.0),
    "orientations": ("classes", CLASSES, 0.0),
}
"""Sets of one structure of which a part moves: how, in how many states, by what angle."""

SEED_PAPER = ("linear-1d", "linear-2d", "circular-1d", "discrete-10")
"""The kinds of Zhong et al. 2020 (ICLR), made of our own molecules."""


@dataclass(frozen=True)
class SetOptions:
    """What the sets are made of.

    Attributes
    ----------
    structure, part
        One molecule, and what of it moves; a particle of pseudo-atoms if no file is named.
    pair
        Two conformers, file and chain each.
    classes
        Ten molecules; ten orientations of the part if there are none.
    """

    count: int
    box: int
    pixel_A: float
    snr: float
    seed: int
    structure: Path | None = None
    part: str = ""
    pair: tuple[str, ...] = ()
    classes: tuple[Path, ...] = ()


def made(name: str, options: SetOptions, folder: Path) -> Path:
    """The STAR file of a set, which is simulated unless it is there already."""
    star = folder / PARTICLES
    if star.exists() and (folder / TRUTH).exists():
        return star
    model = ParticleModel(
        b_factor_A2=Distribution("constant", 0),
        snr=Distribution("constant", options.snr),
        neighbours=0.0,
    )
    simulator = ParticleSimulator(model, conformers(name, options), options.seed)
    for _ in write_particle_set(simulator, options.count, folder):
        pass
    return star


def conformers(name: str, options: SetOptions) -> Conformers:
    """The states of a set."""
    size = options.box, options.pixel_A
    if name in MOTIONS:
        kind, steps, angle_deg = MOTIONS[name]
        whole = molecule(options)
        motion = moving(whole, kind, steps, part=options.part, angle_deg=angle_deg, seed=3)
        return Conformers.of_motion(motion, *size)
    return _OTHERS[name](options)


def molecule(options: SetOptions) -> Structure:
    """The structure that was named, or three unequal domains of pseudo-atoms."""
    if options.structure:
        return read_structure(options.structure)
    particle = make_particle("small", 0.62 * options.box * options.pixel_A, 5)
    return Structure.of_atoms(particle.xyz_A, "C", 8 * math.pi**2 * particle.sigma_A**2)


def _control(options: SetOptions) -> Conformers:
    return Conformers.of_structures([molecule(options)], options.box, options.pixel_A)


def _pair(options: SetOptions) -> Conformers:
    """Atoms on straight lines from one crystal structure to another."""
    if len(options.pair) != 2:
        raise CryoAIError(
            "two conformers are needed", remedy="Give --pair FILE:CHAIN FILE:CHAIN of one protein"
        )
    one, two = superposed(*(_chain(text) for text in options.pair))
    return Conformers.along_path(one, two, 20, options.box, options.pixel_A)


def _discrete(options: SetOptions) -> Conformers:
    """Ten molecules, each about its own middle."""
    if not options.classes:
        return conformers("orientations", options)
    structures = [read_structure(path).centred() for path in options.classes]
    k = len(structures)
    motion = Motion(structures, np.arange(k, dtype=np.float64), np.eye(k))
    return Conformers.of_motion(motion, options.box, options.pixel_A)


_OTHERS: dict[str, Callable[[SetOptions], Conformers]] = {
    "pair": _pair,
    "discrete-10": _discrete,
    "control": _control,
}
SETS = (*MOTIONS, *_OTHERS)


def superposed(one: Structure, two: Structure) -> tuple[Structure, Structure]:
    """The second laid over the part of the first that did not move; both called chain A."""
    rename = [Structure(**{**vars(s), "chains": np.full(len(s), "A")}) for s in (one, two)]
    places = [_alphas(s) for s in rename]
    shared = sorted(set(places[0]) & set(places[1]))
    fixed, mobile = (np.array([p[number] for number in shared]) for p in places)
    kept = np.arange(len(shared))
    for _ in range(10):
        rotation, shift = _fit(mobile[kept], fixed[kept])
        away = np.linalg.norm(mobile @ rotation.T + shift - fixed, axis=1)
        kept = np.flatnonzero(away <= max(2.0, float(np.median(away))))
    return rename[0], rename[1].moved_to(rename[1].xyz_A @ rotation.T + shift)


def _chain(text: str) -> Structure:
    path, _, chain = text.rpartition(":")
    whole = read_structure(Path(path))
    return whole.select(whole.chains == chain)


def _alphas(structure: Structure) -> dict[str, NDArray[np.float64]]:
    rows = np.flatnonzero(structure.atom_names == "CA")
    return dict(zip(structure.residue_numbers[rows].tolist(), structure.xyz_A[rows], strict=True))


def _fit(
    mobile: NDArray[np.float64], fixed: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = [[gemmi.Position(*p) for p in places] for places in (fixed, mobile)]
    found = gemmi.superpose_positions(*points).transform
    return np.array(found.mat.tolist()), np.array(found.vec.tolist())
