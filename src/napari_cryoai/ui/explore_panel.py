"""The *Explore heterogeneity* panel: composes the parts, and lets them hear of each other."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QDockWidget, QFileDialog, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from napari_cryoai.core.brush import near
from napari_cryoai.core.contour import Contour
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.lasso import inside
from napari_cryoai.ui import theme
from napari_cryoai.ui.background import Background
from napari_cryoai.ui.dock import DockPanel
from napari_cryoai.ui.empty import EmptyState
from napari_cryoai.ui.explore_actions import EXPLORE_KEYS, ExploreActions
from napari_cryoai.ui.explore_analysis import AnalysisPanel
from napari_cryoai.ui.explore_check import CheckPanel
from napari_cryoai.ui.explore_curves import TrainingCurves
from napari_cryoai.ui.explore_live import Frame, LiveMap, look
from napari_cryoai.ui.explore_opening import Read, looked_at, read_folder
from napari_cryoai.ui.explore_particle import ParticlePanel
from napari_cryoai.ui.explore_path import PathPanel
from napari_cryoai.ui.explore_place import PlacePanel
from napari_cryoai.ui.explore_region import RegionPanel
from napari_cryoai.ui.explore_select_work import save
from napari_cryoai.ui.explore_selections import SelectionPanel
from napari_cryoai.ui.explore_train import TrainPanel
from napari_cryoai.ui.keys import HELP, CheatSheet
from napari_cryoai.ui.latent_bar import AxesBar, ToolRow
from napari_cryoai.ui.latent_scatter import LatentScatter
from napari_cryoai.ui.latent_session import Opened, latent_session_of, set_latent_panel
from napari_cryoai.ui.latent_tools import Combine, LatentTool
from napari_cryoai.ui.map_session import COLOURS, OpenMap, map_panel_of, map_session_of
from napari_cryoai.ui.parts import Banners, Section, SectionColumn, button, counted, hint

WHAT_NEXT = (
    "Drop the folder of a training here, or open one.\n\n"
    "1.  Drag the cursor: the map follows\n"
    "2.  Draw around particles, and export them\n"
    "3.  Click a path, play it, save its maps\n"
    "4.  Ask which particles have density in a region"
)
TRAIN = "Train from particles"
_SLOW_TREE = 30_000
AUTOSAVE_MS = 1500


class ExplorePanel(DockPanel):
    """A latent space one can fly through."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None):
        super().__init__(parent)
        self.viewer = napari_viewer
        self.session = latent_session_of(napari_viewer)
        self.slow = Background(self, threads=1)
        self.live = LiveMap(self.viewer, self.background)
        self.banners = Banners(self)
        self._reading = False
        self._keep = QTimer(self, interval=AUTOSAVE_MS, singleShot=True)
        self._keep.timeout.connect(self._save_selections)
        self._build()
        self._connect()
        self.actions_ = ExploreActions(self)
        self._bind()
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

    def keep_map(self) -> None:
        """Copy the map at the cursor to the Map panel."""
        if self.session.source is None:
            return
        z, name = self.session.z.copy(), f"{self.session.source.name} {self._words()}"
        level = self.live.opened.level if self.live.opened is not None else None

        def keep(read: Any) -> None:
            opened = self.add_map(name, read.density, read.contour, level)
            self.banners.show_message(f"Kept as '{opened.name}' in the Map panel")

        self.background.submit(partial(look, self.session.model, z), keep)

    def add_map(
        self, name: str, density: DensityMap, contour: Contour, level: float | None = None
    ) -> OpenMap:
        """Show a map in the Map panel, in another colour than the one at the cursor."""
        if map_panel_of(self.viewer) is None and hasattr(self.viewer, "window"):
            self.viewer.window.add_plugin_dock_widget("napari-cryoai", "Map", tabify=True)
            self._stay_in_front()
        session = map_session_of(self.viewer)
        opened = session.add(name, density, contour)
        if self.live.opened is not None and opened.colour == self.live.opened.colour:
            session.show(opened, colour=COLOURS[len(session.maps) % len(COLOURS)])
        if level is not None:
            session.set_level(opened, level)
        return opened

    def save_map(self) -> None:
        """Choose a file for the map at the cursor."""
        if self.session.source is None:
            return
        path, _ = QFileDialog.getSaveFileName(self, "Save the map", "map.mrc", "Maps (*.mrc)")
        if path:
            task = partial(_write_map, self.session.model, self.session.z.copy(), Path(path))
            self.background.submit(task, self.banners.show_message)

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

    def show_keys(self) -> None:
        """Show all keyboard shortcuts of this panel."""
        CheatSheet(self, EXPLORE_KEYS).exec()

    def report(self, error: CryoAIError) -> None:
        """Put up what went wrong and what to do."""
        self.banners.show_message(str(error), "error")

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is on screen."""
        return not self._reading and self.live.idle

    # Layout -------------------------------------------------------------------------------------

    def _build(self) -> None:
        session, say, slow = self.session, self.banners.show_message, self.slow
        self.scatter = LatentScatter(session, self)
        self.axes = AxesBar(session, self)
        self.tools = ToolRow(self.scatter, self.undo, self.redo, self)
        self.support = hint("", self)
        self.reading = hint("", self)
        self.place = PlacePanel(session, self.live, self.keep_map, self.save_map, self)
        self.selection = SelectionPanel(session, slow, say, self)
        self.path = PathPanel(session, self.scatter, self.live, self.viewer, slow, say, self)
        self.region = RegionPanel(session, self.live, self.viewer, slow, say, self.add_map, self)
        self.particle = ParticlePanel(session, self.scatter, slow, say, self)
        self.analysis = AnalysisPanel(session, slow, say, self)
        self.check = CheckPanel(session, say, self.add_map, self)
        self.curves = TrainingCurves(self)
        self.train = TrainPanel(slow, say, self)
        bar = QHBoxLayout()
        bar.setSpacing(4)
        bar.addWidget(button("Open folder…", self.ask_open, icon="folder"), 2)
        bar.addWidget(button("Keys", self.show_keys, icon="keys", tip="Shortcuts  [F1]"), 1)
        self.top = QWidget(self)
        column = QVBoxLayout(self.top)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.axes, self.tools, self.scatter, self.support):
            column.addWidget(widget, 1 if widget is self.scatter else 0)
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
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(6)
        layout.addLayout(bar)
        layout.addWidget(self.banners)
        layout.addWidget(self.reading)
        layout.addWidget(self.empty, 1)
        layout.addWidget(self.split, 1)

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
        for background in (self.background, self.slow):
            background.failed.connect(self.report)
        self.train.trained.connect(self.open)
        scatter, session = self.scatter, self.session
        scatter.cursor_moved.connect(lambda point, final: session.move_to_point(point, final=final))
        scatter.stroke_drawn.connect(self._on_stroke)
        session.opened.connect(self._on_opened)
        session.plane_changed.connect(self._plant)
        session.place_changed.connect(self._on_place)
        session.selection_changed.connect(self._on_selection)
        self.live.drawn.connect(self._on_drawn)

    def _bind(self) -> None:
        table = self.actions_.table()
        for key in EXPLORE_KEYS:
            if key.action:
                self._shortcut(key.keys[0].replace("Control", "Ctrl"), table[key.action])
        for press, by in (("[", -1), ("]", 1)):
            self._shortcut(press, partial(self.path.step, by))
        for press in HELP:
            self._shortcut(press, self.show_keys)

    def _shortcut(self, keys: str, action: Any) -> None:
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(action)

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
        self._on_selection()
        source = self.session.source
        self.curves.set_rounds(source.rounds if source is not None else {})
        self._refresh()

    def _plant(self) -> None:
        """Look up in a thread what finds the nearest particle, where that takes long."""
        if self.session.source is not None:
            plane = self.session.plane
            if len(plane.xy) > _SLOW_TREE:
                self.background.submit(lambda: plane.tree, lambda _tree: None)

    def _on_place(self, final: bool) -> None:
        self.live.go(self.session.z, fine=final)

    def _on_drawn(self, frame: Frame, fine: bool) -> None:
        if frame.support is not None:
            self._say_support(frame.support.text(), frame.support.outside)
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
        self.tools.name_steps(selections.undo_label, selections.redo_label)
        n = counted(selections.count, "particle") if selections.count else ""
        self.sections["Selection"].set_title(f"Selection: {n}" if n else "Selection")

    def _save_selections(self) -> None:
        """In a thread, when no other change has come for a while."""
        source = self.session.source
        if source is not None and self.session.selections.state != source.selections:
            self.slow.submit(partial(save, source, self.session.selections.state), lambda _: None)

    def _words(self) -> str:
        """The place, short enough for a name."""
        plane, point = self.session.plane, self.session.point
        return f"{plane.x.name} {point[0]:.2g}, {plane.y.name} {point[1]:.2g}"

    def _stay_in_front(self) -> None:
        """A dock that is added as a tab hides ours."""
        dock = self.parent()
        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parent()
        if dock is not None:
            dock.raise_()

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
        for panel in (self.train, self.check):
            panel.runner.cancel()
        self.region.let_go()
        self.path.stop()
        self.live.let_go()
        self.session.let_go()
        set_latent_panel(self.viewer, None)


def _demo() -> Read:
    from napari_cryoai.ui.latent_demo import demo

    return looked_at(demo())


def _write_map(model: Any, z: NDArray[np.float32], path: Path) -> str:
    from napari_cryoai.io.maps import write_map

    write_map(path, model.decode(z))
    return f"Wrote the map to {path}"
