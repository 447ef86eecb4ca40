"""Compare the picks with a reference: figures, a precision-recall curve, and circles in colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points
from napari.layers.base import LayerLock
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QLabel, QVBoxLayout, QWidget
from superqt.utils import qthrottled

from napari_cryoai.core.picks import PickTable
from napari_cryoai.picking.evaluate import Comparison, compare
from napari_cryoai.ui import theme
from napari_cryoai.ui.layers import PickLayers
from napari_cryoai.ui.parts import button, hint
from napari_cryoai.ui.session import Session


class CurvePlot(QWidget):
    """Precision against recall, with a dot where the threshold stands."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._curve = np.empty((0, 2))
        self._dot: tuple[float, float] | None = None
        self.setMinimumHeight(150)
        self.setAccessibleName("Precision-recall curve")

    def sizeHint(self) -> QSize:
        return QSize(280, 170)

    def set_curve(
        self, recall: NDArray[np.floating], precision: NDArray[np.floating],
        dot: tuple[float, float] | None,
    ) -> None:
        """Draw `(n,)` points, and a dot at (recall, precision)."""
        self._curve, self._dot = np.stack([recall, precision], axis=1), dot
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.colour("background").darker(112))
        area = QRectF(self.rect()).adjusted(34, 10, -10, -26)
        self._axes(painter, area)
        line = QPolygonF([_at(area, *point) for point in self._curve])
        painter.setPen(QPen(QColor(theme.MATCHED), 2))
        painter.drawPolyline(line)
        if self._dot is not None:
            painter.setPen(QPen(theme.colour("text"), 1.5))
            painter.setBrush(QColor(theme.MISSED))
            painter.drawEllipse(_at(area, *self._dot), 4.5, 4.5)

    def _axes(self, painter: QPainter, area: QRectF) -> None:
        grid, text = theme.colour("foreground"), theme.colour("text").darker(120)
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for tick in (0.0, 0.5, 1.0):
            painter.setPen(QPen(grid, 1))
            painter.drawLine(_at(area, 0, tick), _at(area, 1, tick))
            painter.drawLine(_at(area, tick, 0), _at(area, tick, 1))
            painter.setPen(text)
            left = _at(area, 0, tick)
            painter.drawText(QRectF(0, left.y() - 8, area.left() - 5, 16), flags, f"{tick:g}")
        bottom = QRectF(area.left(), area.bottom() + 4, area.width(), 18)
        painter.drawText(bottom, Qt.AlignmentFlag.AlignCenter, "recall")
        painter.drawText(area.adjusted(4, 0, 0, 0), Qt.AlignmentFlag.AlignTop, "precision")


class ComparePanel(QWidget):
    """How the shown picks agree with those of a file."""

    def __init__(
        self, session: Session, layers: PickLayers, load: Any, parent: QWidget | None = None
    ):
        super().__init__(parent)
        self.session = session
        self.overlay = Overlay(layers)
        self.reference: PickTable | None = None
        self.comparison: Comparison | None = None
        self.load = button("Load reference picks…", load, icon="folder", tip="Any format")
        self.radius = QDoubleSpinBox(self)
        self.radius.setRange(1, 2000)
        self.radius.setSuffix(" Å")
        self.radius.setToolTip("A pick this close to a reference pick is the same particle")
        self.figures = QLabel(self)
        self.figures.setTextFormat(Qt.TextFormat.RichText)
        self.plot = CurvePlot(self)
        self.draw = QCheckBox("Draw matched, missed and false picks", self)
        self.draw.setChecked(True)
        self.legend = QLabel(_legend(), self)
        self.empty = hint("Load picks of an expert or another program to see how yours agree.", self)
        self._build()
        later = qthrottled(self.refresh, timeout=150)
        session.filters_changed.connect(lambda: later())
        session.picks_changed.connect(lambda _names: later())
        session.current_changed.connect(lambda _name: self.refresh_overlay())
        self.radius.valueChanged.connect(lambda _v: later())
        self.draw.toggled.connect(lambda _on: self.refresh_overlay())
        self.refresh()

    def set_reference(self, reference: PickTable | None) -> None:
        """Compare with these picks from now on, by default within half a particle."""
        self.reference = reference
        if self.session.diameter_A:
            self.radius.blockSignals(True)
            self.radius.setValue(self.session.diameter_A / 2)
            self.radius.blockSignals(False)
        self.refresh()

    def refresh(self) -> None:
        """Compute figures, curve and circles again."""
        self.comparison = self._compare()
        there = self.comparison is not None
        for widget in (self.figures, self.plot, self.draw, self.legend):
            widget.setVisible(there)
        self.empty.setVisible(self.reference is None)
        if self.comparison is not None:
            c = self.comparison
            self.figures.setText(_figures(c))
            self.plot.set_curve(c.curve.recall, c.curve.precision, (c.recall, c.precision))
        self.refresh_overlay()

    def refresh_overlay(self) -> None:
        """Draw the current micrograph's picks in the three colours."""
        if self.comparison is None or self.reference is None or not self.draw.isChecked():
            self.overlay.clear()
        else:
            self.overlay.draw(self._shown(), self.reference, self.comparison)

    def _shown(self) -> PickTable:
        return self.session.export_table()

    def _compare(self) -> Comparison | None:
        sizes = [m.pixel_size_A for m in self.session.micrographs.values() if m.pixel_size_A]
        if self.reference is None or not sizes:
            return None
        return compare(self._shown(), self.reference, self.radius.value() / sizes[0])

    def _build(self) -> None:
        form = QFormLayout()
        form.addRow("Match within", self.radius)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.load)
        layout.addWidget(self.empty)
        layout.addLayout(form)
        for widget in (self.figures, self.plot, self.draw, self.legend):
            layout.addWidget(widget)


class Overlay:
    """The layer of matched, missed and false picks of the current micrograph."""

    STYLES = (("matched", theme.MATCHED, "disc"), ("missed", theme.MISSED, "square"),
              ("false", theme.FALSE, "x"))

    def __init__(self, layers: PickLayers):
        self._layers = layers
        self.layer: Points | None = None

    def draw(self, picks: PickTable, reference: PickTable, c: Comparison) -> None:
        """Show which picks of the current micrograph are right; three shapes, three colours."""
        name = self._layers.session.current or ""
        groups = (picks.select(c.matched), reference.select(c.missed), picks.select(c.false))
        yx = [group.of(name).yx_px for group in groups]
        colours = np.repeat([style[1] for style in self.STYLES], [len(p) for p in yx])
        symbols = np.repeat([style[2] for style in self.STYLES], [len(p) for p in yx])
        layer = self._make()
        layer.data = np.concatenate(yx)
        if len(layer.data):
            layer.size = self._layers.circle_px() * 0.55
            layer.border_color = colours
            layer.symbol = symbols
        layer.visible = True

    def clear(self) -> None:
        """Draw nothing."""
        if self.layer is not None and self.layer in self._layers.viewer.layers:
            self.layer.visible = False

    def _make(self) -> Points:
        viewer, points = self._layers.viewer, self._layers.points
        if self.layer is None or self.layer not in viewer.layers:
            active = viewer.layers.selection.active
            self.layer = Points(
                np.empty((0, 2)), ndim=2, name="Comparison", face_color="transparent",
                border_width=0.12, units=points.units if points else None,
            )
            self.layer.locked = LayerLock.DELETION
            viewer.add_layer(self.layer)
            viewer.layers.selection.active = active
        if points is not None:
            self.layer.scale, self.layer.units = points.scale, points.units
        return self.layer


def _figures(c: Comparison) -> str:
    cells = (("Precision", c.precision), ("Recall", c.recall), ("F1", c.f1),
             ("AP", c.average_precision))
    head = "".join(f"<td width='70' align='center'>{name}</td>" for name, _ in cells)
    body = "".join(f"<td align='center'><b>{value:.3f}</b></td>" for _, value in cells)
    return f"<table><tr>{head}</tr><tr>{body}</tr></table>"


def _legend() -> str:
    signs = (("○", "matched", theme.MATCHED), ("□", "missed", theme.MISSED),
             ("✕", "false", theme.FALSE))
    return "&nbsp;&nbsp;".join(f"<span style='color:{c}'>{s}</span> {w}" for s, w, c in signs)


def _at(area: QRectF, recall: float, precision: float) -> QPointF:
    return QPointF(area.left() + recall * area.width(), area.bottom() - precision * area.height())
