"""Commands of the palette and the menus: each asks the panel of the current viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryoai.ui.command_kit import action, opened
from napari_cryoai.ui.map_session import map_panel_of
from napari_cryoai.ui.session import panel_of

if TYPE_CHECKING:
    from napari_cryoai.ui.map_panel import MapPanel
    from napari_cryoai.ui.picking import PickParticles


def panel() -> PickParticles:
    """The panel of the current viewer, opened if need be.

    Raises
    ------
    CryoAIError
        If there is no viewer.
    """
    found: PickParticles = opened(panel_of, "Pick particles")
    return found


def open_folder() -> None:
    """Open a folder of micrographs."""
    panel().bar.ask_folder()


def open_sample() -> None:
    """Open simulated micrographs."""
    panel().open_sample()


def pick_all() -> None:
    """Pick on all micrographs."""
    panel().pick.pick_all()


def pick_here() -> None:
    """Pick on the micrograph on screen."""
    panel().pick.pick_here()


def cancel() -> None:
    """Cancel the running job."""
    panel().pick.run.cancel()
    panel().learn_run.cancel()


def improve() -> None:
    """Train the whole picker on the corrected micrographs."""
    panel().learn.start(improve=True)


def save_picker() -> None:
    """Save the picker that has learned."""
    panel().learn.save_if_any()


def import_picks() -> None:
    """Import picks of another program."""
    panel().ask_import()


def export_picks() -> None:
    """Export the shown picks."""
    panel().export.ask()


def load_reference() -> None:
    """Compare with reference picks."""
    panel().ask_reference()


def copy_command() -> None:
    """Copy the command line that does the same as Pick."""
    panel().pick.copy.copy()


def show_keys() -> None:
    """Show all keyboard shortcuts."""
    panel().show_keys()


def map_panel() -> MapPanel:
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
    map_panel().ask_open()


def open_sample_map() -> None:
    """Open a simulated map and its half maps."""
    map_panel().open_sample()


def close_map() -> None:
    """Close the current map."""
    map_panel().list.close_current()


def compare_half_maps() -> None:
    """Turn to the FSC of half maps."""
    map_panel().show_section("Half maps (FSC)")


denoise_map = action(map_panel, "denoise")
flip_maps = action(map_panel, "flip")
swipe_maps = action(map_panel, "swipe")
maps_side_by_side = action(map_panel, "beside")
compare_slices = action(map_panel, "slices")
make_mask = action(map_panel, "mask")
flip_hand = action(map_panel, "flip_hand")
crop_map = action(map_panel, "crop")
save_map = action(map_panel, "save")
undo_map_edit = action(map_panel, "undo")
redo_map_edit = action(map_panel, "redo")


undo = action(panel, "undo")
redo = action(panel, "redo")
next_micrograph = action(panel, "next")
previous_micrograph = action(panel, "previous")
done = action(panel, "done")
junk = action(panel, "junk")
uncertain = action(panel, "uncertain")
learn = action(panel, "learn")
review = action(panel, "review")
toggle_heat = action(panel, "heat")
before_and_after = action(panel, "before")
lasso = action(panel, "lasso")
brush = action(panel, "brush")
eraser = action(panel, "erase")
toggle_filter = action(panel, "filter")
toggle_rejected = action(panel, "grey")
