"""Above the scatter plot: its two axes, its colour, and the mouse tools."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_cryoai.ui.kit import icons, theme
from napari_cryoai.ui.latent.scatter import LatentScatter
from napari_cryoai.ui.latent.session import PLAIN, LatentSession
from napari_cryoai.ui.latent.tools import LatentTool

TIPS = {
    LatentTool.CURSOR: ("Fly", "Drag through the latent space: the map follows  [C]"),
    LatentTool.LASSO: ("Lasso", "Draw around particles. Shift adds, Alt takes away  [L]"),
    LatentTool.BRUSH: ("Brush", "Paint over particles. Shift adds, Alt takes away  [B]"),
    LatentTool.PATH: ("Path", "Click the anchors of a path  [P]"),
    LatentTool.PAN: ("Move", "Drag the plot; the wheel zooms with every tool  [H]"),
}


class AxesBar(QWidget):
    """Which columns are shown."""

    def __init__(self, session: LatentSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.x, self.y, self.colour = (
            self._box(name, letters)
            for name, letters in (("Horizontal axis", 3), ("Vertical axis", 3), ("Colour", 7))
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for title, box, share in (("x", self.x, 3), ("y", self.y, 3), ("colour", self.colour, 5)):
            label = QLabel(title, self)
            label.setBuddy(box)
            row.addWidget(label)
            row.addWidget(box, share)
        for box in (self.x, self.y):
            box.currentTextChanged.connect(self._on_axes)
        self.colour.currentTextChanged.connect(self._on_colour)
        session.opened.connect(self.refresh)
        session.columns_changed.connect(self.refresh)
        session.plane_changed.connect(self.refresh)
        session.tint_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """As the session has it."""
        there = self.session.source is not None
        self.setEnabled(there)
        if not there:
            return
        names, plane = self.session.columns.names, self.session.plane
        _fill(self.x, names, plane.x.name)
        _fill(self.y, names, plane.y.name)
        _fill(self.colour, [PLAIN, *names], self.session.coloured_by)

    def next_colour(self, step: int = 1) -> None:
        """Colour by the next column."""
        if self.colour.count():
            self.colour.setCurrentIndex((self.colour.currentIndex() + step) % self.colour.count())

    def _on_axes(self, _name: str) -> None:
        self.session.show(self.x.currentText(), self.y.currentText())

    def _on_colour(self, name: str) -> None:
        self.session.colour_by(name)

    def _box(self, name: str, letters: int) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        box.setToolTip(name)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(letters)
        box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        box.setMinimumWidth(56)
        return box


class ToolRow(QWidget):
    """The tools, the landscape's switch, undo and redo; below, the size of the brush.

    Signals
    -------
    taken()
        Another tool is in hand.
    landscape_switched(on)
        The free energy is to be shown, or not.
    """

    taken = Signal()
    landscape_switched = Signal(bool)

    def __init__(
        self,
        scatter: LatentScatter,
        undo: Callable[[], object],
        redo: Callable[[], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.scatter = scatter
        self.buttons: dict[LatentTool, QToolButton] = {}
        self.home = self._button("home", "Show all", scatter.go_home, "All particles  [Home]")
        self.landscape = self._switch(
            "landscape", "Free energy", "Contours of the free energy, 1 to 5 kT  [E]"
        )
        self.landscape.toggled.connect(self.landscape_switched.emit)
        self.undo = self._button("undo", "Undo", undo)
        self.redo = self._button("redo", "Redo", redo)
        group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(1)
        for tool, (title, tip) in TIPS.items():
            button = self._tool(tool, title, tip)
            group.addButton(button)
            row.addWidget(button)
        row.addStretch(1)
        for button in (self.landscape, self.home, self.undo, self.redo):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self._brush_row())
        self.take(LatentTool.CURSOR)
        self.name_steps(None, None)

    def take(self, tool: LatentTool) -> None:
        """Take up a tool."""
        self.buttons[tool].setChecked(True)
        self._brush.setVisible(tool is LatentTool.BRUSH)
        self.scatter.take(tool)
        self.taken.emit()

    def name_steps(self, undo: str | None, redo: str | None) -> None:
        """Say in the tooltips what would be undone and redone."""
        steps = ((self.undo, "Undo", undo, "Ctrl+Z"), (self.redo, "Redo", redo, "Ctrl+Shift+Z"))
        for button, action, label, keys in steps:
            button.setEnabled(label is not None)
            words = f"{action}: {label}" if label else f"Nothing to {action.lower()}"
            button.setToolTip(f"{words}  [{keys}]")

    def _tool(self, tool: LatentTool, title: str, tip: str) -> QToolButton:
        button = self._switch(tool.value, title, tip)
        button.clicked.connect(lambda _=False: self.take(tool))
        button.setText(title)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.buttons[tool] = button
        return button

    def _switch(self, icon: str, title: str, tip: str) -> QToolButton:
        """A button that stays down."""
        button = self._button(icon, title, lambda: None, tip)
        button.setCheckable(True)

        def dress() -> None:
            button.setIcon(icons.icon(icon, theme.colour("text")))
            shade = theme.colour("current").name()
            button.setStyleSheet(
                f"QToolButton:checked {{ background: {shade}; border-radius: 4px; }}"
            )

        theme.themed(button, dress)
        return button

    def _button(
        self, icon: str, title: str, action: Callable[[], object], tip: str = ""
    ) -> QToolButton:
        button = QToolButton(self)
        theme.themed(button, lambda: button.setIcon(icons.icon(icon, theme.colour("text"))))
        button.setIconSize(QSize(20, 20))
        button.setAutoRaise(True)
        button.setAccessibleName(title)
        button.setToolTip(tip)
        button.clicked.connect(lambda _=False: action())
        return button

    def _brush_row(self) -> QWidget:
        self.brush_size = QSlider(Qt.Orientation.Horizontal, self)
        self.brush_size.setRange(4, 90)
        self.brush_size.setValue(round(self.scatter.brush_px))
        self.brush_size.setAccessibleName("Brush size")
        self.brush_size.valueChanged.connect(self._on_brush)
        self._brush = QWidget(self)
        row = QHBoxLayout(self._brush)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Brush size", self))
        row.addWidget(self.brush_size, 1)
        return self._brush

    def _on_brush(self, pixels: int) -> None:
        self.scatter.brush_px = float(pixels)
        self.scatter.update()


def _fill(box: QComboBox, names: list[str], current: str) -> None:
    with QSignalBlocker(box):
        if [box.itemText(i) for i in range(box.count())] != names:
            box.clear()
            box.addItems(names)
        box.setCurrentText(current)
