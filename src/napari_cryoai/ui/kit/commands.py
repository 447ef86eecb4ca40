"""What a panel can be asked to do: one table for its keys, its tooltips and the palette."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import napari

from napari_cryoai.core.errors import CryoAIError

Panel = TypeVar("Panel")


@dataclass(frozen=True)
class Command(Generic[Panel]):
    """Something that a panel can be asked to do.

    Attributes
    ----------
    name
        By which it is asked for; "" for keys that a part of the panel sees to itself.
    keys
        As napari calls them, with blanks between them; "" for none.
    what
        What it does, in words.
    do
        Does it, to the panel.
    """

    name: str
    keys: str
    what: str
    do: Callable[[Panel], object] = lambda _panel: None


class Commands(Generic[Panel]):
    """All commands of a panel; made in a function, where mypy looks into what they do.

    Parameters
    ----------
    title
        Of the panel, as the manifest has it.
    panel_of
        The panel of a viewer, if it is open.
    groups
        Commands by the headings of the cheat sheet; those under "" are not on it.
    """

    def __init__(
        self,
        title: str,
        panel_of: Callable[[Any], Panel | None],
        groups: Mapping[str, tuple[Command[Panel], ...]],
    ):
        self.title, self.panel_of, self.groups = title, panel_of, groups

    def __iter__(self) -> Iterator[Command[Panel]]:
        for group in self.groups.values():
            yield from group

    def __getitem__(self, name: str) -> Command[Panel]:
        return next(command for command in self if command.name == name)

    def shortcut_of(self, name: str) -> str:
        """How a tooltip names the key of a command: "  [N]"."""
        return f"  [{self[name].keys.split()[0].replace('Control', 'Ctrl')}]"

    def panel(self) -> Panel:
        """The panel of the current viewer, in front of its tabs, opened if need be.

        Raises
        ------
        CryoAIError
            If there is no viewer.
        """
        viewer = current_viewer()
        found: Any = self.panel_of(viewer)
        if found is None:
            viewer.window.add_plugin_dock_widget("napari-cryoai", self.title)
            found = self.panel_of(viewer)
        else:
            found.come_forward()
        return found

    def palette(self, name: str) -> Callable[[], None]:
        """A command as the palette calls it: for the panel of the current viewer."""
        command = self[name]

        def act() -> None:
            command.do(self.panel())

        return act


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
