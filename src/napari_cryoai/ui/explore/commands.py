"""Commands about latent spaces: each asks the panel of the current viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import napari

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.latent.session import latent_panel_of

if TYPE_CHECKING:
    from napari_cryoai.ui.explore.panel import ExplorePanel


def explore_panel() -> ExplorePanel:
    """The Explore heterogeneity panel of the current viewer, opened if need be.

    Raises
    ------
    CryoAIError
        If there is no viewer.
    """
    viewer = napari.current_viewer()
    if viewer is None:
        raise CryoAIError("there is no napari window", remedy="Start napari first")
    found: ExplorePanel | None = latent_panel_of(viewer)
    if found is None:
        viewer.window.add_plugin_dock_widget("napari-cryoai", "Explore heterogeneity")
        found = latent_panel_of(viewer)
    assert found is not None  # noqa: S101 - it was just opened
    return found


def open_latent_space() -> None:
    """Open the folder of a training."""
    explore_panel().ask_open()


def train_latent_space() -> None:
    """Show the form that trains."""
    explore_panel().show_section("Train from particles")


def open_sample_latent_space() -> None:
    """Open a simulated latent space."""
    explore_panel().open_sample()


def _action(name: str) -> Callable[[], None]:
    def act() -> None:
        explore_panel().actions_.table()[name]()

    act.__name__ = name
    act.__doc__ = f"The action {name!r} of the table of the Explore heterogeneity panel's keys."
    return act


lasso_particles = _action("lasso")
brush_particles = _action("brush")
draw_path = _action("path")
play_path = _action("play")
name_selection = _action("name")
export_selection = _action("export")
keep_map_here = _action("keep")
undo_selection = _action("undo")
redo_selection = _action("redo")
