"""The residues of the current model, the worst first; a click goes there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, QSignalBlocker, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_cryoai.core.amino_acids import name_of
from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.model_of import b_factors_of
from napari_cryoai.ui.models.colouring import KINDS
from napari_cryoai.ui.models.session import ModelSession, OpenModel

Role = Qt.ItemDataRole
Values = NDArray[Any]
_HEIGHT = 260


@dataclass(frozen=True)
class Column:
    """A column: its title, its values to sort by, and how they are written.

    Attributes
    ----------
    worst_high
        Whether the high values are the bad ones.
    """

    title: str
    tip: str
    values: Callable[[AtomicModel], Values]
    text: str = "{:.2f}"
    worst_high: bool = False


def _place(model: AtomicModel) -> Values:
    return np.arange(len(model.residues))


COLUMNS = (
    Column("Residue", "Chain and number", _place),
    Column("Type", "Amino acid", lambda m: m.residues.letters),
    Column("Conf.", "Confidence: the probability that this residue lies here",
           lambda m: m.residues.confidence),
    Column("Q", "Q-score: how clearly the map shows its atoms", lambda m: m.residues.q),
    Column("", "Helix, strand or coil", lambda m: m.residues.secondary),
    Column("Margin", "How much better than the next best place in the sequence (natural logarithm)",
           lambda m: m.residues.margin, "{:.1f}"),
    Column("Next best", "The place in the sequence that is next best here",
           lambda m: m.residues.runner_up, "{:d}"),
    Column("B", "Mean B-factor of its atoms, in Å²", b_factors_of, "{:.0f}", worst_high=True),
)  # fmt: skip
_RESIDUE, _TYPE, _CONFIDENCE, _Q, _KIND, _MARGIN, _NEXT, _B = range(len(COLUMNS))


class ResidueModel(QAbstractTableModel):
    """The rows of the table; texts are made when they are shown, so that thousands are no matter.

    Attributes
    ----------
    order
        `(n,)` rows of the model's residues, as they are listed.
    """

    def __init__(self, session: ModelSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.order: NDArray[np.intp] = np.empty(0, np.intp)
        self.sorted_by: tuple[int, Qt.SortOrder] = (_CONFIDENCE, Qt.SortOrder.AscendingOrder)
        self._values: list[Values] = []
        self._rgb: NDArray[np.uint8] = np.empty((0, 3), np.uint8)
        self.reset()

    def reset(self) -> None:
        """Another model, or other atoms."""
        self.beginResetModel()
        opened = self.session.current
        self._values = [c.values(opened.model) for c in COLUMNS] if opened is not None else []
        self._rgb = opened.colours.rgb if opened is not None else self._rgb[:0]
        self._sort()
        self.endResetModel()

    def recolour(self) -> None:
        """Other colours."""
        if self.session.current is not None and len(self.order):
            self._rgb = self.session.current.colours.rgb
            last = self.index(len(self.order) - 1, 0)
            self.dataChanged.emit(self.index(0, 0), last, [Role.DecorationRole])

    def unknown(self, column: int) -> bool:
        """Whether nothing is known in a column."""
        if not self._values:
            return True
        values = self._values[column]
        if column == _NEXT:
            return not values.any()
        if column == _B:  # built models have their confidence there
            return bool(np.isfinite(self._values[_CONFIDENCE]).any())
        return values.dtype.kind == "f" and not np.isfinite(values).any()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return len(self.order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Role.DisplayRole:
            return COLUMNS[section].title
        return COLUMNS[section].tip if role == Role.ToolTipRole else None

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.order):
            return None
        row, column = int(self.order[index.row()]), index.column()
        if role == Role.DisplayRole:
            return self._text(row, column)
        if role == Role.DecorationRole and column == _RESIDUE and row < len(self._rgb):
            return QColor(*(int(v) for v in self._rgb[row]))
        if role == Role.TextAlignmentRole and column not in (_RESIDUE, _TYPE, _KIND):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Role.ToolTipRole:
            opened = self.session.current
            return residue_in_words(opened, row) if opened is not None else None
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.sorted_by = (column, order)
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        rows = [int(self.order[index.row()]) for index in before]
        self._sort()
        place = np.argsort(self.order)
        after = [self.index(int(place[r]), i.column()) for r, i in zip(rows, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _sort(self) -> None:
        column, order = self.sorted_by
        if not self._values:
            self.order = np.empty(0, np.intp)
            return
        values = self._values[column]
        rank = np.unique(values, return_inverse=True)[1].astype(float)
        if order == Qt.SortOrder.DescendingOrder:
            rank = -rank
        if values.dtype.kind == "f":
            rank[np.isnan(values)] = np.inf  # what is not known comes last either way
        self.order = np.argsort(rank, kind="stable")

    def _text(self, row: int, column: int) -> str:
        assert self.session.current is not None  # noqa: S101 - there are no rows without one
        residues = self.session.current.model.residues
        if column == _RESIDUE:
            return f"{residues.chains[row]} {residues.numbers[row]}"
        value = self._values[column][row]
        if column == _TYPE:
            return name_of(str(value)).capitalize()
        if column == _KIND:
            return KINDS[str(value)][0] if str(value) in KINDS else ""
        if column == _NEXT:
            return COLUMNS[column].text.format(int(value)) if value else ""
        return COLUMNS[column].text.format(float(value)) if math.isfinite(value) else ""


class ResidueTable(QTableView):
    """Residues of the current model; the selected ones are those of the session."""

    def __init__(self, session: ModelSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.rows = ResidueModel(session, self)
        self.setModel(self.rows)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setAccessibleName("Residues")
        self.setShowGrid(False)
        self.setFixedHeight(_HEIGHT)
        vertical, horizontal = self.verticalHeader(), self.horizontalHeader()
        vertical.hide()
        vertical.setDefaultSectionSize(22)
        horizontal.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        horizontal.setResizeContentsPrecision(50)  # not all of thousands of rows
        horizontal.setStretchLastSection(True)
        horizontal.setHighlightSections(False)
        self.selectionModel().selectionChanged.connect(self._on_selection)
        session.current_changed.connect(self._on_model)
        session.replaced.connect(self._on_model)
        session.shown_differently.connect(lambda _opened: self.rows.recolour())
        session.selected_changed.connect(self._on_session)
        self._on_model()

    def worst_first(self) -> None:
        """Sort by the most telling column in which anything is known."""
        column = next((c for c in (_CONFIDENCE, _Q, _B) if not self.rows.unknown(c)), _RESIDUE)
        high = COLUMNS[column].worst_high
        order = Qt.SortOrder.DescendingOrder if high else Qt.SortOrder.AscendingOrder
        self.sortByColumn(column, order)

    def _on_model(self, *_: object) -> None:
        with QSignalBlocker(self.selectionModel()):
            self.rows.reset()
        for column in range(len(COLUMNS)):
            self.setColumnHidden(column, self.rows.unknown(column))
        self.worst_first()
        self._on_session()

    def _on_selection(self, *_: object) -> None:
        indices = self.selectionModel().selectedRows()
        rows = [int(self.rows.order[index.row()]) for index in indices]
        if rows:
            self.session.select(rows, fly=True)

    def _on_session(self, *_: object) -> None:
        """Mark the rows that are selected elsewhere, and bring the first into view."""
        chosen = np.flatnonzero(np.isin(self.rows.order, self.session.selected))
        marked = {index.row() for index in self.selectionModel().selectedRows()}
        if marked == set(chosen.tolist()):
            return
        selection = self.selectionModel()
        with QSignalBlocker(selection):
            selection.clearSelection()
            for at in chosen[:200]:
                flags = QItemSelectionModel.SelectionFlag
                selection.select(self.rows.index(int(at), 0), flags.Select | flags.Rows)
        if len(chosen):
            self.scrollTo(self.rows.index(int(chosen[0]), 0))
        self.viewport().update()


def residue_in_words(opened: OpenModel, row: int) -> str:
    """What is known of a residue, in a line: "LEU 54 of chain A, helix, confidence 0.93"."""
    residues = opened.model.residues
    words = [f"{name_of(str(residues.letters[row]))} {residues.numbers[row]}"]
    words[0] += f" of chain {residues.chains[row]}"
    kind = KINDS.get(str(residues.secondary[row]))
    words += [kind[0].lower()] if kind is not None else []
    for name, value in (("confidence", residues.confidence[row]), ("Q-score", residues.q[row])):
        words += [f"{name} {value:.2f}"] if math.isfinite(value) else []
    if residues.runner_up[row] and math.isfinite(residues.margin[row]):
        words.append(f"next best {residues.runner_up[row]} (by {residues.margin[row]:.1f})")
    return ", ".join(words)
