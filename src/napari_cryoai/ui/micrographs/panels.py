"""Which session a viewer has, and which panels work on it."""

from __future__ import annotations

import weakref
from typing import Any, Protocol

from napari_cryoai.ui.kit.per_viewer import PanelPerViewer, PerViewer
from napari_cryoai.ui.micrographs.session import Session

_SESSIONS = PerViewer(Session)
_PANELS = PanelPerViewer()


def session_of(viewer: Any) -> Session:
    """The session of a viewer, which it keeps for as long as it lives."""
    return _SESSIONS.of(viewer)


def panel_of(viewer: Any) -> Any | None:
    """The panel that works on a viewer, if there is one."""
    return _PANELS.of(viewer)


def undo_of_another(viewer: Any) -> tuple[str, ...]:
    """The commands whose keys another panel leaves to the Pick particles panel, if that is open."""
    return () if panel_of(viewer) is None else ("undo", "redo")


def set_panel(viewer: Any, panel: Any) -> None:
    """Let commands, readers and other panels find the panel of a viewer."""
    _PANELS.put(viewer, panel)
    for companion in companions_of(viewer):
        companion.on_panel()


def leave(viewer: Any) -> None:
    """The panel goes; one to come begins with a session of its own, on the same micrographs."""
    paths = dict.fromkeys(m.path for m in session_of(viewer).micrographs.values())
    _SESSIONS.put(viewer, Session(paths))
    _PANELS.put(viewer, None)
    for companion in companions_of(viewer):
        companion.on_panel()


class Companion(Protocol):
    """A panel that works on the same session as the Pick particles panel, if that is open."""

    def on_panel(self) -> None:
        """The Pick particles panel has come or gone; the session may be another one."""


_COMPANIONS: PerViewer[list[weakref.ref[Any]]] = PerViewer(list)


def companions_of(viewer: Any) -> list[Any]:
    """The panels of a viewer that share its session."""
    found = (reference() for reference in _COMPANIONS.of(viewer))
    return [companion for companion in found if companion is not None]


def join(viewer: Any, companion: Companion) -> None:
    """Hear of the Pick particles panel's coming and going."""
    _COMPANIONS.of(viewer).append(weakref.ref(companion))


def part(viewer: Any, companion: Companion) -> None:
    """Hear of it no more."""
    others = [weakref.ref(c) for c in companions_of(viewer) if c is not companion]
    _COMPANIONS.put(viewer, others)
