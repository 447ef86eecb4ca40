"""The document on the screen: one image, one layer of picks, one of excluded regions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Points
from napari.layers.base import ActionType
from numpy.typing import NDArray
from psygnal import Signal

from napari_cryoai.core.filters import above_threshold
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import Source, State
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.layer_kit import (
    FALLBACK_DIAMETER_PX,
    new_excluded,
    new_image,
    new_points,
    put,
    undisturbed,
)
from napari_cryoai.ui.kit.paint import Canvas
from napari_cryoai.ui.micrographs.images import View
from napari_cryoai.ui.micrographs.session import Session

_ROLES = ("image", "excluded", "points")
_SOURCES = {int(source): source.name.lower() for source in Source}


class PickLayers:
    """Binds a session to the layers of a viewer, both ways, and knows them by identity.

    Signals
    -------
    rebuilt()
        Layers were made anew, so that whoever hooked onto them must do so again.
    """

    rebuilt = Signal()

    def __init__(self, viewer: Any, session: Session):
        self.viewer = viewer
        self.session = session
        self.image: Image | None = None
        self.points: Points | None = None
        self.excluded: Labels | None = None
        self.show_hidden = False
        self.ids = np.empty(0, np.int64)
        self._table = session.document.picks
        self._rows = np.empty(0, np.intp)
        self._rgba, self._size = np.empty((0, 4)), np.empty(0)
        self._canvas: Canvas | None = None
        self._syncing = False
        self._announced: Points | None = None
        self._on_screen: str | None = None
        viewer.layers.events.removed.connect(self._on_removed)
        self._adopt()

    def _adopt(self) -> None:
        """Take over what an earlier panel left in this viewer."""
        for layer in self.viewer.layers:
            role = layer.metadata.get("cryoai", {}).get("role")
            if role in _ROLES:
                setattr(self, role, layer)
        if self.points is not None:
            self.points.events.data.connect(self._on_points)

    @property
    def up_to_date(self) -> bool:
        """Whether the current micrograph is the one on the screen, and not still being read."""
        return self.points is not None and self._on_screen == self.session.current

    def let_go(self) -> None:
        """Leave the layers to the user, as plain ones."""
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        if self.points is not None:
            self.points.events.data.disconnect(self._on_points)

    # The micrograph -----------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Put a micrograph on the screen, with its picks; the camera stays where it is."""
        micrograph = self.session.micrographs[view.name]
        self._on_screen = view.name
        is_new = self.image is None
        if self.image is None:
            self.image = self._add(new_image(view.pixels, view.limits))
        else:
            if self.image.data is not view.pixels:
                self.image.data = view.pixels
            put(self.image, contrast_limits_range=_wider(view.limits))
            put(self.image, contrast_limits=view.limits)
        self.image.name = view.name
        self._make_overlays(micrograph)
        self._place(micrograph, view)
        self._tag(view.name, str(micrograph.path))
        self.sync()
        self.sync_excluded()
        if is_new:
            self.viewer.reset_view(margin=0.02)
        if self._announced is not self.points:
            self._announced = self.points
            self.rebuilt.emit()

    def _make_overlays(self, micrograph: Micrograph) -> None:
        self._canvas = Canvas(micrograph.shape)
        if self.excluded is None:
            self.excluded = self._add(new_excluded(self._canvas.labels()))
        if self.points is None:
            self.points = self._add(new_points())
            self.points.events.data.connect(self._on_points)

    def _place(self, micrograph: Micrograph, view: View) -> None:
        """Lay all layers out in Angstrom, or in pixels while the pixel size is not known."""
        pixel = micrograph.pixel_size_A or 1.0
        units = ("angstrom" if micrograph.pixel_size_A else "pixel",) * 2
        binnings = {"image": view.binning, "excluded": self._binning(), "points": 1}
        for role, binning in binnings.items():
            layer = getattr(self, role)
            scale, translate = (pixel * binning,) * 2, (pixel * (binning - 1) / 2,) * 2
            put(layer, scale=scale, translate=translate)
            if tuple(map(str, layer.units)) != units:
                layer.units = units

    def _binning(self) -> float:
        return self._canvas.binning if self._canvas is not None else 1.0

    def _tag(self, name: str, path: str) -> None:
        """Say in the layers what they show: for writers, and for a panel to come."""
        for role in _ROLES:
            layer = getattr(self, role)
            if layer is not None:
                layer.metadata["cryoai"] = {"role": role, "micrograph": name, "path": path}

    def _add(self, layer: Any) -> Any:
        self.viewer.add_layer(layer)
        return layer

    def _on_removed(self, event: Any) -> None:
        gone = [n for n in ("image", "points", "excluded") if getattr(self, n) is event.value]
        for name in gone:
            setattr(self, name, None)

    # Picks --------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Make the points layer say what the document says of the current micrograph."""
        if self.points is None or self.session.current is None:
            return
        picks = self._table = self.session.document.picks
        self._rows = picks.rows_of(self.session.current)
        span = theme.score_span(picks.score, calibrated=self.session.calibrated)
        own = picks.source[self._rows] == Source.MANUAL
        self._rgba = theme.score_rgba(np.where(own, np.nan, picks.score[self._rows]), span)
        self._rgba[~self.session.candidates[self._rows]] = theme.FADED
        self._size = picks.diameter_px[self._rows].astype(float)
        self._size[np.isnan(self._size)] = self.circle_px()
        self._draw(self._drawn())

    def sync_shown(self) -> None:
        """Show and hide circles, as a slider asks; nothing else of this micrograph has changed."""
        if self.points is None or self.session.current is None:
            return
        if self._is_stale():
            self.sync()
            return
        mask = self._drawn()
        if not np.array_equal(self.session.document.picks.id[self._rows[mask]], self.ids):
            self._draw(mask)

    def hide(self, ids: NDArray[np.int64]) -> None:
        """Take circles off the screen while a tool runs over them, until the next `sync`."""
        if self._is_stale():
            self.sync()
        keep = ~np.isin(self.session.document.picks.id[self._rows], ids)
        self._draw(self._drawn() & keep)

    def _is_stale(self) -> bool:
        """Whether the rows may be others by now: a job has replaced picks of other micrographs."""
        return self._table is not self.session.document.picks

    def _draw(self, mask: NDArray[np.bool_]) -> None:
        """Put the rows of a mask into the layer, and keep the selection.

        The layer holds nothing else: a 2D layer of napari 0.9 draws, selects and saves points even
        if its `shown` says otherwise.
        """
        points, picks = self.points, self.session.document.picks
        if points is None:
            return
        rows, selected = self._rows[mask], self.selected_ids()
        self.ids = picks.id[rows]
        with self._quiet():
            if points.selected_data:
                points.selected_data = set()
            put(points, current_size=self.circle_px())
            if not np.array_equal(points.data, picks.yx_px[rows]):
                with undisturbed(self.viewer):
                    points.data = picks.yx_px[rows].copy()
            points.features = {
                "score": picks.score[rows],
                "source": np.array([_SOURCES[s] for s in picks.source[rows]], object),
            }
            points.feature_defaults = {"score": np.nan, "source": "manual"}
            if len(rows):
                put(points, size=self._size[mask], border_color=self._rgba[mask])
            points.current_border_color = theme.MANUAL
            if len(selected):
                self.select(selected)

    def _drawn(self) -> NDArray[np.bool_]:
        """`(n,)` mask of the current micrograph's rows: the shown, and on demand the grey ones."""
        rows = self._rows
        shown: NDArray[np.bool_] = self.session.shown()[rows]
        if self.show_hidden:
            above = above_threshold(self.session.document.picks, self.session.filters)[rows]
            shown = shown | (above & ~self.session.candidates[rows])
        return shown

    def circle_px(self) -> float:
        """Diameter of a circle whose pick does not carry one, in pixels."""
        name = self.session.current
        return (self.session.diameter_px(name) if name else None) or FALLBACK_DIAMETER_PX

    def selected_ids(self) -> NDArray[np.int64]:
        """Ids of the picks that are selected in the layer."""
        if self.points is None:
            return np.empty(0, np.int64)
        chosen = sorted(int(i) for i in self.points.selected_data if i < len(self.ids))
        return self.ids[np.array(chosen, np.intp)]

    def select(self, ids: NDArray[np.int64]) -> None:
        """Select picks in the layer."""
        if self.points is not None:
            self.points.selected_data = set(np.flatnonzero(np.isin(self.ids, ids)).tolist())

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        self._syncing = True
        try:
            yield
        finally:
            self._syncing = False

    def _on_points(self, event: Any) -> None:
        """What the user did with napari's own tools becomes an edit."""
        if self._syncing or self.points is None:
            return
        if not self.up_to_date:  # the click was meant for the micrograph still on the screen
            if event.action in (ActionType.ADDED, ActionType.REMOVED, ActionType.CHANGED):
                self.sync()
            return
        if event.action == ActionType.ADDED:
            self.session.add(self.points.data[len(self.ids) :].copy())
        elif event.action == ActionType.REMOVED:
            gone = self.ids[np.array(sorted(event.data_indices), np.intp)]
            self.session.set_state(gone, State.REJECTED)
        elif event.action == ActionType.CHANGED:
            rows = np.array(sorted(event.data_indices), np.intp)
            self._moved(rows)

    def _moved(self, rows: NDArray[np.intp]) -> None:
        assert self.points is not None  # noqa: S101 - `_on_points` has checked
        picks = self.session.document.picks
        before = picks.yx_px[np.searchsorted(picks.id, self.ids[rows])]
        after = self.points.data[rows]
        really = np.any(before != after, axis=1)
        if really.any():
            self.session.move(self.ids[rows[really]], after[really].copy())

    # Excluded regions ---------------------------------------------------------------------------

    def sync_excluded(self) -> None:
        """Draw the painted regions and the junk mask of the current micrograph."""
        name = self.session.current
        if self.excluded is None or self._canvas is None or name is None:
            return
        self._canvas.draw_all(self.session.document.strokes.get(name, ()))
        self.refresh_excluded()

    def draw(self, stroke: Any) -> None:
        """Show a piece of a stroke while the brush still moves."""
        if self._canvas is not None:
            self._canvas.draw(stroke)
            self.refresh_excluded()

    def refresh_excluded(self) -> None:
        """Bring the label layer up to date."""
        if self.excluded is not None and self._canvas is not None:
            junk = self.session.junk_masks.get(self.session.current or "")
            put(self.excluded, data=self._canvas.labels(junk))


def _wider(limits: tuple[float, float]) -> tuple[float, float]:
    """The range of the contrast slider: as far again on both sides."""
    low, high = limits
    return low - (high - low), high + (high - low)
