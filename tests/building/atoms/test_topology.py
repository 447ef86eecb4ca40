"""The atoms of amino acids and their ideal values, against what chemistry says."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

from napari_cryoai.building.atoms.restraints import ideal_angles, ideal_bonds, ideal_centres
from napari_cryoai.building.atoms.rotamer_library import log_density, rotamers_at
from napari_cryoai.building.atoms.side_chains import side_chain
from napari_cryoai.building.atoms.tables import tables
from napari_cryoai.building.atoms.topology import CA, CB, GLY, KINDS, SLOTS, UNKNOWN, C, N, O, kind
from napari_cryoai.core.amino_acids import NAMES

WEIGHTS = {"C": 12.011, "N": 14.007, "O": 15.999, "S": 32.06}


@pytest.mark.parametrize("name", NAMES)
def test_the_atoms_weigh_what_the_residue_does(name):
    tabulated = gemmi.find_tabulated_residue(name)
    atoms = kind(NAMES.index(name)).atoms
    heavy = sum(WEIGHTS[atom[0]] for atom in atoms) + 15.999  # of the free amino acid
    assert heavy + 1.008 * tabulated.hydrogen_count == pytest.approx(tabulated.weight, abs=1.5)


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_side_chains_have_their_bonds_and_angles_whatever_their_torsions(number):
    what = kind(number)
    rng = np.random.default_rng(number)
    chi = rng.uniform(-np.pi, np.pi, (5, len(what.chi_atoms)))
    if KINDS[number] == "PRO":
        chi = np.tile(np.radians([27.0, -36.0]), (5, 1))
    main = np.array([[1.458, 0, 0], [0, 0, 0], [-0.547, 1.424, 0], [0.2, 2.3, 0]])
    xyz = np.full((5, SLOTS, 3), np.nan)
    xyz[:, :CB] = main
    xyz[:, CB : len(what.atoms)] = side_chain(number, main, chi)
    bonds, lengths = ideal_bonds(np.full(5, number), np.zeros(5, bool))
    flat = xyz.reshape(-1, 3)
    found = np.linalg.norm(flat[bonds[:, 0]] - flat[bonds[:, 1]], axis=1)
    inner = (bonds % SLOTS).max(1) >= CB
    assert np.abs(found - lengths)[inner].max(initial=0) < 0.08
    centres, volumes = ideal_centres(np.full(5, number), np.zeros(5, bool))
    spokes = [flat[centres[:, i]] - flat[centres[:, 0]] for i in (1, 2, 3)]
    volume = (np.cross(spokes[0], spokes[1]) * spokes[2]).sum(1)
    assert np.abs(volume - volumes).max(initial=0) < 0.3


def test_the_bonds_are_those_of_the_textbook():
    number = NAMES.index("ALA")
    length = dict(zip(kind(number).bonds, tables().bonds[number], strict=False))
    for pair, wanted in [((N, CA), 1.459), ((CA, C), 1.525), ((C, O), 1.229)]:
        assert length[pair] == pytest.approx(wanted, abs=0.012)
    assert tables().links[0, 0] == pytest.approx(1.336, abs=0.01)
    bound = np.array([False, True])
    angles, wanted = ideal_angles(np.array([number] * 2), bound, np.zeros(2, bool))
    peptide = {tuple(row): value for row, value in zip(angles.tolist(), wanted, strict=True)}
    assert np.degrees(peptide[CA, C, SLOTS + N]) == pytest.approx(117.2, abs=1)
    assert np.degrees(peptide[C, SLOTS + N, SLOTS + CA]) == pytest.approx(121.7, abs=1)


def test_leucine_likes_two_rotamers():
    chi, _, log_share = rotamers_at(NAMES.index("LEU"), np.full(1, np.nan), np.full(1, np.nan))
    best = np.argsort(-log_share[0])[:2]
    found = np.mod(np.round(np.degrees(chi[best])), 360)
    wanted = np.array([[294, 174], [182, 64]])
    assert np.abs(found - wanted).max() < 8
    assert np.exp(log_share[0][best]).sum() > 0.75


def test_valine_in_a_helix_is_trans():
    phi, psi = np.radians([[-63.0], [-42.0]])
    chi, _, log_share = rotamers_at(NAMES.index("VAL"), phi, psi)
    assert abs(np.degrees(chi[log_share[0].argmax(), 0])) > 160
    assert np.exp(log_share[0].max()) > 0.8


def test_a_ring_turned_over_is_as_common():
    number = NAMES.index("PHE")
    chi = np.radians([[-65.0, 95.0], [-65.0, -85.0]])
    padded = np.pad(chi, ((0, 0), (0, 2)), constant_values=np.nan)
    one, other = log_density(np.array([number, number]), padded)
    assert one == pytest.approx(other)


def test_an_unknown_residue_is_an_alanine_by_another_name():
    assert kind(UNKNOWN).atoms == ("N", "CA", "C", "O", "CB")
    assert kind(UNKNOWN).name == "UNK"
    assert kind(GLY).atoms == ("N", "CA", "C", "O")
