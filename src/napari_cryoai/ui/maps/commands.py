"""What the Map panel can be asked to do, by keys and from the palette."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_cryoai.ui.kit.commands import Command, Commands
from napari_cryoai.ui.kit.step_history import redone, undone
from napari_cryoai.ui.maps.session import map_panel_of

if TYPE_CHECKING:
    from napari_cryoai.ui.maps.compare import Comparison
    from napari_cryoai.ui.maps.panel import MapPanel

_LEVEL_STEPS = 60


def _compare(act: Callable[[Comparison], object]) -> Callable[[MapPanel], None]:
    """Something that takes two maps."""

    def compare(panel: MapPanel) -> None:
        if panel.comparison.ready:
            act(panel.comparison)
        else:
            panel.viewer.status = "Open two maps to compare them"

    return compare


def _step_level(panel: MapPanel, by: int) -> None:
    opened = panel.session.current
    if opened is not None:
        low, high = opened.contour.span
        level = min(max(opened.level + by * (high - low) / _LEVEL_STEPS, low), high)
        panel.session.set_level(opened, level)


def _undo(panel: MapPanel) -> None:
    panel.viewer.status = undone(panel.edit.take_back())


def _redo(panel: MapPanel) -> None:
    panel.viewer.status = redone(panel.edit.repeat())


def _denoise(panel: MapPanel) -> None:
    """Turn to the section; start if two half maps are chosen."""
    panel.show_section("Denoise")
    panel.denoise.run()


def _mask(panel: MapPanel) -> None:
    panel.show_section("Mask")
    panel.mask.preview.setChecked(True)


def _crop(panel: MapPanel) -> None:
    if panel.choice.mask is None:
        panel.show_section("Mask")
        panel.viewer.status = "Make or choose a mask first"
    panel.edit.crop_to_mask()


def _commands() -> Commands[MapPanel]:
    return Commands("Map", map_panel_of, {
        "Compare": (
            Command("flip", "D", "The one map or the other (raw or denoised)",
                    _compare(lambda c: c.flip())),
            Command("swipe", "W", "Wipe one over the other, or not",
                    _compare(lambda c: c.toggle("swipe"))),
            Command("beside", "Y", "Side by side, or not", _compare(lambda c: c.toggle("beside"))),
            Command("slices", "I", "Compare slices, or surfaces",
                    _compare(lambda c: c.show_slices(not c.in_slices))),
        ),
        "Surface": (
            Command("level_up", ".", "Level up", lambda p: _step_level(p, 1)),
            Command("level_down", ",", "Level down", lambda p: _step_level(p, -1)),
            Command("colour", "Q", "Colour it by the next property", lambda p: p.colours.next()),
        ),
        "Edits": (
            Command("undo", "Control+Z", "Undo an edit of a map", _undo),
            Command("redo", "Control+Shift+Z", "Redo it", _redo),
        ),
        "": (
            Command("open", "", "Open density maps", lambda p: p.ask_open()),
            Command("sample", "", "Open a simulated map and its halves", lambda p: p.open_sample()),
            Command("close", "", "Close the current map", lambda p: p.list.close_current()),
            Command("fsc", "", "Turn to the FSC", lambda p: p.show_section("Half maps (FSC)")),
            Command("denoise", "", "Denoise half maps", _denoise),
            Command("mask", "", "Make a mask", _mask),
            Command("flip_hand", "", "Flip the hand", lambda p: p.edit.flip_hand()),
            Command("crop", "", "Crop to the mask", _crop),
            Command("save", "", "Save the map", lambda p: p.edit.ask_save()),
        ),
    })  # fmt: skip


COMMANDS = _commands()
"""But for undo, none of the keys is one of the Pick particles panel."""

panel = COMMANDS.panel
open_map = COMMANDS.palette("open")
open_sample_map = COMMANDS.palette("sample")
close_map = COMMANDS.palette("close")
compare_half_maps = COMMANDS.palette("fsc")
denoise_map = COMMANDS.palette("denoise")
flip_maps = COMMANDS.palette("flip")
swipe_maps = COMMANDS.palette("swipe")
maps_side_by_side = COMMANDS.palette("beside")
compare_slices = COMMANDS.palette("slices")
make_mask = COMMANDS.palette("mask")
flip_hand = COMMANDS.palette("flip_hand")
crop_map = COMMANDS.palette("crop")
save_map = COMMANDS.palette("save")
undo_map_edit = COMMANDS.palette("undo")
redo_map_edit = COMMANDS.palette("redo")
