"""How fluently the surface of a large map follows its level, in a real window.

    xvfb-run -a -s "-screen 0 1600x1000x24 +extension GLX" python benchmarks/surface_level.py

A molecule in a box of 256^3 voxels, in noise. The marker of the histogram is dragged for some
seconds, as the mouse does it, at 60 moves a second. An update is a new surface that has been drawn.
With software GL, drawing takes most of the time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass

import napari
import numpy as np
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QWidget
from rich.console import Console
from rich.table import Table
from scipy import ndimage

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.ui.maps.compare_swipe import canvas_of
from napari_cryoai.ui.maps.panel import MapPanel
from napari_cryoai.ui.maps.session import OpenMap

SIDE, SECONDS, MOVES_PER_S = 256, 5.0, 60


@dataclass(frozen=True)
class Figures:
    """Of one drag."""

    updates_per_s: float
    cpu_s: float
    fine_s: float
    longest_stall_s: float


def main() -> None:
    """Measure and print."""
    viewer = napari.Viewer(ndisplay=3)
    panel = MapPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Map")
    noisy, clean = molecule(0.05), molecule(0.0)
    rows = [("one map", drag(panel, add(panel, "noisy", noisy)))]
    add(panel, "clean", clean)
    panel.comparison.take("swipe")
    rows.append(("two maps, linked levels, swipe", drag(panel, panel.session.maps[0])))
    panel.colours.choose("Values of noisy")
    wait(lambda: panel.idle)
    rows.append(("the same, one coloured by values", drag(panel, panel.session.maps[0])))
    table = Table(title=f"Level of surfaces, {SIDE}^3 voxels; load {os.getloadavg()[0]:.1f}")
    for column in ("what", "updates/s (>= 10)", "CPU s each", "fine s (<= 0.4)", "longest stall s"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, found in rows:
        table.add_row(what, *(f"{value:.2f}" for value in astuple(found)))
    Console(width=110).print(table)
    panel.shut_down()
    viewer.close()


def molecule(noise: float) -> DensityMap:
    """Lumps that fill a sphere in the middle of the box."""
    rng = np.random.default_rng(0)
    places = rng.normal(0, SIDE / 9, (12000, 3))
    places = places[np.linalg.norm(places, axis=1) < SIDE / 5] + SIDE / 2
    lumps = np.zeros((SIDE,) * 3, np.float32)
    lumps[tuple(places.astype(int).T)] = 1
    lumps = ndimage.gaussian_filter(lumps, 1.6)
    lumps /= np.quantile(lumps[lumps > 1e-4], 0.99)
    return DensityMap(lumps + rng.normal(0, noise, lumps.shape).astype(np.float32), 1.0)


def add(panel: MapPanel, name: str, density: DensityMap) -> OpenMap:
    """Open a map, and wait until it is drawn."""
    _ = density.mean, density.sigma
    opened = panel.session.add(name, density, contour_of(density))
    wait(lambda: opened in panel.layers.surfaces and panel.idle)
    return opened


def drag(panel: MapPanel, opened: OpenMap) -> Figures:
    """Drag the level to and fro, and let go."""
    panel.session.choose(opened)
    settle()
    canvas = Painted(canvas_of(panel))
    panel.maker.made.connect(mark := lambda *_: canvas.expect())
    histogram, levels = panel.surface.histogram, _levels(opened)
    ticks, start, cpu = [time.perf_counter()], time.perf_counter(), time.process_time()
    while time.perf_counter() - start < SECONDS:
        histogram.moved.emit(next(levels))
        end = time.perf_counter() + 1 / MOVES_PER_S
        while time.perf_counter() < end:
            QApplication.processEvents()
            ticks.append(time.perf_counter())
            time.sleep(0.001)
    updates, seconds, cpu = canvas.count, time.perf_counter() - start, time.process_time() - cpu
    panel.session.set_level(opened, opened.contour.suggested, final=False)
    settle()
    start = time.perf_counter()
    histogram.released.emit()
    wait(lambda: panel.idle)
    QApplication.processEvents()
    fine = time.perf_counter() - start
    panel.maker.made.disconnect(mark)
    canvas.forget()
    return Figures(updates / seconds, cpu / max(updates, 1), fine, float(np.diff(ticks).max()))


class Painted(QObject):
    """Counts how often the canvas has painted a new surface."""

    def __init__(self, canvas: QWidget):
        super().__init__()
        self.count = 0
        self._canvas, self._new = canvas, False
        canvas.installEventFilter(self)

    def expect(self) -> None:
        """There is a new surface."""
        self._new = True

    def forget(self) -> None:
        """Count no more."""
        self._canvas.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Paint, QEvent.Type.UpdateRequest) and self._new:
            self.count, self._new = self.count + 1, False
        return False


def _levels(opened: OpenMap) -> Iterator[float]:
    low = opened.contour.suggested
    high = 0.5 * (low + opened.contour.span[1])
    step = 0
    while True:
        yield low + (high - low) * (0.5 - 0.5 * np.cos(step / 25))
        step += 1


def wait(condition: Callable[[], bool]) -> None:
    """Let the window live until something is true."""
    end = time.monotonic() + 120
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.001)


def settle() -> None:
    """Let everything that is due be drawn."""
    end = time.monotonic() + 0.8
    wait(lambda: time.monotonic() > end)


if __name__ == "__main__":
    main()
