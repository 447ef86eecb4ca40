"""Draw a path through the latent space, play it, and save its maps or a film."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QSpinBox,
    QWidget,
)

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.ui.explore import path_work as work
from napari_cryoai.ui.explore.film import FILTERS, Filming, can_write_mp4, write_film
from napari_cryoai.ui.explore.live import LiveMap
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.jobs import JobBar, JobRunner
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import button, hint
from napari_cryoai.ui.latent import marks
from napari_cryoai.ui.latent.path import Floats, Kind, LatentPath
from napari_cryoai.ui.latent.scatter import LatentScatter
from napari_cryoai.ui.latent.series import SeriesBar
from napari_cryoai.ui.latent.session import LatentSession

KINDS: dict[Kind, str] = {
    "straight": "straight lines",
    "spline": "smooth curve",
    "graph": "along particles",
    "dense": "through density",
}
_QUICK: tuple[Kind, ...] = ("straight", "spline")
_GRAB_PX = 11.0
_PLAY_MS = 70


class PathPanel(QWidget):
    """The path of a session."""

    def __init__(
        self,
        session: LatentSession,
        scatter: LatentScatter,
        live: LiveMap,
        viewer: Any,
        background: Background,
        say: Callable[..., object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.scatter, self.live = session, scatter, live
        self.background, self.say = background, say
        self.path = LatentPath()
        self._grabbed: int | None = None
        self._moved = False
        self._ask = 0
        self._play = QTimer(self, interval=_PLAY_MS)
        self._play.timeout.connect(self._advance)
        self.runner = JobRunner(self)
        self.filming = Filming(live, partial(_grab, viewer), self)
        self._film: Path | None = None
        self._build()
        self._connect()
        self.refresh()

    # What others may ask ------------------------------------------------------------------------

    def undo(self) -> bool:
        """Take back the last step of the path; whether there was one."""
        return self.path.undo()

    def redo(self) -> bool:
        """Repeat it; whether there was one."""
        return self.path.redo()

    def step(self, by: int) -> None:
        """Back or on along the path."""
        if len(self.path.places):
            self._go((self.path.at + by) % len(self.path.places))

    def toggle_play(self) -> None:
        """Play, or pause."""
        if self._play.isActive():
            self._play.stop()
            self.session.place_changed.emit(True)
        elif len(self.path.places):
            self._play.start()
        self.refresh()

    def stop(self) -> None:
        """The panel goes."""
        self._play.stop()
        self.filming.cancel()
        self.runner.cancel()

    def ask_maps(self) -> None:
        """Choose a folder for the maps."""
        folder = QFileDialog.getExistingDirectory(self, "Write the maps along the path to")
        if folder:
            self.write_maps(Path(folder))

    def write_maps(self, folder: Path) -> None:
        """Write the maps and the places into a folder."""
        if not self.runner.running:
            self.runner.start(
                partial(work.write_series, self.session.model, self.path.places, folder)
            )

    def ask_film(self) -> None:
        """Choose a file for the film."""
        kinds = list(FILTERS.values()) if can_write_mp4() else list(FILTERS.values())[1:]
        start = "path.mp4" if can_write_mp4() else "path.gif"
        path, _ = QFileDialog.getSaveFileName(self, "Save the film", start, ";;".join(kinds))
        if path:
            self.write_film(Path(path))

    def write_film(self, path: Path) -> None:
        """Draw every place in full, and write what is seen."""
        if not self.filming.running and len(self.path.places):
            self._play.stop()
            self._film = path
            self.job.begin("Filming…")
            self.filming.start(list(self.path.places))

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.kind = QComboBox(self)
        self.kind.addItems(list(KINDS.values()))
        self.kind.setAccessibleName("How the path runs")
        self.kind.setToolTip(
            "Straight or smooth from anchor to anchor; from particle to neighbouring particle;\n"
            "or where particles are dense, as a motion of little free energy goes"
        )
        self.count = QSpinBox(self)
        self.count.setRange(2, 500)
        self.count.setValue(24)
        self.count.setMinimumWidth(84)
        self.count.setAccessibleName("Maps along the path")
        self.closed = QCheckBox("Closed", self)
        self.closed.setToolTip("Back to the first anchor")
        self.bar = SeriesBar(self)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.play = button("Play", self.toggle_play, icon="play", tip="Play or pause  [R]")
        self.clear = button("Clear", lambda: self.path.replace(()), tip="Take all anchors away")
        self.maps = button("Save maps…", self.ask_maps, icon="save", tip="As .mrc, with the places")
        self.film = button("Save film…", self.ask_film, icon="film", tip="The view, map by map")
        self.job = JobBar(self.runner, lambda error: self.say(str(error), "error"), self)
        column(
            row((self.kind, 1), "Maps", self.count),
            self.bar,
            self.words,
            row((self.play, 1), self.closed, self.clear),
            row((self.maps, 1), (self.film, 1)),
            self.job,
            hint("Path tool: click adds an anchor, drag moves it, right click removes it.", self),
            of=self,
            spacing=6,
        )

    def _connect(self) -> None:
        path = self.path
        path.anchors_changed.connect(self._retrace)
        path.places_changed.connect(self.refresh)
        path.at_changed.connect(self._on_at)
        self.kind.currentIndexChanged.connect(lambda _: self._retrace())
        self.count.valueChanged.connect(lambda _: self._retrace())
        self.closed.toggled.connect(lambda _: self._retrace())
        self.bar.moved.connect(self._go)
        self.scatter.path_touched.connect(self._on_touch)
        self.session.opened.connect(self._on_opened)
        self.session.plane_changed.connect(self._draw)
        self.runner.done.connect(self.say)
        self.job.cancel_requested.connect(self._cancel_film)
        self.filming.advanced.connect(
            lambda done, total: self.job.advance(Progress(done, total, "Filming"))
        )
        self.filming.done.connect(self._on_filmed)

    # What the user does -------------------------------------------------------------------------

    def _on_touch(self, point: NDArray[np.float64], phase: str) -> None:
        here = self._anchor_at(point)
        if phase == "remove":
            if here is not None:
                self.path.remove(here)
        elif phase == "press":
            self._moved = False
            if here is None:
                self.path.add(self._z(point))
                here, self._moved = len(self.path.anchors) - 1, True
            self._grabbed = here
        elif phase == "move" and self._grabbed is not None:
            self.path.move(self._grabbed, self._z(point), first=not self._moved)
            self._moved = True
            self.session.move_to(self.path.anchors[self._grabbed], final=False)
        elif phase == "release" and self._grabbed is not None:
            at, self._grabbed = self._grabbed, None
            self.session.move_to(self.path.anchors[at])
            self._retrace()

    def _anchor_at(self, point: NDArray[np.float64]) -> int | None:
        if not self.path.anchors:
            return None
        to_pixels = self.scatter.view.to_pixels
        away = to_pixels(self._points(self.path.anchors)) - to_pixels([point])
        nearest = int(np.hypot(*away.T).argmin())
        return nearest if float(np.hypot(*away[nearest])) < _GRAB_PX else None

    def _z(self, point: NDArray[np.float64]) -> Floats:
        return self.session.plane.z_at(point, self.session.z, self.session.rest)

    def _go(self, at: int) -> None:
        self.path.go(at)

    def _advance(self) -> None:
        """On to the next place, if the last one has been drawn."""
        if self.live.idle:
            self.step(1)

    def _on_at(self) -> None:
        self.bar.set_at(self.path.at)
        self.session.move_to(self.path.places[self.path.at], final=not self._play.isActive())

    def _cancel_film(self) -> None:
        self.filming.cancel()
        self.job.end()

    # What follows -------------------------------------------------------------------------------

    def _on_opened(self) -> None:
        self._play.stop()
        self.filming.cancel()
        self.path.forget()

    def _retrace(self) -> None:
        """Find the places anew: at once, or in a thread where that takes long."""
        anchors, kind = list(self.path.anchors), self._kind()
        if self.closed.isChecked() and len(anchors) > 1:
            anchors.append(anchors[0])
        self._ask += 1
        if self.session.source is None or len(anchors) < 2:
            self.path.set_places(np.zeros((0, len(self.session.z)), np.float32))
            return
        table, count = self.session.model.table, self.count.value()
        find = partial(work.places_along, table, anchors, count, self.closed.isChecked())
        if kind in _QUICK or self._grabbed is not None:
            quick: Kind = kind if kind in _QUICK else "straight"
            try:
                self._take_places(self._ask, find(quick))
            except CryoAIError as error:
                self._not_found(error)
        else:
            self.words.setText("Finding the way…")
            self.background.submit(
                partial(find, kind),
                partial(self._take_places, self._ask),
                self._not_found,
            )

    def _take_places(self, asked: int, places: Floats) -> None:
        if asked != self._ask:
            return
        self.path.set_places(places)
        if self._grabbed is None and len(places):
            self.background.submit(
                partial(work.counts_along, self.session.model.table, places),
                partial(self._take_counts, asked),
            )

    def _take_counts(self, asked: int, counts: NDArray[np.intp]) -> None:
        if asked == self._ask:
            self.bar.set_counts(counts)
            self._say(counts)

    def _not_found(self, error: CryoAIError) -> None:
        self.say(str(error), "error")
        self.path.set_places(np.zeros((0, len(self.session.z)), np.float32))

    def _on_filmed(self, pictures: Any) -> None:
        assert self._film is not None  # noqa: S101 - set before it began
        self.job.end()
        self.background.submit(partial(write_film, pictures, self._film), self.say)

    def refresh(self) -> None:
        """As the path is."""
        m = len(self.path.places)
        if len(self.bar.counts) != m:
            self.bar.set_counts(np.zeros(m))
        self.bar.set_at(self.path.at)
        for widget in (self.play, self.maps, self.film):
            widget.setEnabled(m > 0)
        self.clear.setEnabled(bool(self.path.anchors))
        self.play.setText("Pause" if self._play.isActive() else "Play")
        if not m:
            n = len(self.path.anchors)
            self.words.setText("One anchor: click another place" if n == 1 else "")
        self._draw()

    def _say(self, counts: NDArray[np.intp]) -> None:
        empty = int((counts == 0).sum())
        words = f"{len(self.path.anchors)} anchors, {len(counts)} maps"
        if empty:
            words += f"; {empty} of them with no particle nearest to them"
        self.words.setText(words)

    def _draw(self) -> None:
        if self.session.source is None:
            return
        at = self.path.at if len(self.path.places) else None
        path = marks.Path(self._points(self.path.anchors), self._points(self.path.places), at)
        self.scatter.set_path(path)

    def _points(self, places: Any) -> NDArray[np.float64]:
        points = [self.session.plane.point_of(z) for z in places]
        return np.array(points, float).reshape(-1, 2)

    def _kind(self) -> Kind:
        return list(KINDS)[self.kind.currentIndex()]


def _grab(viewer: Any) -> NDArray[np.uint8]:
    return np.asarray(viewer.screenshot(canvas_only=True, flash=False))
