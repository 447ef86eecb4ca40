"""Residues without a place: which of them follow those with one, and which are too many."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.building.threading.loose_ends import (
    FOLLOWS,
    SHORT,
    continued,
    without_inserted,
    without_unlikely_ends,
)
from napari_cryoai.building.threading.thread import Threaded
from napari_cryoai.core.trace import Trace


def threaded(position, fragment, confidence=None) -> Threaded:
    """Residues of one chain, at these places in its sequence; -1 for none."""
    position = np.array(position, np.intp)
    n = len(position)
    trace = Trace.of_positions(3.8 * np.arange(n)[:, None] * [1, 0, 0], np.array(fragment))
    if confidence is not None:
        trace = Trace(**vars(trace) | {"confidence": np.array(confidence, np.float64)})
    polymer = np.where(position >= 0, 0, -1)
    none, unsure = np.full(n, -1), np.full(n, np.nan)
    return Threaded(trace, np.arange(n), polymer, position, np.ones(n), none, unsure)


def test_what_lies_between_neighbours_of_the_sequence_is_left_out():
    found = without_inserted(threaded([3, -1, -1, 4, 5, -1], [0, 0, 0, 0, 0, 0]))
    assert found.rows.tolist() == [0, 3, 4, 5]
    assert found.position.tolist() == [3, 4, 5, -1]


@pytest.mark.parametrize(
    ("position", "fragment"),
    [
        ([3, -1, 5], [0, 0, 0]),  # there is room for it
        ([3, -1, 4], [0, 0, 1]),  # the end of a fragment may be the beginning of something else
        ([-1, -1, -1], [0, 0, 0]),
    ],
)
def test_what_may_be_right_stays(position, fragment):
    assert len(without_inserted(threaded(position, fragment))) == len(position)


def test_short_ends_take_the_places_that_follow():
    found = continued(threaded([-1, -1, 7, 8, -1, -1], [0, 0, 0, 0, 0, 1]), [50])
    assert found.position.tolist() == [5, 6, 7, 8, 9, -1]
    assert found.polymer.tolist() == [0, 0, 0, 0, 0, -1]
    assert found.posterior.tolist() == [FOLLOWS, FOLLOWS, 1, 1, FOLLOWS, 1]


@pytest.mark.parametrize(
    ("position", "fragment", "length", "expected"),
    [
        # A sequence has an end,
        ([8, -1, -1], [0, 0, 0], 10, [8, 9, -1]),
        ([-1, -1, 1], [0, 0, 0], 10, [-1, 0, 1]),
        # and a place one residue.
        ([3, -1, -1, 5], [0, 0, 0, 1], 10, [3, 4, -1, 5]),
        # The first end that comes takes it.
        ([3, -1, -1, 5], [0, 0, 1, 1], 10, [3, 4, -1, 5]),
        # What is long is decided by its own amino acids.
        ([3, *(SHORT + 1) * [-1]], (SHORT + 2) * [0], 50, [3, *(SHORT + 1) * [-1]]),
        # Between two places the threading has decided.
        ([3, -1, 6], [0, 0, 0], 10, [3, -1, 6]),
    ],
)
def test_only_what_is_there_and_free_is_taken(position, fragment, length, expected):
    assert continued(threaded(position, fragment), [length]).position.tolist() == expected


def test_the_least_likely_ends_go_first_and_nothing_with_a_place():
    given = threaded(
        [-1, -1, 7, 8, -1, -1, -1],
        [0, 0, 0, 0, 0, 1, 1],
        [0.9, 0.1, 0.0, 0.0, 0.8, 0.3, 0.7],
    )
    left = [without_unlikely_ends(given, count).rows.tolist() for count in range(7)]
    assert left[0] == [0, 1, 2, 3, 4, 5, 6]
    assert left[1] == [0, 1, 2, 3, 4, 6]
    assert left[2] == [0, 1, 2, 3, 4]
    assert left[3] == [0, 1, 2, 3]
    # The least likely one lay behind a likelier one.
    assert left[4] == [1, 2, 3]
    assert left[5] == left[6] == [2, 3]


def test_a_count_of_none_or_less_changes_nothing():
    given = threaded([-1, 2], [0, 0])
    assert without_unlikely_ends(given, -3).rows.tolist() == [0, 1]
