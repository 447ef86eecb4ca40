"""A protein that needs no file, and scenes with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cryoai.building import training_scenes
from napari_cryoai.building.training_scenes import make_scene
from napari_cryoai.core.amino_acids import LETTERS, name_of
from napari_cryoai.core.structure import Structure

ATOMS = ("N", "CA", "C", "O", "CB")


def ideal_helix(n: int, seed: int = 0) -> Structure:
    """A right-handed alpha helix along z: 1.5 A and 100 degrees a residue."""
    # Radius, angle and height of each atom from CA (Pauling's helix, in cylinder coordinates).
    radius = np.array([1.55, 2.29, 1.66, 2.00, 3.29])
    angle = np.radians([-27.5, 0.0, 26.8, 43.0, -18.0])
    height = np.array([-0.9, 0.0, 1.1, 2.3, -0.55])
    turn = np.radians(100.0) * np.arange(n)[:, None] + angle
    rise = 1.5 * np.arange(n)[:, None] + height
    xyz = np.stack([radius * np.cos(turn), radius * np.sin(turn), rise], -1).reshape(-1, 3)
    letters = np.random.default_rng(seed).choice(list(LETTERS), n)
    names = np.repeat([name_of(letter) for letter in letters], len(ATOMS))
    count = len(xyz)
    return Structure(
        xyz,
        np.tile(["N", "C", "C", "O", "C"], n),
        np.full(count, 20.0),
        np.ones(count),
        np.full(count, "A"),
        np.repeat(np.arange(1, n + 1), len(ATOMS)).astype(np.str_),
        names,
        np.tile(ATOMS, n),
    )


@pytest.fixture(scope="session")
def helix() -> Structure:
    """Of 24 residues."""
    return ideal_helix(24)


@pytest.fixture(scope="session")
def structures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of helices."""
    import gemmi

    folder = tmp_path_factory.mktemp("structures")
    paths = []
    for seed in range(2):
        model = ideal_helix(20 + 10 * seed, seed)
        rows = []
        columns = (model.atom_names, model.residue_names, model.residue_numbers, model.xyz_A)
        for i, (atom, residue, number, (x, y, z)) in enumerate(zip(*columns, strict=True)):
            rows.append(
                f"ATOM  {i + 1:5d}  {atom:<3} {residue} A{number:>4}    "
                f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00           {atom[0]}"
            )
        paths.append(folder / f"helix{seed}.pdb")
        paths[-1].write_text("\n".join([*rows, "END", ""]))
        assert len(gemmi.read_structure(str(paths[-1]))[0]["A"]) == 20 + 10 * seed
    return paths


@pytest.fixture(scope="session")
def scenes(structures: list[Path]) -> list[training_scenes.TrainingScene]:
    """What the networks learn from."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = [make_scene((0, i), structures) for i in range(3)]
    torch.set_num_threads(threads)
    return made
