"""Commands about latent spaces: each asks the panel of the current viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryoai.ui.kit.commands import action, opened
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
    found: ExplorePanel = opened(latent_panel_of, "Explore heterogeneity")
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


lasso_particles = action(explore_panel, "lasso")
brush_particles = action(explore_panel, "brush")
draw_path = action(explore_panel, "path")
play_path = action(explore_panel, "play")
name_selection = action(explore_panel, "name")
export_selection = action(explore_panel, "export")
keep_map_here = action(explore_panel, "keep")
undo_selection = action(explore_panel, "undo")
redo_selection = action(explore_panel, "redo")
