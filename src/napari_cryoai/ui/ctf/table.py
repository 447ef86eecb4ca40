"""The table of micrographs with their CTF: to sort by, to go by, to throw out by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPoint, Qt, Signal
from qtpy.QtGui import QColor, QFont, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.ui.kit import icons, theme
from napari_cryoai.ui.kit.links import Links
from napari_cryoai.ui.micrographs.session import Session

ROW = 24
Role = Qt.ItemDataRole


@dataclass(frozen=True)
class Column:
    """A value of a micrograph: its title, what it means, how it is written."""

    title: str
    tip: str
    value: Callable[[MicrographCtf], float]
    form: str
    limit: str


COLUMNS = (
    Column("Defocus", "Mean defocus in µm; underfocus is positive",
           lambda c: c.defocus_A / 1e4, "{:.2f}", "defocus"),
    Column("Astig.", "Astigmatism: difference of the two principal defoci in Å",
           lambda c: c.astigmatism_A, "{:.0f}", "astigmatism"),
    Column("Fit to", "Up to which resolution in Å the rings agree with the model: small is good",
           lambda c: c.fit_resolution_A, "{:.1f}", "resolution"),
    Column("Score", "Correlation of the spectrum with the model: large is good",
           lambda c: c.fit_score, "{:.3f}", "score"),
)  # fmt: skip
TITLES = ("Micrograph", *(column.title for column in COLUMNS))


class CtfModel(QAbstractTableModel):
    """One row per micrograph of the session; sorted here, for the session keeps its own order."""

    def __init__(self, session: Session, links: Links, parent: Any = None):
        super().__init__(parent)
        self.session = session
        self.names: list[str] = []
        self.beyond: dict[str, frozenset[str]] = {}
        self.problems: dict[str, str] = {}
        self.waiting: set[str] = set()
        self._order: tuple[int, bool] = (0, False)
        self._short: dict[str, str] = {}
        links.connect(session.opened, self.reset)
        links.connect(session.ctf_changed, self._on_ctf)
        links.connect(session.picks_changed, lambda _names: self.redraw())
        self.reset()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.names)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(TITLES)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Role.DisplayRole:
            return TITLES[section]
        if role == Role.ToolTipRole:
            return COLUMNS[section - 1].tip if section else "Click to sort"
        if role == Role.TextAlignmentRole:
            return _align(section)
        return None

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.names):
            return None
        name, column = self.names[index.row()], index.column()
        if role == Role.DisplayRole:
            return self._short.get(name, name) if column == 0 else self._text(name, column)
        if role == Role.TextAlignmentRole:
            return _align(column)
        if role in (Role.ToolTipRole, Role.AccessibleTextRole):
            return self.describe(name)
        if role == Role.ForegroundRole:
            return self._ink(name, column)
        if role == Role.FontRole and name in self.session.document.junk:
            font = QFont()
            font.setStrikeOut(column == 0)
            return font
        if role == Role.DecorationRole and column == 0:
            return self._sign(name)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Put the rows in the order of a column; micrographs without a value come last."""
        self._order = (column, order == Qt.SortOrder.DescendingOrder)
        self.layoutAboutToBeChanged.emit()
        self.names = self._sorted(list(self.session.micrographs))
        self.layoutChanged.emit()

    def reset(self) -> None:
        """Another set was opened."""
        self.beginResetModel()
        self.problems, self.waiting, self.beyond = {}, set(), {}
        self._short = without_common_end(list(self.session.micrographs))
        self.names = self._sorted(list(self.session.micrographs))
        self.endResetModel()

    def redraw(self) -> None:
        """Flags, limits or values changed, but not the order."""
        if self.names:
            self.dataChanged.emit(
                self.index(0, 0), self.index(len(self.names) - 1, len(TITLES) - 1)
            )

    def describe(self, name: str) -> str:
        """A row in words."""
        if name in self.problems:
            return f"{name}\n{self.problems[name]}"
        words, ctf = [name], self.session.ctf.get(name)
        words.append("CTF not known yet" if ctf is None else in_words(ctf))
        words += ["excluded: nothing of it is extracted"] * (name in self.session.document.junk)
        words += ["beyond your limits"] * (name in self.beyond)
        return "\n".join(words)

    def _on_ctf(self, names: frozenset[str]) -> None:
        for name in names:
            self.problems.pop(name, None)
            self.waiting.discard(name)
        if self._order[0]:
            order = Qt.SortOrder.DescendingOrder if self._order[1] else Qt.SortOrder.AscendingOrder
            self.sort(self._order[0], order)
        else:
            self.redraw()

    def _text(self, name: str, column: int) -> str:
        ctf = self.session.ctf.get(name)
        if ctf is None:
            return "…" if name in self.waiting and column == 1 else ""
        value = COLUMNS[column - 1].value(ctf)
        return COLUMNS[column - 1].form.format(value) if math.isfinite(value) else "-"

    def _ink(self, name: str, column: int) -> QColor:
        ink = theme.colour("text")
        if name in self.session.document.junk:
            ink.setAlpha(110)
        elif column and COLUMNS[column - 1].limit in self.beyond.get(name, ()):
            ink = QColor(theme.FALSE)
        return ink

    def _sign(self, name: str) -> Any:
        if name in self.problems:
            return icons.icon("warning", theme.colour("warning"))
        if name in self.session.document.junk:
            return icons.icon("junk", self._ink(name, 0))
        if name in self.waiting:
            return icons.icon("wait", theme.colour("text"))
        return None

    def _sorted(self, names: list[str]) -> list[str]:
        column, down = self._order
        if column == 0:
            return names[::-1] if down else names
        value, ctf = COLUMNS[column - 1].value, self.session.ctf
        known = [n for n in names if n in ctf and math.isfinite(value(ctf[n]))]
        known.sort(key=lambda n: value(ctf[n]), reverse=down)
        there = set(known)
        return known + [n for n in names if n not in there]


class CtfTable(QTableView):
    """The table itself; the row that is chosen is the micrograph on screen.

    Signals
    -------
    exclude_requested(names, on)
        By key or from the context menu.
    """

    exclude_requested = Signal(list, bool)

    def __init__(self, session: Session, links: Links, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.rows = CtfModel(session, links, self)
        self.setModel(self.rows)
        self._following = False
        self.setAccessibleName("Micrographs and their CTF")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSortingEnabled(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        self._dress_headers()
        self.selectionModel().currentRowChanged.connect(self._on_row)
        self.rows.layoutChanged.connect(self.show_current)
        self.rows.modelReset.connect(self.show_current)
        links.connect(session.current_changed, lambda _name: self.show_current())
        self.show_current()

    def selected(self) -> list[str]:
        """The chosen micrographs, or else the one on screen."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        names = [self.rows.names[row] for row in rows]
        return names or ([self.session.current] if self.session.current else [])

    def show_current(self) -> None:
        """Let the chosen row follow the session."""
        if self.session.current not in self.rows.names:
            return
        row = self.rows.names.index(self.session.current)
        if row in {index.row() for index in self.selectionModel().selectedRows()}:
            return
        self._following = True
        self.selectRow(row)
        self.scrollTo(self.rows.index(row, 0))
        self._following = False

    def toggle_excluded(self) -> None:
        """Exclude the chosen micrographs, or take them in again if all are out."""
        names = self.selected()
        out = all(name in self.session.document.junk for name in names)
        self.exclude_requested.emit(names, not out)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_X, Qt.Key.Key_J, Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.toggle_excluded()
        elif event.text().isalnum():
            event.ignore()  # letters are the shortcuts of the window, not a search in the table
        else:
            super().keyPressEvent(event)

    def _dress_headers(self) -> None:
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(ROW)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        metrics = self.fontMetrics()
        for column in range(1, len(TITLES)):
            self.setColumnWidth(column, metrics.horizontalAdvance(TITLES[column]) + 18)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)

    def _on_row(self, index: QModelIndex, _before: QModelIndex) -> None:
        if index.isValid() and not self._following:
            self.session.go_to(self.rows.names[index.row()])

    def _menu(self, at: QPoint) -> None:
        if self.indexAt(at).isValid():
            self.menu().exec(self.viewport().mapToGlobal(at))

    def menu(self) -> QMenu:
        """What can be done to the chosen micrographs."""
        names = self.selected()
        out = bool(names) and all(name in self.session.document.junk for name in names)
        menu = QMenu(self)
        action = menu.addAction("Take in again\tX" if out else "Exclude\tX")
        action.triggered.connect(lambda _=False: self.exclude_requested.emit(names, not out))
        return menu


def without_common_end(names: list[str]) -> dict[str, str]:
    """Names without the folder, and without the ending that all of them have."""
    bare = [PurePosixPath(name).name for name in names]
    if len(set(bare)) < len(bare):
        return {}
    columns = zip(*(name[::-1] for name in bare), strict=False)
    shared = sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, columns))
    end = bare[0][len(bare[0]) - shared :] if len(bare) > 1 else ""
    starts = [i for i, letter in enumerate(end) if letter in "._-"]
    end = end[starts[0] :] if starts else ""
    return {name: short.removesuffix(end) for name, short in zip(names, bare, strict=True)}


def in_words(ctf: MicrographCtf) -> str:
    """CTF values in one line."""
    parts = [f"defocus {ctf.defocus_A / 1e4:.2f} µm", f"astigmatism {ctf.astigmatism_A:.0f} Å"]
    parts += [f"phase shift {ctf.phase_shift_deg:.0f}°"] * bool(ctf.phase_shift_deg)
    parts += [f"fits to {ctf.fit_resolution_A:.1f} Å"] * math.isfinite(ctf.fit_resolution_A)
    return ", ".join(parts)


def _align(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
