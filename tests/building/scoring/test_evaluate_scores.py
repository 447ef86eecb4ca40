"""TM-score and lDDT: their formulas, their invariances, their limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_cryoai.building.scoring.scores import align, lddt, tm_d0_A, tm_in_place, tm_superposed


def helix(n: int) -> np.ndarray:
    """CA of an ideal alpha helix: 100 degrees and 1.5 A a residue."""
    turn = np.radians(100) * np.arange(n)
    return np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(n)], 1)


def cloud(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3)) * 12


def test_d0_is_that_of_the_paper() -> None:
    assert tm_d0_A(100) == pytest.approx(1.24 * 85 ** (1 / 3) - 1.8)
    assert tm_d0_A(100) == pytest.approx(3.652, abs=1e-3)
    assert tm_d0_A(300) == pytest.approx(6.360, abs=1e-3)
    assert tm_d0_A(10) == tm_d0_A(1) == 0.5


def test_pairs_at_d0_count_half() -> None:
    assert tm_in_place(np.full(80, tm_d0_A(80)), 80) == pytest.approx(0.5)
    assert tm_in_place(np.zeros(20), 80) == 0.25
    assert tm_in_place(np.empty(0), 80) == 0


def test_a_moved_model_is_brought_back() -> None:
    reference = cloud(150)
    turn = Rotation.from_rotvec([0.4, -1.0, 2.0])
    model = turn.apply(reference) + np.array([70, -20, 5])
    score, motion = tm_superposed(model, reference, 150)
    assert score == pytest.approx(1)
    np.testing.assert_allclose(motion(model), reference, atol=1e-6)


def test_a_mirror_image_is_not_the_same() -> None:
    reference = cloud(100)
    score, motion = tm_superposed(reference * np.array([1, 1, -1]), reference, 100)
    assert score < 0.5
    assert np.linalg.det(motion.rotation) == pytest.approx(1)


def test_of_two_domains_that_moved_apart_one_is_superposed() -> None:
    reference = np.concatenate([cloud(120, 1), cloud(80, 2) + np.array([60, 0, 0])])
    model = reference.copy()
    model[120:] = Rotation.from_rotvec([0, 1.5, 0]).apply(model[120:])
    score, motion = tm_superposed(model, reference, 200)
    assert 0.6 <= score < 0.75
    assert np.linalg.norm(motion(model)[:120] - reference[:120], axis=1).max() < 1.0


def test_chance_does_not_score() -> None:
    score, _ = tm_superposed(cloud(150, 3), cloud(150, 4), 150)
    assert score < 0.3


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_few_residues(n: int) -> None:
    reference = helix(n)
    score, _ = tm_superposed(reference + np.array([0.1, 0, 0]), reference, max(n, 1))
    assert 0.9 * (n > 0) <= score <= 1


def test_alignment_keeps_the_order_of_both() -> None:
    reference = helix(40)
    kept = np.r_[3:15, 20:38]
    model, rows = align(reference[kept], reference, 3.0)
    np.testing.assert_array_equal(rows[np.isin(rows, kept)], kept)
    assert np.all(np.diff(model) > 0)
    assert np.all(np.diff(rows) > 0)
    backwards, _ = align(reference[::-1], reference, 0.5)
    assert len(backwards) <= 40


@settings(max_examples=25, deadline=None)
@given(m=st.integers(1, 7), n=st.integers(1, 7), seed=st.integers(0, 999))
def test_alignment_is_the_best_there_is(m: int, n: int, seed: int) -> None:
    model, reference = (cloud(k, seed + k) / 6 for k in (m, n))
    worth = 1 / (1 + ((model[:, None] - reference[None]) ** 2).sum(-1) / 4)

    def best(i: int, j: int) -> float:
        if i == m or j == n:
            return 0.0
        return max(best(i + 1, j), best(i, j + 1), worth[i, j] + best(i + 1, j + 1))

    rows, columns = align(model, reference, 2.0)
    assert worth[rows, columns].sum() == pytest.approx(best(0, 0), abs=1e-4)


def test_lddt_does_not_see_where_a_model_lies_nor_its_hand() -> None:
    reference = cloud(60)
    moved = Rotation.from_rotvec([1, 2, 3]).apply(reference) + 40
    assert lddt(moved, reference).mean() == pytest.approx(1)
    assert lddt(-reference, reference).mean() == pytest.approx(1)


def test_lddt_of_two_residues_that_come_nearer() -> None:
    reference = np.array([[0.0, 0, 0], [10, 0, 0]])
    for change_A, expected in ((0.4, 1), (0.6, 0.75), (1.5, 0.5), (3, 0.25), (5, 0)):
        model = reference - np.array([[0, 0, 0], [change_A, 0, 0]])
        assert lddt(model, reference).mean() == expected


def test_lddt_counts_what_is_missing_as_lost() -> None:
    reference = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
    model = reference.copy()
    model[2] = np.nan
    found = lddt(model, reference)
    assert found.scores.tolist() == [0.5, 0.5, 0]
    assert found.mean() == pytest.approx(1 / 3)
    assert found.mean(np.array([0])) == 0.5


def test_lddt_of_residues_that_are_alone_is_not_known() -> None:
    found = lddt(np.eye(2, 3) * 90, np.eye(2, 3) * 90)
    assert np.isnan(found.scores).all()
    assert found.mean() is None
