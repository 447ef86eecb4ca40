"""Commands about atomic models: each asks the panel of the current viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import napari

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.model_session import model_panel_of

if TYPE_CHECKING:
    from napari_cryoai.ui.model_panel import ModelPanel


def model_panel() -> ModelPanel:
    """The Build model panel of the current viewer, opened if need be.

    Raises
    ------
    CryoAIError
        If there is no viewer.
    """
    viewer = napari.current_viewer()
    if viewer is None:
        raise CryoAIError("there is no napari window", remedy="Start napari first")
    found: ModelPanel | None = model_panel_of(viewer)
    if found is None:
        viewer.window.add_plugin_dock_widget("napari-cryoai", "Build model")
        found = model_panel_of(viewer)
    assert found is not None  # noqa: S101 - it was just opened
    return found


def open_model() -> None:
    """Open atomic models."""
    model_panel().ask_open()


def _action(name: str) -> Callable[[], None]:
    def act() -> None:
        model_panel().actions_.table()[name]()

    act.__name__ = name
    act.__doc__ = f"The action {name!r} of the table of the Build model panel's keys."
    return act


save_model = _action("save")
close_model = _action("close")
next_doubtful_residue = _action("next_doubt")
next_residue = _action("next_residue")
previous_residue = _action("previous_residue")
colour_model = _action("colour")
side_chains = _action("side_chains")
undo_model_edit = _action("undo")
redo_model_edit = _action("redo")
delete_residues = _action("delete")
build_into_map = _action("build")
