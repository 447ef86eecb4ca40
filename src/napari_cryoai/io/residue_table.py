"""`residues.csv`: what is known of each residue, built or not."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from os import PathLike

from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.model_layout import unmodelled_of

COLUMNS = (
    *("chain", "number", "letter", "x_A", "y_A", "z_A", "confidence", "runner_up", "margin"),
    *("secondary", "q", "state", "reason"),
)


def write_residues(path: str | PathLike[str], model: AtomicModel) -> None:
    """Write one row for each residue: first those with atoms, then those that were not built.

    What is not known is empty. `state` is "built" or "unmodelled", and `reason` says why not.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_built(model))
    writer.writerows(_unmodelled(model))
    write_text(path, text.getvalue())


def _built(model: AtomicModel) -> Iterator[list[str]]:
    r = model.residues
    for row in range(len(r)):
        place = [str(r.chains[row]), str(r.numbers[row]), str(r.letters[row])]
        position = [f"{x:.3f}" for x in r.ca_A[row]]
        runner_up = str(r.runner_up[row]) if r.runner_up[row] else ""
        known = [_text(r.confidence[row]), runner_up, _text(r.margin[row])]
        yield [*place, *position, *known, str(r.secondary[row]), _text(r.q[row]), "built", ""]


def _unmodelled(model: AtomicModel) -> Iterator[list[str]]:
    sequences = {polymer.name: polymer.sequence for polymer in model.polymers}
    for stretch in unmodelled_of(model):
        for number in range(stretch.first, stretch.last + 1):
            letter = sequences[stretch.chain][number - 1]
            yield [stretch.chain, str(number), letter, *[""] * 8, "unmodelled", stretch.reason]


def _text(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else ""
