"""What keys and the command palette can ask of the Explore heterogeneity panel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_cryoai.ui.kit.keys import Key
from napari_cryoai.ui.latent.tools import LatentTool

if TYPE_CHECKING:
    from napari_cryoai.ui.explore.panel import ExplorePanel

EXPLORE_KEYS = (
    Key(("C",), "Fly: drag the cursor, and the map follows", "cursor", "Tools"),
    Key(("L",), "Lasso (Shift adds, Alt takes away, both keep what is in both)", "lasso", "Tools"),
    Key(("B",), "Brush (likewise)", "brush", "Tools"),
    Key(("P",), "Path: click its anchors", "path", "Tools"),
    Key(("H",), "Move the plot (also with the middle button, or with Space held)", "pan", "Tools"),
    Key(("Left", "Right", "Up", "Down"), "Move the cursor; with Shift, farther", "", "Plot"),
    Key(("+", "-", "Home"), "Closer, farther, all particles", "", "Plot"),
    Key(("Q",), "Colour by the next column", "colour", "Plot"),
    Key(("E",), "Free energy as contours, or not", "landscape", "Plot"),
    Key(("Control+Z",), "Undo a selection or a step of the path", "undo", "Selections"),
    Key(("Control+Shift+Z",), "Redo it", "redo", "Selections"),
    Key(("Control+A",), "Select all particles", "all", "Selections"),
    Key(("Control+Shift+A",), "Select nothing", "none", "Selections"),
    Key(("Control+I",), "Select the others", "invert", "Selections"),
    Key(("Control+N",), "Name the selection", "name", "Selections"),
    Key(("Control+E",), "Export the selected particles", "export", "Selections"),
    Key(("R",), "Play the path, or pause", "play", "Path"),
    Key(("[", "]"), "Back and on along the path", "", "Path"),
    Key(("K",), "Keep the map at the cursor in the Map panel", "keep", "Map"),
)
"""They hold while the panel has the focus, so that napari's own stay elsewhere."""


class ExploreActions:
    """The user's actions; `table` gives them by the names used in `EXPLORE_KEYS`."""

    def __init__(self, panel: ExplorePanel):
        self.panel = panel

    def table(self) -> dict[str, Callable[[], Any]]:
        """All actions by name."""
        panel = self.panel
        tools = {tool.value: partial(panel.tools.take, tool) for tool in LatentTool}
        selection = panel.selection
        return tools | {
            "colour": panel.axes.next_colour,
            "landscape": panel.tools.landscape.toggle,
            "undo": panel.undo,
            "redo": panel.redo,
            "all": partial(self._select, "select_all"),
            "none": partial(self._select, "clear"),
            "invert": partial(self._select, "invert"),
            "name": partial(self._with_some, selection.ask_name),
            "export": partial(self._with_some, selection.ask_export),
            "play": panel.path.toggle_play,
            "keep": panel.maps.keep,
            "home": panel.scatter.go_home,
        }

    def _select(self, action: str) -> None:
        if self.panel.session.source is not None:
            getattr(self.panel.session.selections, action)()

    def _with_some(self, action: Callable[[], object]) -> None:
        session = self.panel.session
        if session.source is not None and session.selections.count:
            action()
        else:
            self.panel.banners.show_message("Select particles first: lasso (L) or brush (B)")
