"""Helices and strands are found where a model builder would draw them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cryoai.core.secondary import secondary_structure

HELICAL, BARREL = "mem_rfalford__1u19.pdb.gz", "mem_rfalford__1uyn.pdb.gz"
DATA = Path(__file__).parents[3] / "shared" / "data" / "structures"


def helix(n: int) -> np.ndarray:
    """CA of an alpha helix: 100 degrees and 1.5 A a residue, 2.3 A from the axis; right-handed."""
    angle = np.radians(100) * np.arange(n)
    return np.stack([2.3 * np.cos(angle), 2.3 * np.sin(angle), 1.5 * np.arange(n)], axis=1)


def strand(n: int) -> np.ndarray:
    """CA of a strand: a zigzag of 3.3 A a residue."""
    k = np.arange(n)
    return np.stack([3.3 * k, 0.95 * (-1.0) ** k, np.zeros(n)], axis=1)


def test_an_ideal_helix_is_a_helix():
    assert "".join(secondary_structure(helix(12))[1:-1]) == "H" * 10


def test_an_ideal_strand_is_a_strand():
    assert "".join(secondary_structure(strand(10))[2:-2]) == "E" * 6


def test_a_short_strand_needs_neighbours():
    alone, aside = strand(7), np.array([0, 0, 4.8])
    assert "E" not in secondary_structure(alone)
    sheet = np.concatenate([alone[::-1] - aside, alone, alone[::-1] + aside])
    chains = [np.arange(7), np.arange(7, 14), np.arange(14, 21)]
    assert (secondary_structure(sheet, chains)[7:14] == "E").sum() >= 4


def test_nothing_reaches_across_the_end_of_a_chain():
    ca = helix(8)
    halves = secondary_structure(ca, [np.arange(4), np.arange(4, 8)])
    assert "H" in secondary_structure(ca)
    assert "H" not in halves


def test_nothing_reaches_across_a_gap():
    ca = helix(8)
    ca[4:] += [0, 0, 6]
    assert "H" not in secondary_structure(ca)


def test_the_rows_of_a_chain_may_lie_anywhere():
    rows = np.random.default_rng(0).permutation(12)
    scattered = np.empty((12, 3))
    scattered[rows] = helix(12)
    assert (secondary_structure(scattered, [rows])[rows] == secondary_structure(helix(12))).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_too_few_residues_are_coil(n):
    assert "".join(secondary_structure(helix(n))) == "C" * n


def test_residues_without_a_place_and_of_no_chain_are_coil():
    ca = np.concatenate([helix(10), [[np.nan] * 3] * 2])
    assert "".join(secondary_structure(ca)[-2:]) == "CC"
    assert "".join(secondary_structure(ca, [np.arange(5)])[5:]) == "C" * 7


def test_it_does_not_depend_on_the_place_or_the_turn():
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    ca = np.concatenate([helix(12), strand(8) + np.array([20, 0, 0])])
    chains = [np.arange(12), np.arange(12, 20)]
    moved = secondary_structure(ca @ turn.T + 100, chains)
    assert (moved == secondary_structure(ca, chains)).all()


def test_membrane_helices_and_beta_barrels_are_told_apart():
    if not DATA.is_dir():
        pytest.skip("the public structures are not here")
    from napari_cryoai.io.structures import read_structure

    def shares(name: str) -> tuple[float, float]:
        found = read_structure(DATA / name)
        ca = found.select((found.atom_names == "CA") & (found.elements == "C"))
        chains = [np.flatnonzero(ca.chains == c) for c in np.unique(ca.chains)]
        kinds = secondary_structure(ca.xyz_A, chains)
        return float((kinds == "H").mean()), float((kinds == "E").mean())

    assert shares(HELICAL)[0] > 0.55
    assert shares(BARREL)[1] > 0.5
