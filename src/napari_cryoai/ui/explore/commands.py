"""What the Explore heterogeneity panel can be asked to do, by keys and from the palette."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_cryoai.core.selections import Selections
from napari_cryoai.ui.kit.commands import Command, Commands
from napari_cryoai.ui.latent.session import latent_panel_of
from napari_cryoai.ui.latent.tools import LatentTool

if TYPE_CHECKING:
    from napari_cryoai.ui.explore.panel import ExplorePanel


def _take(tool: LatentTool) -> Callable[[ExplorePanel], None]:
    return lambda panel: panel.tools.take(tool)


def _select(act: Callable[[Selections], object]) -> Callable[[ExplorePanel], None]:
    def select(panel: ExplorePanel) -> None:
        if panel.session.source is not None:
            act(panel.session.selections)

    return select


def _with_some(act: Callable[[ExplorePanel], object]) -> Callable[[ExplorePanel], None]:
    """Something about selected particles."""

    def with_some(panel: ExplorePanel) -> None:
        if panel.session.source is not None and panel.session.selections.count:
            act(panel)
        else:
            panel.banners.show_message("Select particles first: lasso (L) or brush (B)")

    return with_some


def _commands() -> Commands[ExplorePanel]:
    return Commands("Explore heterogeneity", latent_panel_of, {
        "Tools": (
            Command("cursor", "C", "Fly: drag the cursor, and the map follows",
                    _take(LatentTool.CURSOR)),
            Command("lasso", "L", "Lasso (Shift adds, Alt takes away, both keep what is in both)",
                    _take(LatentTool.LASSO)),
            Command("brush", "B", "Brush (likewise)", _take(LatentTool.BRUSH)),
            Command("path", "P", "Path: click its anchors", _take(LatentTool.PATH)),
            Command("pan", "H", "Move the plot (also with the middle button, or with Space held)",
                    _take(LatentTool.PAN)),
        ),
        "Plot": (
            Command("", "Left Right Up Down", "Move the cursor; with Shift, farther"),
            Command("", "+ - Home", "Closer, farther, all particles"),
            Command("colour", "Q", "Colour by the next column", lambda p: p.axes.next_colour()),
            Command("landscape", "E", "Free energy as contours, or not",
                    lambda p: p.tools.landscape.toggle()),
        ),
        "Selections": (
            Command("undo", "Control+Z", "Undo a selection or a step of the path",
                    lambda p: p.undo()),
            Command("redo", "Control+Shift+Z", "Redo it", lambda p: p.redo()),
            Command("all", "Control+A", "Select all particles", _select(lambda s: s.select_all())),
            Command("none", "Control+Shift+A", "Select nothing", _select(lambda s: s.clear())),
            Command("invert", "Control+I", "Select the others", _select(lambda s: s.invert())),
            Command("name", "Control+N", "Name the selection",
                    _with_some(lambda p: p.selection.ask_name())),
            Command("export", "Control+E", "Export the selected particles",
                    _with_some(lambda p: p.selection.ask_export())),
        ),
        "Path": (
            Command("play", "R", "Play the path, or pause", lambda p: p.path.toggle_play()),
            Command("", "[ ]", "Back and on along the path"),
        ),
        "Map": (
            Command("keep", "K", "Keep the map at the cursor in the Map panel",
                    lambda p: p.maps.keep()),
        ),
        "": (
            Command("back", "[", "Back along the path", lambda p: p.path.step(-1)),
            Command("on", "]", "On along the path", lambda p: p.path.step(1)),
            Command("open", "", "Open the folder of a training", lambda p: p.ask_open()),
            Command("sample", "", "Open a simulated latent space", lambda p: p.open_sample()),
            Command("train", "", "Show the form that trains",
                    lambda p: p.show_section("Train from particles")),
        ),
    })  # fmt: skip


COMMANDS = _commands()
"""The keys hold while the panel has the focus, so that napari's own stay elsewhere."""

explore_panel = COMMANDS.panel
open_latent_space = COMMANDS.palette("open")
train_latent_space = COMMANDS.palette("train")
open_sample_latent_space = COMMANDS.palette("sample")
lasso_particles = COMMANDS.palette("lasso")
brush_particles = COMMANDS.palette("brush")
draw_path = COMMANDS.palette("path")
play_path = COMMANDS.palette("play")
name_selection = COMMANDS.palette("name")
export_selection = COMMANDS.palette("export")
keep_map_here = COMMANDS.palette("keep")
undo_selection = COMMANDS.palette("undo")
redo_selection = COMMANDS.palette("redo")
