"""The *Map* panel: composes the parts, and lets them hear of each other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QFileDialog,
    QWidget,
)

from napari_cryoai.core.isosurface import Mesh
from napari_cryoai.ui.kit.dock import DockPanel
from napari_cryoai.ui.kit.empty import EmptyState
from napari_cryoai.ui.kit.keys import Actions
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import SectionColumn, button, hint
from napari_cryoai.ui.maps.colour_panel import ColourBy
from napari_cryoai.ui.maps.commands import COMMANDS
from napari_cryoai.ui.maps.compare import Comparison
from napari_cryoai.ui.maps.compare_panel import ComparePanel
from napari_cryoai.ui.maps.compare_swipe import CompareOverlay, canvas_of
from napari_cryoai.ui.maps.denoise_panel import DenoisePanel
from napari_cryoai.ui.maps.denoise_work import Outcome
from napari_cryoai.ui.maps.edit_panel import EditPanel
from napari_cryoai.ui.maps.facts import MapFacts
from napari_cryoai.ui.maps.fsc_panel import FscPanel
from napari_cryoai.ui.maps.layers import MapLayers
from napari_cryoai.ui.maps.list import MapList
from napari_cryoai.ui.maps.mask_panel import MaskPanel
from napari_cryoai.ui.maps.opening import MapOpener
from napari_cryoai.ui.maps.session import OpenMap, map_session_of, set_map_panel
from napari_cryoai.ui.maps.slice_panel import SlicePanel
from napari_cryoai.ui.maps.sources import FILTER, HalfMapChoice, Source
from napari_cryoai.ui.maps.surface_panel import SurfacePanel
from napari_cryoai.ui.maps.surfaces import SurfaceMaker
from napari_cryoai.ui.micrographs.panels import undo_of_another

GREY = "#b4b8c0"
WHAT_NEXT = (
    "Drop a map here, or open one.\n\n"
    "1.  Open a map (.mrc, .map, .ccp4)\n"
    "2.  Drag the level of its surface\n"
    "3.  Open its two half maps, and denoise them\n"
    "4.  Compare: flip, swipe, side by side"
)


class MapPanel(DockPanel):
    """Surfaces, slices and FSC of density maps."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None):
        super().__init__(parent)
        self.viewer = napari_viewer
        self.session = map_session_of(napari_viewer)
        self.layers = MapLayers(self.viewer, self.session)
        self.maker = SurfaceMaker(self.background)
        self.comparison = Comparison(self.viewer, self.session, self.layers, self.maker)
        self.overlay: CompareOverlay | None = None
        self._raw: dict[OpenMap, tuple[Source | None, Source | None]] = {}
        self._drawn: dict[OpenMap, tuple[Any, ...] | None] = {}
        self.opener = MapOpener(self.session, self.background, self.banners, self, self._refresh)
        self._build()
        self._connect()
        self.actions_ = Actions(self, COMMANDS, but=undo_of_another(self.viewer))
        self.actions_.bind(self.viewer)
        self.setMinimumWidth(350)
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
        self.choice = HalfMapChoice(self.session)
        say, choice = self.banners.show_message, self.choice
        self.fsc = FscPanel(choice, self.background, say, self)
        self.colours = ColourBy(self.session, choice, self.background, say, self)
        self.surface.add_below_colour(self.colours)
        self.denoise = DenoisePanel(choice, self.background, say, self)
        self.compare = ComparePanel(self.session, self.comparison, self)
        self.mask = MaskPanel(self.viewer, self.session, choice, self.background, say, self)
        self.edit = EditPanel(self.session, choice, self.background, say, self)
        self.edit.draw = self.layers.show_mesh
        self.facts = MapFacts(self.session, self)
        self.close_map = button("Close", self.list.close_current, icon="close", tip="Close the map")
        bar = row(
            (button("Open map…", self.ask_open, icon="folder"), 2), (self.close_map, 1), spacing=4
        )
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
        head = (bar, self.banners, self.reading, self.list, self.compare.strip)
        layout = column(*head, (self.empty, 1), (self.area, 1), of=self, spacing=6)
        layout.setContentsMargins(6, 6, 6, 6)

    def _column(self) -> SectionColumn:
        panels = (
            ("Surface", self.surface, True),
            ("Denoise", self.denoise, False),
            ("Compare", self.compare, False),
            ("Slices", self.slices, False),
            ("Half maps (FSC)", self.fsc, False),
            ("Mask", self.mask, False),
            ("Edit and save", self.edit, False),
            ("About this map", self.facts, False),
        )
        return SectionColumn(panels, self)

    # Wiring -------------------------------------------------------------------------------------

    def _connect(self) -> None:
        session = self.session
        self.maker.made.connect(self._on_made)
        session.added.connect(self._on_added)
        session.removed.connect(self._on_removed)
        session.level_changed.connect(self._on_level)
        session.shown_differently.connect(self._on_shown)
        session.replaced.connect(self._on_replaced)
        self.comparison.changed.connect(self._on_compared)
        self.denoise.denoised.connect(self._on_denoised)

    def _on_compared(self) -> None:
        """Names and divider need a canvas, which is there once the panel is docked."""
        if self.overlay is None and self.comparison.layout != "off":
            canvas = canvas_of(self)
            if canvas is not None:
                self.overlay = CompareOverlay(self.comparison, canvas)

    def _on_denoised(self, outcome: Outcome) -> None:
        """Show the raw map and the denoised one, at levels that enclose the same volume."""
        raw = self._raw_of(outcome)
        model = getattr(outcome.params, "model", "filtered")
        doubt = "" if outcome.inputs.half2 is not None else ", not verifiable"
        denoised = self.session.add(f"denoised ({model}{doubt})", *outcome.denoised)
        denoised.colourings.update(outcome.colourings)
        self.comparison.take("off")
        for opened in self.session.maps:
            self.session.show(opened, visible=opened is denoised)
        self.comparison.link(True)
        self.comparison.choose(raw, denoised)
        self.comparison.flip()
        self.sections["Compare"].set_open(True)
        self.show_section("Denoise")

    def _raw_of(self, outcome: Outcome) -> OpenMap:
        """The raw map, which is there already if the same halves were denoised before."""
        inputs = outcome.inputs
        for opened, of in self._raw.items():
            if of == (inputs.half1, inputs.half2) and opened in self.session.maps:
                return opened
        if inputs.half2 is None and (only := self.choice.opened("half1")) is not None:
            return only
        raw = self.session.add("raw (mean of the halves)", *outcome.raw)
        self.session.show(raw, colour=GREY)
        self._raw[raw] = inputs.half1, inputs.half2
        return raw

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
        if opened.visible and self._drawn.get(opened) != _wanted(opened):
            self.maker.make(opened, fine=True)

    def _on_replaced(self, opened: OpenMap) -> None:
        if opened.visible or opened in self.layers.surfaces:
            self.maker.make(opened, fine=True)

    def _on_made(self, opened: OpenMap, mesh: Mesh, fine: bool, values: Any) -> None:
        self.layers.show_mesh(opened, mesh, values)
        self._drawn[opened] = _wanted(opened) if fine else None
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
        self.denoise.runner.cancel()
        self.comparison.let_go()
        self.mask.let_go()
        if self.overlay is not None:
            self.overlay.let_go()
        self.actions_.clear()
        self.layers.let_go()
        self.session.let_go()
        set_map_panel(self.viewer, None)


def _wanted(opened: OpenMap) -> tuple[Any, ...]:
    """What a fine surface depends on."""
    return opened.level, opened.full_detail, opened.coloured_by, id(opened.density)
