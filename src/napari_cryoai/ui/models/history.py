"""Undo and redo of edits of models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_cryoai.ui.kit.step_history import StepHistory

if TYPE_CHECKING:
    from napari_cryoai.ui.models.session import Content, ModelSession, OpenModel

MOST_STEPS = 500


@dataclass(frozen=True, eq=False)
class Step:
    """One edit of a model, as the buttons name it."""

    label: str
    opened: OpenModel
    before: Content
    after: Content


class ModelHistory(StepHistory[Step]):
    """The edits of the models of a session."""

    def __init__(self, session: ModelSession):
        super().__init__()
        self.session = session

    def do(self, label: str, opened: OpenModel, after: Content) -> None:
        """Replace the atoms of a model, as one step."""
        self._do(Step(label, opened, opened.content, after))

    def forget(self, opened: OpenModel) -> None:
        """A model is closed: its edits cannot be taken back any more."""
        self._drop(lambda step: step.opened is opened)

    def _shorten(self, steps: list[Step]) -> None:
        del steps[:-MOST_STEPS]

    def _apply(self, step: Step) -> None:
        self.session.replace(step.opened, step.after)

    def _revert(self, step: Step) -> None:
        self.session.replace(step.opened, step.before)
