"""What a viewer has one of: a session for as long as it lives, a panel while that is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import ReferenceType, WeakKeyDictionary, ref

Kept = TypeVar("Kept")


class PerViewer(Generic[Kept]):
    """Things that are made when they are first asked for, and go with their viewer."""

    def __init__(self, make: Callable[[], Kept]):
        self._make = make
        self._of: WeakKeyDictionary[Any, Kept] = WeakKeyDictionary()

    def of(self, viewer: Any) -> Kept:
        """That of a viewer."""
        key = _bare(viewer)
        if key not in self._of:
            self._of[key] = self._make()
        return self._of[key]

    def put(self, viewer: Any, thing: Kept) -> None:
        """Another one from now on."""
        self._of[_bare(viewer)] = thing


class PanelPerViewer:
    """Panels that are open; they are not kept from going."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Any, ReferenceType[Any]] = WeakKeyDictionary()

    def of(self, viewer: Any) -> Any | None:
        """That of a viewer, if it is open."""
        reference = self._of.get(_bare(viewer))
        return reference() if reference is not None else None

    def put(self, viewer: Any, panel: Any | None) -> None:
        """It is open from now on; None when it goes."""
        if panel is None:
            self._of.pop(_bare(viewer), None)
        else:
            self._of[_bare(viewer)] = ref(panel)


def unique_name(name: str, taken: set[str]) -> str:
    """The name, with a number behind it if it is taken."""
    number, unique = 2, name
    while unique in taken:
        number, unique = number + 1, f"{name} ({number})"
    return unique


def _bare(viewer: Any) -> Any:
    """The viewer itself: napari hands plugins a proxy, a new one each time."""
    return getattr(viewer, "__wrapped__", viewer)
