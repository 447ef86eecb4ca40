"""Helices of proteins are right-handed, and those of their mirror images left-handed."""

from __future__ import annotations

import numpy as np

from napari_cryoai.building.atoms.example import example_model
from napari_cryoai.building.tracing.hand import helix_turns
from napari_cryoai.core.trace import Trace


def test_helices_have_one_hand():
    ca_A = example_model().residues.ca_A
    right, left = helix_turns(Trace.of_positions(ca_A))
    assert right > 70
    assert left <= 2
    assert helix_turns(Trace.of_positions(ca_A * [1, 1, -1])) == (left, right)


def test_which_way_a_helix_runs_does_not_matter():
    ca_A = example_model().residues.ca_A
    there, back = (helix_turns(Trace.of_positions(ca)) for ca in (ca_A, ca_A[::-1]))
    assert there == back


def test_strands_and_loose_residues_are_no_helices():
    n = np.arange(12)
    strand = np.stack([3.3 * n, 1.7 * (n % 2), 0 * n], axis=1)
    assert helix_turns(Trace.of_positions(strand)) == (0, 0)
    apart = Trace.of_positions(example_model().residues.ca_A, np.arange(101))
    assert helix_turns(apart) == (0, 0)
