"""A protein that needs no file, and scenes with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cryoai.building.training.scenes import TrainingScene, make_scene
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
def scenes(structures: list[Path]) -> list[TrainingScene]:
    """What the networks learn from."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = [make_scene((0, i), structures) for i in range(3)]
    torch.set_num_threads(threads)
    return made


@pytest.fixture(scope="session")
def peptide() -> Structure:
    """An alpha helix of all twenty amino acids and a few more, with side chains in rotamers."""
    from napari_cryoai.building.atoms.backbone import Backbone
    from napari_cryoai.building.atoms.full_atoms import phi_psi, structure_of
    from napari_cryoai.building.atoms.peptide_planes import placed
    from napari_cryoai.building.atoms.side_chains import pack
    from napari_cryoai.jobs.progress import finish

    letters = np.array([*"GAVLSTRNDCEQHIKMFYWPAGSV"])
    phi, psi, flat = np.radians([-63.0, -42.0, 180.0])
    # Bond, angle and torsion of each next atom: N, CA, C, and O beside the next N.
    steps = [(1.329, 116.2, psi), (1.458, 121.7, flat), (1.525, 111.0, phi)]
    chain = [np.array([0.0, 0, 0]), np.array([1.458, 0, 0]), np.array([2.0, 1.42, 0])]
    while len(chain) < 3 * len(letters) + 1:
        bond, bend, turn = steps[len(chain) % 3]
        chain.append(placed(*chain[-3:], bond, np.radians(bend), turn))
    main = np.array(chain[:-1]).reshape(-1, 3, 3)
    oxygen = placed(main[:, 0], main[:, 1], main[:, 2], 1.231, np.radians(120.1), np.radians(138.0))
    main = np.concatenate([main, oxygen[:, None]], axis=1)
    n = len(letters)
    numbers, chains = np.arange(1, n + 1), np.full(n, "A")
    known = Backbone(chains, numbers, letters, main[:, 0], main[:, 1], main[:, 2], np.ones(n))
    packed = finish(pack(main, known.kinds, phi_psi(main, known), None))
    return structure_of(known, packed)
