"""Brings the current micrograph to the screen, and its neighbours into memory beforehand."""

from __future__ import annotations

from functools import partial

from psygnal import Signal

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.micrographs.images import View, ViewCache, blank_view, make_view
from napari_cryoai.ui.micrographs.layers import PickLayers
from napari_cryoai.ui.micrographs.session import Session


class Navigator:
    """Shows what the session says is current; reading and filtering happen in threads.

    Signals
    -------
    shown(view)
        A micrograph is on the screen.
    read(view)
        A micrograph was read, for the screen or beforehand.
    failed(name, error)
        A file could not be read.
    """

    shown = Signal(View)
    read = Signal(View)
    failed = Signal(str, object)

    def __init__(self, session: Session, layers: PickLayers, background: Background):
        self.session = session
        self.layers = layers
        self.background = background
        self.filtered = True
        self.cache = ViewCache(6)
        self._wanted: set[tuple[str, bool]] = set()
        self._pending: set[tuple[str, bool]] = set()
        session.current_changed.connect(self._on_current)
        session.opened.connect(self.cache.clear)
        session.pixel_size_changed.connect(self._on_pixel_size)

    def let_go(self) -> None:
        """Leave the screen to another one."""
        self.session.current_changed.disconnect(self._on_current)
        self.session.opened.disconnect(self.cache.clear)
        self.session.pixel_size_changed.disconnect(self._on_pixel_size)
        self._wanted.clear()

    def set_filtered(self, on: bool) -> None:
        """Show the filtered copy, or the micrograph as recorded."""
        self.filtered = on
        self._on_current(self.session.current or "")

    def is_ready(self, name: str) -> bool:
        """Whether a step to this micrograph needs no reading."""
        return self.cache.get(name, filtered=self.filtered) is not None

    def _on_current(self, name: str) -> None:
        if name not in self.session.micrographs:
            return
        view = self.cache.get(name, filtered=self.filtered)
        self._wanted = {(n, self.filtered) for n in self._neighbourhood(name)}
        if view is None:
            self._fetch(name)
        else:
            self._show(view)

    def _on_pixel_size(self) -> None:
        self.cache.clear()
        self._on_current(self.session.current or "")

    def _neighbourhood(self, name: str) -> list[str]:
        """The micrograph, the next one and the previous one: in the order they are needed."""
        names = list(self.session.micrographs)
        at = names.index(name)
        return [name, *names[at + 1 : at + 2], *names[max(0, at - 1) : at]]

    def _fetch(self, name: str) -> None:
        key = (name, self.filtered)
        if key in self._pending or self.cache.get(name, filtered=self.filtered) is not None:
            return
        self._pending.add(key)
        micrograph = self.session.micrographs[name]
        self.background.submit(
            partial(self._read, micrograph, key),
            partial(self._arrived, key, micrograph),
            partial(self._broken, key),
        )

    def _read(self, micrograph: Micrograph, key: tuple[str, bool]) -> View | None:
        """In a thread: nothing, if the user has gone elsewhere meanwhile."""
        return make_view(micrograph, filtered=key[1]) if key in self._wanted else None

    def _arrived(self, key: tuple[str, bool], micrograph: Micrograph, view: View | None) -> None:
        self._pending.discard(key)
        stale = self.session.micrographs.get(key[0]) is not micrograph
        if view is None or stale:  # the user was elsewhere, or gave another pixel size meanwhile
            if key in self._wanted and key[0] in self.session.micrographs:
                self._fetch(key[0])
            return
        self.cache.put(view)
        self.read.emit(view)
        if key == (self.session.current, self.filtered):
            self._show(view)

    def _broken(self, key: tuple[str, bool], error: CryoAIError) -> None:
        self._pending.discard(key)
        micrograph = self.session.micrographs.get(key[0])
        if micrograph is not None and key == (self.session.current, self.filtered):
            # Not the picture of another micrograph, on which the user would go on to pick.
            self.layers.show(blank_view(micrograph, filtered=self.filtered))
        self.failed.emit(key[0], error)

    def _show(self, view: View) -> None:
        self.layers.show(view)
        self.shown.emit(view)
        for name in self._neighbourhood(view.name)[1:]:
            self._fetch(name)
