"""The *Build model* panel: composes the parts, and lets them hear of each other."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.kit.dock import DockPanel
from napari_cryoai.ui.kit.keys import Actions
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import SectionColumn, button, hint
from napari_cryoai.ui.maps.session import map_panel_of, map_session_of
from napari_cryoai.ui.micrographs.panels import undo_of_another
from napari_cryoai.ui.models.build_panel import BuildPanel
from napari_cryoai.ui.models.build_work import Outcome
from napari_cryoai.ui.models.camera import SPAN_A, Flight
from napari_cryoai.ui.models.colour_panel import ModelColours
from napari_cryoai.ui.models.colouring import Q
from napari_cryoai.ui.models.commands import COMMANDS
from napari_cryoai.ui.models.compare_panel import ModelComparePanel
from napari_cryoai.ui.models.edit_panel import ModelEditPanel
from napari_cryoai.ui.models.edit_work import scored
from napari_cryoai.ui.models.layers import Glass, ModelLayers
from napari_cryoai.ui.models.list import ModelList, in_words
from napari_cryoai.ui.models.opening import FILTER, ModelOpener
from napari_cryoai.ui.models.picking import residue_under
from napari_cryoai.ui.models.saving import SAVE_FILTER, save_model
from napari_cryoai.ui.models.sequence import SequencePanel
from napari_cryoai.ui.models.session import (
    NONE,
    Content,
    OpenModel,
    model_session_of,
    set_model_panel,
)
from napari_cryoai.ui.models.table import ResidueTable, residue_in_words

MODEL_SECTIONS = ("Colour", "Residues", "Sequence", "Edit", "Compare")
TRACING = "trace, before it has a sequence"
_STILL_PX = 4
"""A click may move the mouse by that much."""


class ModelPanel(DockPanel):
    """Atomic models: ribbons, residues, sequences."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None):
        super().__init__(parent)
        self.viewer = napari_viewer
        self.session = model_session_of(napari_viewer)
        self.layers = ModelLayers(self.viewer, self.session)
        self.glass = Glass(self.viewer, self._any_shown)
        self.flight = Flight(self.viewer, self)
        self._preview: OpenModel | None = None
        self.scoring = False
        self.opener = ModelOpener(self.session, self.background, self.banners, self._refresh)
        self._build()
        self._connect()
        self.actions_ = Actions(self, COMMANDS, but=undo_of_another(self.viewer))
        self.actions_.bind(self.viewer)
        self.setMinimumWidth(350)
        set_model_panel(self.viewer, self)
        self._refresh()

    # What others may ask ------------------------------------------------------------------------

    def drop(self, paths: list[str]) -> None:
        self.open(paths)

    def open(self, paths: Iterable[str | Path]) -> None:
        """Open models."""
        self.opener.open(paths)

    def ask_open(self) -> None:
        """Choose models."""
        paths, _ = QFileDialog.getOpenFileNames(self, "Open models", "", FILTER)
        if paths:
            self.open(paths)

    def ask_map(self) -> None:
        """Choose maps, in the Map panel."""
        if map_panel_of(self.viewer) is None and hasattr(self.viewer, "window"):
            self.viewer.window.add_plugin_dock_widget("napari-cryoai", "Map")
        other = map_panel_of(self.viewer)
        if other is not None:
            other.ask_open()
            self.come_forward()

    def ask_save(self) -> None:
        """Choose where the current model goes."""
        opened = self.session.current
        if opened is None:
            return
        stem = opened.name.split(".")[0] or "model"
        path, _ = QFileDialog.getSaveFileName(self, "Save the model", f"{stem}.cif", SAVE_FILTER)
        if path:
            self.save(opened, Path(path))

    def save(self, opened: OpenModel, path: Path) -> None:
        """Write a model, in a thread."""
        work = partial(save_model, path, opened.name, opened.content)
        self.background.submit(work, partial(self._saved, opened, path))

    def score(self) -> None:
        """Q-scores of the current model in its map, in a thread."""
        opened, density = self.session.current, self._density()[0]
        if opened is not None and density is not None and not self.scoring:
            self.scoring = True
            work = partial(scored, opened.content, density)
            self.background.submit(work, partial(self._scored, opened, opened.content), self._fail)
            self._refresh()

    def show_section(self, title: str) -> None:
        """Unfold a section and bring it into view."""
        section = self.sections[title]
        section.set_open(True)
        QTimer.singleShot(0, lambda: self.area.ensureWidgetVisible(section))

    def pick(self, position_A: Any, direction: Any) -> bool:
        """Select the residue that a line of sight meets first; whether there is one."""
        found: tuple[float, OpenModel, int] | None = None
        for opened in self.session.models:
            hit = residue_under(opened.content.drawing.ribbon, position_A, direction)
            if opened.visible and hit is not None and (found is None or hit[1] < found[0]):
                found = hit[1], opened, hit[0]
        if found is None:
            return False
        self.session.choose(found[1])
        self.session.select([found[2]])
        return True

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is on screen."""
        working = self.edit.busy or self.edit.runner.running or self.build.runner.running
        return self.opener.waiting == 0 and not self.flight.flying and not working

    # Layout -------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.list = ModelList(self.session, self)
        self.reading = hint("", self)
        self.facts = hint("", self)
        say = self.banners.show_message
        self.build = BuildPanel(
            map_session_of(self.viewer), self.background, say, self.ask_map, self
        )
        self.edit = ModelEditPanel(
            self.viewer, self.session, self.background, say, self._density, self
        )
        self.compare = ModelComparePanel(self.session, self.background, self)
        self.colours = ModelColours(self.session, self.glass, self)
        self.table = ResidueTable(self.session, self)
        self.score_button = button(
            "Q-scores in the map", self.score, tip="How clearly the map shows each residue"
        )
        self.sequence = SequencePanel(self.session, self)
        self.open_button = button("Open model…", self.ask_open, icon="folder")
        self.save_button = button(
            "Save…", self.ask_save, icon="save", tip="As mmCIF, which holds everything, or as PDB"
        )
        self.close_button = button(
            "Close", self.list.close_current, icon="close", tip="Close the model"
        )
        buttons = ((self.open_button, 2), (self.save_button, 1), (self.close_button, 1))
        bar = row(*buttons, spacing=4)
        self.area = self._column()
        self.sections = self.area.sections
        head = (bar, self.banners, self.reading, self.list, self.facts)
        column(*head, (self.area, 1), of=self, spacing=6).setContentsMargins(6, 6, 6, 6)

    def _residues(self) -> QWidget:
        """The table, and what adds to it."""
        body = QWidget(self)
        column(self.table, self.score_button, of=body)
        return body

    def _column(self) -> SectionColumn:
        panels = (
            ("Build", self.build, not self.session.models),
            ("Colour", self.colours, True),
            ("Residues", self._residues(), True),
            ("Sequence", self.sequence, True),
            ("Edit", self.edit, False),
            ("Compare", self.compare, False),
        )
        return SectionColumn(panels, self)

    # Wiring -------------------------------------------------------------------------------------

    def _connect(self) -> None:
        session = self.session
        for signal in (session.added, session.removed, session.replaced, session.shown_differently):
            signal.connect(self._on_models)
        session.current_changed.connect(self._refresh)
        self.build.traced.connect(self._on_traced)
        self.build.built.connect(self._on_built)
        self.build.ended.connect(self._forget_trace)
        session.selected_changed.connect(self._on_selected)
        self.viewer.mouse_drag_callbacks.append(self._on_mouse)

    def _on_traced(self, content: Content) -> None:
        """Show the trace, until the model is there."""
        self._forget_trace()
        if len(content.model.residues):
            self._preview = self.session.add(TRACING, content)

    def _forget_trace(self) -> None:
        if self._preview is not None:
            self.session.remove(self._preview)
            self._preview = None

    def _on_built(self, outcome: Outcome) -> None:
        self._forget_trace()
        opened = self.session.add("built model", outcome.content, unsaved=True)
        opened.facts |= {"density": outcome.density, "params": outcome.params}
        for warning in outcome.built.warnings:
            self.banners.show_message(warning, "warning")
        minutes, seconds = divmod(round(outcome.seconds), 60)
        took = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        self.banners.show_message(f"Built {in_words(opened)}, in {took}.", "info")
        self.sections["Build"].set_open(False)

    def _density(self) -> tuple[DensityMap | None, float | None]:
        """The map that the current model was built in, else the chosen one; and how fine it is."""
        opened, chosen = self.session.current, self.build.chosen
        facts = opened.facts if opened is not None else {}
        density = facts.get("density") or (chosen.density if chosen is not None else None)
        return density, getattr(facts.get("params"), "resolution_A", None)

    def _on_models(self, _opened: OpenModel) -> None:
        self.glass.apply()
        self._refresh()

    def _on_selected(self, fly: bool) -> None:
        opened, chosen = self.session.current, self.session.selected
        if opened is None or not len(chosen):
            return
        if len(chosen) == 1:
            self.viewer.status = residue_in_words(opened, int(chosen[0]))
        if fly:
            places = opened.model.residues.ca_A[chosen]
            reach = float(np.ptp(places, axis=0).max()) if len(chosen) > 1 else 0.0
            others = np.delete(opened.model.residues.ca_A, chosen, axis=0)[:, ::-1]
            self.flight.go(places.mean(0)[::-1], max(SPAN_A, 1.5 * reach), others)

    def _on_mouse(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        """A click selects what is under it; a drag turns the view, as ever."""
        if event.button != 1 or self.viewer.dims.ndisplay != 3 or event.view_direction is None:
            return
        if self.edit.handles.shown:  # clicks are for the handles
            return
        start = np.array(event.pos)
        position, direction = np.array(event.position)[-3:], np.array(event.view_direction)[-3:]
        yield
        while event.type == "mouse_move":
            if np.abs(np.array(event.pos) - start).max() > _STILL_PX:
                return
            yield
        if not self.pick(position, direction):
            self.session.select(NONE)

    def _saved(self, opened: OpenModel, path: Path, words: str) -> None:
        opened.unsaved, opened.path = False, path
        self.list.refresh()
        self.banners.show_message(words, "info")

    def _scored(self, opened: OpenModel, before: Content, model: AtomicModel) -> None:
        self.scoring = False
        if opened in self.session.models and opened.content is before:
            self.session.tell(opened, model, coloured_by=Q)
        self._refresh()

    def _fail(self, error: CryoAIError) -> None:
        self.scoring = False
        self.report(error)
        self._refresh()

    def _any_shown(self) -> bool:
        return any(opened.visible for opened in self.session.models)

    def _refresh(self) -> None:
        opened, n = self.session.current, self.opener.waiting
        self.reading.setText("Reading…" if n == 1 else f"Reading {n} models…")
        self.reading.setVisible(n > 0)
        self.list.setVisible(opened is not None)
        self.facts.setVisible(opened is not None)
        if opened is not None:
            self.facts.setText(in_words(opened))
        for title in MODEL_SECTIONS:
            self.sections[title].setVisible(opened is not None)
        missing = opened is not None and not np.isfinite(opened.model.residues.q).any()
        self.score_button.setVisible(missing and self._density()[0] is not None)
        self.score_button.setText("Scoring…" if self.scoring else "Q-scores in the map")
        self.score_button.setEnabled(not self.scoring)
        self.save_button.setEnabled(opened is not None)
        self.close_button.setEnabled(opened is not None)

    def release(self) -> None:
        """Leave the models on screen: a panel opened later goes on with them."""
        if self._on_mouse in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._on_mouse)
        self.build.let_go()
        self.edit.let_go()
        self._forget_trace()
        self.glass.let_go()
        self.actions_.clear()
        self.layers.let_go()
        self.session.let_go()
        set_model_panel(self.viewer, None)
