"""Edits of a trace do what they say to the rows they say, and leave the rest alone."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core import model_edits as edits
from napari_cryoai.core.amino_acids import LETTERS
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.trace import Trace


def trace() -> Trace:
    """Fragments of 5, 3 and 2 residues in a line, 3.8 A apart, with N before and C behind CA."""
    ca = np.stack([3.8 * np.arange(10), np.zeros(10), np.zeros(10)], axis=1)
    found = Trace.of_positions(ca, np.repeat([4, 7, 9], [5, 3, 2]))
    found.n_A[:], found.c_A[:] = ca - [1.4, 0, 0], ca + np.array([1.4, 0, 0])
    return found


def lengths(found: Trace) -> list[int]:
    return [len(rows) for rows in found.fragments()]


def order(found: Trace) -> list[int]:
    """Which residue of `trace()` each one is, by its place."""
    return np.round(found.ca_A[:, 0] / 3.8).astype(int).tolist()


def test_a_residue_moves_with_its_n_and_c():
    found = edits.moved(trace(), np.array([2]), np.array([[7.6, 1.0, 0.0]]))
    assert found.ca_A[2].tolist() == [7.6, 1.0, 0.0]
    assert found.n_A[2, 1] == found.c_A[2, 1] == 1.0
    assert np.array_equal(found.ca_A[[1, 3]], trace().ca_A[[1, 3]])


def test_without_its_middle_a_fragment_is_two():
    found = edits.deleted(trace(), np.array([2]))
    assert lengths(found) == [2, 2, 3, 2]
    assert order(found) == [0, 1, 3, 4, 5, 6, 7, 8, 9]


def test_without_an_end_a_fragment_stays_one_and_without_all_it_is_gone():
    assert lengths(edits.deleted(trace(), np.array([0, 4]))) == [3, 3, 2]
    assert lengths(edits.deleted(trace(), np.array([5, 6, 7]))) == [5, 2]
    assert len(edits.deleted(trace(), np.arange(10))) == 0


def test_a_residue_is_added_where_the_chain_leads_to():
    beyond = edits.inserted(trace(), 4)
    assert lengths(beyond) == [6, 3, 2]
    assert beyond.ca_A[5] == pytest.approx([3.8 * 5, 0, 0])
    between = edits.inserted(trace(), 1)
    assert between.ca_A[2] == pytest.approx([3.8 * 1.5, 0, 0])
    first = edits.inserted(trace(), 0, before=True)
    assert first.ca_A[0] == pytest.approx([-3.8, 0, 0])
    assert lengths(first) == [6, 3, 2]


def test_what_is_added_by_hand_is_sure_and_of_no_type():
    found = edits.inserted(trace(), 4, np.array([1.0, 2.0, 3.0]))
    assert found.ca_A[5].tolist() == [1.0, 2.0, 3.0]
    assert found.confidence[5] == 1.0
    assert np.ptp(found.types[5]) == 0
    assert np.isnan(found.n_A[5]).all()


def test_a_cut_makes_two_and_a_join_makes_one():
    found = edits.cut(trace(), 1)
    assert lengths(found) == [2, 3, 3, 2]
    again = edits.joined(found, 1, 2)
    assert sorted(lengths(again)) == [2, 3, 5]
    assert order(again)[:5] == [0, 1, 2, 3, 4]
    with pytest.raises(CryoAIError, match="ends"):
        edits.cut(trace(), 4)


def test_joining_turns_the_shorter_fragment_where_it_must():
    ends = edits.joined(trace(), 4, 7)  # the C terminus of the one, that of the other
    assert order(ends)[:8] == [0, 1, 2, 3, 4, 7, 6, 5]
    starts = edits.joined(trace(), 0, 5)
    assert order(starts)[:8] == [7, 6, 5, 0, 1, 2, 3, 4]
    straight = edits.joined(trace(), 4, 5)
    assert order(straight)[:8] == [0, 1, 2, 3, 4, 5, 6, 7]
    short_first = edits.joined(trace(), 9, 5)
    assert order(short_first)[:5] == [8, 9, 5, 6, 7]


def test_only_ends_of_two_fragments_are_joined():
    for one, other in ((2, 5), (4, 6), (0, 4)):
        with pytest.raises(CryoAIError):
            edits.joined(trace(), one, other)


def test_turned_twice_a_fragment_is_as_it_was():
    once = edits.reversed_(trace(), 6)
    assert order(once) == [0, 1, 2, 3, 4, 7, 6, 5, 8, 9]
    assert (once.n_A[5:8, 0] > once.ca_A[5:8, 0]).all()
    twice = edits.reversed_(once, 6)
    for name in ("ca_A", "n_A", "c_A", "fragment"):
        assert np.array_equal(getattr(twice, name), getattr(trace(), name))


def test_a_residue_is_what_the_user_says():
    found = edits.named(trace(), np.array([1, 2, 3]), "WXg")
    assert LETTERS[found.types[1].argmax()] == "W"
    assert LETTERS[found.types[3].argmax()] == "G"
    assert np.ptp(found.types[2]) == 0
    assert found.types.sum(1) == pytest.approx(np.ones(10))


def test_nothing_changes_in_place():
    before = trace()
    for edit in (
        lambda t: edits.moved(t, np.array([0]), np.zeros((1, 3))),
        lambda t: edits.deleted(t, np.array([1])),
        lambda t: edits.named(t, np.array([1]), "A"),
        lambda t: edits.reversed_(t, 1),
        lambda t: edits.joined(t, 4, 5),
    ):
        edit(before)
        assert np.array_equal(before.ca_A, trace().ca_A)
        assert np.array_equal(before.types, trace().types)
        assert np.array_equal(before.fragment, trace().fragment)
