"""More columns for the particles: UMAP, groups, what their file says; and tests of what z knows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QComboBox, QSpinBox, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.explore import analysis_work as work
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column, grid
from napari_cryoai.ui.kit.parts import button, hint
from napari_cryoai.ui.latent.session import LatentSession, Opened


class AnalysisPanel(QWidget):
    """One button for each; what is found becomes a column that can be an axis or a colour.

    Parameters
    ----------
    background
        Threads for what may take minutes.
    """

    def __init__(
        self,
        session: LatentSession,
        background: Background,
        say: Callable[..., object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.background, self.say = session, background, say
        self._asked_for: Opened | None = None
        self.groups = QSpinBox(self)
        self.groups.setRange(2, 100)
        self.groups.setValue(8)
        self.groups.setSuffix(" groups")
        self.groups.setAccessibleName("Number of groups")
        self.columns = QComboBox(self)
        self.columns.setAccessibleName("Column of the particles' file")
        self.kmeans = button(
            "k-means", self.find_groups, tip="Groups of small spread: column 'cluster'"
        )
        self.hills = button(
            "Hills", self.find_hills, tip="Groups as hills of the density: column 'hill'"
        )
        self.umap = button("UMAP", self.find_umap, tip="Columns UMAP1 and UMAP2; takes minutes")
        self.add = button("Add", self.add_column, tip="Colour or lay out particles by it")
        self.structure = button(
            "Is there structure?", self.test_structure, tip="Or nothing in z beyond noise"
        )
        self.leakage = button(
            "What does z know?", self.test_leakage, tip="Of poses, defocus and micrographs"
        )
        self.words = hint("", self)
        self._build()
        session.opened.connect(self._on_opened)

    def find_groups(self) -> None:
        """Divide the particles by k-means."""
        self._run(partial(work.groups, count=self.groups.value()), self._take_labels("cluster"))

    def find_hills(self) -> None:
        """Divide the particles by the hills of their density."""
        self._run(work.hills, self._take_labels("hill"))

    def find_umap(self) -> None:
        """Lay the particles out by UMAP."""
        self._run(work.umap, self._take_umap)

    def add_column(self) -> None:
        """Take a column of the particles' file."""
        name = self.columns.currentText()
        if name:
            self._run(
                partial(work.file_column, name=name),
                lambda values: self.session.add_column(name, values, colour=True),
            )

    def test_structure(self) -> None:
        """Compare the scatter of z with what noise alone gives."""
        self._run(work.structure, self.words.setText)

    def test_leakage(self) -> None:
        """Ask how well z tells what has nothing to do with the molecule's shape."""
        self._run(work.leakage, self.words.setText)

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        tasks = grid(
            (self.groups, self.kmeans, self.hills),
            ("Layout", (self.umap, 2)),
            ((self.columns, 2), self.add),
            ((self.structure, 2), self.leakage),
            spacing=6,
        )
        column(tasks, self.words, of=self, spacing=6)
        self._buttons = (self.kmeans, self.hills, self.umap, self.add, self.structure, self.leakage)

    def _run(self, task: Callable[[Opened], Any], then: Callable[[Any], object]) -> None:
        source = self.session.source
        if source is None:
            return
        self._set_busy(True)

        def take(found: Any) -> None:
            self._set_busy(False)
            if source is self.session.source:
                then(found)

        self.background.submit(partial(task, source), take, self._fail)

    def _fail(self, error: CryoAIError) -> None:
        self._set_busy(False)
        self.say(str(error), "error")

    def _set_busy(self, on: bool) -> None:
        for widget in self._buttons:
            widget.setEnabled(not on)
        if on:
            self.words.setText("Working…")
        elif self.words.text() == "Working…":
            self.words.setText("")

    def _take_labels(self, name: str) -> Callable[[Any], None]:
        def take(labels: Any) -> None:
            self.session.add_column(name, labels, colour=True)

        return take

    def _take_umap(self, places: Any) -> None:
        for i in range(2):
            self.session.add_column(f"UMAP{i + 1}", places[:, i])
        self.session.show("UMAP1", "UMAP2")

    def _on_opened(self) -> None:
        self.words.setText("")
        self.columns.clear()
        self._asked_for = None
        if self.isVisible():
            self._ask_columns()

    def _ask_columns(self) -> None:
        source = self.session.source
        if source is not None and source is not self._asked_for:
            self._asked_for = source
            self.background.submit(partial(work.file_columns, source), self._take_names, self._none)

    def _take_names(self, names: list[str]) -> None:
        self.columns.clear()
        self.columns.addItems(names)
        self.add.setEnabled(bool(names))

    def _none(self, error: CryoAIError) -> None:
        self.columns.setToolTip(str(error))
        self.add.setEnabled(False)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self._ask_columns()
        return bool(super().event(event))
