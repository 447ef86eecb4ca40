"""Connections to a session that outlives the widget, cut when the widget goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Links:
    """Connects signals of a session to the parts of one panel, and disconnects them all at once.

    psygnal forgets a method when its object is gone, but a widget that Qt has deleted may live on
    in Python for a while, and must not hear anything then.
    """

    def __init__(self) -> None:
        self._made: list[tuple[Any, Callable[..., Any]]] = []

    def connect(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Call `slot` whenever `signal` is emitted, until `cut`."""
        signal.connect(slot)
        self._made.append((signal, slot))

    def cut(self) -> None:
        """Disconnect all; harmless the second time."""
        for signal, slot in self._made:
            signal.disconnect(slot, missing_ok=True)
        self._made.clear()
