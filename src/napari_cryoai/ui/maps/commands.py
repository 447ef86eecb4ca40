"""Commands about maps: each asks the panel of the current viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryoai.ui.kit.commands import action, opened
from napari_cryoai.ui.maps.session import map_panel_of

if TYPE_CHECKING:
    from napari_cryoai.ui.maps.panel import MapPanel


def panel() -> MapPanel:
    """The Map panel of the current viewer, opened if need be.

    Raises
    ------
    CryoAIError
        If there is no viewer.
    """
    found: MapPanel = opened(map_panel_of, "Map")
    return found


def open_map() -> None:
    """Open density maps."""
    panel().ask_open()


def open_sample_map() -> None:
    """Open a simulated map and its half maps."""
    panel().open_sample()


def close_map() -> None:
    """Close the current map."""
    panel().list.close_current()


def compare_half_maps() -> None:
    """Turn to the FSC of half maps."""
    panel().show_section("Half maps (FSC)")


denoise_map = action(panel, "denoise")
flip_maps = action(panel, "flip")
swipe_maps = action(panel, "swipe")
maps_side_by_side = action(panel, "beside")
compare_slices = action(panel, "slices")
make_mask = action(panel, "mask")
flip_hand = action(panel, "flip_hand")
crop_map = action(panel, "crop")
save_map = action(panel, "save")
undo_map_edit = action(panel, "undo")
redo_map_edit = action(panel, "redo")
