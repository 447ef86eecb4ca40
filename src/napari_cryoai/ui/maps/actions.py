"""What keys and the command palette can ask of the Map panel: one method each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cryoai.ui.maps.panel import MapPanel

_LEVEL_STEPS = 60


class MapActions:
    """The user's actions; `table` gives them by the names used in `keys.MAP_KEYS`."""

    def __init__(self, panel: MapPanel):
        self.panel = panel

    def table(self) -> dict[str, Callable[[], Any]]:
        """All actions by name."""
        names = (
            "flip", "swipe", "beside", "slices", "colour", "level_up", "level_down",
            "undo", "redo", "denoise", "mask", "flip_hand", "crop", "save",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    # Compare ------------------------------------------------------------------------------------

    def flip(self) -> None:
        if self._two_maps():
            self.panel.comparison.flip()

    def swipe(self) -> None:
        if self._two_maps():
            self.panel.comparison.toggle("swipe")

    def beside(self) -> None:
        if self._two_maps():
            self.panel.comparison.toggle("beside")

    def slices(self) -> None:
        if self._two_maps():
            self.panel.comparison.show_slices(not self.panel.comparison.in_slices)

    def colour(self) -> None:
        self.panel.colours.next()

    def level_up(self) -> None:
        self._step_level(1)

    def level_down(self) -> None:
        self._step_level(-1)

    # Edit ---------------------------------------------------------------------------------------

    def undo(self) -> None:
        label = self.panel.edit.take_back()
        self._status(f"Undone: {label}" if label else "Nothing to undo")

    def redo(self) -> None:
        label = self.panel.edit.repeat()
        self._status(f"Redone: {label}" if label else "Nothing to redo")

    def denoise(self) -> None:
        """Turn to the section; start if two half maps are chosen."""
        self.panel.show_section("Denoise")
        self.panel.denoise.run()

    def mask(self) -> None:
        self.panel.show_section("Mask")
        self.panel.mask.preview.setChecked(True)

    def flip_hand(self) -> None:
        self.panel.edit.flip_hand()

    def crop(self) -> None:
        if self.panel.choice.mask is None:
            self.panel.show_section("Mask")
            self._status("Make or choose a mask first")
        self.panel.edit.crop_to_mask()

    def save(self) -> None:
        self.panel.edit.ask_save()

    # --------------------------------------------------------------------------------------------

    def _two_maps(self) -> bool:
        if not self.panel.comparison.ready:
            self._status("Open two maps to compare them")
        return self.panel.comparison.ready

    def _step_level(self, by: int) -> None:
        opened = self.panel.session.current
        if opened is not None:
            low, high = opened.contour.span
            level = min(max(opened.level + by * (high - low) / _LEVEL_STEPS, low), high)
            self.panel.session.set_level(opened, level)

    def _status(self, text: str) -> None:
        self.panel.viewer.status = text
