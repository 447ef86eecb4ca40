"""Mend the current model: its residues, its fragments, their places in the sequence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.jobs import JobBar, JobRunner
from napari_cryoai.ui.kit.layout import column, grid
from napari_cryoai.ui.kit.parts import button, counted, hint
from napari_cryoai.ui.models import edit_work as work
from napari_cryoai.ui.models.points import Handles
from napari_cryoai.ui.models.session import Content, ModelSession, OpenModel

HELP = "Select a residue: click the ribbon, the sequence or the table."


class ModelEditPanel(QWidget):
    """Buttons that edit what is selected; the sequence is threaded again after each.

    Parameters
    ----------
    density
        Gives the map that the model is in, and its resolution, as far as they are known.

    Signals
    -------
    edited()
        An edit is on screen.
    """

    edited = Signal()

    def __init__(
        self,
        viewer: Any,
        session: ModelSession,
        background: Background,
        say: Callable[..., object],
        density: Callable[[], tuple[DensityMap | None, float | None]],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.background, self.say, self.density = session, background, say, density
        self.busy = False
        self.handles = Handles(viewer, session, self._dragged, self.delete)
        self.runner = JobRunner(self)
        self.job = JobBar(self.runner, lambda error: self.say(str(error), "error"), self)
        self.words = hint(HELP, self)
        self._build()
        self._connect()
        self.refresh()

    # What the user does -------------------------------------------------------------------------

    def delete(self, rows: Any = None) -> None:
        """Take the selected residues away."""
        if rows is not None:
            self.session.select(rows)
        rows = self.session.selected
        self._do(f"Delete {counted(len(rows), 'residue')}", work.delete(rows))

    def cut(self) -> None:
        """End the fragment after the selected residue."""
        self._do("Cut", work.cut(self.session.selected))

    def join(self) -> None:
        """Join two ends of fragments."""
        try:
            change = work.join(self.session.selected)
        except CryoAIError as error:
            self.say(str(error), "warning")
            return
        self._do("Join", change)

    def reverse(self) -> None:
        """Let the fragment run the other way."""
        self._do("Reverse a fragment", work.reverse(self.session.selected))

    def add_after(self) -> None:
        """Add a residue towards the C terminus."""
        self._do("Add a residue", work.add(self.session.selected, before=False))

    def add_before(self) -> None:
        """Add a residue towards the N terminus."""
        self._do("Add a residue", work.add(self.session.selected, before=True))

    def shift(self, by: int) -> None:
        """Slide the fragment along its sequence."""
        self._do(f"Shift the register by {by:+d}", work.shift(self.session.selected, by))

    def undo(self) -> str | None:
        """Take back the last edit; what it was called."""
        return None if self.busy else self.session.history.undo()

    def redo(self) -> str | None:
        """Repeat the last edit taken back."""
        return None if self.busy else self.session.history.redo()

    def refit(self) -> None:
        """Build all atoms anew in the map."""
        opened = self.session.current
        if opened is None or self.runner.running or self.busy:
            return
        self._refitting = opened
        rebuild = partial(work.refitted, opened.content, *self.density())
        self.runner.start(rebuild, "Building all atoms")
        self.refresh()

    def refresh(self, *_: object) -> None:
        """What can be done now."""
        chosen, history = self.session.selected, self.session.history
        free = self.session.current is not None and not self.busy and not self.runner.running
        for name, widget in self.buttons.items():
            widget.setEnabled(free and len(chosen) >= (2 if name == "join" else 1))
        self.refit_button.setEnabled(free)
        self.handles_button.setEnabled(self.session.current is not None)
        self.undo_button.setEnabled(free and history.undo_label is not None)
        self.redo_button.setEnabled(free and history.redo_label is not None)
        self.undo_button.setToolTip(f"Undo: {history.undo_label}" if history.undo_label else "Undo")
        self.redo_button.setToolTip(f"Redo: {history.redo_label}" if history.redo_label else "Redo")
        self.words.setVisible(not len(chosen))

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.buttons: dict[str, QPushButton] = {
            "before": button("Before", self.add_before, icon="add",
                             tip="Add a residue towards the N terminus"),
            "after": button("After", self.add_after, icon="add",
                            tip="Add a residue towards the C terminus"),
            "delete": button("Delete", self.delete, icon="erase",
                             tip="Delete the selected residues"),
            "cut": button("Cut", self.cut, tip="End the fragment after the selected residue"),
            "join": button("Join", self.join, tip="Join two selected ends of fragments"),
            "reverse": button("Reverse", self.reverse, icon="mirror",
                              tip="Let the fragment run the other way"),
            "back": button("-1", partial(self.shift, -1),
                           tip="Slide the fragment one residue back along its sequence"),
            "on": button("+1", partial(self.shift, 1),
                         tip="Slide the fragment one residue on along its sequence"),
        }  # fmt: skip
        self.handles_button = button(
            "Drag CA", self._toggle_handles, icon="pan",
            tip="Show a handle on each CA: drag them, or select some and press Delete",
        )  # fmt: skip
        self.handles_button.setCheckable(True)
        self.undo_button = button("Undo", self.undo, icon="undo")
        self.redo_button = button("Redo", self.redo, icon="redo")
        self.refit_button = button(
            "Rebuild all atoms", self.refit,
            tip="Side chains and main chain anew, in the density of the map",
        )  # fmt: skip
        b = self.buttons
        fields = grid(
            ("Residue", b["before"], b["after"], b["delete"]),
            ("Fragment", b["cut"], b["join"], b["reverse"]),
            ("Register", b["back"], b["on"]),
            ("", self.handles_button, self.undo_button, self.redo_button),
        )
        fields.setSpacing(4)
        column(self.words, fields, self.refit_button, self.job, of=self, spacing=5)

    def _connect(self) -> None:
        session = self.session
        session.history.changed.connect(self.refresh)
        session.selected_changed.connect(self.refresh)
        session.current_changed.connect(self.refresh)
        self.runner.ended.connect(self.refresh)
        self.runner.done.connect(self._refitted)

    def _do(self, label: str, change: work.Change) -> None:
        opened = self.session.current
        if opened is None or self.busy or self.runner.running:
            return
        if not len(self.session.selected):
            self.say("No residue is selected. " + HELP, "warning")
            return
        self.busy = True
        self.refresh()
        done = partial(self._done, opened, opened.content, label)
        self.background.submit(partial(work.changed, opened.content, change), done, self._fail)

    def _done(self, opened: OpenModel, before: Content, label: str, after: Content) -> None:
        self.busy = False
        if opened in self.session.models and opened.content is before:
            self.session.history.do(label, opened, after)
        self.refresh()
        self.edited.emit()

    def _fail(self, error: CryoAIError) -> None:
        self.busy = False
        self.say(str(error), "warning")
        self.handles.reset()
        self.refresh()

    def _dragged(self, rows: Any, ca_A: Any) -> None:
        opened = self.session.current
        if opened is None or not len(rows):
            return
        self.session.select(rows)
        self._do(f"Move {counted(len(rows), 'residue')}", work.move(rows, ca_A))

    def _toggle_handles(self) -> None:
        self.handles.show(self.handles_button.isChecked())

    def _refitted(self, content: Content) -> None:
        if self._refitting in self.session.models:
            self.session.history.do("Rebuild all atoms", self._refitting, content)

    def let_go(self) -> None:
        """The panel goes."""
        self.runner.cancel()
        self.handles.let_go()
