"""The *CTF and extraction* panel: from micrographs and picks to particle images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QSizePolicy, QSplitter, QWidget

from napari_cryoai.io.micrographs import is_micrograph
from napari_cryoai.particles.extract import ExtractResult
from napari_cryoai.ui.ctf.estimate import EstimatePanel
from napari_cryoai.ui.ctf.extract import ExtractPanel
from napari_cryoai.ui.ctf.limits import LimitsPanel
from napari_cryoai.ui.ctf.table import ROW, CtfTable
from napari_cryoai.ui.ctf.thon_rings import ThonRings
from napari_cryoai.ui.kit.dock import DockPanel
from napari_cryoai.ui.kit.empty import EmptyState
from napari_cryoai.ui.kit.keys import shortcut
from napari_cryoai.ui.kit.layout import column
from napari_cryoai.ui.kit.links import Links
from napari_cryoai.ui.kit.parts import SectionColumn
from napari_cryoai.ui.kit.step_history import redone, undone
from napari_cryoai.ui.micrographs.canvas import PlainCanvas
from napari_cryoai.ui.micrographs.opening import OpenBar, Opener, PixelSizeBar
from napari_cryoai.ui.micrographs.panels import join, leave, panel_of, part, session_of
from napari_cryoai.ui.micrographs.sample_data import sample_folder
from napari_cryoai.ui.micrographs.session import Session

WHAT_NEXT = (
    "Drop a folder of micrographs here, or open one.\n\n"
    "1.  Estimate the CTF, or import it\n"
    "2.  Look at the rings, exclude poor micrographs\n"
    "3.  Pick particles (Plugins > Pick particles)\n"
    "4.  Extract, look through the particles, save"
)


class CtfExtraction(DockPanel):
    """Estimate CTFs, leave out poor micrographs, extract particles.

    It works on the session of the Pick particles panel if that is open, and else opens
    micrographs itself.
    """

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None):
        super().__init__(parent)
        self.viewer = napari_viewer
        self.canvas: PlainCanvas | None = None
        self.links = Links()
        self.bar = OpenBar(
            self.open,
            {
                "Import CTF values…": lambda: self.estimate.ask_import(),
                "Open particles…": self.ask_particles,
                "Simulated sample": self.open_sample,
            },
            self,
        )
        self._layout = column(self.bar, self.banners, of=self, spacing=6)
        self._layout.setContentsMargins(6, 6, 6, 6)
        self.content: QWidget | None = None
        self._take(session_of(napari_viewer))
        shortcut(self, "Ctrl+Z", self.undo)
        shortcut(self, "Ctrl+Shift+Z", self.redo)
        self.setMinimumWidth(360)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        join(self.viewer, self)
        self._reopen()

    # What others may ask ------------------------------------------------------------------------

    def drop(self, paths: list[str]) -> None:
        self.open(paths)

    def open(self, paths: Any) -> None:
        """Open micrographs; a file of CTF values among them is imported."""
        paths = [Path(path) for path in paths]
        images = [path for path in paths if path.is_dir() or is_micrograph(path)]
        other = [path for path in paths if path not in images]
        panel = panel_of(self.viewer)
        if images:
            (panel if panel is not None else self.opener).open(images)
        for path in other:
            self.estimate.import_values(path)

    def open_sample(self) -> None:
        """Simulate a few micrographs and open them."""
        self.viewer.status = "Simulating micrographs…"
        self.background.submit(sample_folder, lambda folder: self.open([folder]))

    def ask_particles(self) -> None:
        """Choose particles and look at them."""
        panel = self._particle_panel()
        if panel is not None:
            panel.ask_open()

    def undo(self) -> None:
        """Take back the last step."""
        entry = self.session.undo()
        self.viewer.status = undone(entry.label if entry else None)

    def redo(self) -> None:
        """Repeat the last step taken back."""
        entry = self.session.redo()
        self.viewer.status = redone(entry.label if entry else None)

    def exclude(self, names: list[str], on: bool) -> None:
        """Leave micrographs out of everything that follows, or take them in again."""
        if on and len(names) > 1:
            self.session.throw_out(names, f"Exclude {len(names)} micrographs")
            return
        for name in names:
            self.session.set_flag("junk", on, name)

    # The session --------------------------------------------------------------------------------

    def on_panel(self) -> None:
        """The Pick particles panel came or went; with it may have gone the session."""
        if self._closed:
            return
        session = session_of(self.viewer)
        if session is not self.session:
            self._take(session)
            self._reopen()
        elif panel_of(self.viewer) is not None and self.canvas is not None:
            self.canvas.let_go()
            self.canvas = None

    def _reopen(self) -> None:
        """Open what the panel before had open; once, whichever panel comes first."""
        paths, self.session.reopen = self.session.reopen, ()
        if paths:
            self.open(paths)

    def _take(self, session: Session) -> None:
        """Work on a session: all that knew the one before is made anew."""
        self._drop()
        self.session = session
        self.opener = Opener(session, self.background, self.banners)
        if panel_of(self.viewer) is None:
            self.canvas = PlainCanvas(self.viewer, session, self.background)
            self.canvas.navigator.failed.connect(lambda _name, error: self.report(error))
        self.content = self._build(session)
        self._layout.addWidget(self.content, 1)
        self.links.connect(session.opened, self._refresh)
        self._refresh()

    def _drop(self) -> None:
        self.links.cut()
        if self.canvas is not None:
            self.canvas.let_go()
            self.canvas = None
        if self.content is not None:
            self.estimate.runner.cancel()
            self.extract.runner.cancel()
            self.session.opened.disconnect(self.pixel_size.refresh)
            self.session.pixel_size_changed.disconnect(self.pixel_size.refresh)
            self.content.hide()
            self.content.setParent(None)
            self.content.deleteLater()
            self.content = None

    def _build(self, session: Session) -> QWidget:
        content = QWidget(self)
        say, links = self.banners.show_message, self.links
        self.pixel_size = PixelSizeBar(session, content)
        self.empty = EmptyState(
            "rings",
            "No micrographs yet",
            WHAT_NEXT,
            ("Open folder…", self.bar.ask_folder),
            ("Try it on simulated micrographs", self.open_sample),
            content,
        )
        self.table = CtfTable(session, links, content)
        self.estimate = EstimatePanel(session, self.background, links, say, content)
        self.rings = ThonRings(session, self.background, links, content)
        self.limits = LimitsPanel(session, links, self.table.toggle_excluded, content)
        self.extract = ExtractPanel(session, self.background, links, say, content)
        self.table.exclude_requested.connect(self.exclude)
        self.limits.changed.connect(self._on_limits)
        self.estimate.progressed.connect(self._on_progress)
        self.extract.extracted.connect(self._on_extracted)
        column(self.pixel_size, (self.empty, 1), (self._working(content), 1), of=content, spacing=6)
        return content

    def _working(self, parent: QWidget) -> QWidget:
        """All that makes sense only with micrographs open."""
        self.working = QSplitter(Qt.Orientation.Vertical, parent)
        self.working.setChildrenCollapsible(False)
        self.table.setMinimumHeight(4 * ROW)
        self.working.addWidget(self.table)
        self.working.addWidget(self._column())
        self.working.setStretchFactor(0, 1)
        self.working.setStretchFactor(1, 3)
        self.working.setSizes([8 * ROW, 24 * ROW])
        return self.working

    def _column(self) -> SectionColumn:
        panels = (
            ("Estimate", self.estimate, True),
            ("Thon rings", self.rings, True),
            ("Exclude micrographs", self.limits, True),
            ("Extract particles", self.extract, True),
        )
        self.area = SectionColumn(panels, self)
        self.sections = self.area.sections
        return self.area

    # Wiring -------------------------------------------------------------------------------------

    def show_section(self, title: str) -> None:
        """Unfold a section and bring it into view."""
        section = self.sections[title]
        section.set_open(True)
        QTimer.singleShot(0, lambda: self.area.verticalScrollBar().setValue(section.y()))

    def _refresh(self) -> None:
        there = bool(self.session.micrographs)
        self.empty.setVisible(not there)
        self.working.setVisible(there)

    def _on_limits(self, beyond: dict[str, frozenset[str]]) -> None:
        self.table.rows.beyond = beyond
        self.table.rows.redraw()

    def _on_progress(self) -> None:
        rows = self.table.rows
        if (rows.waiting, rows.problems) != (self.estimate.waiting, self.estimate.problems):
            rows.waiting = set(self.estimate.waiting)
            rows.problems = dict(self.estimate.problems)
            rows.redraw()

    def _on_extracted(self, result: ExtractResult) -> None:
        panel = self._particle_panel()
        if panel is not None:
            panel.show_stack(result.particles, result.paths[-1])

    def _particle_panel(self) -> Any | None:
        """The Particles panel; None in a viewer without a window."""
        from napari_cryoai.ui.particles.dock import open_particle_panel

        return open_particle_panel(self.viewer)

    def release(self) -> None:
        """Note what was found; the session goes too, unless the Pick panel has it."""
        part(self.viewer, self)
        self.estimate.note()
        self._drop()
        if panel_of(self.viewer) is None:
            self.session.keep(None)
            leave(self.viewer)
