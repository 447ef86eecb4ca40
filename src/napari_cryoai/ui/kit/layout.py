"""Layouts in one call: widgets, words and other layouts beside and below each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from qtpy.QtWidgets import (
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QVBoxLayout,
    QWidget,
)

Thing: TypeAlias = QWidget | QLayout | str
Part: TypeAlias = Thing | tuple[Thing, int] | int
"""What is laid out, alone or with its share of the room that is left; or a share without it."""


def row(*parts: Part, of: QWidget | None = None, spacing: int | None = None) -> QHBoxLayout:
    """Parts beside each other.

    Parameters
    ----------
    parts
        See `Part`.
    of
        The widget that they fill, without a margin.
    spacing
        In pixels; by default that of the layout or style around it.
    """
    return _filled(QHBoxLayout(), parts, of, spacing)


def column(*parts: Part, of: QWidget | None = None, spacing: int | None = None) -> QVBoxLayout:
    """Parts below each other; see `row`."""
    return _filled(QVBoxLayout(), parts, of, spacing)


def form(*rows: tuple[str, QWidget | QLayout]) -> QFormLayout:
    """Fields with their titles, as wide as there is room."""
    made = QFormLayout()
    made.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    for title, field in rows:
        made.addRow(title, field)
    return made


def grid(
    *rows: Iterable[Part], stretch: Iterable[int] = (), spacing: int | None = None
) -> QGridLayout:
    """Rows of cells.

    Parameters
    ----------
    rows
        Cells; one with a number spans as many columns.
    stretch
        Columns that take the room that is left.
    spacing
        Between columns, in pixels; by default that of the layout or style around it.
    """
    made = QGridLayout()
    if spacing is not None:
        made.setHorizontalSpacing(spacing)
    for line, cells in enumerate(rows):
        at = 0
        for cell in cells:
            thing, span = cell if isinstance(cell, tuple) else (cell, 1)
            widget = QLabel(thing) if isinstance(thing, str) else thing
            made.addWidget(widget, line, at, 1, span)
            at += span
    for at in stretch:
        made.setColumnStretch(at, 1)
    return made


def _filled(box: Any, parts: Iterable[Part], of: QWidget | None, spacing: int | None) -> Any:
    if spacing is not None:
        box.setSpacing(spacing)
    for part in parts:
        thing, share = part if isinstance(part, tuple) else (part, 0)
        if isinstance(thing, int):
            box.addStretch(thing)
        elif isinstance(thing, QLayout):
            box.addLayout(thing, share)
        else:
            box.addWidget(QLabel(thing) if isinstance(thing, str) else thing, share)
    if of is not None:
        box.setContentsMargins(0, 0, 0, 0)
        of.setLayout(box)
    return box
