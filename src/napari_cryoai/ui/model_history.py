"""Undo and redo of edits of models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psygnal import Signal

if TYPE_CHECKING:
    from napari_cryoai.ui.model_session import Content, ModelSession, OpenModel

MOST_STEPS = 500


@dataclass(frozen=True, eq=False)
class Step:
    """One edit of a model, as the buttons name it."""

    label: str
    opened: OpenModel
    before: Content
    after: Content


class ModelHistory:
    """Steps that were done, and those that were taken back.

    Signals
    -------
    changed()
        There is something else to undo or to redo.
    """

    changed = Signal()

    def __init__(self, session: ModelSession):
        self.session = session
        self._done: list[Step] = []
        self._undone: list[Step] = []

    def do(self, label: str, opened: OpenModel, after: Content) -> None:
        """Replace the atoms of a model, as one step."""
        self._undone.clear()
        self._done.append(Step(label, opened, opened.content, after))
        del self._done[:-MOST_STEPS]
        self._put(opened, after)

    def undo(self) -> str | None:
        """Take back the last step; what it was called, or None if there is none."""
        return self._move(self._done, self._undone, "before")

    def redo(self) -> str | None:
        """Repeat the last step taken back."""
        return self._move(self._undone, self._done, "after")

    @property
    def undo_label(self) -> str | None:
        """What `undo` would take back."""
        return self._done[-1].label if self._done else None

    @property
    def redo_label(self) -> str | None:
        """What `redo` would repeat."""
        return self._undone[-1].label if self._undone else None

    def forget(self, opened: OpenModel) -> None:
        """A model is closed: its edits cannot be taken back any more."""
        for steps in (self._done, self._undone):
            steps[:] = [step for step in steps if step.opened is not opened]
        self.changed.emit()

    def _move(self, from_: list[Step], to: list[Step], side: Any) -> str | None:
        if not from_:
            return None
        step = from_.pop()
        to.append(step)
        self._put(step.opened, getattr(step, side))
        return step.label

    def _put(self, opened: OpenModel, content: Content) -> None:
        self.session.replace(opened, content)
        self.changed.emit()
