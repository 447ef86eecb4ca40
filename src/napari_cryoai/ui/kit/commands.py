"""What the commands of all panels are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari

from napari_cryoai.core.errors import CryoAIError


def current_viewer() -> Any:
    """The viewer that a command is for.

    Raises
    ------
    CryoAIError
        If there is none.
    """
    viewer = napari.current_viewer()
    if viewer is None:
        raise CryoAIError("there is no napari window", remedy="Start napari first")
    return viewer


def opened(panel_of: Callable[[Any], Any], title: str) -> Any:
    """A panel of the current viewer, in front of its tabs, opened if need be.

    Raises
    ------
    CryoAIError
        If there is no viewer.
    """
    viewer = current_viewer()
    found = panel_of(viewer)
    if found is None:
        viewer.window.add_plugin_dock_widget("napari-cryoai", title)
        return panel_of(viewer)
    found.come_forward()
    return found


def action(panel: Callable[[], Any], name: str) -> Callable[[], None]:
    """The command that does what a key of a panel does; keys and commands share one table."""

    def act() -> None:
        panel().actions_.table()[name]()

    act.__name__ = name
    act.__doc__ = f"The action {name!r} of the table of the panel's keys."
    return act
