"""How long the *Pick particles* panel keeps its user waiting.

    xvfb-run -a -s "-screen 0 1600x1000x24 +extension GLX" python benchmarks/ui_latency.py

Fifty micrographs of 4096 x 4096 pixels with 100,000 picks in one table. Times are those of the main
thread, in which napari draws too; with software GL the drawing takes most of them, so it is
measured by itself.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QApplication
from rich.console import Console
from rich.table import Table

from napari_cryoai.core import edits
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source, concatenate
from napari_cryoai.ui.kit import settings
from napari_cryoai.ui.picking.panel import PickParticles

SIDE, MICROGRAPHS, PICKS = 4096, 50, 2000


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        settings.autosave_folder = lambda: Path(folder)
        viewer = napari.Viewer(ndisplay=2)
        panel = PickParticles(viewer)
        viewer.window.add_dock_widget(panel, name="Pick particles")
        rows = measure(panel)
        panel.shut_down()
        viewer.close()
    table = Table(title="Latency of the panel, main thread")
    for column in ("what", "median ms", "worst ms", "limit ms"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, times, limit in rows:
        table.add_row(
            what, f"{np.median(times) * 1e3:.1f}", f"{np.max(times) * 1e3:.1f}", f"{limit:g}"
        )
    Console().print(table)


def measure(panel: PickParticles) -> list[tuple[str, list[float], float]]:
    """All figures: name, seconds, limit in milliseconds."""
    fill(panel)
    session, actions = panel.session, panel.actions_.table()
    rows = []
    thresholds = np.linspace(0.1, 0.9, 40)

    def drag(threshold: float) -> None:
        panel.filters.histogram.moved.emit(float(threshold))

    moves = [timed(lambda t=t: drag(t)) for t in thresholds]
    draws = [timed(QApplication.processEvents) for t in thresholds if drag(t) is None]
    rows.append(("threshold moves, 100,000 picks", moves, 16))
    rows.append(("   and the drawing of that", draws, 500))
    session.preview_filters(threshold=0.5)
    session.commit_filters()
    for filtered in (True, False):
        panel.filtered.setChecked(filtered)
        wait(lambda: panel.navigator.is_ready(session.current))
        kind = "filtered" if filtered else "as recorded"
        calls, totals, blocks = [], [], []
        for _ in range(6):
            names = list(session.micrographs)
            follower = names[names.index(session.current) + 1]
            wait(lambda name=follower: panel.navigator.is_ready(name))
            settle()
            start = time.perf_counter()
            calls.append(timed(actions["next"]))
            blocks.append(timed(QApplication.processEvents))
            totals.append(time.perf_counter() - start)
        rows.append((f"step to the next micrograph, {kind}: until drawn", totals, 600))
        rows.append((f"   without the drawing, {kind}", calls, 100))
    points = panel.layers.points
    rows.append(("add a pick", [timed(lambda: points.add([[9.0, 9.0]])) for _ in range(5)], 100))
    rows.append(("undo it", [timed(actions["undo"]) for _ in range(5)], 100))
    return rows


def fill(panel: PickParticles) -> None:
    """Open simulated micrographs and put random picks on them."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    micrographs = [
        Micrograph(f"{i:03d}.mrc", Path(f"{i:03d}.mrc"), (SIDE, SIDE), 1.0, lambda: pixels)
        for i in range(MICROGRAPHS)
    ]
    session = panel.session
    session.open(micrographs)
    session.go_to(micrographs[0].name)
    session.set_diameter(120.0)
    table = concatenate(
        PickTable.of_points(
            m.name,
            rng.uniform(0, SIDE, (PICKS, 2)),
            score=rng.random(PICKS),
            diameter_px=120,
            source=Source.AUTO,
        )
        for m in micrographs
    )
    session.do(edits.AddPicks(table.renumbered(session.history.new_ids(len(table)))), "Pick")
    wait(lambda: panel.layers.points is not None)
    settle()


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def wait(condition: Callable[[], bool]) -> None:
    """Let the window live until something is true."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def settle() -> None:
    """Let everything that is due be drawn."""
    end = time.monotonic() + 0.5
    wait(lambda: time.monotonic() > end)


if __name__ == "__main__":
    main()
