"""Ribbons pass where the chain passes, as wide as its secondary structure tells."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.ribbon import HALF_WIDTH_A, Ribbon, ribbon


def helix(n: int) -> np.ndarray:
    angle = np.radians(100) * np.arange(n)
    return np.stack([2.3 * np.cos(angle), 2.3 * np.sin(angle), 1.5 * np.arange(n)], axis=1)


def strand(n: int) -> np.ndarray:
    k = np.arange(n)
    return np.stack([3.3 * k, 0.95 * (-1.0) ** k, np.zeros(n)], axis=1)


def parts(mesh: Ribbon) -> int:
    """How many pieces hang together by triangles."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b = mesh.faces[:, [0, 1]].T
    n = len(mesh.vertices)
    c = mesh.faces[:, 2]
    rows, columns = np.concatenate([a, b]), np.concatenate([b, c])
    return int(connected_components(coo_array((np.ones(len(rows)), (rows, columns)), (n, n)))[0])


def volume(mesh: Ribbon) -> float:
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces].astype(float), 1, 0)
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def middle(mesh: Ribbon, residue: int) -> np.ndarray:
    return mesh.vertices[mesh.residue == residue].mean(0)[::-1]


@pytest.mark.parametrize("kind", ["H", "C"])
def test_it_passes_through_ca(kind):
    ca = helix(12)
    mesh = ribbon(ca, None, np.full(12, kind))
    off = [np.linalg.norm(middle(mesh, r) - ca[r]) for r in range(1, 11)]
    assert max(off) < 0.45


def test_a_strand_is_drawn_without_its_zigzag():
    mesh = ribbon(strand(9), None, np.full(9, "E"))
    assert abs(middle(mesh, 4)[1]) < 0.3


def test_a_helix_is_flat_along_its_axis_and_a_coil_is_round():
    for kind, half in (("H", HALF_WIDTH_A["H"]), ("C", 0.35)):
        mesh = ribbon(helix(15), None, np.full(15, kind))
        z = mesh.vertices[mesh.residue == 7][:, 0]
        assert np.ptp(z) == pytest.approx(2 * half + 1.5, abs=0.6)


def test_the_side_of_a_strand_follows_its_oxygens():
    ca = strand(9)
    to_o = np.tile([0.0, 0.0, 2.4], (9, 1)) * (-1.0) ** np.arange(9)[:, None]
    mesh = ribbon(ca, ca + to_o, np.full(9, "E"))
    z = mesh.vertices[mesh.residue == 3][:, 0]
    assert np.ptp(z) == pytest.approx(2 * HALF_WIDTH_A["E"], abs=0.1)


def test_a_strand_ends_in_an_arrow_head():
    mesh = ribbon(strand(9), None, np.full(9, "E"))
    reach = [np.ptp(mesh.vertices[mesh.residue == r][:, 0]) for r in (3, 7)]
    assert reach[1] > 1.5 * reach[0]
    tip = mesh.vertices[mesh.vertices[:, 2].argsort()[-8:]]
    assert np.ptp(tip[:, 0]) < 1.5


def test_each_vertex_knows_the_residue_it_is_nearest_to():
    ca = helix(20)
    mesh = ribbon(ca, None, np.full(20, "C"))
    distances = np.linalg.norm(mesh.vertices[:, None, ::-1] - ca, axis=2)
    assert (distances.argmin(1) == mesh.residue).mean() > 0.97
    assert set(mesh.residue.tolist()) == set(range(20))


def test_chains_and_gaps_are_not_joined():
    ca = np.concatenate([helix(10), helix(10) + np.array([30.0, 0, 0])])
    ca[15:] += [0, 0, 12]
    chains = [np.arange(10), np.arange(10, 20)]
    assert parts(ribbon(ca, None, np.full(20, "C"), chains)) == 3


def test_it_is_closed_and_lit_from_outside():
    # Of napari's triangles, seen in z, y, x, those of a solid enclose a negative volume.
    mesh = ribbon(helix(15), None, np.full(15, "C"))
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert volume(mesh) < 0


def test_no_ribbon_is_twisted_by_more_than_a_right_angle_between_residues():
    rng = np.random.default_rng(0)
    ca = np.cumsum(rng.normal(size=(40, 3)) + np.array([1.5, 0, 0]), axis=0) * 1.8
    o = ca + rng.normal(size=ca.shape)
    mesh = ribbon(ca, o, np.full(40, "H"), break_A=99.0)
    across = (mesh.vertices[0::8] - mesh.vertices[4::8]).astype(float)
    across /= np.linalg.norm(across, axis=1)[:, None]
    assert (across[1:] * across[:-1]).sum(1).min() > 0


def test_a_residue_on_its_own_can_be_seen():
    mesh = ribbon(np.zeros((1, 3)), None, np.array(["C"]))
    assert len(mesh.faces) and abs(volume(mesh)) > 0.1


def test_what_has_no_place_is_left_out():
    ca = helix(6)
    ca[3] = np.nan
    mesh = ribbon(ca, None, np.full(6, "C"))
    assert np.isfinite(mesh.vertices).all()
    assert set(mesh.residue.tolist()) == {0, 1, 2, 4, 5}
    assert not len(ribbon(np.empty((0, 3)), None, np.empty(0, np.str_)).faces)


@pytest.mark.parametrize("kinds", ["HHHHEEEEE", "EEEECCCHH", "EEECEEEHE", "EECEECEEE"])
def test_kinds_may_follow_each_other_as_they_like(kinds):
    mesh = ribbon(strand(9), None, np.array(list(kinds)))
    assert np.isfinite(mesh.vertices).all()
    assert parts(mesh) == 1
