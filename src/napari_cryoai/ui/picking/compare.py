"""Compare the picks with a reference: figures, a precision-recall curve, and circles in colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QLabel, QWidget
from superqt.utils import qthrottled

from napari_cryoai.core.document import PickFilters
from napari_cryoai.core.filters import above_threshold
from napari_cryoai.core.picks import PickTable
from napari_cryoai.picking.evaluate import Comparison, compare
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.curve_plot import CurvePlot
from napari_cryoai.ui.kit.layout import column
from napari_cryoai.ui.kit.parts import button, hint
from napari_cryoai.ui.micrographs.layers import PickLayers
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.picking.overlay import Overlay, legend


@dataclass(frozen=True, eq=False)
class Agreement:
    """What one comparison found, and with which tables.

    Attributes
    ----------
    shown
        The picks shown, matched with the reference.
    all_scores
        The same for every score: the curve and its area.
    picks, reference
        What was compared: of the micrographs that the reference names.
    """

    shown: Comparison
    all_scores: Comparison
    picks: PickTable
    reference: PickTable


def agreement(
    picks: PickTable, threshold: float | None, reference: PickTable, radius_px: float
) -> Agreement:
    """Compare on the micrographs that the reference names; for a thread."""
    named = [name for name, count in reference.counts().items() if count]
    picks = picks.select(np.isin(picks.micrograph_names().astype(str), named))
    above = picks.select(above_threshold(picks, PickFilters(threshold)))
    return Agreement(
        compare(above, reference, radius_px), compare(picks, reference, radius_px), above, reference
    )


class ComparePanel(QWidget):
    """How the shown picks agree with those of a file."""

    def __init__(
        self,
        session: Session,
        layers: PickLayers,
        background: Background,
        load: Callable[[], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session = session
        self.background = background
        self.overlay = Overlay(layers)
        self.reference: PickTable | None = None
        self.result: Agreement | None = None
        self._asked = 0
        self.load = button("Load reference picks…", load, icon="folder", tip="Any format")
        self.radius = QDoubleSpinBox(self)
        self.radius.setRange(1, 2000)
        self.radius.setDecimals(0)
        self.radius.setSuffix(" Å")
        self.radius.setToolTip("A pick this close to a reference pick is the same particle")
        self.figures = QLabel(self)
        self.figures.setTextFormat(Qt.TextFormat.RichText)
        self.plot = CurvePlot(self)
        self.draw = QCheckBox("Draw them on the micrograph", self)
        self.draw.setChecked(True)
        self.legend = QLabel(legend(), self)
        self.empty = hint(
            "Load picks of an expert or another program to see how yours agree.", self
        )
        self._build()
        self._later = qthrottled(self.refresh, timeout=150)
        session.filters_changed.connect(lambda: self._later())
        session.picks_changed.connect(lambda _names: self._later())
        session.opened.connect(lambda: self.set_reference(None))
        session.current_changed.connect(lambda _name: self.refresh_overlay())
        self.radius.valueChanged.connect(lambda _v: self._later())
        self.draw.toggled.connect(lambda _on: self.refresh_overlay())
        self._show(None)

    def set_reference(self, reference: PickTable | None) -> None:
        """Compare with these picks from now on, by default within half a particle."""
        self.reference = reference
        if self.session.diameter_A:
            self.radius.blockSignals(True)
            self.radius.setValue(self.session.diameter_A / 2)
            self.radius.blockSignals(False)
        self.refresh()

    def refresh(self) -> None:
        """Compare again, in a thread; of several requests the last one counts."""
        sizes = [m.pixel_size_A for m in self.session.micrographs.values() if m.pixel_size_A]
        if self.reference is None or not sizes:
            self._show(None)
            return
        self._asked += 1
        work = partial(
            agreement,
            self.session.document.picks.select(self.session.candidates),
            self.session.filters.threshold,
            self.reference,
            self.radius.value() / sizes[0],
        )
        self.background.submit(work, partial(self._arrived, self._asked))

    def _arrived(self, number: int, result: Agreement) -> None:
        if number == self._asked and self.reference is not None:
            self._show(result)

    def _show(self, result: Agreement | None) -> None:
        self.result = result
        for widget in (self.figures, self.plot, self.draw, self.legend):
            widget.setVisible(result is not None)
        self.empty.setVisible(self.reference is None)
        if result is not None:
            self.figures.setText(_figures(result))
            recall, precision, _ = result.all_scores.curve
            self.plot.set_curve(recall, precision, (result.shown.recall, result.shown.precision))
        self.refresh_overlay()

    def refresh_overlay(self) -> None:
        """Draw the current micrograph's picks in the three colours."""
        if self.result is None or not self.draw.isChecked():
            self.overlay.clear()
        else:
            self.overlay.draw(self.result.picks, self.result.reference, self.result.shown)

    def _build(self) -> None:
        radius = QFormLayout()
        radius.addRow("Match within", self.radius)
        results = (self.figures, self.plot, self.draw, self.legend)
        column(self.load, self.empty, radius, *results, of=self, spacing=5)


def _figures(result: Agreement) -> str:
    c = result.shown
    cells = (
        ("Precision", c.precision),
        ("Recall", c.recall),
        ("F1", c.f1),
        ("AP", result.all_scores.average_precision),
    )
    head = "".join(f"<td width='70' align='center'>{name}</td>" for name, _ in cells)
    body = "".join(f"<td align='center'><b>{value:.3f}</b></td>" for _, value in cells)
    return f"<table><tr>{head}</tr><tr>{body}</tr></table>"
