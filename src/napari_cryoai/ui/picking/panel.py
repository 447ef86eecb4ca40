"""The *Pick particles* panel: composes the parts, and lets them hear of each other."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QLabel,
    QSplitter,
    QWidget,
)

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.micrographs import is_micrograph
from napari_cryoai.picking.pick import PickResult
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.dock import DockPanel
from napari_cryoai.ui.kit.empty import EmptyState
from napari_cryoai.ui.kit.keys import Actions
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import SectionColumn, button
from napari_cryoai.ui.kit.settings import setting
from napari_cryoai.ui.learning.panel import LearnPanel
from napari_cryoai.ui.learning.review_dock import ReviewDock
from napari_cryoai.ui.learning.run import LearnRun
from napari_cryoai.ui.learning.view import LearnView
from napari_cryoai.ui.micrographs.images import View
from napari_cryoai.ui.micrographs.layers import PickLayers
from napari_cryoai.ui.micrographs.list import ROW, MicrographList
from napari_cryoai.ui.micrographs.navigator import Navigator
from napari_cryoai.ui.micrographs.opening import OpenBar, Opener, PixelSizeBar
from napari_cryoai.ui.micrographs.panels import leave, session_of, set_panel
from napari_cryoai.ui.micrographs.pick_run import words_for
from napari_cryoai.ui.micrographs.sample_data import sample_folder
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.micrographs.sight import Sight
from napari_cryoai.ui.picking.commands import COMMANDS
from napari_cryoai.ui.picking.compare import ComparePanel
from napari_cryoai.ui.picking.export import ExportPanel
from napari_cryoai.ui.picking.filters import FilterPanel
from napari_cryoai.ui.picking.importing import Importer
from napari_cryoai.ui.picking.run_panel import PickPanel
from napari_cryoai.ui.picking.tool_bar import ToolBar
from napari_cryoai.ui.picking.tools import Tool, Tools

WHAT_NEXT = (
    "Drop a folder of micrographs here, or open one.\n\n"
    "1.  Open micrographs (.mrc, .tif, .png)\n"
    "2.  Press Pick particles\n"
    "3.  Correct: click, erase, lasso, brush\n"
    "4.  Export to RELION, cryoSPARC, EMAN2, …"
)


class PickParticles(DockPanel):
    """Open micrographs, pick, correct, compare, export.

    Attributes
    ----------
    visited
        Ids of the uncertain picks of the micrograph on screen that the user has been to.
    """

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None):
        super().__init__(parent)
        self.viewer = napari_viewer
        self.session = session_of(napari_viewer)
        self.layers = PickLayers(self.viewer, self.session)
        self.navigator = Navigator(self.session, self.layers, self.background)
        self.sight = Sight(self.session, self.layers, self.navigator)
        self.tools = Tools(self.layers)
        self.learn_run = LearnRun(self.session, self.background)
        self.learn_view = LearnView(self.learn_run, self.layers)
        self.opener = Opener(self.session, self.background, self.banners)
        self.importer = Importer(self.session, self.background, self.banners)
        self.actions_ = Actions(self, COMMANDS)
        self.visited: list[int] = []
        self._build()
        self._connect()
        self.setMinimumWidth(330)
        self._refresh_all()
        set_panel(self.viewer, self)
        self.destroyed.connect(partial(_let_go, self.session))
        self.open(self.session.reopen)
        self.session.announce()

    # What others may ask ------------------------------------------------------------------------

    def drop(self, paths: list[str]) -> None:
        self.open(paths)

    def open(self, paths: Any) -> None:
        """Open micrographs, and import the picks among the files."""
        paths = [Path(path) for path in paths]
        images = [path for path in paths if path.is_dir() or is_micrograph(path)]
        picks = [path for path in paths if path not in images]
        if images:
            self.opener.open(images)
        if picks:
            self.importer.import_picks(*picks)

    def open_sample(self) -> None:
        """Simulate a few micrographs and open them."""
        self.status("Simulating micrographs…")
        self.background.submit(sample_folder, lambda folder: self.open([folder]))

    def say(self, text: str) -> None:
        """Put up a message."""
        self.banners.show_message(text)

    def status(self, text: str) -> None:
        """A word in napari's status line."""
        self.viewer.status = text

    def ask_import(self) -> None:
        """Choose a file of picks and go on with it."""
        paths, _ = QFileDialog.getOpenFileNames(self, "Import picks")
        if paths:
            self.importer.import_picks(*map(Path, paths))

    def ask_reference(self) -> None:
        """Choose a file of picks to compare with."""
        paths, _ = QFileDialog.getOpenFileNames(self, "Load reference picks")
        if paths:
            self.importer.load_reference(self._compare_with, *map(Path, paths))

    def _compare_with(self, reference: PickTable) -> None:
        self.sections["Compare with reference"].set_open(True)
        self.compare.set_reference(reference)

    def open_review(self) -> None:
        """Show the doubtful picks of the micrograph on screen below it, one after the other."""
        self.review.open()

    # Layout -------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.bar = OpenBar(
            self.open,
            {"Import picks…": self.ask_import, "Simulated sample": self.open_sample,
             "Keyboard shortcuts (?)": self.actions_.show_keys},
            self,
        )  # fmt: skip
        self.pixel_size = PixelSizeBar(self.session, self)
        self.empty = EmptyState(
            "image",
            "No micrographs yet",
            WHAT_NEXT,
            ("Open folder…", self.bar.ask_folder),
            ("Try it on simulated micrographs", self.open_sample),
            self,
        )
        self.list = MicrographList(self.session, self)
        self.summary = QLabel(self)
        self.filtered = QCheckBox("Filter the image", self)
        self.filtered.setToolTip(
            "Show a copy low-passed to 20 Å with an even background; the data stay as they are"
            + COMMANDS.shortcut_of("filter")
        )
        self.filtered.setChecked(bool(setting("filter_image", True)))
        self.navigator.filtered = self.filtered.isChecked()
        self.tool_bar = ToolBar(self.tools, self.actions_, self)
        self.pick = PickPanel(self.session, self.banners.show_message, self)
        self.learn = LearnPanel(
            self.learn_run, self.learn_view, self.pick.picking, self.report, self.say,
            self.actions_.shortcut_of, self,
        )  # fmt: skip
        self.review = ReviewDock(self.viewer, self.learn_run, self.navigator)
        self.filters = FilterPanel(self.session, self)
        self.compare = ComparePanel(
            self.session, self.layers, self.background, self.ask_reference, self
        )
        self.export = ExportPanel(self.session, self.background, self.banners.show_message, self)
        head = (self.bar, self.banners, self.pixel_size)
        layout = column(*head, (self.empty, 1), (self._working(), 1), of=self, spacing=6)
        layout.setContentsMargins(6, 6, 6, 6)

    def _working(self) -> QWidget:
        """All that makes sense only with micrographs open."""
        self.working = QWidget(self)
        lower = QWidget(self)
        head = row((self.summary, 1), self.filtered)
        column(head, self.tool_bar, (self._column(), 1), of=lower, spacing=5)
        self.list.setMinimumHeight(3 * ROW)
        split = QSplitter(Qt.Orientation.Vertical, self.working)
        split.setChildrenCollapsible(False)
        split.addWidget(self.list)
        split.addWidget(lower)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 3)
        split.setSizes([6 * ROW, 20 * ROW])
        column(split, of=self.working)
        return self.working

    def _column(self) -> SectionColumn:
        panels = (
            ("Pick", self.pick, True),
            ("Learn", self.learn, True),
            ("Filter", self.filters, True),
            ("Compare with reference", self.compare, False),
            ("Export", self.export, True),
        )
        column = SectionColumn(panels, self)
        self.sections = column.sections
        self.sections["Export"].form.addWidget(
            button("Import picks…", self.ask_import, icon="folder", tip="Of any program")
        )
        return column

    # Wiring -------------------------------------------------------------------------------------

    def _connect(self) -> None:
        session, run = self.session, self.pick.picking
        session.opened.connect(self._on_opened)
        session.current_changed.connect(self._on_current)
        session.picks_changed.connect(self._on_picks)
        session.filters_changed.connect(self._on_filters)
        session.pixel_size_changed.connect(lambda: self.sight.restore(None))
        self.opener.leaving.connect(run.cancel)  # puts back what the run took away to replace it
        self.opener.restored.connect(self._on_restored)
        self.navigator.shown.connect(lambda _view: self._refresh_summary())
        self.navigator.read.connect(self._on_read)
        self.navigator.failed.connect(self._on_unreadable)
        self.layers.rebuilt.connect(self._on_layers)
        self.filtered.toggled.connect(self.navigator.set_filtered)
        self.filters.show_hidden.toggled.connect(self._on_show_hidden)
        self.list.flag_requested.connect(lambda f, name, on: session.set_flag(f, on, name))
        self._connect_learning()
        run.runner.progressed.connect(lambda _p: self._refresh_rows())
        run.runner.done.connect(self._on_done)
        self.actions_.bind(self.viewer)
        later = QTimer(self, interval=800, singleShot=True)
        later.timeout.connect(self.sight.note)
        self.viewer.scene.camera.events.connect(lambda _e: later.start())
        self._draw_timer = QTimer(self, interval=20, singleShot=True)
        self._draw_timer.timeout.connect(self.layers.sync_shown)
        self._row_timer = QTimer(self, interval=60, singleShot=True)
        self._row_timer.timeout.connect(self.list.rows.refresh)

    def _connect_learning(self) -> None:
        run = self.learn_run
        run.reference = lambda: self.compare.reference
        run.waits = lambda: self.pick.picking.runner.running
        run.runner.progressed.connect(lambda _p: self._refresh_rows())
        self.opener.leaving.connect(run.cancel)
        self.navigator.shown.connect(lambda _view: self.learn_view.refresh())
        self.learn.weights_changed.connect(self._on_weights)
        self.learn.review_wanted.connect(partial(self.actions_.do, "review"))
        self.learn_view.turned.connect(self._on_before)
        for runner in (run.runner, self.pick.picking.runner):
            for signal in (runner.started, runner.ended):
                signal.connect(self._on_busy)
        self.review.panel.located.connect(self._on_located)
        self.tools.changed.connect(self._on_tool)

    def _on_busy(self, *_: object) -> None:
        self.pick.hold(self.learn_run.runner.running)
        self._refresh_rows()

    def _on_weights(self, path: Path | None) -> None:
        """What has been learned is what the form picks with."""
        self.pick.use_weights(path, self.learn_run.file, self.learn_run.pickers.weights)

    def _on_before(self, on: bool) -> None:
        """The picks of before are there to be looked at; no edit is to meet hidden ones."""
        self.tool_bar.setEnabled(not on)
        if on:
            self.layers.select(np.empty(0, np.int64))
            self.tools.take(Tool.PAN)
            self.status("The picks before learning; C goes back to yours")

    def _on_tool(self, tool: Tool) -> None:
        if tool is not Tool.PAN and self.learn_view.before:
            self.learn.after.setChecked(True)

    def _on_located(self, pick_id: int) -> None:
        self.layers.select(np.array([pick_id]))
        self.sight.look_at(pick_id)

    def _on_opened(self) -> None:
        self.list.rows.reset()
        self._refresh_all()

    def _on_current(self, _name: str) -> None:
        self.visited.clear()
        self.list.show_current()
        self._refresh_summary()

    def _on_picks(self, names: Any) -> None:
        if names is None or not names or self.session.current in names:
            self.layers.sync()
            self.layers.sync_excluded()
        self._refresh_rows()
        self._refresh_summary()

    def _on_filters(self) -> None:
        if not self._draw_timer.isActive():
            self._draw_timer.start()  # in an event of its own: the slider itself never waits for it
        self._row_timer.start()
        self._refresh_summary()

    def _on_restored(self, notes: dict[str, Any]) -> None:
        self.pick.restore_diameter(typed=bool(notes.get("diameter_typed")))
        self.pick.restore_detector()
        self.learn_run.restore(notes)
        self.sight.restore(notes.get("camera"))

    def _on_layers(self) -> None:
        for layer in (self.layers.image, self.layers.points, self.layers.excluded):
            if layer is not None:
                self.actions_.bind(layer)
        self.viewer.canvas.overlays.scale_bar.visible = True

    def _on_read(self, view: View) -> None:
        self.list.rows.set_thumbnail(view.name, view.thumbnail)

    def _on_unreadable(self, name: str, error: CryoAIError) -> None:
        self.list.rows.problems[name] = str(error)
        self.list.rows.changed()
        self.report(error)

    def _on_show_hidden(self, on: bool) -> None:
        self.layers.show_hidden = on
        self.layers.sync_shown()

    def _on_done(self, result: PickResult) -> None:
        for error in result.problems[:3]:
            self.report(error)
        self.say(words_for(result, self.session))

    def _refresh_rows(self) -> None:
        self.list.rows.waiting = set(self.pick.picking.waiting | self.learn_run.waiting)
        self._row_timer.start()

    def _refresh_all(self) -> None:
        there = bool(self.session.micrographs)
        self.empty.setVisible(not there)
        self.working.setVisible(there)
        self.list.show_current()
        self._refresh_summary()

    def _refresh_summary(self) -> None:
        self.sections["Learn"].setVisible(self.learn_run.ready)
        document, total = self.session.document, len(self.session.micrographs)
        done = sum(1 for name in document.reviewed if name in self.session.micrographs)
        self.summary.setText(f"{done} of {total} reviewed")
        history = self.session.history
        self.tool_bar.name_steps(history.undo_label, history.redo_label)

    def _on_theme(self, event: Any = None) -> None:
        super()._on_theme(event)
        QTimer.singleShot(0, lambda: theme.dress_again(self.review.panel))

    def release(self) -> None:
        """Write the last note and give napari its keys back."""
        self.sight.note()
        self.pick.picking.cancel()
        self.learn_run.cancel()
        self.learn_view.release()
        self.review.release()
        self.actions_.clear()
        self.layers.let_go()
        _let_go(self.session)
        leave(self.viewer)


def _let_go(session: Session, *_: object) -> None:
    """Close the journal, even if the window went without a word."""
    session.keep(None)
