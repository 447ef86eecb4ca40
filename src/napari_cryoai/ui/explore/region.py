"""Which particles have density in a region of the map, and where the selected ones differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QWidget,
)

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.explore.histogram import ColumnHistogram
from napari_cryoai.ui.explore.live import LiveMap
from napari_cryoai.ui.explore.region_brush import RegionBrush
from napari_cryoai.ui.explore.selections import HOWS
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column, grid, row
from napari_cryoai.ui.kit.parts import button, counted, hint
from napari_cryoai.ui.latent.session import LatentSession, Opened
from napari_cryoai.ui.maps.colouring import Colouring
from napari_cryoai.ui.maps.session import OpenMap, map_session_of

if TYPE_CHECKING:
    from napari_cryoai.heterogeneity.analysis.occupancy import Occupancy

COLUMN = "region"
PAINTED = "painted region"


class RegionPanel(QWidget):
    """A region, the particles' density in it, and a threshold to select by.

    Parameters
    ----------
    add_map
        Shows a map in the Map panel, where differences go.
    """

    def __init__(
        self,
        session: LatentSession,
        live: LiveMap,
        viewer: Any,
        background: Background,
        say: Callable[..., object],
        add_map: Callable[..., OpenMap],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.live, self.viewer = session, live, viewer
        self.background, self.say, self.add_map = background, say, add_map
        self.found: Occupancy | None = None
        self.brush = RegionBrush(viewer, self._target, self.measure)
        self._ask = 0
        self._build()
        session.opened.connect(self._on_opened)
        session.selection_changed.connect(self._refresh)
        self._refresh()

    def measure(self) -> None:
        """Ask for every particle's density in the region, in a thread."""
        region = self.region()
        self._ask += 1
        if region is None or self.session.source is None:
            self._take(self._ask, None)
            return
        work = partial(_occupancy, self.session.source, region)
        self.background.submit(work, partial(self._take, self._ask), self._fail)

    def region(self) -> Any:
        """The painted region, or the map that was chosen as a mask; None if there is none."""
        chosen = self.source.currentText()
        if chosen == PAINTED:
            mask = self.brush.mask
            return mask if mask is not None and mask.any() else None
        maps = map_session_of(self.viewer).maps
        opened = next((opened for opened in maps if opened.name == chosen), None)
        if opened is None:
            return None
        above = (opened.density.data > opened.level).astype(np.float32)
        return opened.density.with_data(above)

    def select(self) -> None:
        """Select the particles with at least as much density as the threshold."""
        if self.found is not None:
            how: Any = list(HOWS)[self.how.currentIndex()]
            mask = self.found.above(self.histogram.threshold)
            self.session.selections.select(mask, how, "Density in the region")

    def show_difference(self) -> None:
        """Where the selected particles have more density, or less, than the others."""
        if self.session.source is None:
            return
        selected = self.session.selections.current
        work = partial(_difference, self.session.source, selected)
        self.background.submit(work, self._take_difference, self._fail)

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.paint = button(
            "Paint", self._toggle, icon="brush", tip="Drag over the map; Shift or Alt erases"
        )
        self.paint.setCheckable(True)
        self.radius = QDoubleSpinBox(self)
        self.radius.setRange(1, 200)
        self.radius.setDecimals(0)
        self.radius.setSuffix(" Å")
        self.radius.setValue(self.brush.radius_A)
        self.radius.setAccessibleName("Radius of the brush")
        self.radius.valueChanged.connect(lambda v: setattr(self.brush, "radius_A", float(v)))
        self.undo = button("Undo", self.brush.undo, icon="undo")
        self.clear = button("Clear", lambda: self.brush.set(None))
        self.source = QComboBox(self)
        self.source.setAccessibleName("Region")
        self.source.setToolTip("The painted region, or a map of the Map panel above its level")
        self.source.activated.connect(lambda _: self.measure())
        self.how = QComboBox(self)
        self.how.addItems(list(HOWS.values()))
        self.how.setAccessibleName("How the particles change the selection")
        self.histogram = ColumnHistogram(self)
        self.histogram.moved.connect(lambda _: self._say())
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.select_button = button("Select", self.select, primary=True)
        self.select_button.setMinimumWidth(76)
        self.difference = button(
            "Map the difference", self.show_difference, icon="map",
            tip="Mean map of the selected particles minus that of the others",
        )  # fmt: skip
        column(
            grid(("Region", (self.source, 2)), stretch=(1,)),
            row(self.paint, self.radius, self.undo, self.clear),
            self.histogram,
            self.words,
            grid(("Above it", self.how, self.select_button), stretch=(1,)),
            hint("And the other way round, for a selection of particles:", self),
            self.difference,
            of=self,
            spacing=6,
        )

    def _target(self) -> tuple[DensityMap, float] | None:
        opened = self.live.opened
        return None if opened is None else (opened.density, opened.level)

    def _toggle(self) -> None:
        on = self.paint.isChecked()
        self.brush.turn(on)
        if on:
            self.source.setCurrentIndex(0)

    def _on_opened(self) -> None:
        self.brush.forget()
        self.paint.setChecked(False)
        self._take(self._ask, None)

    def _take(self, asked: int, found: Occupancy | None) -> None:
        if asked != self._ask:
            return
        self.found = found
        self.histogram.set_values(None if found is None else found.density)
        if found is not None:
            self.session.add_column(COLUMN, found.density, colour=True)
        self._say()
        self._refresh()

    def _say(self) -> None:
        if self.found is None:
            self.words.setText("")
            return
        n = int(self.found.above(self.histogram.threshold).sum())
        sure = f"{self.found.share:.0%} of the differences between particles are not uncertainty"
        self.words.setText(f"{counted(n, 'particle')} above the marker. {sure}.")

    def _refresh(self) -> None:
        self.select_button.setEnabled(self.found is not None)
        self.undo.setEnabled(self.brush.can_undo)
        self.clear.setEnabled(self.brush.mask is not None)
        some = self.session.source is not None and self.session.selections.count > 0
        self.difference.setEnabled(some)
        self._list_maps()

    def _list_maps(self) -> None:
        names = [PAINTED, *(opened.name for opened in map_session_of(self.viewer).maps)]
        if [self.source.itemText(i) for i in range(self.source.count())] != names:
            now = self.source.currentText()
            self.source.clear()
            self.source.addItems(names)
            self.source.setCurrentText(now if now in names else PAINTED)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._list_maps()

    def hideEvent(self, event: Any) -> None:
        """Nobody sees any more why the view does not turn."""
        super().hideEvent(event)
        self.brush.turn(False)
        self.paint.setChecked(False)

    def let_go(self) -> None:
        """The panel goes."""
        self.brush.forget()

    def _take_difference(self, found: Any) -> None:
        density, contour, level, colouring, words = found
        opened = self.add_map("difference", density, contour, level)
        opened.colourings[colouring.name] = colouring
        self.say(words)

    def _fail(self, error: CryoAIError) -> None:
        self.say(str(error), "error")


def _occupancy(source: Opened, region: Any) -> Occupancy:
    from napari_cryoai.heterogeneity.analysis.occupancy import occupancy  # it brings torch

    return occupancy(source.model, region)


def _difference(source: Opened, selected: Any) -> Any:
    """The difference map with its levels, and its significance as a colour."""
    from napari_cryoai.heterogeneity.analysis.occupancy import difference

    found = difference(source.model, selected)
    density, significance = found.map, found.significance
    _ = density.mean, density.sigma
    level = float(np.quantile(density.data, 0.997))
    colouring = Colouring(
        "Significance",
        significance,
        (0.0, 10.0),
        "good is high",
        "\N{GREEK SMALL LETTER SIGMA}",
        ("doubtful", "sure"),
    )
    words = (
        f"Mean map of {counted(found.selected, 'particle')} minus that of the other "
        f"{found.others:,}, in the Map panel"
    )
    return density, contour_of(density), level, colouring, words
