"""What a panel says before there is anything to work on."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QWidget

from napari_cryoai.ui.kit import icons, theme
from napari_cryoai.ui.kit.layout import column
from napari_cryoai.ui.kit.parts import button, hint

Act = Callable[[], object]


class EmptyState(QWidget):
    """What to do first.

    Parameters
    ----------
    icon
        See `icons`.
    title
        What is missing.
    steps
        What to do, in order.
    opening, sample
        The words of the two buttons, and what they do.
    """

    def __init__(
        self,
        icon: str,
        title: str,
        steps: str,
        opening: tuple[str, Act],
        sample: tuple[str, Act],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        picture = QLabel(self)
        theme.themed(
            picture, lambda: picture.setPixmap(icons.pixmap(icon, theme.colour("primary"), 72))
        )
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        head = QLabel(title, self)
        head.setAlignment(Qt.AlignmentFlag.AlignCenter)
        head.setStyleSheet("font-size: 14pt; font-weight: 600;")
        first, second = button(*opening, icon="folder", primary=True), button(*sample, icon=icon)
        layout = column(1, picture, head, hint(steps, self), first, second, 2, of=self, spacing=12)
        layout.setContentsMargins(18, 12, 18, 12)
