"""The live filters: they hide picks, they never change one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QWidget,
)
from superqt import QLabeledDoubleSlider
from superqt.utils import qdebounced, qthrottled

from napari_cryoai.core.picks import Source
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.picking.commands import COMMANDS
from napari_cryoai.ui.picking.histogram import ScoreHistogram


class FilterPanel(QWidget):
    """Score, distance and margin; a whole drag of a slider is one step of the history."""

    def __init__(self, session: Session, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.histogram = ScoreHistogram(self)
        self.threshold = QDoubleSpinBox(self)
        self.threshold.setDecimals(3)
        self.threshold.setRange(-1e6, 1e6)
        self.threshold.setSingleStep(0.01)
        self.threshold.setKeyboardTracking(False)
        self.threshold.setFixedWidth(104)
        self.threshold.setAccessibleName("Threshold")
        self.counts = QLabel(self)
        self.unit = QLabel("Score ≥", self)
        self.min_distance = _slider(200)
        self.edge_margin = _slider(200)
        self.hide_junk = QCheckBox("Leave out picks on junk", self)
        self.show_hidden = QCheckBox("Show rejected picks in grey", self)
        self.hide_junk.setToolTip("Junk: carbon, ice and aggregates, as the picker found them")
        self.show_hidden.setToolTip(
            "Picks that were rejected, or lie on junk or painted regions"
            + COMMANDS.shortcut_of("grey")
        )
        self._build()
        self._connect()
        self.refresh()

    def _build(self) -> None:
        form = QFormLayout()
        form.setSpacing(4)
        form.addRow("Min. distance (Å)", self.min_distance)
        form.addRow("Edge margin (Å)", self.edge_margin)
        score = row((self.counts, 1), self.unit, self.threshold)
        boxes = (self.hide_junk, self.show_hidden)
        column(self.histogram, score, form, *boxes, of=self, spacing=5)

    def _connect(self) -> None:
        session = self.session
        self.histogram.moved.connect(lambda t: session.preview_filters(threshold=t))
        self.histogram.released.connect(session.commit_filters)
        self.threshold.valueChanged.connect(self._on_typed)
        for slider, name in (
            (self.min_distance, "min_distance_A"),
            (self.edge_margin, "edge_margin_A"),
        ):
            slider.valueChanged.connect(qthrottled(self._previewer(name), timeout=40))
            slider.valueChanged.connect(qdebounced(self._commit_at_rest, timeout=400))
            slider.sliderReleased.connect(session.commit_filters)
        self.hide_junk.toggled.connect(self._on_junk)
        session.filters_changed.connect(self.refresh_values)
        session.picks_changed.connect(self.refresh)
        session.opened.connect(self.refresh)
        session.current_changed.connect(self.refresh)

    def _previewer(self, name: str) -> Callable[[float], None]:
        def preview(value: float) -> None:
            if getattr(self.session.filters, name) != value:
                self.session.preview_filters(**{name: value})

        return preview

    def _commit_at_rest(self, _value: float = 0) -> None:
        """Moves by wheel or keyboard have no release; they are over when they pause."""
        if not (self.min_distance.isSliderDown() or self.edge_margin.isSliderDown()):
            self.session.commit_filters()

    def _on_typed(self, value: float) -> None:
        if value != self.session.filters.threshold:
            self.session.preview_filters(threshold=value)
            self.session.commit_filters()

    def _on_junk(self, on: bool) -> None:
        if on != self.session.filters.hide_junk:
            self.session.preview_filters(hide_junk=on)
            self.session.commit_filters()

    def refresh(self, *_: object) -> None:
        """Count scores again: picks, or the micrograph on screen, changed."""
        picks = self.session.document.picks
        among = self.session.candidates & (picks.source != Source.MANUAL)
        scores = picks.score[among]
        rows = picks.rows_of(self.session.current or "")
        here = picks.score[rows][among[rows]]
        calibrated = self.session.calibrated
        span = theme.score_span(picks.score, calibrated=calibrated)
        self.histogram.set_scores(scores, here, span)
        self.unit.setText("Prob. ≥" if calibrated else "Score ≥")
        self.refresh_values()

    def refresh_values(self) -> None:
        """Put the widgets where the filters stand."""
        filters = self.session.filters
        self.histogram.set_threshold(filters.threshold)
        for widget, value in (
            (self.threshold, filters.threshold),
            (self.min_distance, filters.min_distance_A),
            (self.edge_margin, filters.edge_margin_A),
        ):
            if value is not None and not np.isclose(widget.value(), value, atol=5e-4):
                widget.blockSignals(True)
                widget.setValue(value)
                widget.blockSignals(False)
        self.hide_junk.blockSignals(True)
        self.hide_junk.setChecked(filters.hide_junk)
        self.hide_junk.blockSignals(False)
        self.counts.setText(self._words())

    def _words(self) -> str:
        shown = self.session.shown()
        rows = self.session.document.picks.rows_of(self.session.current or "")
        return f"<b>{int(shown[rows].sum()):,}</b> here · {int(shown.sum()):,} in all"


def _slider(high: float) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, high)
    slider.setDecimals(0)
    return slider
