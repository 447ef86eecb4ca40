"""Commands about atomic models: each asks the panel of the current viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryoai.ui.kit.commands import action, opened
from napari_cryoai.ui.models.session import model_panel_of

if TYPE_CHECKING:
    from napari_cryoai.ui.models.panel import ModelPanel


def model_panel() -> ModelPanel:
    """The Build model panel of the current viewer, opened if need be.

    Raises
    ------
    CryoAIError
        If there is no viewer.
    """
    found: ModelPanel = opened(model_panel_of, "Build model")
    return found


def open_model() -> None:
    """Open atomic models."""
    model_panel().ask_open()


save_model = action(model_panel, "save")
close_model = action(model_panel, "close")
next_doubtful_residue = action(model_panel, "next_doubt")
next_residue = action(model_panel, "next_residue")
previous_residue = action(model_panel, "previous_residue")
colour_model = action(model_panel, "colour")
side_chains = action(model_panel, "side_chains")
undo_model_edit = action(model_panel, "undo")
redo_model_edit = action(model_panel, "redo")
delete_residues = action(model_panel, "delete")
build_into_map = action(model_panel, "build")
