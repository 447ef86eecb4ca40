"""40 simulated pairs of half maps that no denoiser was trained on, as files; and 6 with ligands.

Proteins of the test part of the structures, 10 of membranes, 2.5 to 6 A, boxes of 96 to 192 voxels.
Every fourth pair is reconstructed from particle images, the rest is made the short way
(`physics/simulators`). The structures have no ligands: in the last 6 pairs, of soluble proteins,
three small molecules each lie where there is room. Made once, in 12 minutes on one core; 3 GB.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from map_test_ligands import NAMES, ligand
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.maps import read_map, write_map
from napari_cryoai.io.structures import read_structure, structures_in
from napari_cryoai.maps.training_scenes import joined
from napari_cryoai.physics.fsc import masked_fsc, resolution_at
from napari_cryoai.physics.sharpening import apply_b_factor
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.decoys import on_surface
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.half_maps import (
    HalfMapModel,
    SimulatedHalfMaps,
    simulate_half_maps,
)
from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleModel
from napari_cryoai.physics.simulators.reconstructed_halves import reconstructed_halves
from napari_cryoai.physics.simulators.structure_split import split_structures

COUNT, MEMBRANE, WITH_LIGANDS = 40, 10, 6
LIGANDS_EACH, LIGAND_B_A2 = 3, (40, 120)
BOXES = (96, 108, 112, 120, 128, 144, 160, 180, 192)
LONG_WAY = 4
"""Every how many is reconstructed from particle images."""
PARTICLES = 4000
ENVELOPE = 10.0
"""B-factor that reconstructed maps keep, over the square of their resolution."""
FACTS = "case.json"


@dataclass(frozen=True)
class Case:
    """A pair of half maps in its folder, and what is known about it."""

    folder: Path

    @cached_property
    def facts(self) -> dict[str, Any]:
        return json.loads((self.folder / FACTS).read_text())

    @property
    def pixel_size_A(self) -> float:
        return float(self.facts["pixel_size_A"])

    def map(self, name: str) -> Tensor:
        """half1, half2, truth (as they are blurred), density (as it is), mask or labels."""
        return torch.from_numpy(read_map(self.folder / f"{name}.mrc").data)

    @cached_property
    def model(self) -> Structure:
        """In the frame of the maps: world of voxel 0 is 0."""
        with np.load(self.folder / "model.npz", allow_pickle=False) as columns:
            return Structure(**{f.name: columns[f.name] for f in fields(Structure)})


def make_cases(structures: Path, folder: Path) -> Iterator[Case]:
    """Those that there are already, and the rest."""
    names = _names(structures)
    for number in range(COUNT + WITH_LIGANDS):
        case = Case(folder / f"case{number:02d}")
        if not (case.folder / FACTS).is_file():
            ligands = LIGANDS_EACH if number >= COUNT else 0
            long_way = number % LONG_WAY == 0 and not ligands
            make_case(case.folder, number, names[number], long_way, number < MEMBRANE, ligands)
        yield case


def _names(structures: Path) -> list[Path]:
    """Of each case: membrane proteins first, everything as often as everything else."""
    test = split_structures(structures_in(structures))[2]
    membrane = [path for path in test if path.name.startswith("mem")]
    soluble = [path for path in test if path not in membrane]
    chosen = [membrane[i % len(membrane)] for i in range(MEMBRANE)]
    rest = COUNT + WITH_LIGANDS - MEMBRANE
    return chosen + [soluble[i % len(soluble)] for i in range(rest)]


def make_case(
    folder: Path, number: int, path: Path, long_way: bool, membrane: bool, ligands: int = 0
) -> None:
    """Draw one pair and write it; `FACTS` last."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng((2024, number))
    structure = _with_ligands(read_structure(path), ligands, number)
    resolution_A = float(rng.uniform(2.5, 6.0))
    n, pixel_A = _box(structure.diameter_A, resolution_A, rng)
    model = HalfMapModel(
        resolution_A=Distribution("constant", resolution_A),
        membrane=float(membrane),
        nucleic=0.35,
        glycans=Distribution("uniform", 0, 3),
        masked=0.0,
    )
    began = time.perf_counter()
    made = simulate_half_maps(structure, model, n, pixel_A, number)
    half1, half2, truth = made.half1, made.half2, made.truth
    if long_way:
        halves = _reconstructed(made, pixel_A, number)
        # The simulator's images tell their envelope; those of a microscope do not.
        blur_A2 = ENVELOPE * resolution_A**2
        half1, half2, truth = (
            apply_b_factor(map_, blur_A2, pixel_A) for map_ in (*halves, made.density)
        )
    maps = {"half1": half1, "half2": half2, "truth": truth, "mask": made.mask}
    maps |= {"density": made.density, "labels": made.labels}
    for name, values in maps.items():
        write_map(folder / f"{name}.mrc", DensityMap(values.numpy().astype(np.float32), pixel_A))
    placed = made.structure.moved_to(made.structure.xyz_A + n // 2 * pixel_A)
    np.savez(folder / "model.npz", **{f.name: getattr(placed, f.name) for f in fields(Structure)})
    found_A = resolution_at(masked_fsc(half1, half2, made.mask), pixel_A, box=n)
    facts = {
        "structure": path.name,
        "box_px": n,
        "pixel_size_A": pixel_A,
        "resolution_A": found_A,
        "long_way": long_way,
        "membrane": membrane,
        "seconds": time.perf_counter() - began,
    }
    write_text(folder / FACTS, json.dumps(facts, indent=1))


def _with_ligands(structure: Structure, count: int, number: int) -> Structure:
    """The structure and ligands that touch it, in clefts or outside, each kind in its turn."""
    rng = np.random.default_rng((2025, number))
    for i in range(count):
        made = ligand(NAMES[(number + i) % len(NAMES)], float(rng.uniform(*LIGAND_B_A2)))
        structure = joined(structure, on_surface(made, structure, rng, upright=False))
    return structure


def _box(diameter_A: float, resolution_A: float, rng: np.random.Generator) -> tuple[int, float]:
    """A box that is wide enough, with voxels fine enough."""
    width_A = float(rng.uniform(1.4, 2.1)) * diameter_A
    pixel_A = float(rng.uniform(0.85, min(1.7, resolution_A / 2.3)))
    pixel_A = round(max(pixel_A, 1.4 * diameter_A / BOXES[-1]), 3)
    width_A = min(width_A, BOXES[-1] * pixel_A)
    return next(b for b in BOXES if b * pixel_A >= width_A), pixel_A


def _reconstructed(made: SimulatedHalfMaps, pixel_A: float, seed: int) -> tuple[Tensor, Tensor]:
    """From particle images, with the noise that gives the resolution wanted."""
    shell = len(made.density) * pixel_A / made.resolution_A
    near = slice(round(shell) - 2, round(shell) + 3)
    snr = 0.05
    halves = _halves_of_images(made.density, pixel_A, seed, snr)
    pilot = float(masked_fsc(*halves, made.mask)[near].mean().clamp(0.01, 0.99))
    # The ratio of the powers of signal and noise goes with that of the images.
    snr *= 0.143 / 0.857 / (pilot / (1 - pilot))
    return _halves_of_images(made.density, pixel_A, seed, snr)


def _halves_of_images(
    density: Tensor, pixel_A: float, seed: int, snr: float
) -> tuple[Tensor, Tensor]:
    model = ParticleModel(
        preferred_fraction=0.3,
        neighbours=0.2,
        snr=Distribution("log-normal", snr, 0.3),
        b_factor_A2=Distribution("uniform", 30, 80),
    )
    simulator = ParticleSimulator(model, Conformers.of_maps([density], pixel_A), seed)
    return reconstructed_halves(simulator, simulator.truth(PARTICLES))
