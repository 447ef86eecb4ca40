"""Residues of models."""

from __future__ import annotations

import numpy as np

from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues
from napari_cryoai.core.structure import Structure


def residues(n: int) -> Residues:
    return Residues(
        chains=np.full(n, "A"),
        numbers=np.arange(1, n + 1),
        letters=np.array(list("MKTAY"))[:n],
        ca_A=np.arange(3.0 * n).reshape(n, 3),
        confidence=np.linspace(0, 1, n),
        runner_up=np.zeros(n, np.intp),
        margin=np.full(n, np.nan),
        secondary=np.full(n, "C"),
        q=np.full(n, np.nan),
    )


def test_some_residues_keep_all_their_columns() -> None:
    some = residues(5).select(np.array([3, 0]))
    assert len(some) == 2
    assert some.numbers.tolist() == [4, 1]
    assert some.letters.tolist() == ["A", "M"]
    assert some.ca_A.tolist() == [[9, 10, 11], [0, 1, 2]]
    assert len(residues(5).select(residues(5).confidence > 0.4)) == 3


def test_a_model_without_sequences_has_none() -> None:
    model = AtomicModel(Structure.of_atoms(np.zeros((2, 3))), residues(2))
    assert model.polymers == ()
    assert model.unmodelled == ()
    assert Polymer("A").sequence == ""
