"""The models that a viewer shows, and what is selected of them. Knows neither Qt nor napari."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.ui.kit.per_viewer import PanelPerViewer, PerViewer, unique_name
from napari_cryoai.ui.models.colouring import Coloured, coloured, first_colours, properties_of
from napari_cryoai.ui.models.drawing import Drawing
from napari_cryoai.ui.models.history import ModelHistory

if TYPE_CHECKING:
    from napari_cryoai.building.edit import Editor

Rows = NDArray[np.intp]
Shown = Literal["selected", "around", "all", "none"]
NONE: Rows = np.empty(0, np.intp)
_SAME_A, _MOST_SELECTED = 4.5, 200


@dataclass(frozen=True, eq=False)
class Content:
    """What an edit replaces: the model, how it is drawn, and what edits it.

    Attributes
    ----------
    editor
        None until the first edit of a model that comes from a file.
    """

    model: AtomicModel
    drawing: Drawing
    editor: Editor | None = None

    @cached_property
    def row_of(self) -> dict[tuple[str, int], int]:
        """The row of the residue at each place of each chain."""
        residues = self.model.residues
        places = zip(residues.chains.tolist(), residues.numbers.tolist(), strict=True)
        return {place: row for row, place in enumerate(places)}


@dataclass(eq=False)
class OpenModel:
    """A model and how it is shown.

    Attributes
    ----------
    coloured_by
        One of `properties`.
    side_chains
        Whose are drawn.
    match
        What each residue is beside those of a reference model; None without one.
    unsaved
        Whether it was built or changed, and is in no file yet.
    """

    name: str
    path: Path | None
    content: Content
    visible: bool = True
    coloured_by: str = ""
    side_chains: Shown = "selected"
    match: NDArray[np.str_] | None = None
    unsaved: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.coloured_by = self.coloured_by or first_colours(self.model)

    @property
    def model(self) -> AtomicModel:
        """The model as it is now."""
        return self.content.model

    @property
    def properties(self) -> list[str]:
        """What it can be coloured by."""
        return properties_of(self.model, self.match)

    @property
    def colours(self) -> Coloured:
        """The colours of its residues."""
        return coloured(self.model, self.coloured_by, self.match)


class ModelSession:
    """Open models, in the order in which they were opened.

    Signals
    -------
    added(model), removed(model)
        The set changed.
    current_changed()
        Another model is the one that the panel is about.
    selected_changed(fly)
        Other residues are selected; `fly` if the camera is to go there.
    shown_differently(model)
        Colours, visibility or side chains changed.
    replaced(model)
        It has other atoms.

    Attributes
    ----------
    history
        The way back from edits.
    selected
        Rows of residues of the current model.
    """

    added = Signal(object)
    removed = Signal(object)
    current_changed = Signal()
    selected_changed = Signal(bool)
    shown_differently = Signal(object)
    replaced = Signal(object)

    def __init__(self) -> None:
        self.history = ModelHistory(self)
        self.models: list[OpenModel] = []
        self.current: OpenModel | None = None
        self.selected: Rows = NONE

    def add(self, name: str, content: Content, path: Path | None = None, **how: Any) -> OpenModel:
        """Show another model."""
        unique = unique_name(name, {opened.name for opened in self.models})
        opened = OpenModel(unique, path, content, **how)
        self.models.append(opened)
        self.added.emit(opened)
        self.choose(opened)
        return opened

    def remove(self, opened: OpenModel) -> None:
        """Close a model."""
        if opened not in self.models:
            return
        at = self.models.index(opened)
        self.models.remove(opened)
        self.history.forget(opened)
        self.removed.emit(opened)
        if opened is self.current:
            self.choose(self.models[min(at, len(self.models) - 1)] if self.models else None)

    def choose(self, opened: OpenModel | None) -> None:
        """Turn to a model; nothing of it is selected."""
        if opened is not self.current:
            self.current = opened
            self.current_changed.emit()
            self.select(NONE)

    def select(self, rows: Any, *, fly: bool = False) -> None:
        """Select residues of the current model."""
        rows = np.unique(np.atleast_1d(np.asarray(rows, np.intp)))
        if fly or not np.array_equal(rows, self.selected):
            self.selected = rows
            self.selected_changed.emit(fly)

    def step(self, by: int, *, fly: bool = True) -> None:
        """Select the next or previous residue."""
        if self.current is None or not len(self.current.model.residues):
            return
        last = len(self.current.model.residues) - 1
        at = int(self.selected[0]) + by if len(self.selected) else 0
        self.select([min(max(at, 0), last)], fly=fly)

    def show(self, opened: OpenModel, **how: Any) -> None:
        """Change how a model is shown: `visible`, `coloured_by`, `side_chains`, `match`, ..."""
        if any(getattr(opened, name) is not value for name, value in how.items()):
            for name, value in how.items():
                setattr(opened, name, value)
            self.shown_differently.emit(opened)

    def tell(self, opened: OpenModel, model: AtomicModel, *, coloured_by: str) -> None:
        """More is known now of the same residues of a model."""
        opened.content = replace(opened.content, model=model)
        opened.coloured_by = coloured_by
        self.replaced.emit(opened)

    def replace(self, opened: OpenModel, content: Content) -> None:
        """Give a model other atoms."""
        places = opened.model.residues.ca_A[self.selected] if opened is self.current else None
        opened.content, opened.match, opened.unsaved = content, None, True
        if opened.coloured_by not in opened.properties:
            opened.coloured_by = first_colours(content.model)
        if places is not None:
            self.selected = _found_again(places, content.model.residues.ca_A)
        self.replaced.emit(opened)
        self.selected_changed.emit(False)

    def let_go(self) -> None:
        """The panel goes, whose parts alone have listened; the models stay for the next one."""
        for signal in (
            self.added,
            self.removed,
            self.current_changed,
            self.selected_changed,
            self.shown_differently,
            self.replaced,
            self.history.changed,
        ):
            signal.disconnect()


def _found_again(places_A: NDArray[np.float64], ca_A: NDArray[np.float64]) -> Rows:
    """The rows of residues that lie where the selected ones were."""
    if not len(places_A) or not len(ca_A):
        return NONE
    distance = np.linalg.norm(ca_A[:, None] - places_A[None, :_MOST_SELECTED], axis=2)
    near = distance.argmin(axis=0)[distance.min(axis=0) < _SAME_A]
    return np.unique(near)


_PANELS = PanelPerViewer()
model_session_of = PerViewer(ModelSession).of
"""The models of a viewer, for as long as it lives: they outlive the panel."""
model_panel_of, set_model_panel = _PANELS.of, _PANELS.put
"""The Build model panel of a viewer, if it is open; its place, for the panel itself."""
