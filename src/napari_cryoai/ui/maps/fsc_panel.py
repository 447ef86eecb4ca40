"""The FSC of two half maps: which, in which mask, the plot, and its export."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QLabel, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column, form, row
from napari_cryoai.ui.kit.parts import Kind, button
from napari_cryoai.ui.maps.fsc_plot import FscPlot
from napari_cryoai.ui.maps.fsc_work import FscResult, correlate, words_for, write_csv
from napari_cryoai.ui.maps.sources import NO_MASK, NOT_CHOSEN, HalfMapChoice, SourceBox


class FscPanel(QWidget):
    """Compares two maps, open ones or files.

    Half maps are noisy; as files they need not be drawn to be compared.
    """

    def __init__(
        self,
        choice: HalfMapChoice,
        background: Background,
        report: Callable[[str, Kind], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.choice, self.background, self.report = choice, background, report
        self.result: FscResult | None = None
        self._run = 0
        self.half1 = SourceBox(choice, "half1", NOT_CHOSEN, self)
        self.half2 = SourceBox(choice, "half2", NOT_CHOSEN, self)
        self.mask = SourceBox(choice, "mask", NO_MASK, self)
        self.compute = button("Compute FSC", self.start, primary=True)
        self.plot = FscPlot(self)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.export = button("Export CSV…", self.ask_export, tip="All curves, a row for each shell")
        self._build()
        choice.changed.connect(self._refresh)
        self._refresh()

    def start(self) -> None:
        """Compute the curves, in a thread."""
        half1, half2 = self.choice.half1, self.choice.half2
        if half1 is None or half2 is None:
            return
        self._run += 1
        self.compute.setEnabled(False)
        self.words.setText("Computing…")
        self.background.submit(
            partial(correlate, half1, half2, self.choice.mask),
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

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        fields = (("Half map 1", self.half1), ("Half map 2", self.half2), ("Mask", self.mask))
        buttons = row((self.compute, 2), (self.export, 1))
        column(form(*fields), buttons, self.words, self.plot, of=self, spacing=5)

    def _refresh(self) -> None:
        ready = self.choice.half1 is not None and self.choice.half2 is not None
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
