"""Small line icons, drawn in the colour of the theme's text."""

from __future__ import annotations

from qtpy.QtCore import QByteArray, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

_SHAPES = {
    "pan": '<path d="M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3"/>',
    "add": '<circle cx="12" cy="12" r="9"/><path d="M12 8v8M8 12h8"/>',
    "select": '<path d="M6 3l12 9-6 1 3 7-3 1-3-7-4 4z"/>',
    "erase": '<circle cx="12" cy="12" r="9"/><path d="M8 12h8"/>',
    "lasso": '<path d="M4 10c0-4 4-6 9-6s8 3 7 6-5 6-10 5-6-2-6-5z"/>'
    '<path d="M8 15c-2 2 1 4-2 6"/>',
    "brush": '<path d="M20 4L11 13M9 14c-3 0-3 4-6 5 3 2 8 1 8-3z"/>',
    "undo": '<path d="M8 5L4 9l4 4M4 9h10a5 5 0 0 1 0 10H9"/>',
    "redo": '<path d="M16 5l4 4-4 4M20 9H10a5 5 0 0 0 0 10h5"/>',
    "folder": '<path d="M3 6h7l2 2h9v11H3z"/>',
    "image": '<path d="M4 4h16v16H4zM4 16l5-5 5 5 3-3 3 3"/>',
    "map": '<path d="M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9"/>',
    "landscape": '<path d="M12 3c6 0 9 4 9 9s-3 9-9 9-9-3-9-8 3-10 9-10z"/>'
    '<path d="M11 8c4 0 6 2 6 5s-2 5-5 5-5-2-5-4 1-6 4-6z"/><path d="M12 13v0.1"/>',
    "rings": '<circle cx="12" cy="12" r="3"/><circle cx="12" cy="12" r="6.5"/>'
    '<circle cx="12" cy="12" r="9.5"/>',
    "particles": '<path d="M3 3h7v7H3zM14 3h7v7h-7zM3 14h7v7H3zM14 14h7v7h-7z"/>',
    "check": '<path d="M5 13l4 4L19 7"/>',
    "junk": '<path d="M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13M11 11v5M13 11v5"/>',
    "wait": '<circle cx="12" cy="12" r="8"/><path d="M12 8v4l3 2"/>',
    "good": '<circle cx="12" cy="12" r="9"/><path d="M8 12.5l3 3 5.5-6"/>',
    "bad": '<path d="M8 3h8l5 5v8l-5 5H8l-5-5V8zM9 9l6 6M15 9l-6 6"/>',
    "save": '<path d="M4 4h13l3 3v13H4zM8 4v5h8V4M8 20v-6h8v6"/>',
    "mirror": '<path d="M12 3v18M9 7l-6 10h6zM15 7l6 10h-6z"/>',
    "crop": '<path d="M7 2v15h15M2 7h15v15"/>',
    "warning": '<path d="M12 4L3 20h18zM12 10v5M12 17v1"/>',
    "info": '<circle cx="12" cy="12" r="9"/><path d="M12 11v6M12 7v1"/>',
    "close": '<path d="M6 6l12 12M18 6L6 18"/>',
    "filter": '<path d="M3 12c2-6 4-6 6 0s4 6 6 0 4-6 6 0"/>',
    "eye": '<path d="M2 12c5-8 15-8 20 0-5 8-15 8-20 0z"/><circle cx="12" cy="12" r="3"/>',
    "down": '<path d="M6 9l6 6 6-6"/>',
    "left": '<path d="M15 6l-6 6 6 6"/>',
    "right": '<path d="M9 6l6 6-6 6"/>',
    "cursor": '<circle cx="12" cy="12" r="6"/><path d="M12 2v6M12 16v6M2 12h6M16 12h6"/>',
    "path": '<circle cx="5" cy="18" r="2"/><circle cx="19" cy="6" r="2"/>'
    '<path d="M7 17c6-1 2-9 10-10"/>',
    "play": '<path d="M7 4l13 8-13 8z"/>',
    "pause": '<path d="M8 5v14M16 5v14"/>',
    "film": '<path d="M3 5h18v14H3zM7 5v14M17 5v14M3 9h4M3 15h4M17 9h4M17 15h4"/>',
    "home": '<path d="M4 11l8-7 8 7v9h-6v-6h-4v6H4z"/>',
    "keys": '<path d="M3 7h18v10H3zM7 14h10M7 10h1M11 10h1M15 10h1"/>',
}


def pixmap(name: str, colour: QColor, size: int = 24) -> QPixmap:
    """One icon, `size` pixels wide."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" '
        f'stroke="{colour.name()}" stroke-width="1.8" stroke-linecap="round" '
        f'stroke-linejoin="round">{_SHAPES[name]}</svg>'
    )
    image = QPixmap(size, size)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    return image


def icon(name: str, colour: QColor) -> QIcon:
    """One icon for a button."""
    return QIcon(pixmap(name, colour, 48))
