"""The verdict on a denoised map: one sentence, what it rests on, and the curves."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QCheckBox, QFileDialog, QFrame, QHBoxLayout, QLabel, QWidget

from napari_cryoai.ui.kit import icons, theme
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import Kind, Section, button, counted
from napari_cryoai.ui.maps.denoise_curves import judged_result
from napari_cryoai.ui.maps.fsc_plot import FscPlot
from napari_cryoai.ui.maps.fsc_work import FscResult, write_csv

if TYPE_CHECKING:
    from napari_cryoai.maps.verdict import Verdict

ORDER = ("ok", "caution", "fail")
_SIGNS = {"ok": "good", "caution": "warning", "fail": "bad"}
_SHADES = {"ok": "#62b6ea", "caution": "#f0c53a", "fail": "#e8703a"}
_SAID = {"ok": "Good", "caution": "Caution", "fail": "Problem"}
UNJUDGED = "Not judged: nothing tells what of this map was invented."


class VerdictView(QWidget):
    """What the judge says; each finding has a sign and a word, not a colour alone."""

    def __init__(
        self,
        background: Background,
        say: Callable[[str, Kind], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.background = background
        self.say = say
        self.verdict: Verdict | None = None
        self.curves: FscResult | None = None
        self.card = _Finding("ok", "", bold=True, parent=self)
        self.findings: list[_Finding] = []
        self.passed = Section("", open_=False, parent=self)
        self.plot = FscPlot(self)
        self.export = button("Export CSV…", self.ask_export, tip="All curves, a row for each shell")
        self.unmasked = QCheckBox("Unmasked too", self)
        self.unmasked.setToolTip("Also the curves of the whole box, solvent included")
        self.unmasked.toggled.connect(self._draw)
        self._list = column(spacing=2)
        below = row(self.unmasked, 1, self.export)
        column(self.card, self._list, self.passed, self.plot, below, of=self, spacing=5)

    def show_verdict(self, verdict: Verdict | None) -> None:
        """Another verdict; None if there was nothing to judge with."""
        for finding in self.findings:
            finding.hide()
            finding.deleteLater()
        rows = findings_of(verdict)
        worst = max((severity for severity, _ in rows), key=ORDER.index, default="caution")
        self.card.tell(worst, UNJUDGED if verdict is None else with_signs(verdict.sentence))
        self.findings = [_Finding(severity, text, parent=self) for severity, text in rows]
        fine = 0
        for finding in self.findings:
            fine += finding.severity == "ok"
            (self.passed.form if finding.severity == "ok" else self._list).addWidget(finding)
        self.passed.set_title(f"{counted(fine, 'check')} passed")
        self.passed.setVisible(fine > 0)
        self.verdict = verdict
        self._draw()

    def _draw(self, *_: object) -> None:
        unmasked = self.unmasked.isChecked()
        verdict = self.verdict
        self.curves = None if verdict is None else judged_result(verdict, unmasked=unmasked)
        self.plot.set_result(self.curves)
        for widget in (self.plot, self.export, self.unmasked):
            widget.setVisible(self.curves is not None)

    def ask_export(self) -> None:
        """Ask where to, then write the curves."""
        path, _ = QFileDialog.getSaveFileName(self, "Export FSC", "fsc.csv", "CSV (*.csv)")
        if path and self.curves is not None:
            work = partial(write_csv, Path(path), self.curves)
            self.background.submit(work, lambda text: self.say(text, "info"))


def findings_of(verdict: Any) -> Sequence[tuple[str, str]]:
    """Severity and text, the worst first."""
    if verdict is None:
        return ()
    rows = [(str(finding.severity), with_signs(finding.text)) for finding in verdict.findings]
    return sorted(rows, key=lambda row: -ORDER.index(row[0]))


def with_signs(text: str) -> str:
    """Units as the screen shows them: 3.2 A as 3.2 Å, A^3 as Å³."""
    text = text.replace("A^3", "Å³").replace("A^2", "Å²")
    return re.sub(r"(?<=\d )A\b", "Å", text)


class _Finding(QFrame):
    def __init__(
        self, severity: str, text: str, *, bold: bool = False, parent: QWidget | None = None
    ):
        super().__init__(parent)
        self._bold = bold
        self._sign, self.words = QLabel(self), QLabel(self)
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 7 if bold else 2, 6, 7 if bold else 2)
        row.setSpacing(8)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.words, 1)
        self.severity = severity
        self.words.setText(text)
        theme.themed(self, self._dress)

    def tell(self, severity: str, text: str) -> None:
        """Other words."""
        self.severity = severity
        self.words.setText(text)
        self._dress()

    def _dress(self) -> None:
        shade = _SHADES[self.severity]
        size = 20 if self._bold else 15
        self._sign.setPixmap(icons.pixmap(_SIGNS[self.severity], QColor(shade), size))
        self._sign.setToolTip(_SAID[self.severity])
        self.setAccessibleName(f"{_SAID[self.severity]}: {self.words.text()}")
        if self._bold:
            self.setStyleSheet(
                f"_Finding {{ border-left: 4px solid {shade}; border-radius: 3px;"
                f" background: {theme.colour('foreground').name()}; }}"
                " QLabel { background: transparent; font-weight: 600; }"
            )
