"""The current model beside another one: what both have, and what only one of them has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QWidget

from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column, form
from napari_cryoai.ui.kit.parts import button, counted, drop_down, hint
from napari_cryoai.ui.models.colouring import MATCHES, REFERENCE
from napari_cryoai.ui.models.session import ModelSession, OpenModel

RADIUS_A = 3.0
SAME, OTHER_TYPE, ALONE = MATCHES


@dataclass(frozen=True, eq=False)
class Difference:
    """Two models, residue by residue.

    Attributes
    ----------
    model, reference
        What each residue is: a key of `MATCHES`.
    words
        The same in a sentence or two.
    """

    model: NDArray[np.str_]
    reference: NDArray[np.str_]
    words: str


class ModelComparePanel(QWidget):
    """Chooses the other model, and colours both."""

    def __init__(
        self, session: ModelSession, background: Background, parent: QWidget | None = None
    ):
        super().__init__(parent)
        self.session = session
        self.background = background
        self.other = drop_down("Reference model", self)
        self.start = button(
            "Compare", self.compare,
            tip=f"CA within {RADIUS_A:g} Å of each other, where they lie, are matched one to one",
        )  # fmt: skip
        self.words = hint("", self)
        column(form(("Reference", self.other)), self.start, self.words, of=self)
        for signal in (session.added, session.removed, session.current_changed, session.replaced):
            signal.connect(self.refresh)
        self.refresh()

    @property
    def others(self) -> list[OpenModel]:
        """What the current model can be compared with."""
        return [opened for opened in self.session.models if opened is not self.session.current]

    def compare(self) -> None:
        """Match the residues, in a thread."""
        opened, others = self.session.current, self.others
        if opened is None or not others:
            return
        reference = others[max(self.other.currentIndex(), 0)]
        work = partial(difference, opened.model, reference.model)
        self.background.submit(work, partial(self._compared, opened, reference))

    def refresh(self, *_: object) -> None:
        """List the other models."""
        others = self.others
        with QSignalBlocker(self.other):
            self.other.clear()
            self.other.addItems([opened.name for opened in others])
        self.start.setEnabled(bool(others))
        if not others:
            self.words.setText("Open another model to compare with.")

    def _compared(self, opened: OpenModel, reference: OpenModel, found: Difference) -> None:
        for each, match in ((opened, found.model), (reference, found.reference)):
            if each in self.session.models and len(match) == len(each.model.residues):
                self.session.show(each, match=match, coloured_by=REFERENCE)
        self.words.setText(found.words)


def difference(model: AtomicModel, reference: AtomicModel) -> Difference:
    """Match the CA of two models, one to one, where they lie."""
    from napari_cryoai.building.scoring.matching import match  # it brings scipy's graphs along

    a, b = model.residues, reference.residues
    pairs = match(a.ca_A, b.ca_A, RADIUS_A)
    same = a.letters[pairs.model] == b.letters[pairs.reference]
    kinds = np.where(same, SAME, OTHER_TYPE)
    ours, theirs = (np.full(len(r), ALONE, object) for r in (a, b))
    ours[pairs.model], theirs[pairs.reference] = kinds, kinds
    n = len(pairs)
    precision, recall = n / max(len(a), 1), n / max(len(b), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    rms = float(np.sqrt(np.mean(pairs.distance_A**2))) if n else 0.0
    words = (
        f"{counted(n, 'residue')} within {RADIUS_A:g} Å: {precision:.0%} of this model,"
        f" {recall:.0%} of the reference (F1 {f1:.2f}, RMSD {rms:.2f} Å);"
        f" {same.mean() if n else 0:.0%} of them are of the same type."
    )
    return Difference(ours.astype(np.str_), theirs.astype(np.str_), words)
