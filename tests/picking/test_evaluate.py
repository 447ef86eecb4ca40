"""Agreement of picks with a reference, against brute force."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.picking.evaluate import (
    average_precision,
    best_f1,
    compare,
    match,
    precision_recall,
)

few_points = st.integers(0, 6).flatmap(
    lambda n: arrays(float, (n, 2), elements=st.integers(0, 12).map(float))
)


def best_matching(a, b, radius):
    """(pairs, minus their total distance) of the best one-to-one matching, by trying them all."""
    distance = np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1))

    @cache
    def best(i, free):
        if i == len(a):
            return 0, 0.0
        results = [best(i + 1, free)]
        for j in free:
            if distance[i, j] <= radius:
                n, d = best(i + 1, free - {j})
                results.append((n + 1, d - distance[i, j]))
        return max(results)

    return best(0, frozenset(range(len(b))))


@given(few_points, few_points, st.sampled_from([1.0, 2.5, 5.0, 20.0]))
@settings(max_examples=300)
def test_matching_is_one_to_one_as_many_as_can_be_then_the_closest(a, b, radius):
    rows_a, rows_b = match(a, b, radius)
    assert len(set(rows_a.tolist())) == len(rows_a) == len(rows_b) == len(set(rows_b.tolist()))
    distances = np.hypot(*(a[rows_a] - b[rows_b]).T)
    assert (distances <= radius).all()
    pairs, negative = best_matching(a, b, radius)
    assert len(rows_a) == pairs
    assert distances.sum() == pytest.approx(-negative)


@given(few_points, few_points, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(a, b, random):
    score = np.arange(len(a)) / 10
    order_a, order_b = (random.sample(range(len(x)), len(x)) for x in (a, b))
    picks, reference = PickTable.of_points("m", a, score=score), PickTable.of_points("m", b)
    shuffled = PickTable.of_points("m", a[order_a], score=score[order_a])
    first = compare(picks, reference, 3.0)
    again = compare(shuffled, PickTable.of_points("m", b[order_b]), 3.0)
    assert (first.precision, first.recall, first.f1) == (again.precision, again.recall, again.f1)


@given(few_points, few_points)
def test_picks_and_reference_change_places_as_precision_and_recall_do(a, b):
    one, other = PickTable.of_points("m", a), PickTable.of_points("m", b)
    there, back = compare(one, other, 3.0), compare(other, one, 3.0)
    assert (there.precision, there.recall, there.f1) == (back.recall, back.precision, back.f1)


def test_a_large_crowd_is_matched_as_well():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 4000, (2000, 2))
    order = rng.permutation(2000)
    rows_a, rows_b = match((truth + rng.normal(0, 0.5, truth.shape))[order], truth, 60.0)
    assert len(rows_a) == 2000
    assert (order[rows_a] == rows_b).mean() > 0.99


def test_every_row_is_accounted_for():
    picks = PickTable.of_points("m", [[0, 0], [10, 0], [50, 50]], score=[0.9, 0.8, 0.7])
    reference = PickTable.of_points("m", [[1, 0], [10, 1], [90, 90], [70, 0]])
    found = compare(picks, reference, 3.0)
    assert found.matched.tolist() == [0, 1]
    assert found.found.tolist() == [0, 1]
    assert found.false.tolist() == [2]
    assert found.missed.tolist() == [2, 3]
    assert (found.precision, found.recall) == (2 / 3, 2 / 4)
    assert found.f1 == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert found.per_micrograph == {"m": (3, 4, 2)}


def test_picks_are_compared_on_their_own_micrograph_only():
    point = [[5.0, 5.0]]
    picks = concatenate([PickTable.of_points("a", point), PickTable.of_points("b", point)])
    reference = concatenate([PickTable.of_points("b", point), PickTable.of_points("c", point)])
    found = compare(picks, reference, 1.0)
    assert found.per_micrograph == {"a": (1, 0, 0), "b": (1, 1, 1), "c": (0, 1, 0)}
    assert (found.precision, found.recall) == (0.5, 0.5)


def test_a_perfect_ranking_has_an_average_precision_of_one():
    truth = np.arange(20.0).reshape(10, 2) * 50
    picks = np.concatenate([truth, truth + 25])
    score = np.linspace(1, 0, 20)
    found = compare(
        PickTable.of_points("m", picks, score=score), PickTable.of_points("m", truth), 5
    )
    assert found.average_precision == 1
    assert (found.precision, found.recall) == (0.5, 1)
    f1, threshold = best_f1(found, 10)
    assert f1 == 1
    assert threshold == np.float32(score[9])


def test_the_worst_ranking_has_the_precision_of_all_rows():
    truth = np.arange(20.0).reshape(10, 2) * 50
    picks = np.concatenate([truth + 25, truth])
    found = compare(
        PickTable.of_points("m", picks, score=np.linspace(1, 0, 20)),
        PickTable.of_points("m", truth),
        5.0,
    )
    assert found.average_precision == pytest.approx(0.5)


def test_average_precision_of_a_worked_example():
    """Hits at ranks 1, 3 and 4 of five, of four true ones: 1/4 (1 + 3/4 + 3/4)."""
    curve = precision_recall(
        np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([1, 0, 1, 1, 0], bool), n_reference=4
    )
    assert curve.recall.tolist() == [0.25, 0.25, 0.5, 0.75, 0.75]
    assert average_precision(curve.recall, curve.precision) == pytest.approx((1 + 0.75 + 0.75) / 4)


@given(st.permutations(range(6)))
def test_ties_are_one_point_of_the_curve_whatever_their_order(order):
    score = np.array([0.9, 0.5, 0.5, 0.5, 0.5, 0.1])[order]
    hit = np.array([1, 1, 0, 1, 0, 1], bool)[order]
    curve = precision_recall(score, hit, 4)
    assert curve.threshold.tolist() == [0.9, 0.5, 0.1]
    assert curve.recall.tolist() == [0.25, 0.75, 1.0]
    assert curve.precision.tolist() == [1.0, 3 / 5, 4 / 6]


def test_picks_without_a_score_come_before_every_threshold():
    score = np.array([np.nan, 0.3, np.nan, 0.6])
    curve = precision_recall(score, np.array([1, 0, 1, 1], bool), 3)
    assert curve.threshold.tolist() == pytest.approx([np.inf, 0.6, 0.3])
    assert curve.recall.tolist() == pytest.approx([2 / 3, 1, 1])


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (3, 0)])
def test_empty_tables_give_zero_not_an_error(n, m):
    picks = PickTable.of_points("m", np.zeros((n, 2)), score=0.5)
    found = compare(picks, PickTable.of_points("m", np.zeros((m, 2))), 5.0)
    assert (found.precision, found.recall, found.f1) == (0, 0, 0)
    assert len(found.false) == n
    assert len(found.missed) == m
    assert best_f1(found, m)[0] == 0


def test_coinciding_picks_count_once():
    """A picker gains nothing from picking a particle ten times."""
    picks = PickTable.of_points("m", np.full((10, 2), 7.0), score=np.linspace(0, 1, 10))
    found = compare(picks, PickTable.of_points("m", [[7.0, 7.0]]), 5.0)
    assert (found.precision, found.recall) == (0.1, 1.0)
