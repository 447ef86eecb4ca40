"""The maps that a viewer shows, and how it shows them. Knows neither Qt nor napari."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from psygnal import Signal

from napari_cryoai.core.contour import Contour
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.ui.kit.per_viewer import PanelPerViewer, PerViewer, unique_name
from napari_cryoai.ui.maps.colouring import Colouring
from napari_cryoai.ui.maps.history import Content, MapHistory

# Muted, and told apart with any colour vision; light enough to be shaded.
COLOURS = ("#8fb4dc", "#e3a75f", "#7fc4a3", "#d695bb", "#d8cf7c", "#b4b8c0")

SliceAxis = Literal["z", "y", "x", "all"]
AXES = ("z", "y", "x")


@dataclass(eq=False)
class OpenMap:
    """A map and how it is shown.

    Attributes
    ----------
    path
        Of the file that it came from, or was written to.
    stored
        What that file holds; another one than `density` once the map is edited.
    given_pixel_size_A
        What the user gave, whatever the file says.
    level
        Of the surface, in the map's unit.
    slice_axis
        Along which the slice moves; None while none is shown.
    slice_index
        Where it is, in voxels, for each axis.
    cut
        Whether the surface is cut open at the slice.
    full_detail
        Whether the surface is made of every voxel, however many triangles that takes.
    colourings
        What the surface can be coloured by, by name.
    coloured_by
        Which of them it is; None for a single colour.
    """

    name: str
    path: Path | None
    density: DensityMap
    contour: Contour
    colour: str
    level: float
    visible: bool = True
    slice_axis: SliceAxis | None = None
    slice_index: dict[str, int] = field(default_factory=dict)
    cut: bool = False
    full_detail: bool = False
    colourings: dict[str, Colouring] = field(default_factory=dict)
    coloured_by: str | None = None
    stored: DensityMap | None = None
    given_pixel_size_A: float | None = None

    @property
    def file(self) -> Path | None:
        """The file that holds the map as it is; None if there is none."""
        return self.path if self.density is self.stored else None

    def written(self, path: Path, density: DensityMap) -> None:
        """A file holds this now, and says its voxel size."""
        self.path, self.stored, self.given_pixel_size_A = path, density, None

    @property
    def colouring(self) -> Colouring | None:
        """What the surface is coloured by."""
        return self.colourings.get(self.coloured_by) if self.coloured_by is not None else None

    @property
    def content(self) -> Content:
        """What an edit replaces."""
        return Content(self.density, self.contour, self.level, dict(self.colourings))

    @property
    def level_sigma(self) -> float:
        """The level in standard deviations of the box above its mean."""
        return self.to_sigma(self.level)

    def to_sigma(self, level: float) -> float:
        """A level of the map's unit in standard deviations."""
        return (level - self.density.mean) / (self.density.sigma or 1.0)

    def from_sigma(self, sigmas: float) -> float:
        """A level given in standard deviations in the map's unit."""
        return self.density.mean + sigmas * (self.density.sigma or 1.0)

    @property
    def slice_axes(self) -> tuple[str, ...]:
        """The axes along which a slice is shown."""
        if self.slice_axis is None:
            return ()
        return AXES if self.slice_axis == "all" else (self.slice_axis,)


class MapSession:
    """Open maps, in the order in which they were opened.

    Signals
    -------
    added(map), removed(map)
        The set changed.
    current_changed()
        Another map is the one that the panel is about.
    level_changed(map, final)
        A level moved; `final` when the slider is let go.
    shown_differently(map)
        Colour, visibility, slice, cut or detail changed.
    replaced(map)
        It has other voxels, and maybe another box.

    Attributes
    ----------
    history
        The way back from edits.
    """

    added = Signal(object)
    removed = Signal(object)
    current_changed = Signal()
    level_changed = Signal(object, bool)
    shown_differently = Signal(object)
    replaced = Signal(object)

    def __init__(self) -> None:
        self.history = MapHistory(self)
        self.maps: list[OpenMap] = []
        self.current: OpenMap | None = None

    def add(
        self,
        name: str,
        density: DensityMap,
        contour: Contour,
        path: Path | None = None,
        given_pixel_size_A: float | None = None,
    ) -> OpenMap:
        """Show another map, at the level suggested for it."""
        middle = {axis: n // 2 for axis, n in zip(AXES, density.shape, strict=True)}
        opened = OpenMap(
            name=unique_name(name, {opened.name for opened in self.maps}),
            path=path,
            density=density,
            contour=contour,
            colour=self._next_colour(),
            level=contour.suggested,
            slice_index=middle,
            stored=density if path is not None else None,
            given_pixel_size_A=given_pixel_size_A,
        )
        self.maps.append(opened)
        self.added.emit(opened)
        self.choose(opened)
        return opened

    def remove(self, opened: OpenMap) -> None:
        """Close a map."""
        if opened not in self.maps:
            return
        at = self.maps.index(opened)
        self.maps.remove(opened)
        self.history.forget(opened)
        self.removed.emit(opened)
        if opened is self.current:
            self.choose(self.maps[min(at, len(self.maps) - 1)] if self.maps else None)

    def choose(self, opened: OpenMap | None) -> None:
        """Turn to a map."""
        if opened is not self.current:
            self.current = opened
            self.current_changed.emit()

    def set_level(self, opened: OpenMap, level: float, *, final: bool = True) -> None:
        """Move the surface; several times with `final=False` while a slider moves, then once."""
        opened.level = level
        self.level_changed.emit(opened, final)

    def show(self, opened: OpenMap, **how: Any) -> None:
        """Change how a map is shown: any attribute of `OpenMap` but the level."""
        before = {name: getattr(opened, name) for name in how}
        if before != how:
            for name, value in how.items():
                setattr(opened, name, value)
            self.shown_differently.emit(opened)

    def replace(self, opened: OpenMap, content: Content) -> None:
        """Give a map other voxels; edits go through `history`, which can take them back."""
        shift = opened.density.index_of(np.array([content.density.origin_A]))[0]
        opened.density, opened.contour = content.density, content.contour
        opened.level, opened.colourings = content.level, dict(content.colourings)
        for i, axis in enumerate(AXES):
            index = round(opened.slice_index[axis] - shift[i])
            opened.slice_index[axis] = min(max(index, 0), content.density.shape[i] - 1)
        self.replaced.emit(opened)

    def move_slice(self, opened: OpenMap, axis: str, index: int) -> None:
        """Move a slice to a voxel; beyond the box, to its edge."""
        last = opened.density.shape[AXES.index(axis)] - 1
        place = {**opened.slice_index, axis: min(max(index, 0), last)}
        self.show(opened, slice_index=place)

    def let_go(self) -> None:
        """The panel goes, whose parts alone have listened; the maps stay for the next one.

        A widget that Qt has deleted may live on in Python for a while, and must not hear anything.
        """
        for signal in (
            self.added,
            self.removed,
            self.current_changed,
            self.level_changed,
            self.shown_differently,
            self.replaced,
            self.history.changed,
        ):
            signal.disconnect()

    def _next_colour(self) -> str:
        used = {opened.colour for opened in self.maps}
        free = [colour for colour in COLOURS if colour not in used]
        return free[0] if free else COLOURS[len(self.maps) % len(COLOURS)]


_PANELS = PanelPerViewer()
map_session_of = PerViewer(MapSession).of
"""The maps of a viewer, for as long as it lives: they outlive the panel."""
map_panel_of, set_map_panel = _PANELS.of, _PANELS.put
"""The Map panel of a viewer, if it is open; its place, for the panel itself."""
