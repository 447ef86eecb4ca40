"""The particle under the mouse: its image, the model's projection, and the residual."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QSizePolicy, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.ui.explore import select_work as explore_select_work
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import button, hint
from napari_cryoai.ui.latent.scatter import LatentScatter
from napari_cryoai.ui.latent.session import LatentSession, Opened

if TYPE_CHECKING:
    from napari_cryoai.heterogeneity.particle_view import ParticleView

_TITLES = ("particle", "projection", "residual")
RESOLUTION_A = 20.0


class ParticlePanel(QWidget):
    """Follows the mouse in the scatter plot; works in a thread, for the last particle alone.

    Parameters
    ----------
    say
        Puts up a message.
    """

    def __init__(
        self,
        session: LatentSession,
        scatter: LatentScatter,
        background: Background,
        say: Callable[..., object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.scatter = session, scatter
        self.background, self.say = background, say
        self.row: int | None = None
        self._stack: tuple[Opened, ParticleStack] | None = None
        self._busy = False
        self._refused: Opened | None = None
        self.pictures = Thumbnails(self)
        self.words = hint("Rest the mouse on a particle of the plot.", self)
        self.follow = QCheckBox("Follow the mouse", self)
        self.follow.setChecked(True)
        self.resolution = QDoubleSpinBox(self)
        self.resolution.setRange(0, 100)
        self.resolution.setValue(RESOLUTION_A)
        self.resolution.setSuffix(" Å")
        self.resolution.setDecimals(0)
        self.resolution.setSpecialValueText("not filtered")
        self.resolution.setAccessibleName("Filter of the pictures")
        self.resolution.setToolTip("A single image is mostly noise: it is shown filtered")
        self.resolution.valueChanged.connect(lambda _: self._look(self.row))
        self.go = button("Go there", self.go_there, tip="The cursor to this particle's place")
        choice = row((self.follow, 1), self.resolution, self.go)
        column(self.pictures, self.words, choice, of=self, spacing=6)
        scatter.hovered.connect(self._on_hover)
        session.opened.connect(self._on_opened)

    def go_there(self) -> None:
        """Put the cursor at the place of the particle that is shown."""
        if self.row is not None and self.session.source is not None:
            self.session.move_to(self.session.model.table.mean[self.row])

    def look(self, row: int) -> None:
        """Show a particle."""
        self._look(row)

    def _on_opened(self) -> None:
        self.row = self._stack = self._refused = None
        self.pictures.show_view(None)
        self.words.setText("Rest the mouse on a particle of the plot.")

    def _on_hover(self, point: Any) -> None:
        """Only while somebody looks: images are read from disk."""
        if point is None or not self.follow.isChecked() or not self.isVisible():
            return
        near = self.session.plane.nearest(point)
        if len(near):
            self._look(int(near[0]))

    def _look(self, row: int | None) -> None:
        source = self.session.source
        if source is None or row is None:
            return
        self.row = row
        self.scatter.mark(row)
        if self._busy or source is self._refused:
            return
        self._busy = True
        stack = self._stack
        known = stack[1] if stack is not None and stack[0] is source else None
        resolution = self.resolution.value() or None
        self.background.submit(
            partial(_compare, source, known, row, resolution),
            partial(self._take, row, resolution),
            partial(self._fail, source),
        )

    def _take(
        self,
        row: int,
        resolution: float | None,
        found: tuple[Opened, ParticleStack, ParticleView],
    ) -> None:
        self._busy = False
        opened, stack, view = found
        if opened is not self.session.source:
            return
        self._stack = opened, stack
        self.pictures.show_view(view)
        name = self.session.model.table.names[row]
        self.words.setText(f"{name}\ncorrelation with the projection {view.correlation:.2f}")
        if row != self.row or resolution != (self.resolution.value() or None):
            self._look(self.row)

    def _fail(self, source: Opened, error: CryoAIError) -> None:
        """Say it once: the next particle would fail likewise."""
        self._busy, self._refused = False, source
        self.words.setText(str(error))


class Thumbnails(QWidget):
    """Three pictures beside each other: the first two in one grey scale, as is the third."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._images: list[QImage] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(120)
        self.setAccessibleName("Particle, projection and residual")

    def sizeHint(self) -> QSize:
        return QSize(320, 124)

    def show_view(self, view: ParticleView | None) -> None:
        """Show other pictures, or none."""
        self._images = []
        if view is not None:
            pictures = (view.image, view.projection, view.residual)
            span = float(np.quantile(np.abs(view.image - np.median(view.image)), 0.995)) or 1.0
            self._images = [_grey(picture, span) for picture in pictures]
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        side = min((self.width() - 8) / 3, self.height() - 18)
        left = (self.width() - 3 * side - 8) / 2
        for i, title in enumerate(_TITLES):
            frame = QRectF(left + i * (side + 4), 0, side, side)
            painter.fillRect(frame, theme.colour("background").darker(112))
            if self._images:
                painter.drawImage(frame, self._images[i])
            painter.setPen(theme.colour("text").darker(115))
            label = QRectF(frame.left(), frame.bottom() + 1, side, 16)
            painter.drawText(label, Qt.AlignmentFlag.AlignCenter, title)


def _compare(
    source: Opened, known: ParticleStack | None, row: int, resolution_A: float | None
) -> tuple[Opened, ParticleStack, ParticleView]:
    """The particles of a source, read once, and the view of one of them; for a thread."""
    from napari_cryoai.heterogeneity.particle_view import view_particle

    stack = known if known is not None else explore_select_work.particles_of(source)
    z = source.model.table.mean[row]
    view = view_particle(source.model, stack, row, z, resolution_A=resolution_A)
    return source, stack, view


def _grey(picture: NDArray[np.float32], span: float) -> QImage:
    levels = np.clip((picture - np.median(picture)) / (2 * span) + 0.5, 0, 1) * 255
    data = np.ascontiguousarray(levels, dtype=np.float32).astype(np.uint8)
    h, w = data.shape
    return QImage(data.data, w, h, w, QImage.Format.Format_Grayscale8).copy()
