"""Traces: residues in fragments."""

from __future__ import annotations

import numpy as np

from napari_cryoai.core.trace import Trace


def test_fragments_are_the_runs_of_equal_numbers() -> None:
    trace = Trace.of_positions(np.arange(18.0).reshape(6, 3), np.array([5, 5, 2, 2, 2, 9]))
    assert [rows.tolist() for rows in trace.fragments()] == [[0, 1], [2, 3, 4], [5]]


def test_nothing_has_no_fragments() -> None:
    trace = Trace.of_positions(np.zeros((0, 3)))
    assert len(trace) == 0
    assert trace.fragments() == []


def test_positions_alone_say_nothing_of_types() -> None:
    trace = Trace.of_positions(np.zeros((3, 3)))
    assert np.allclose(trace.types.sum(1), 1)
    assert np.ptp(trace.types) == 0
    assert np.isnan(trace.n_A).all()
    assert np.isnan(trace.c_A).all()
    assert [rows.tolist() for rows in trace.fragments()] == [[0, 1, 2]]


def test_rows_can_be_turned_round() -> None:
    trace = Trace.of_positions(np.arange(9.0).reshape(3, 3))
    back = trace.select(np.array([2, 1, 0]))
    assert back.ca_A[0].tolist() == [6, 7, 8]
    assert len(back.types) == 3
