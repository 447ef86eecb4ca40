"""The sequences of a model, and what of them is built. Knows neither Qt nor napari."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.amino_acids import UNKNOWN
from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.model_of import rows_of_chains

NOT_BUILT = "not built"


@dataclass(frozen=True, eq=False)
class Line:
    """A chain.

    Attributes
    ----------
    name
        Of the chain.
    letters
        Of its sequence.
    numbers
        `(n,)` their places.
    rows
        `(n,)` row of the residue at each place; -1 where none is built.
    reasons
        `(n,)` why not; "" where one is.
    """

    name: str
    letters: str
    numbers: NDArray[np.intp]
    rows: NDArray[np.intp]
    reasons: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.letters)

    @property
    def built(self) -> int:
        """How many of the residues are there."""
        return int((self.rows >= 0).sum())


def lines_of(model: AtomicModel) -> list[Line]:
    """One line for each chain: with a sequence, all of it; without, what was built."""
    sequences = {polymer.name: polymer.sequence for polymer in model.polymers}
    names = model.residues.chains
    chains = {str(names[rows[0]]): rows for rows in rows_of_chains(names)}
    lines = []
    for name in dict.fromkeys([*sequences, *chains]):
        rows = chains.get(name, np.empty(0, np.intp))
        sequence = sequences.get(name, "")
        outside = (model.residues.numbers[rows] < 1).any() if len(rows) else False
        if not sequence or outside or model.residues.numbers[rows].max(initial=0) > len(sequence):
            lines.append(_as_built(model, name, rows))
        else:
            lines.append(_with_sequence(model, name, sequence, rows))
    return [line for line in lines if len(line)]


def _as_built(model: AtomicModel, name: str, rows: NDArray[np.intp]) -> Line:
    reasons = np.full(len(rows), "", object)
    letters = "".join(model.residues.letters[rows].tolist())
    return Line(name, letters, model.residues.numbers[rows], rows, reasons)


def _with_sequence(model: AtomicModel, name: str, sequence: str, rows: NDArray[np.intp]) -> Line:
    at = np.full(len(sequence), -1, np.intp)
    at[model.residues.numbers[rows] - 1] = rows
    reasons = np.where(at < 0, NOT_BUILT, "").astype(object)
    for gap in model.unmodelled:
        if gap.chain == name:
            part = slice(gap.first - 1, gap.last)
            reasons[part] = np.where(at[part] < 0, gap.reason, "")
    # X at the very start stand for numbers that a file simply does not begin with.
    unknown = len(sequence) - len(sequence.lstrip(UNKNOWN))
    first = min(unknown, int(np.flatnonzero(at >= 0)[0])) if len(rows) else 0
    numbers = np.arange(1, len(sequence) + 1)
    return Line(name, sequence[first:], numbers[first:], at[first:], reasons[first:])
