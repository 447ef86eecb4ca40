"""Edits of a model as the buttons name them. For a thread: the first one brings torch along."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core import model_edits as edits
from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.trace import Trace
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.ui.models.opening import content_of
from napari_cryoai.ui.models.session import Content

if TYPE_CHECKING:
    from napari_cryoai.building.edit import Editor

Rows = NDArray[np.intp]
Change = Callable[["Editor"], Trace]


def changed(content: Content, change: Change) -> Content:
    """The model after an edit of its trace.

    Raises
    ------
    CryoAIError
        If it cannot be done.
    """
    editor, model = editor_of(content).edited(change(editor_of(content)), content.model)
    return content_of(model, editor)


def editor_of(content: Content) -> Editor:
    """What edits the model; of one that comes from a file it is made now, and kept."""
    from napari_cryoai.building.edit import Editor

    if content.editor is None:
        # The content is the same as before to all others: it only knows more.
        object.__setattr__(content, "editor", Editor.of_model(content.model))
    assert content.editor is not None  # noqa: S101 - it was just made
    return content.editor


def refitted(
    content: Content, density: DensityMap | None, resolution_A: float | None
) -> Job[Content]:
    """All atoms built anew in the density."""
    yield Progress(0, 100, "Building all atoms")
    editor = editor_of(content)
    model = yield from editor.finished(density, resolution_A, content.model)
    if density is not None:
        from napari_cryoai.maps.qscore import with_q_scores

        yield Progress(99, 100, "Scoring")
        model = with_q_scores(model, density)
    return content_of(model, editor)


def scored(content: Content, density: DensityMap) -> AtomicModel:
    """The same model with Q-scores in a map."""
    from napari_cryoai.maps.qscore import with_q_scores

    return with_q_scores(content.model, density)


# Each takes rows of residues of the model, and gives what `changed` wants.


def delete(rows: Rows) -> Change:
    """Take residues away."""
    return lambda editor: edits.deleted(editor.trace, editor.rows[rows])


def cut(rows: Rows) -> Change:
    """End the fragment after the last of the residues."""
    return lambda editor: edits.cut(editor.trace, int(editor.rows[rows[-1]]))


def reverse(rows: Rows) -> Change:
    """Let the fragment run the other way."""
    return lambda editor: edits.reversed_(editor.trace, int(editor.rows[rows[0]]))


def join(rows: Rows) -> Change:
    """Join two ends.

    Raises
    ------
    CryoAIError
        If there are not two.
    """
    if len(rows) != 2:
        raise CryoAIError(
            "two residues are joined", remedy="Choose both with Ctrl in the table of residues"
        )
    return lambda editor: edits.joined(editor.trace, *(int(r) for r in editor.rows[rows]))


def add(rows: Rows, *, before: bool) -> Change:
    """Add a residue next to one."""
    at = 0 if before else -1
    return lambda editor: edits.inserted(editor.trace, int(editor.rows[rows[at]]), before=before)


def shift(rows: Rows, by: int) -> Change:
    """Slide the fragment along its sequence."""
    return lambda editor: editor.shifted(int(rows[0]), by)


def move(rows: Rows, ca_A: NDArray[np.float64]) -> Change:
    """Put CA elsewhere, `(k, 3)` (x, y, z)."""

    def change(editor: Editor) -> Trace:
        # The atoms may have been polished away from the trace: what counts is how far they move.
        return edits.moved(editor.trace, editor.rows[rows], ca_A)

    return change
