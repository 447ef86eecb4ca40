"""Commands of the palette and the menus: each asks the panel of the current viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import napari

from napari_cryoai.core.errors import CryoAIError
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
    found: PickParticles = _opened(panel_of, "Pick particles")
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
    panel().pick.copy_command()


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
    found: MapPanel = _opened(map_panel_of, "Map")
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


def _map_action(name: str) -> Callable[[], None]:
    def act() -> None:
        map_panel().actions_.table()[name]()

    act.__name__ = name
    act.__doc__ = f"The action {name!r} of the table of the Map panel's keys."
    return act


denoise_map = _map_action("denoise")
flip_maps = _map_action("flip")
swipe_maps = _map_action("swipe")
maps_side_by_side = _map_action("beside")
compare_slices = _map_action("slices")
make_mask = _map_action("mask")
flip_hand = _map_action("flip_hand")
crop_map = _map_action("crop")
save_map = _map_action("save")
undo_map_edit = _map_action("undo")
redo_map_edit = _map_action("redo")


def _action(name: str) -> Callable[[], None]:
    def act() -> None:
        panel().actions_.table()[name]()

    act.__name__ = name
    act.__doc__ = f"The action {name!r} of the table of keys."
    return act


undo = _action("undo")
redo = _action("redo")
next_micrograph = _action("next")
previous_micrograph = _action("previous")
done = _action("done")
junk = _action("junk")
uncertain = _action("uncertain")
learn = _action("learn")
review = _action("review")
toggle_heat = _action("heat")
before_and_after = _action("before")
lasso = _action("lasso")
brush = _action("brush")
eraser = _action("erase")
toggle_filter = _action("filter")
toggle_rejected = _action("grey")


def _opened(panel_in: Callable[[Any], Any], title: str) -> Any:
    """A panel of the current viewer, opened if need be."""
    viewer = napari.current_viewer()
    if viewer is None:
        raise CryoAIError("there is no napari window", remedy="Start napari first")
    found = panel_in(viewer)
    if found is None:
        viewer.window.add_plugin_dock_widget("napari-cryoai", title)
        found = panel_in(viewer)
    return found
