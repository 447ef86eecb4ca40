"""Layouts in one call: what lies where, and who gets the room."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_cryoai.ui.kit.layout import column, grid, row

pytestmark = pytest.mark.qt


def test_shares_divide_the_room_and_a_share_alone_stays_empty(qtbot: Any) -> None:
    panel, one, two = QWidget(), QWidget(), QWidget()
    qtbot.addWidget(panel)
    row((one, 1), (two, 2), 1, of=panel, spacing=0)
    panel.resize(400, 20)
    panel.show()
    assert (one.width(), two.width()) == (100, 200)
    assert two.x() == 100


def test_layouts_go_into_layouts_and_words_become_labels(qtbot: Any) -> None:
    panel, below = QWidget(), QPushButton("Below")
    qtbot.addWidget(panel)
    column(row("Beside", QPushButton("each other")), below, of=panel)
    panel.show()
    label = panel.findChild(QLabel)
    assert label.text() == "Beside"
    assert below.y() >= label.geometry().bottom()


def test_a_cell_with_a_number_spans_as_many_columns(qtbot: Any) -> None:
    wide, last = QPushButton("wide"), QPushButton("last")
    made = grid(("a", "b", "c"), ((wide, 2), last), stretch=(1,))
    assert made.getItemPosition(made.indexOf(wide)) == (1, 0, 1, 2)
    assert made.getItemPosition(made.indexOf(last)) == (1, 2, 1, 1)
    assert [made.columnStretch(i) for i in range(3)] == [0, 1, 0]
