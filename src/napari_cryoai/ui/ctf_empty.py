"""What the CTF and extraction panel says before there are micrographs."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_cryoai.ui import icons, theme
from napari_cryoai.ui.parts import button, hint

WHAT_NEXT = (
    "Drop a folder of micrographs here, or open one.\n\n"
    "1.  Estimate the CTF, or import it\n"
    "2.  Look at the rings, exclude poor micrographs\n"
    "3.  Pick particles (Plugins > Pick particles)\n"
    "4.  Extract, look through the particles, save"
)


class CtfEmptyState(QWidget):
    """What to do first."""

    def __init__(
        self,
        open_folder: Callable[[], object],
        open_sample: Callable[[], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        picture = QLabel(self)
        theme.themed(
            picture, lambda: picture.setPixmap(icons.pixmap("rings", theme.colour("primary"), 72))
        )
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title = QLabel("No micrographs yet", self)
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title.setStyleSheet("font-size: 14pt; font-weight: 600;")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 12, 18, 12)
        layout.setSpacing(12)
        layout.addStretch(1)
        layout.addWidget(picture)
        layout.addWidget(title)
        layout.addWidget(hint(WHAT_NEXT, self))
        layout.addWidget(button("Open folder…", open_folder, icon="folder", primary=True))
        layout.addWidget(button("Try it on simulated micrographs", open_sample, icon="image"))
        layout.addStretch(2)
