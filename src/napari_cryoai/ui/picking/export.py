"""Write the shown picks for other programs, and read theirs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QSizePolicy,
    QWidget,
)

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.picks import FORMATS, write_picks
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column
from napari_cryoai.ui.kit.parts import button, counted, hint
from napari_cryoai.ui.micrographs.session import Session


class ExportPanel(QWidget):
    """What is drawn is what is written, and the count says how much that is."""

    def __init__(
        self,
        session: Session,
        background: Background,
        report: Callable[..., object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.background, self.report = session, background, report
        self.formats = QComboBox(self)
        for known in FORMATS:
            self.formats.addItem(f"{known.name} ({known.suffixes[0]})", known.name)
            self.formats.setItemData(
                self.formats.count() - 1, known.description, Qt.ItemDataRole.ToolTipRole
            )
        self.formats.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.formats.currentIndexChanged.connect(self._explain)
        self.about = hint("", self)
        self.count = QLabel(self)
        self.export = button(
            "Export…", self.ask, icon="check", tip="Write the picks that are shown"
        )
        form = QFormLayout()
        form.addRow("Format", self.formats)
        column(form, self.about, self.count, self.export, of=self)
        for signal in (session.filters_changed, session.picks_changed, session.opened):
            signal.connect(self.refresh)
        self._explain()
        self.refresh()

    def _explain(self, *_: object) -> None:
        at = self.formats.currentIndex()
        self.about.setText(self.formats.itemData(at, Qt.ItemDataRole.ToolTipRole) or "")

    def refresh(self, *_: object) -> None:
        """Say how many picks would be written."""
        table = self.session.export_table()
        used = sum(1 for count in table.counts().values() if count)
        self.count.setText(
            f"Will write <b>{len(table):,}</b> picks from {counted(used, 'micrograph')}"
        )
        self.export.setEnabled(len(table) > 0)

    def ask(self) -> None:
        """Ask where to, then write."""
        suffix = next(f.suffixes[0] for f in FORMATS if f.name == self.formats.currentData())
        path, _ = QFileDialog.getSaveFileName(self, "Export picks", f"picks{suffix}")
        if path:
            self.write(Path(path))

    def write(self, path: Path) -> None:
        """Write the shown picks in the chosen format, in a thread."""
        table = self.session.export_table()
        work = partial(
            write_checked,
            table,
            path,
            self.session.micrographs,
            str(self.formats.currentData()),
            int(self.session.shown().sum()),
            self._box_px(),
        )
        self.background.submit(work, self._written)

    def _box_px(self) -> float | None:
        name = self.session.current
        diameter = self.session.diameter_px(name) if name else None
        return None if diameter is None else float(round(diameter * 1.5 / 2) * 2)

    def _written(self, summary: str) -> None:
        self.report(summary, "info")


def write_checked(
    table: PickTable,
    path: Path,
    micrographs: Mapping[str, Micrograph],
    format_: str,
    expected: int,
    box_size_px: float | None,
) -> str:
    """Write picks; the count on the screen is the count in the file, or nothing is written.

    Returns
    -------
    summary
        What was written, in a sentence.
    """
    if len(table) != expected:
        raise CryoAIError(
            f"{expected} picks are shown but {len(table)} would be written",
            path=path,
            remedy="Some picks belong to micrographs that are not open: open these too",
        )
    files = write_picks(
        table,
        path,
        micrographs=list(micrographs.values()),
        format=format_,
        box_size_px=box_size_px,
    )
    used = sum(1 for count in table.counts().values() if count)
    folder = os.path.commonpath([file.parent for file in files])
    where = files[0] if len(files) == 1 else f"{len(files)} files in {folder}"
    return f"Wrote {counted(len(table), 'pick')} of {counted(used, 'micrograph')} to {where}"
