"""Joining: the best pairs first, and neither branches nor rings."""

from __future__ import annotations

import numpy as np

from napari_cryoai.building.tracing.joining import paths, ring_free


def listed(pairs, n):
    return [path.tolist() for path in paths(np.array(pairs, np.intp).reshape(-1, 2), n)]


def test_rows_that_follow_one_another_are_one_path():
    assert listed([(2, 0), (0, 1)], 4) == [[2, 0, 1], [3]]


def test_a_ring_stays_open_at_its_worst_pair():
    assert listed([(0, 1), (1, 2), (2, 0)], 3) == [[0, 1, 2]]


def test_where_two_want_the_same_place_the_better_pair_has_it():
    assert listed([(0, 2), (1, 2), (0, 1)], 3) == [[0, 2], [1]]


def test_nothing_to_join_leaves_each_alone():
    assert listed([], 2) == [[0], [1]]
    assert listed([], 0) == []


def test_what_may_not_be_joined_is_passed_over_and_joins_no_groups():
    pairs = np.array([(0, 1), (1, 2), (0, 2)])
    found = list(ring_free(pairs, 3, lambda one, other: (one, other) != (0, 1)))
    assert found == [(1, 2), (0, 2)]
