"""The FSC of two half maps: which, in which mask, the plot, and its export."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.maps import SUFFIXES
from napari_cryoai.ui.background import Background
from napari_cryoai.ui.fsc_plot import FscPlot
from napari_cryoai.ui.fsc_work import FscResult, Source, correlate, words_for, write_csv
from napari_cryoai.ui.map_session import MapSession, OpenMap
from napari_cryoai.ui.parts import Kind, button

NO_MASK, NOT_CHOSEN, CHOOSE = "No mask", "Not chosen", "Choose a file…"
FILTER = f"Maps ({' '.join(f'*{suffix}' for suffix in SUFFIXES)});;All files (*)"


class FscPanel(QWidget):
    """Compares two maps, open ones or files.

    Half maps are noisy; as files they need not be drawn to be compared.
    """

    def __init__(
        self,
        session: MapSession,
        background: Background,
        report: Callable[[str, Kind], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session = session
        self.background = background
        self.report = report
        self.result: FscResult | None = None
        self._run = 0
        self._open: list[Source] = []
        self._files: list[Source] = []
        self.half1 = self._box("Half map 1", NOT_CHOSEN)
        self.half2 = self._box("Half map 2", NOT_CHOSEN)
        self.mask = self._box("Mask", NO_MASK)
        self.compute = button("Compute FSC", self.start, primary=True)
        self.plot = FscPlot(self)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.export = button("Export CSV…", self.ask_export, tip="All curves, a row for each shell")
        self._build()
        session.added.connect(self._on_added)
        session.removed.connect(self._on_removed)
        for opened in session.maps:
            self._on_added(opened)
        self._refresh()

    def start(self) -> None:
        """Compute the curves, in a thread."""
        half1, half2 = self._chosen(self.half1), self._chosen(self.half2)
        if half1 is None or half2 is None:
            return
        self._run += 1
        self.compute.setEnabled(False)
        self.words.setText("Computing…")
        self.background.submit(
            partial(correlate, half1, half2, self._chosen(self.mask)),
            partial(self._show, self._run),
            partial(self._fail, self._run),
        )

    def ask_export(self) -> None:
        """Ask where to, then write."""
        path, _ = QFileDialog.getSaveFileName(self, "Export FSC", "fsc.csv", "CSV (*.csv)")
        if path:
            self.write(Path(path))

    def write(self, path: Path) -> None:
        """Write the curves that are shown."""
        if self.result is not None:
            self.background.submit(
                partial(write_csv, path, self.result), lambda text: self.report(text, "info")
            )

    def add_file(self, path: Path, box: QComboBox) -> None:
        """Offer a file in all three boxes, and choose it in one."""
        found = next((s for s in self._files if s.path == path), None)
        if found is None:
            found = Source(path.name, path=path)
            self._files.append(found)
        self._fill()
        self._choose(box, found)

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Half map 1", self.half1)
        form.addRow("Half map 2", self.half2)
        form.addRow("Mask", self.mask)
        row = QHBoxLayout()
        row.addWidget(self.compute, 2)
        row.addWidget(self.export, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addLayout(form)
        column.addLayout(row)
        column.addWidget(self.words)
        column.addWidget(self.plot)

    def _box(self, name: str, none: str) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        box.setMinimumContentsLength(12)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.addItem(none)
        box.addItem(CHOOSE)
        box.activated.connect(lambda index, b=box: self._activated(b, index))
        box.currentIndexChanged.connect(lambda _=0: self._refresh())
        return box

    def _activated(self, box: QComboBox, index: int) -> None:
        if box.itemText(index) != CHOOSE or box.itemData(index) is not None:
            return
        box.setCurrentIndex(0)
        path, _ = QFileDialog.getOpenFileName(self, f"Choose the {_lower(box)}", "", FILTER)
        if path:
            self.add_file(Path(path), box)

    def _fill(self) -> None:
        for box, none in ((self.half1, NOT_CHOSEN), (self.half2, NOT_CHOSEN), (self.mask, NO_MASK)):
            chosen = self._chosen(box)
            with QSignalBlocker(box):
                box.clear()
                box.addItem(none)
                for source in (*self._open, *self._files):
                    box.addItem(source.name, source)
                box.addItem(CHOOSE)
                self._choose(box, chosen)
        self._refresh()

    def _choose(self, box: QComboBox, source: Source | None) -> None:
        sources = [box.itemData(i) for i in range(box.count())]
        box.setCurrentIndex(sources.index(source) if source in sources else 0)

    def _chosen(self, box: QComboBox) -> Source | None:
        found = box.currentData()
        return found if isinstance(found, Source) else None

    def _on_added(self, opened: OpenMap) -> None:
        self._open.append(Source(opened.name, opened.density, opened.path))
        self._fill()
        self._guess()

    def _on_removed(self, opened: OpenMap) -> None:
        self._open = [s for s in self._open if s.density is not opened.density]
        self._fill()

    def _guess(self) -> None:
        """Two open maps whose names differ in 1 and 2 alone are half maps of each other."""
        if self._chosen(self.half1) or self._chosen(self.half2):
            return
        names = {source.name: source for source in self._open}
        for name, source in names.items():
            for twin in _twin_names(name):
                if twin in names:
                    self._choose(self.half1, source)
                    self._choose(self.half2, names[twin])
                    return

    def _refresh(self) -> None:
        ready = self._chosen(self.half1) is not None and self._chosen(self.half2) is not None
        self.compute.setEnabled(ready)
        self.export.setEnabled(self.result is not None)

    def _show(self, run: int, result: FscResult) -> None:
        if run == self._run:
            self.result = result
            self.plot.set_result(result)
            self.words.setText(words_for(result))
            self._refresh()

    def _fail(self, run: int, error: CryoAIError) -> None:
        if run == self._run:
            self.words.setText("")
            self._refresh()
            self.report(str(error), "error")


def _twin_names(name: str) -> list[str]:
    """What the other half may be called, if a map is called like the first."""
    found = re.finditer(r"half[_ -]?(?:map)?[_ -]?[1A](?![0-9])", name, re.IGNORECASE)
    other = {"1": "2", "A": "B", "a": "b"}
    return [f"{name[: m.end() - 1]}{other[m[0][-1]]}{name[m.end() :]}" for m in found]


def _lower(box: QComboBox) -> str:
    return str(box.accessibleName()).lower()
