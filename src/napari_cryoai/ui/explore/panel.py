"""The *Explore heterogeneity* panel: composes the parts, and lets them hear of each other."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFileDialog, QSplitter, QWidget

from napari_cryoai.core.brush import near
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.lasso import inside
from napari_cryoai.core.selection_set import SelectionSet
from napari_cryoai.ui.explore.analysis import AnalysisPanel
from napari_cryoai.ui.explore.check import CheckPanel
from napari_cryoai.ui.explore.commands import COMMANDS
from napari_cryoai.ui.explore.curves import TrainingCurves
from napari_cryoai.ui.explore.landscape import LandscapeOverlay
from napari_cryoai.ui.explore.live import Frame, LiveMap
from napari_cryoai.ui.explore.maps import MapHandover
from napari_cryoai.ui.explore.opening import Read, looked_at, read_folder
from napari_cryoai.ui.explore.particle import ParticlePanel
from napari_cryoai.ui.explore.path import PathPanel
from napari_cryoai.ui.explore.place import PlacePanel
from napari_cryoai.ui.explore.region import RegionPanel
from napari_cryoai.ui.explore.select_work import save
from napari_cryoai.ui.explore.selections import SelectionPanel
from napari_cryoai.ui.explore.train import TrainPanel
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.dock import DockPanel
from napari_cryoai.ui.kit.empty import EmptyState
from napari_cryoai.ui.kit.keys import Actions
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import Section, SectionColumn, button, counted, hint
from napari_cryoai.ui.latent.bar import AxesBar, ToolRow
from napari_cryoai.ui.latent.scatter import LatentScatter
from napari_cryoai.ui.latent.session import Opened, latent_session_of, set_latent_panel
from napari_cryoai.ui.latent.tools import Combine, LatentTool

WHAT_NEXT = (
    "Drop the folder of a training here, or open one.\n\n"
    "1.  Drag the cursor: the map follows\n"
    "2.  Draw around particles, and export them\n"
    "3.  Click a path, play it, save its maps\n"
    "4.  Ask which particles have density in a region"
)
TRAIN = "Train from particles"
AUTOSAVE_MS = 1500


class ExplorePanel(DockPanel):
    """A latent space one can fly through."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None):
        super().__init__(parent)
        self.viewer = napari_viewer
        self.session = latent_session_of(napari_viewer)
        self.slow = Background(self, threads=1)
        self.live = LiveMap(self.viewer, self.background)
        self._reading = False
        self._saved: SelectionSet | None = None
        self._keep = QTimer(self, interval=AUTOSAVE_MS, singleShot=True)
        self._keep.timeout.connect(self._save_selections)
        self.actions_ = Actions(self, COMMANDS, in_focus=True)
        self._build()
        self._connect()
        self.setMinimumWidth(360)
        set_latent_panel(self.viewer, self)
        if self.session.source is not None:  # an earlier panel has left it
            self.background.submit(partial(looked_at, self.session.source), self._show_live)
            self.session.opened.emit()
        self._refresh()

    # What others may ask ------------------------------------------------------------------------

    def drop(self, paths: list[str]) -> None:
        self.open(Path(paths[0]))

    def ask_open(self) -> None:
        """Choose a folder."""
        folder = QFileDialog.getExistingDirectory(self, "Open the folder of a training")
        if folder:
            self.open(Path(folder))

    def open(self, folder: Path) -> None:
        """Open the folder of a training."""
        self._read(partial(read_folder, folder))

    def open_sample(self) -> None:
        """Open a simulated latent space."""
        self._read(_demo)

    def show_source(self, source: Opened) -> None:
        """Show a latent space that is in memory."""
        self._read(partial(looked_at, source))

    def undo(self) -> None:
        """Take back the last step of the selection, or of the path while that is drawn."""
        if self.session.source is not None:
            drawing = self.scatter.tool is LatentTool.PATH and self.path.undo()
            if not drawing:
                self.session.selections.undo()

    def redo(self) -> None:
        """Repeat it."""
        if self.session.source is not None:
            drawing = self.scatter.tool is LatentTool.PATH and self.path.redo()
            if not drawing:
                self.session.selections.redo()

    def show_section(self, title: str) -> None:
        """Unfold a section and bring it into view."""
        self.sections[title].set_open(True)

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is on screen."""
        return not self._reading and self.live.idle

    # Layout -------------------------------------------------------------------------------------

    def _build(self) -> None:
        session, say, slow = self.session, self.banners.show_message, self.slow
        self.maps = MapHandover(session, self.live, self.viewer, slow, say, self)
        self.scatter = LatentScatter(session, self)
        self.axes = AxesBar(session, self)
        self.tools = ToolRow(self.scatter, self.actions_, self)
        self.landscape = LandscapeOverlay(session, self.scatter, say)
        self.support = hint("", self)
        self.reading = hint("", self)
        self.place = PlacePanel(session, self.live, self.maps.keep, self.maps.ask_save, self)
        self.selection = SelectionPanel(session, slow, say, self)
        self.path = PathPanel(session, self.scatter, self.live, self.viewer, slow, say, self)
        self.region = RegionPanel(session, self.live, self.viewer, slow, say, self.maps.add, self)
        self.particle = ParticlePanel(session, self.scatter, slow, say, self)
        self.analysis = AnalysisPanel(session, slow, say, self)
        self.check = CheckPanel(session, say, self.maps.add, self)
        self.curves = TrainingCurves(self)
        self.train = TrainPanel(slow, say, self)
        keys = button("Keys", self.actions_.show_keys, icon="keys", tip="Shortcuts  [F1]")
        bar = row((button("Open folder…", self.ask_open, icon="folder"), 2), (keys, 1), spacing=4)
        self.top = QWidget(self)
        column(self.axes, self.tools, (self.scatter, 1), self.support, of=self.top, spacing=4)
        self.area = self._column()
        self.split = QSplitter(Qt.Orientation.Vertical, self)
        self.split.addWidget(self.top)
        self.split.addWidget(self.area)
        self.split.setStretchFactor(0, 1)
        self.split.setStretchFactor(1, 1)
        self.split.setChildrenCollapsible(False)
        self.split.setSizes([400, 320])
        self.empty = EmptyState(
            "path",
            "No latent space yet",
            WHAT_NEXT,
            ("Open folder…", self.ask_open),
            ("Try it on simulated particles", self.open_sample),
            self,
        )
        head = (bar, self.banners, self.reading)
        layout = column(*head, (self.empty, 1), (self.split, 1), of=self, spacing=6)
        layout.setContentsMargins(6, 6, 6, 6)

    def _column(self) -> SectionColumn:
        column = SectionColumn(
            (
                ("Place", self.place, True),
                ("Selection", self.selection, False),
                ("Path", self.path, False),
                ("Density in a region", self.region, False),
                ("Particle under the mouse", self.particle, False),
                ("Is it true?", self.check, False),
                ("Analyse", self.analysis, False),
                ("Training curves", self.curves, False),
                (TRAIN, self.train, False),
            ),
            self,
        )
        self.sections = column.sections
        for section in column.sections.values():
            section.toggled.connect(partial(self._bring, section))
        return column

    def _bring(self, section: Section, on: bool) -> None:
        """Scroll to a section that is unfolded, as soon as it has its height."""
        if on:
            bar = self.area.verticalScrollBar()
            QTimer.singleShot(0, lambda: bar.setValue(section.y()))

    # Wiring -------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.slow.failed.connect(self.report)
        self.train.trained.connect(self.open)
        scatter, session = self.scatter, self.session
        scatter.cursor_moved.connect(lambda point, final: session.move_to_point(point, final=final))
        scatter.stroke_drawn.connect(self._on_stroke)
        session.opened.connect(self._on_opened)
        session.plane_changed.connect(self._plant)
        session.place_changed.connect(self._on_place)
        session.selection_changed.connect(self._on_selection)
        self.path.path.anchors_changed.connect(self._name_steps)
        self.tools.taken.connect(self._name_steps)
        self.tools.landscape_switched.connect(self.landscape.switch)
        self.live.drawn.connect(self._on_drawn)

    def _read(self, work: Any) -> None:
        self._reading = True
        self._refresh()
        self.background.submit(work, self._show, self._fail)

    def _show(self, read: Read) -> None:
        self._reading = False
        self.session.open(read.source)
        self._show_live(read)

    def _show_live(self, read: Read) -> None:
        if read.source is self.session.source:
            self.live.open(read.source.model, f"{read.source.name}, at the cursor", read.looked)
            self.place.show_map()
            self.live.go(self.session.z, fine=True)
            self.viewer.canvas.overlays.scale_bar.visible = True
        self._refresh()

    def _fail(self, error: CryoAIError) -> None:
        self._reading = False
        self._refresh()
        self.report(error)

    def _on_opened(self) -> None:
        self._plant()
        if self.session.source is not None:
            self._saved = self.session.selections.state
        self._on_selection()
        source = self.session.source
        self.curves.set_rounds(source.rounds if source is not None else {})
        self._refresh()

    def _plant(self) -> None:
        """Look up in a thread what finds the nearest particle, where that takes long."""
        if self.session.source is not None:
            plane = self.session.plane
            if not plane.ready:
                self.background.submit(lambda: plane.tree, lambda _tree: None)

    def _on_place(self, final: bool) -> None:
        self.live.go(self.session.z, fine=final)

    def _on_drawn(self, frame: Frame, fine: bool) -> None:
        if frame.support is not None:
            doubt = self.session.source.doubt if self.session.source else ""
            words = "\n".join(filter(None, (doubt, frame.support.text())))
            self._say_support(words, frame.support.outside or bool(doubt))
        if fine:
            self.place.level.update()

    def _say_support(self, words: str, outside: bool) -> None:
        shade = theme.colour("warning" if outside else "text").name()
        self.support.setText(words)
        self.support.setStyleSheet(f"QLabel {{ color: {shade}; }}")

    def _on_stroke(self, tool: LatentTool, points: NDArray[np.float64], combine: Combine) -> None:
        xy = self.session.plane.xy
        if tool is LatentTool.LASSO:
            mask = inside(xy, points)
        else:
            mask = self._brushed(xy, points)
        self.session.selections.select(mask, combine, f"{tool.value.capitalize()}, {combine}")

    def _brushed(self, xy: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The brush is round on the screen, and an ellipse in the plane."""
        view = self.scatter.view
        unit = np.array([view.x[1] - view.x[0], view.y[1] - view.y[0]]) / (view.width, view.height)
        rx, ry = unit * self.scatter.brush_px
        return near(xy, points, (float(rx), float(ry)))

    def _on_selection(self) -> None:
        if self.session.source is None:
            return
        selections = self.session.selections
        self._keep.start()
        self._name_steps()
        n = counted(selections.count, "particle") if selections.count else ""
        self.sections["Selection"].set_title(f"Selection: {n}" if n else "Selection")

    def _name_steps(self) -> None:
        """What undo and redo do next: with the path tool in hand, they are first about the path."""
        if self.session.source is None:
            return
        selections, path = self.session.selections, self.path.path
        undo, redo = selections.undo_label, selections.redo_label
        if self.scatter.tool is LatentTool.PATH:
            undo, redo = path.undo_label or undo, path.redo_label or redo
        self.tools.name_steps(undo, redo)

    def _save_selections(self) -> None:
        """In a thread, when no other change has come for a while."""
        source = self.session.source
        if source is None or self.session.selections.state == self._saved:
            return
        self._saved = self.session.selections.state
        self.slow.submit(partial(save, source, self._saved), lambda _: None)

    def _refresh(self) -> None:
        there = self.session.source is not None
        self.reading.setText("Reading…" if self._reading else "")
        self.reading.setVisible(self._reading)
        self.empty.setVisible(not there)
        self.top.setVisible(there)
        for title, section in self.sections.items():
            section.setVisible(there or title == TRAIN)

    def release(self) -> None:
        """Leave the latent space to a panel opened later; the map at the cursor goes."""
        source = self.session.source
        if source is not None and self._keep.isActive():
            with suppress(CryoAIError):  # nobody is left who could read it
                save(source, self.session.selections.state)
        self.slow.close()
        for panel in (self.train, self.check, self.landscape):
            panel.runner.cancel()
        self.region.let_go()
        self.path.stop()
        self.live.let_go()
        self.session.let_go()
        set_latent_panel(self.viewer, None)


def _demo() -> Read:
    from napari_cryoai.ui.latent.demo import demo

    return looked_at(demo())
