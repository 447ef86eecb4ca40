"""Small widgets that the panels are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_cryoai.ui.kit import icons, theme

Kind = Literal["info", "warning", "error"]
INFO_STAYS_MS = 20_000
"""How long a message stands that asks for nothing; warnings and errors stay."""


class Section(QWidget):
    """A titled panel that folds away.

    Signals
    -------
    toggled(open)
        It was unfolded, or folded.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, *, open_: bool = True, parent: QWidget | None = None):
        super().__init__(parent)
        self._button = QToolButton(self)
        self._button.setText(title)
        self._button.setCheckable(True)
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._button.setAccessibleName(f"{title} section")
        self.body = QWidget(self)
        self.form = QVBoxLayout(self.body)
        self.form.setContentsMargins(6, 2, 2, 8)
        self.form.setSpacing(5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._button)
        layout.addWidget(self.body)
        self._button.toggled.connect(self._fold)
        self._button.toggled.connect(self.toggled)
        self._button.setChecked(open_)
        theme.themed(self, lambda: self._fold(self.is_open))

    @property
    def is_open(self) -> bool:
        """Whether the content shows."""
        return bool(self._button.isChecked())

    def set_open(self, on: bool) -> None:
        """Unfold or fold."""
        self._button.setChecked(on)

    def set_title(self, title: str) -> None:
        """Another title."""
        self._button.setText(title)
        self._button.setAccessibleName(f"{title} section")

    def _fold(self, on: bool) -> None:
        self.body.setVisible(on)
        shade = theme.colour("foreground").name()
        self._button.setStyleSheet(
            "QToolButton { text-align: left; font-weight: 600; padding: 4px; border: none;"
            f" border-radius: 3px; background: {shade}; }}"
        )
        self._button.setIcon(icons.icon("down" if on else "right", theme.colour("text")))


class SectionColumn(QScrollArea):
    """Sections below each other; scrolls where they do not fit.

    Parameters
    ----------
    panels
        Title, what is inside, and whether it is unfolded at first.

    Attributes
    ----------
    sections
        By title.
    """

    def __init__(self, panels: Iterable[tuple[str, QWidget, bool]], parent: QWidget | None = None):
        super().__init__(parent)
        body = QWidget(self)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(4)
        self.sections: dict[str, Section] = {}
        for title, panel, open_ in panels:
            section = Section(title, open_=open_, parent=body)
            section.form.addWidget(panel)
            column.addWidget(section)
            self.sections[title] = section
        column.addStretch(1)
        body.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)


class Banner(QFrame):
    """A message inside the panel: what happened, and what can be done about it."""

    def __init__(
        self,
        text: str,
        kind: Kind = "info",
        actions: dict[str, Callable[[], object]] | None = None,
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.text = text
        self.kind = kind
        self.buttons: dict[str, QPushButton] = {}
        self._role = {"info": "current", "warning": "warning", "error": "error"}[kind]
        self._sign, self._close = QLabel(self), QToolButton(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 6, 6)
        layout.setSpacing(4)
        layout.addLayout(self._headline(text))
        if actions:
            layout.addLayout(self._row_of(actions))
        theme.themed(self, self._dress)

    def _dress(self) -> None:
        shade = theme.colour(self._role)
        self.setStyleSheet(
            f"Banner {{ border-left: 3px solid {shade.name()}; border-radius: 3px;"
            f" background: {theme.colour('foreground').name()}; }}"
            " QLabel { background: transparent; }"
        )
        self._sign.setPixmap(icons.pixmap("info" if self.kind == "info" else "warning", shade, 16))
        self._close.setIcon(icons.icon("close", theme.colour("text")))

    def _headline(self, text: str) -> QHBoxLayout:
        row = QHBoxLayout()
        label = QLabel(text, self)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._close.setToolTip("Dismiss")
        self._close.setAccessibleName("Dismiss message")
        self._close.setAutoRaise(True)
        self._close.clicked.connect(self.dismiss)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(label, 1)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _row_of(self, actions: dict[str, Callable[[], object]]) -> QHBoxLayout:
        row = QHBoxLayout()
        for title, action in actions.items():
            button = QPushButton(title, self)
            button.clicked.connect(self.dismiss)
            button.clicked.connect(lambda _=False, a=action: a())
            self.buttons[title] = button
            row.addWidget(button)
        row.addStretch(1)
        return row

    def dismiss(self) -> None:
        """Take the message away."""
        self.hide()  # before it is let go: a message not drawn yet would open a window of its own
        self.setParent(None)
        self.deleteLater()


class Banners(QWidget):
    """The messages that stand at the moment, newest first."""

    shown = Signal(str)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)

    def show_message(
        self,
        text: str,
        kind: Kind = "info",
        actions: dict[str, Callable[[], object]] | None = None,
    ) -> Banner:
        """Put up a message; one that says the same already is replaced."""
        for old in self.messages():
            if old.text == text or len(self.messages()) > 2:
                old.dismiss()
        banner = Banner(text, kind, actions, self)
        self._layout.insertWidget(0, banner)
        if kind == "info" and not actions:
            timer = QTimer(banner, interval=INFO_STAYS_MS, singleShot=True)
            timer.timeout.connect(banner.dismiss)
            timer.start()
        self.shown.emit(text)
        return banner

    def messages(self) -> list[Banner]:
        """What stands there now."""
        return [w for w in self.findChildren(Banner) if w.parent() is self]

    def clear(self) -> None:
        """Take all messages away."""
        for banner in self.messages():
            banner.dismiss()


def counted(n: int, noun: str) -> str:
    """ "1 pick", "1,234 picks"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def drop_down(name: str, parent: QWidget, letters: int = 0) -> QComboBox:
    """A box to choose from, as wide as there is room, and never narrower than some letters."""
    box = QComboBox(parent)
    box.setAccessibleName(name)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(letters)
    return box


def hint(text: str, parent: QWidget | None = None) -> QLabel:
    """A line of small explanatory text."""
    label = QLabel(text, parent)
    label.setWordWrap(True)

    def dress() -> None:
        shade = theme.colour("text")
        shade.setAlpha(170)
        label.setStyleSheet(f"QLabel {{ color: {shade.name(shade.NameFormat.HexArgb)}; }}")

    theme.themed(label, dress)
    return label


def button(
    text: str,
    action: Callable[[], object],
    *,
    icon: str | None = None,
    tip: str = "",
    primary: bool = False,
) -> QPushButton:
    """A push button; `primary` is the one that a user most likely wants next."""
    widget = QPushButton(text)
    widget.setToolTip(tip)
    widget.clicked.connect(lambda _=False: action())

    def dress() -> None:
        if icon:
            widget.setIcon(icons.icon(icon, theme.colour("text")))
        if primary:
            widget.setStyleSheet(_primary())

    theme.themed(widget, dress)
    return widget


def _primary() -> str:
    shade, text = theme.colour("current"), theme.colour("text")
    return (
        f"QPushButton:enabled {{ background: {shade.name()}; color: {text.name()};"
        " font-weight: 600; padding: 6px 12px; }"
        f" QPushButton:enabled:hover {{ background: {shade.lighter(112).name()}; }}"
    )
