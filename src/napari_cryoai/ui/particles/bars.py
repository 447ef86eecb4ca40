"""The rows of controls above and below a grid of particles."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLabel,
    QSlider,
    QToolButton,
    QWidget,
)
from superqt import QFlowLayout

from napari_cryoai.ui.kit import icons, theme
from napari_cryoai.ui.kit.layout import row
from napari_cryoai.ui.kit.parts import button, hint

SORTS = (
    ("As in the file", "file"),
    ("Score", "score"),
    ("Defocus", "defocus"),
    ("Micrograph", "micrograph"),
)
SHOWS = (("All", "all"), ("Kept", "kept"), ("Rejected", "rejected"))


class ParticleHead(QWidget):
    """Open, the name of what is open, its order, and how it looks."""

    def __init__(self, open_: Callable[[], object], side: int, parent: QWidget | None = None):
        super().__init__(parent)
        self.title = hint("", self)
        self.title.setWordWrap(False)
        self.title.setMinimumWidth(40)  # a long name does not widen the panels beside it
        self.sort = _choice(SORTS, "Sort by", self)
        self.down = QCheckBox("Largest first", self)
        self.show_ = _choice(SHOWS, "Show", self)
        self.filtered = QCheckBox("Filter", self)
        self.filtered.setChecked(True)
        self.filtered.setToolTip("Show copies low-passed to 15 Å; the files stay as they are")
        self.size_ = QSlider(Qt.Orientation.Horizontal, self)
        self.size_.setRange(48, 240)
        self.size_.setValue(side)
        self.size_.setMaximumWidth(110)
        self.size_.setAccessibleName("Size of the images")
        self.size_.setToolTip("Size of the images")
        self.controls = (self.sort, self.down, self.show_, self.filtered, self.size_)
        _flow(
            self,
            (button("Open…", open_, icon="folder"), self.title),
            (QLabel("Sort by", self), self.sort, self.down),
            (self.show_, self.filtered, self.size_),
        )


class ParticleFoot(QWidget):
    """Pages, the count of what is kept, undo, and save."""

    def __init__(self, save: Callable[[], object], parent: QWidget | None = None):
        super().__init__(parent)
        self.back = _tool("left", "Previous page", self)
        self.on = _tool("right", "Next page", self)
        self.undo = _tool("undo", "Undo", self)
        self.redo = _tool("redo", "Redo", self)
        self.page, self.count = QLabel(self), QLabel(self)
        tip = "Write a STAR file of the particles that are not rejected"
        self.save = button("Save kept…", save, icon="check", primary=True, tip=tip)
        self.save.setMinimumWidth(self.save.sizeHint().width() + 24)  # its font is made bold
        _flow(
            self,
            (self.back, self.page, self.on),
            (self.count, self.undo, self.redo, self.save),
        )

    def name_steps(self, undo: str | None, redo: str | None) -> None:
        """Say in the tooltips what would be undone and redone."""
        for tool, action, label in ((self.undo, "Undo", undo), (self.redo, "Redo", redo)):
            tool.setToolTip(f"{action}: {label}" if label else action)


def _flow(bar: QWidget, *groups: tuple[QWidget, ...]) -> None:
    """Groups of controls: below the canvas in one row, in the narrow column of panels in more."""
    flow = QFlowLayout(bar)
    flow.setContentsMargins(0, 0, 0, 0)
    flow.setHorizontalSpacing(12)
    flow.setVerticalSpacing(5)
    for widgets in groups:
        group = QWidget(bar)
        row(*widgets, of=group, spacing=5)
        flow.addWidget(group)


def _tool(icon: str, name: str, parent: QWidget) -> QToolButton:
    tool = QToolButton(parent)
    theme.themed(tool, lambda: tool.setIcon(icons.icon(icon, theme.colour("text"))))
    tool.setAutoRaise(True)
    tool.setAccessibleName(name)
    tool.setToolTip(name)
    return tool


def _choice(options: tuple[tuple[str, str], ...], name: str, parent: QWidget) -> QComboBox:
    box = QComboBox(parent)
    for title, value in options:
        box.addItem(title, value)
    box.setAccessibleName(name)
    box.setToolTip(name)
    return box
