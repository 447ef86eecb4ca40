"""A path as a film: each place is drawn in full, and the view is grabbed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import replacing
from napari_cryoai.ui.explore.live import Frame, LiveMap

Picture = NDArray[np.uint8]
FILTERS = {
    ".mp4": "Film (*.mp4)",
    ".gif": "Animated GIF (*.gif)",
    ".webp": "Animated WebP (*.webp)",
}
FRAMES_PER_S = 12


class Filming(QObject):
    """Draws one place after the other, and keeps a picture of each.

    Parameters
    ----------
    live
        What draws.
    grab
        A picture of the view, `(h, w, 3 or 4)`.

    Signals
    -------
    advanced(done, total)
        Another picture was taken.
    done(pictures)
        All of them.
    """

    advanced = Signal(int, int)
    done = Signal(object)

    def __init__(self, live: LiveMap, grab: Callable[[], Picture], parent: QObject | None = None):
        super().__init__(parent)
        self._live = live
        self._grab = grab
        self._places: Sequence[NDArray[np.float32]] = ()
        self._taken: list[Picture] = []
        self._about_to_take = False
        self.running = False

    def start(self, places: Sequence[NDArray[np.float32]]) -> None:
        """Begin; refused while another film is made."""
        if self.running or not len(places):
            return
        self.running, self._places, self._taken = True, places, []
        self._live.drawn.connect(self._on_drawn)
        self._live.go(places[0], fine=True)

    def cancel(self) -> None:
        """Give up; nothing is written."""
        if self.running:
            self.running = False
            self._live.drawn.disconnect(self._on_drawn)

    def _on_drawn(self, frame: Frame, fine: bool) -> None:
        if self._about_to_take:
            return
        wanted = self._places[len(self._taken)]
        if not fine or not np.array_equal(frame.z, wanted):
            self._live.go(wanted, fine=True)  # somebody has moved the cursor meanwhile
            return
        # napari draws in an event of its own, which comes before this one.
        self._about_to_take = True
        QTimer.singleShot(0, self._take)

    def _take(self) -> None:
        self._about_to_take = False
        if not self.running:
            return
        self._taken.append(np.ascontiguousarray(self._grab()[..., :3]))
        self.advanced.emit(len(self._taken), len(self._places))
        if len(self._taken) < len(self._places):
            self._live.go(self._places[len(self._taken)], fine=True)
            return
        self.cancel()
        self.done.emit(self._taken)


def can_write_mp4() -> bool:
    """Whether the encoder is installed."""
    return importlib.util.find_spec("imageio_ffmpeg") is not None


def write_film(pictures: Sequence[Picture], path: Path, frames_per_s: int = FRAMES_PER_S) -> str:
    """Write pictures as `.mp4`, `.gif` or `.webp`; returns what was done, in a sentence.

    Raises
    ------
    CryoAIError
        If the ending is another one, or an mp4 is asked for and there is no encoder.
    """
    ending = path.suffix.lower()
    if ending not in FILTERS:
        raise CryoAIError(
            "is no kind of film", path=path, remedy=f"Choose an ending of {', '.join(FILTERS)}"
        )
    if ending == ".mp4" and not can_write_mp4():
        raise CryoAIError(
            "an mp4 needs an encoder that is not installed",
            path=path,
            remedy="`pip install imageio-ffmpeg`, or save as .gif or .webp",
        )
    with replacing(path) as part:
        if ending == ".mp4":
            _write_mp4(pictures, part, frames_per_s)
        else:
            _write_pillow(pictures, part, ending, frames_per_s)
    return f"Wrote {len(pictures)} frames to {path}"


def _write_mp4(pictures: Sequence[Picture], path: Path, frames_per_s: int) -> None:
    imageio_ffmpeg = importlib.import_module("imageio_ffmpeg")
    height, width = (side // 2 * 2 for side in pictures[0].shape[:2])  # the codec needs even sides
    writer: Any = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=frames_per_s, codec="libx264", quality=8,
        macro_block_size=2, output_params=["-f", "mp4"],
    )  # fmt: skip
    writer.send(None)
    for picture in pictures:
        writer.send(np.ascontiguousarray(picture[:height, :width]))
    writer.close()


def _write_pillow(pictures: Sequence[Picture], path: Path, ending: str, frames_per_s: int) -> None:
    from PIL import Image

    first, *others = [Image.fromarray(picture) for picture in pictures]
    with path.open("wb") as file:
        first.save(
            file,
            format=ending[1:].upper(),
            save_all=True,
            append_images=others,
            duration=round(1000 / frames_per_s),
            loop=0,
        )
