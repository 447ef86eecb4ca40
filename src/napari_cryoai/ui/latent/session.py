"""A fitted latent space in a viewer, and what the user does in it. Knows neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_cryoai.core.selection_set import SelectionSet
from napari_cryoai.core.selections import Selections
from napari_cryoai.ui.kit.per_viewer import PanelPerViewer, PerViewer
from napari_cryoai.ui.latent.colours import Tint
from napari_cryoai.ui.latent.columns import Columns
from napari_cryoai.ui.latent.plane import Plane, Rest

if TYPE_CHECKING:
    from napari_cryoai.heterogeneity.model import LatentModel

PLAIN = "density"


@dataclass(frozen=True, eq=False)
class Opened:
    """What a folder holds.

    Attributes
    ----------
    model
        The fitted latent space.
    folder
        Where it was read from; None for one that is in no file.
    config
        Parameters of the training, and under `particles` the file that it read.
    rounds
        Columns of `training.csv`.
    selections
        That were kept in it.
    """

    model: LatentModel
    folder: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    rounds: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    selections: SelectionSet | None = None

    @property
    def doubt(self) -> str:
        """What the training found against the whole latent space; empty if nothing."""
        found = self.config.get("structure_found", True)
        return "" if found else str(self.config.get("structure", ""))

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self.folder.name if self.folder is not None else "latent space"


class LatentSession:
    """One latent space at a time.

    Signals
    -------
    opened()
        Another latent space, or none.
    columns_changed()
        There is another column.
    plane_changed()
        Other axes.
    tint_changed()
        Another colour.
    place_changed(final)
        The cursor moved; `final` when it rests.
    selection_changed()
        Other particles are selected, or a selection got another name.
    """

    opened = Signal()
    columns_changed = Signal()
    plane_changed = Signal()
    tint_changed = Signal()
    place_changed = Signal(bool)
    selection_changed = Signal()

    def __init__(self) -> None:
        self.source: Opened | None = None
        self.rest: Rest = "nearby"
        self.z = np.zeros(0, np.float32)
        self.coloured_by = PLAIN
        self._columns: Columns | None = None
        self._plane: Plane | None = None
        self._selections: Selections | None = None
        self._tints: dict[str, Tint] = {}
        self._point: NDArray[np.float64] | None = None

    # What is there ------------------------------------------------------------------------------

    @property
    def model(self) -> LatentModel:
        """Of the latent space; ask `source` first whether there is one."""
        assert self.source is not None  # noqa: S101 - callers have checked
        return self.source.model

    @property
    def columns(self) -> Columns:
        """Of its particles."""
        assert self._columns is not None  # noqa: S101 - callers have checked
        return self._columns

    @property
    def plane(self) -> Plane:
        """The axes shown."""
        assert self._plane is not None  # noqa: S101 - callers have checked
        return self._plane

    @property
    def selections(self) -> Selections:
        """The selected particles, named selections, and the way back."""
        assert self._selections is not None  # noqa: S101 - callers have checked
        return self._selections

    @property
    def tint(self) -> Tint:
        """By what the particles are coloured."""
        return self._tints.get(self.coloured_by, Tint())

    @property
    def point(self) -> NDArray[np.float64]:
        """Where the cursor lies in the plane."""
        if self._point is None:
            self._point = self.plane.point_of(self.z)
        return self._point

    # What changes it ----------------------------------------------------------------------------

    def open(self, source: Opened | None) -> None:
        """Turn to another latent space; the cursor begins in the midst of the particles."""
        self.source, self._point = source, None
        self._tints = {}
        self.coloured_by = PLAIN
        if source is None:
            self._columns = self._plane = self._selections = None
        else:
            table = source.model.table
            self._columns = Columns(table)
            self._selections = Selections(len(table), source.selections)
            self._selections.changed.connect(self.selection_changed.emit)
            names = self._columns.names
            first, second = ("PC1", "PC2") if "PC2" in names else (names[0], names[1])
            self._plane = self._plane_of(first, second)
            self.z = middle(table.mean)
        self.opened.emit()

    def show(self, x: str, y: str) -> None:
        """Other axes."""
        if (x, y) != (self.plane.x.name, self.plane.y.name):
            self._plane = self._plane_of(x, y)
            self.plane_changed.emit()

    def colour_by(self, name: str) -> None:
        """Another colour: the name of a column, or `PLAIN`."""
        if name == self.coloured_by:
            return
        self.coloured_by = name
        if name != PLAIN and name not in self._tints:
            column = self.columns[name]
            self._tints[name] = Tint.of(column.values, labels=column.labels)
        self.tint_changed.emit()

    def add_column(self, name: str, values: NDArray[np.floating], *, colour: bool = False) -> None:
        """Another number of every particle, shown at once if `colour`."""
        self.columns.add(name, values)
        self._tints.pop(name, None)
        again = self.coloured_by == name
        if again:
            self.coloured_by = PLAIN
        self.columns_changed.emit()
        if self.plane.x.name == name or self.plane.y.name == name:
            self._plane = self._plane_of(self.plane.x.name, self.plane.y.name)
            self.plane_changed.emit()
        if colour or again:
            self.colour_by(name)

    def move_to(self, z: NDArray[np.floating], *, final: bool = True) -> None:
        """Put the cursor at a place `(d,)`; with `final=False` while it is dragged, then once."""
        self.z, self._point = np.asarray(z, np.float32), None
        self.place_changed.emit(final)

    def move_to_point(self, point: NDArray[np.floating], *, final: bool = True) -> None:
        """Put the cursor at a point of the plane."""
        plane = self.plane
        self.z = plane.z_at(point, self.z, self.rest)
        self._point = None
        if plane.directions is None and len(near := plane.nearest(point)):
            self._point = plane.xy[near[0]].astype(float)
        self.place_changed.emit(final)

    def let_go(self) -> None:
        """The panel goes, whose parts alone have listened."""
        for signal in (
            self.opened, self.columns_changed, self.plane_changed, self.tint_changed,
            self.place_changed, self.selection_changed,
        ):  # fmt: skip
            signal.disconnect()

    def _plane_of(self, x: str, y: str) -> Plane:
        self._point = None
        return Plane(self.columns[x], self.columns[y], self.model.table)


def middle(mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """The place `(d,)` of the particle in the midst of the others `(n, d)`.

    Their mean may lie where there is none.
    """
    some = mean[:: max(1, len(mean) // 20_000)]
    away = np.square(some - np.median(some, 0)).sum(1)
    return some[int(away.argmin())].copy()


_PANELS = PanelPerViewer()
latent_session_of = PerViewer(LatentSession).of
"""The latent space of a viewer, for as long as it lives: it outlives the panel."""
latent_panel_of, set_latent_panel = _PANELS.of, _PANELS.put
"""The Explore heterogeneity panel of a viewer, if it is open; its place, for the panel itself."""
