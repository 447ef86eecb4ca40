"""Commands about micrographs and picks: each asks the panel of the current viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryoai.ui.kit.commands import action, opened
from napari_cryoai.ui.micrographs.panels import panel_of

if TYPE_CHECKING:
    from napari_cryoai.ui.picking.panel import PickParticles


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
    panel().pick.run()


def pick_here() -> None:
    """Pick on the micrograph on screen."""
    panel().pick.run_here()


def cancel() -> None:
    """Cancel the running job."""
    panel().pick.picking.cancel()
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
