"""The *Map* panel: composes the parts, and lets them hear of each other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.isosurface import Mesh
from napari_cryoai.ui.dock import DockPanel
from napari_cryoai.ui.empty import EmptyState
from napari_cryoai.ui.fsc_panel import FILTER, FscPanel
from napari_cryoai.ui.map_facts import MapFacts
from napari_cryoai.ui.map_layers import MapLayers
from napari_cryoai.ui.map_list import MapList
from napari_cryoai.ui.map_opening import MapOpener
from napari_cryoai.ui.map_session import OpenMap, map_session_of, set_map_panel
from napari_cryoai.ui.map_slice_panel import SlicePanel
from napari_cryoai.ui.map_surface_panel import SurfacePanel
from napari_cryoai.ui.map_surfaces import SurfaceMaker
from napari_cryoai.ui.parts import Banners, SectionColumn, button, hint

WHAT_NEXT = (
    "Drop a map here, or open one.\n\n"
    "1.  Open a map (.mrc, .map, .ccp4)\n"
    "2.  Drag the level of its surface\n"
    "3.  Move a slice through it\n"
    "4.  Compare half maps: FSC"
)


class MapPanel(DockPanel):
    """Surfaces, slices and FSC of density maps."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None):
        super().__init__(parent)
        self.viewer = napari_viewer
        self.session = map_session_of(napari_viewer)
        self.layers = MapLayers(self.viewer, self.session)
        self.maker = SurfaceMaker(self.background)
        self._drawn: dict[OpenMap, tuple[float, bool] | None] = {}
        self.banners = Banners(self)
        self.opener = MapOpener(self.session, self.background, self.banners, self, self._refresh)
        self._build()
        self._connect()
        self.setMinimumWidth(330)
        set_map_panel(self.viewer, self)
        for opened in self.session.maps:
            if opened not in self.layers.surfaces and opened.visible:
                self.maker.make(opened, fine=True)
        self._refresh()

    # What others may ask ------------------------------------------------------------------------

    def drop(self, paths: list[str]) -> None:
        self.open(paths)

    def open(self, paths: Iterable[str | Path]) -> None:
        """Open maps."""
        self.opener.open(paths)

    def open_sample(self) -> None:
        """Open a simulated map, and its half maps."""
        self.opener.open_samples()

    def ask_open(self) -> None:
        """Choose maps."""
        paths, _ = QFileDialog.getOpenFileNames(self, "Open maps", "", FILTER)
        if paths:
            self.open(paths)

    def show_section(self, title: str) -> None:
        """Unfold a section and bring it into view."""
        section = self.sections[title]
        section.set_open(True)
        QTimer.singleShot(0, lambda: self.area.ensureWidgetVisible(section))

    def report(self, error: CryoAIError) -> None:
        """Put up what went wrong and what to do."""
        self.banners.show_message(str(error), "error")

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is on screen."""
        return self.opener.waiting == 0 and self.maker.idle

    # Layout -------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.list = MapList(self.session, self)
        self.reading = hint("", self)
        self.surface = SurfacePanel(self.session, self)
        self.slices = SlicePanel(self.session, self)
        self.fsc = FscPanel(self.session, self.background, self.banners.show_message, self)
        self.facts = MapFacts(self.session, self)
        self.close_map = button("Close", self.list.close_current, icon="close", tip="Close the map")
        bar = QHBoxLayout()
        bar.setSpacing(4)
        bar.addWidget(button("Open map…", self.ask_open, icon="folder"), 2)
        bar.addWidget(self.close_map, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(6)
        layout.addLayout(bar)
        layout.addWidget(self.banners)
        layout.addWidget(self.reading)
        layout.addWidget(self.list)
        self.empty = EmptyState(
            "map",
            "No map yet",
            WHAT_NEXT,
            ("Open map…", self.ask_open),
            ("Try it on a simulated map", self.open_sample),
            self,
        )
        self.area = self._column()
        self.sections = self.area.sections
        layout.addWidget(self.empty, 1)
        layout.addWidget(self.area, 1)

    def _column(self) -> SectionColumn:
        panels = (
            ("Surface", self.surface, True),
            ("Slices", self.slices, True),
            ("Half maps (FSC)", self.fsc, False),
            ("About this map", self.facts, False),
        )
        return SectionColumn(panels, self)

    # Wiring -------------------------------------------------------------------------------------

    def _connect(self) -> None:
        session = self.session
        self.background.failed.connect(self.report)
        self.maker.made.connect(self._on_made)
        session.added.connect(self._on_added)
        session.removed.connect(self._on_removed)
        session.level_changed.connect(self._on_level)
        session.shown_differently.connect(self._on_shown)

    def _on_added(self, opened: OpenMap) -> None:
        self.viewer.canvas.overlays.scale_bar.visible = True
        QTimer.singleShot(0, partial(self._first_surface, opened))

    def _first_surface(self, opened: OpenMap) -> None:
        if opened in self.session.maps and opened.visible and not self._closed:
            self.maker.make(opened, fine=True)
        self._refresh()

    def _on_removed(self, opened: OpenMap) -> None:
        self.maker.forget(opened)
        self._drawn.pop(opened, None)
        self._refresh()

    def _on_level(self, opened: OpenMap, final: bool) -> None:
        if opened.visible:
            self.maker.make(opened, fine=final)

    def _on_shown(self, opened: OpenMap) -> None:
        wanted = (opened.level, opened.full_detail)
        if opened.visible and self._drawn.get(opened) != wanted:
            self.maker.make(opened, fine=True)

    def _on_made(self, opened: OpenMap, mesh: Mesh, fine: bool) -> None:
        self.layers.show_mesh(opened, mesh)
        self._drawn[opened] = (opened.level, opened.full_detail) if fine else None
        if opened is self.session.current and fine:
            self.surface.say_detail(mesh)
        self._refresh()

    def _refresh(self) -> None:
        there, n = bool(self.session.maps), self.opener.waiting
        self.reading.setText("Reading…" if n == 1 else f"Reading {n} maps…")
        self.reading.setVisible(n > 0)
        self.empty.setVisible(not there)
        self.area.setVisible(there)
        self.list.setVisible(there)
        self.close_map.setEnabled(there)

    def release(self) -> None:
        """Leave the maps on screen: a panel opened later goes on with them."""
        self.layers.let_go()
        set_map_panel(self.viewer, None)
