"""Backbones from CA."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from napari_cryoai.building.atoms import peptide_planes
from napari_cryoai.building.atoms.backbone import Backbone
from napari_cryoai.building.atoms.peptide_planes import (
    cheapest_path,
    place_backbone,
    placed,
    turned_planes,
)
from napari_cryoai.building.atoms.residue_atoms import residue_atoms
from napari_cryoai.building.atoms.topology import CA, C, N, O
from napari_cryoai.core.angles import angle, dihedral
from napari_cryoai.core.errors import CryoAIError


def known_of(peptide, letters=None):
    atoms = residue_atoms(peptide)
    n = len(atoms)
    nowhere = np.full((n, 3), np.nan)
    letters = np.full(n, "A") if letters is None else letters
    return (
        atoms.xyz_A,
        Backbone(
            np.full(n, "A"), np.arange(n), letters, nowhere, atoms.xyz_A[:, CA], nowhere, np.ones(n)
        ),
    )


def place(backbone, **known):
    nowhere = np.full((len(backbone), 3), np.nan)
    known = {"n_A": nowhere, "c_A": nowhere, "sample": None} | known
    return place_backbone(backbone.ca_A, backbone.bound, backbone.is_cis, backbone.classes, **known)


def test_an_atom_is_placed_at_its_bond_angle_and_torsion():
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 7, 3))
    turn = rng.uniform(-np.pi, np.pi, 7)
    d = placed(a, b, c, 1.5, 1.9, turn)
    assert np.allclose(np.linalg.norm(d - c, axis=1), 1.5)
    assert np.allclose(angle(b, c, d), 1.9)
    assert np.allclose(np.exp(1j * dihedral(a, b, c, d)), np.exp(1j * turn))


def test_the_cheapest_path_is_the_cheapest_of_all():
    rng = np.random.default_rng(1)
    single, pairs = rng.random((4, 3)), rng.random((3, 3, 3))

    def cost(path):
        steps = pairwise(path)
        return sum(single[i, s] for i, s in enumerate(path)) + sum(
            pairs[i, a, b] for i, (a, b) in enumerate(steps)
        )

    best = min(product(range(3), repeat=4), key=cost)
    assert tuple(cheapest_path(single, pairs)) == best


def test_the_backbone_of_a_helix_follows_from_its_ca(peptide):
    truth, backbone = known_of(peptide)
    found = place(backbone)
    away = np.linalg.norm(found - truth[:, :4], axis=-1)
    assert away[2:-2].max() < 0.8
    assert np.sqrt((away[2:-2] ** 2).mean()) < 0.35


def test_a_long_chain_in_blocks_is_as_one(peptide, monkeypatch):
    _, backbone = known_of(peptide)
    whole = place(backbone)
    monkeypatch.setattr(peptide_planes, "BLOCK", 5)
    assert np.array_equal(place(backbone), whole)


def test_peptides_are_flat_trans_and_of_the_right_size():
    ca = np.array([[0, 0, 0], [3.8, 0, 0]])
    planes = turned_planes(ca, np.zeros(2, bool))[0]
    c, o, n = planes[:, 0], planes[:, 1], planes[:, 2]
    omega = dihedral(*np.broadcast_arrays(ca[0], c, n, ca[1]))
    assert np.allclose(np.abs(omega), np.pi, atol=1e-6)
    assert np.allclose(np.linalg.norm(c - ca[0], axis=1), 1.525, atol=0.02)
    assert np.allclose(np.linalg.norm(n - ca[1], axis=1), 1.459, atol=0.02)
    assert np.allclose(np.linalg.norm(c - o, axis=1), 1.23, atol=0.02)
    assert np.allclose(np.linalg.norm(c - n, axis=1), 1.33, atol=0.02)


def test_where_n_and_c_are_known_they_decide(peptide):
    truth, backbone = known_of(peptide)
    # The mirror image of a helix is no place that the statistics would choose.
    mirror = truth * [1, 1, -1]
    left = Backbone(
        backbone.chains, backbone.numbers, backbone.letters,
        mirror[:, N], mirror[:, CA], mirror[:, C], backbone.confidence,
    )  # fmt: skip
    found = place(left, n_A=left.n_A, c_A=left.c_A)
    assert np.linalg.norm(found[1:-1, :3] - mirror[1:-1, :3], axis=-1).max() < 0.6


def test_the_density_tells_where_the_oxygens_are(peptide):
    truth, backbone = known_of(peptide)
    wanted = truth[5, O]

    def sample(places):
        return 3 * np.exp(-((places - wanted) ** 2).sum(-1))

    found = place(backbone, sample=sample)
    assert np.linalg.norm(found[5, O] - wanted) < 0.5


def test_a_gap_in_the_numbers_and_a_long_step_are_breaks():
    ca = np.cumsum(np.full((6, 3), 3.8 / np.sqrt(3)), axis=0)
    ca[4:] += 20
    nowhere = np.full((6, 3), np.nan)
    numbers = np.array([1, 2, 5, 6, 7, 8])
    backbone = Backbone(np.full(6, "A"), numbers, np.full(6, "A"), nowhere, ca, nowhere, np.ones(6))
    assert backbone.bound.tolist() == [False, True, False, True, False, True]
    found = place(backbone)
    assert np.isfinite(found).all()
    assert np.linalg.norm(found[1, C] - found[2, N]) > 1.9


def test_only_proline_may_be_cis():
    ca = np.array([[0, 0, 0], [2.95, 0, 0], [5.9, 0, 0]])
    nowhere = np.full((3, 3), np.nan)
    backbone = Backbone(
        np.full(3, "A"), np.arange(3), np.array([*"APA"]), nowhere, ca, nowhere, np.ones(3)
    )
    assert backbone.is_cis.tolist() == [False, True, False]


def test_a_single_residue_has_a_backbone_too():
    nowhere = np.full((1, 3), np.nan)
    chain, number, letter = np.array(["A"]), np.array([7]), np.array(["G"])
    one = Backbone(chain, number, letter, nowhere, np.ones((1, 3)), nowhere, np.ones(1))
    found = place(one)[0]
    assert np.isfinite(found).all()
    assert np.degrees(angle(found[N], found[CA], found[C])) == pytest.approx(111, abs=1)


def test_a_residue_without_ca_is_refused():
    nowhere = np.full((1, 3), np.nan)
    with pytest.raises(CryoAIError, match="CA"):
        Backbone(
            np.array(["A"]), np.array([1]), np.array(["A"]), nowhere, nowhere, nowhere, np.ones(1)
        )
