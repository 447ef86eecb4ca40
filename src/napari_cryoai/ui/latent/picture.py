"""The picture of all particles in a view: a density, or discs where they are few."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage

from napari_cryoai.core.raster import Cells
from napari_cryoai.ui.latent import colours
from napari_cryoai.ui.latent.colours import Tint
from napari_cryoai.ui.latent.view import View

FEW_IN_VIEW, PIXELS_EACH = 20_000, 25
"""Discs are drawn of at most so many particles, and where each has so many pixels."""
_CROWD = 3
"""So many particles to a pixel make a smooth picture; of fewer, cells are two pixels wide."""


class ParticlePicture:
    """Makes the picture, and keeps what does not change with the colours.

    Attributes
    ----------
    few
        Whether the last picture was one of discs.
    in_view
        How many particles the last picture showed.
    """

    def __init__(self) -> None:
        self.few = False
        self.in_view = 0
        self._cells: dict[tuple[int, int], Cells] = {}
        self._of: NDArray[np.float32] | None = None
        self._at: tuple[Any, Any] | None = None

    def make(
        self,
        xy: NDArray[np.float32],
        view: View,
        tint: Tint,
        selected: NDArray[np.bool_] | None,
        ratio: float = 1.0,
    ) -> QImage:
        """The picture of points `(n, 2)`.

        Parameters
        ----------
        selected
            `(n,)`; None: nothing is.
        ratio
            Pixels of the screen to one of the view.
        """
        h, w = max(1, round(view.height * ratio)), max(1, round(view.width * ratio))
        # Before the points are counted, as many are expected as there were last time.
        coarse = min(len(xy), self.in_view if xy is self._of else len(xy)) < _CROWD * h * w
        shape = (max(1, h // 2), max(1, w // 2)) if coarse else (h, w)
        cells = self._cells_of(xy, view, shape)
        counts = cells.density()
        self.in_view = int(counts.sum())
        self.few = self.in_view <= min(FEW_IN_VIEW, h * w / PIXELS_EACH)
        if self.few:
            discs = self._discs(xy, view.sized(w, h), tint, selected, ratio)
            return _image(discs, (w, h), ratio)
        return _image(colours.density_picture(cells, counts, tint, selected), (w, h), ratio)

    def _cells_of(self, xy: NDArray[np.float32], view: View, shape: tuple[int, int]) -> Cells:
        if xy is not self._of or (view.x, view.y) != self._at:
            self._of, self._at = xy, (view.x, view.y)
            self._cells.clear()
        if shape not in self._cells:
            if len(self._cells) > 1:  # the window has another size
                self._cells.clear()
            self._cells[shape] = Cells(xy, view.x, view.y, shape)
        return self._cells[shape]

    def _discs(
        self,
        xy: NDArray[np.float32],
        view: View,
        tint: Tint,
        selected: NDArray[np.bool_] | None,
        ratio: float,
    ) -> NDArray[np.uint8]:
        (x0, x1), (y0, y1) = view.x, view.y
        x, y = xy[:, 0], xy[:, 1]
        rows = np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))
        rgb = np.broadcast_to(colours.plain(), (len(rows), 3))
        if tint.values is not None:
            rgb = colours.colours_of(tint.values[rows], tint)
        if selected is not None:
            there = selected[rows][:, None]
            chosen = rgb if tint.values is not None else colours.chosen()
            rgb = np.where(there, chosen, colours.faded())
            order = np.argsort(there[:, 0], kind="stable")
            rows, rgb = rows[order], rgb[order]
        shape = (round(view.height), round(view.width))
        pixels = view.to_pixels(xy[rows]) - 0.5
        pixels = pixels.clip(0, [shape[1] - 1, shape[0] - 1])
        width = 4.6 - 0.8 * np.log10(max(len(rows), 30) / 30)  # px: 5 of thirty, 2 of 20,000
        return colours.disc_picture(pixels, rgb, shape, width / 2 * ratio, edge=len(rows) < 4000)


def _image(picture: NDArray[np.uint8], size: tuple[int, int], ratio: float) -> QImage:
    """The picture on so many pixels, width and height."""
    h, w = picture.shape[:2]
    image = QImage(picture.data, w, h, 4 * w, QImage.Format.Format_ARGB32_Premultiplied).copy()
    if (w, h) != size:
        image = image.scaled(
            *size,
            Qt.AspectRatioMode.IgnoreAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
    image.setDevicePixelRatio(ratio)
    return image
