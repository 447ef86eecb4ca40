"""One table of commands: its keys are bound and given back, and shown on a page."""

from __future__ import annotations

from typing import Any

import pytest
from app_model.types import KeyBinding
from napari.components import ViewerModel
from qtpy.QtWidgets import QLabel, QWidget

from napari_cryoai.ui.kit.commands import Command, Commands
from napari_cryoai.ui.kit.keys import Actions, CheatSheet

pytestmark = pytest.mark.qt


def hold(panel: Any) -> Any:
    panel.seen.append("down")
    yield
    panel.seen.append("up")


@pytest.fixture
def table() -> Commands[Any]:
    return Commands("Panel", lambda _viewer: None, {
        "Places": (
            Command("next", "N Right", "Next place", lambda p: p.seen.append("next")),
            Command("hold", "Space", "While held", hold),
            Command("", "Home", "Seen to elsewhere"),
        ),
        "": (Command("save", "", "Not on the page", lambda p: p.seen.append("saved")),),
    })  # fmt: skip


@pytest.fixture
def panel(qtbot: Any) -> Any:
    panel = QWidget()
    panel.seen = []
    qtbot.addWidget(panel)
    return panel


def test_keys_do_what_the_table_says_until_they_are_given_back(
    table: Commands[Any], panel: Any
) -> None:
    viewer, actions = ViewerModel(), Actions(panel, table, but=("save",))
    key = {name: KeyBinding.from_str(name) for name in ("N", "Right", "Space", "Home")}
    before = dict(viewer.keymap)
    actions.bind(viewer)
    viewer.keymap[key["N"]](viewer)
    viewer.keymap[key["Right"]](viewer)
    held = viewer.keymap[key["Space"]](viewer)
    next(held)
    assert panel.seen == ["next", "next", "down"]
    next(held, None)
    actions.do("save")
    assert panel.seen[3:] == ["up", "saved"]
    assert viewer.keymap.get(key["Home"]) is before.get(key["Home"])
    actions.clear()
    assert dict(viewer.keymap) == before


def test_keys_that_another_panel_has_are_left_to_it(table: Commands[Any], panel: Any) -> None:
    viewer = ViewerModel()
    Actions(panel, table, but=("next",)).bind(viewer)
    assert KeyBinding.from_str("N") not in viewer.keymap
    assert KeyBinding.from_str("Space") in viewer.keymap


def test_the_page_shows_what_has_a_heading(table: Commands[Any], panel: Any) -> None:
    words = " ".join(label.text() for label in CheatSheet(table, panel).findChildren(QLabel))
    assert "Seen to elsewhere" in words
    assert "Not on the page" not in words
    assert table.shortcut_of("next") == "  [N]"
