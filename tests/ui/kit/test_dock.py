"""Panels share one place behind tabs, and leave alone what the user put elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import pytest
from npe2 import PluginManifest
from npe2 import plugin_manager as pm
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QLabel, QMainWindow, QTabBar

from napari_cryoai.ui.kit.dock import DockPanel

pytestmark = pytest.mark.qt
PLUGIN = "napari-cryoai"
RIGHT, LEFT = Qt.DockWidgetArea.RightDockWidgetArea, Qt.DockWidgetArea.LeftDockWidgetArea


class Docks:
    """A window with a canvas, and docks added as napari does."""

    def __init__(self, window: QMainWindow):
        self.window = window
        self.panels: list[DockPanel] = []

    def add(self, name: str, area: Qt.DockWidgetArea = RIGHT) -> QDockWidget:
        dock, panel = QDockWidget(f"{name} ({PLUGIN})"), DockPanel()
        dock.setWidget(panel)
        self.panels.append(panel)
        self.window.addDockWidget(area, dock)
        QApplication.processEvents()
        return dock

    @property
    def tabs(self) -> list[list[str]]:
        """The names on each bar of tabs."""
        return [[bar.tabText(i) for i in range(bar.count())] for bar in bars(self.window)]


def bars(window: QMainWindow) -> list[QTabBar]:
    found = window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return [bar for bar in found if bar.count() > 1]


def in_front(dock: QDockWidget) -> bool:
    return not dock.visibleRegion().isEmpty()


@pytest.fixture
def docks(qtbot: Any) -> Iterator[Docks]:
    window = QMainWindow()
    window.setCentralWidget(QLabel("canvas"))
    window.resize(900, 700)
    window.show()
    made = Docks(window)
    yield made
    for panel in made.panels:
        panel.shut_down()
    window.close()
    window.deleteLater()


def test_each_new_panel_lies_in_front_of_the_others_in_one_place(docks: Docks, wait: Any) -> None:
    for name in ("one", "two", "three"):
        dock = docks.add(name)
        wait(lambda dock=dock: in_front(dock))
    assert docks.tabs == [["one", "two", "three"]]


def test_panels_that_come_all_at_once_are_tabs_in_the_order_of_coming(
    docks: Docks, wait: Any
) -> None:
    docks.window.hide()
    last = [docks.add(name) for name in ("one", "two", "three")][-1]
    docks.window.show()
    wait(lambda: docks.tabs == [["one", "two", "three"]])
    wait(lambda: in_front(last))


def test_what_floats_or_was_moved_apart_stays_where_it_is(docks: Docks, wait: Any) -> None:
    floating, apart = docks.add("floating"), docks.add("apart")
    wait(lambda: docks.tabs)
    floating.setFloating(True)
    docks.window.addDockWidget(LEFT, apart)
    docks.add("new")
    last = docks.add("newer")
    wait(lambda: docks.tabs == [["new", "newer"]] and in_front(last))
    assert floating.isFloating()
    assert docks.window.dockWidgetArea(apart) == LEFT


def test_docks_of_others_are_not_taken_into_the_tabs(docks: Docks, wait: Any) -> None:
    other = QDockWidget("another plugin")
    other.setWidget(QLabel("its own"))
    docks.window.addDockWidget(RIGHT, other)
    ours = docks.add("ours")
    wait(lambda: in_front(ours))
    assert in_front(other)
    assert not docks.tabs


def test_closing_one_leaves_the_others(docks: Docks, wait: Any) -> None:
    one, two, three = (docks.add(name) for name in ("one", "two", "three"))
    wait(lambda: docks.tabs == [["one", "two", "three"]])
    two.widget().setParent(None)  # as napari does
    docks.window.removeDockWidget(two)
    wait(lambda: docks.tabs == [["one", "three"]])
    assert in_front(three)
    assert not one.isHidden()


def test_a_panel_that_was_hidden_comes_back_in_front(docks: Docks, wait: Any) -> None:
    one, two = docks.add("one"), docks.add("two")
    wait(lambda: docks.tabs and in_front(two))
    one.hide()
    wait(lambda: not docks.tabs)
    one.show()
    wait(lambda: in_front(one))
    assert docks.tabs == [["one", "two"]]


def test_a_panel_can_stay_in_front_of_one_that_it_opens(docks: Docks, wait: Any) -> None:
    one = docks.add("one")
    wait(lambda: in_front(one))
    dock = QDockWidget("two")
    docks.panels.append(DockPanel())
    dock.setWidget(docks.panels[-1])
    docks.window.addDockWidget(RIGHT, dock)
    docks.panels[0].come_forward()
    wait(lambda: docks.tabs == [["one", "two"]])
    QApplication.processEvents()
    assert in_front(one)


# In napari's own window ---------------------------------------------------------------------------

FIVE = (
    "Pick particles",
    "CTF and extraction",
    "Explore heterogeneity",
    "Map",
    "Build model",
)


@pytest.fixture
def add(make_napari_viewer_proxy: Any) -> Iterator[Callable[[str], QDockWidget]]:
    if PLUGIN not in pm.instance():
        pm.instance().register(PluginManifest.from_distribution(PLUGIN), warn_disabled=False)
    viewer = make_napari_viewer_proxy(show=True)
    panels = []

    def added(name: str) -> QDockWidget:
        dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, name)
        panels.append(panel)
        return dock

    yield added
    for panel in panels:
        panel.shut_down()


@pytest.mark.parametrize("order", list(permutations(("Pick particles", "Map", "Build model")))[::2])
def test_three_panels_of_the_plugins_menu_have_room(
    add: Callable[[str], QDockWidget], order: tuple[str, ...], wait: Any
) -> None:
    docks = [add(name) for name in order]
    window = docks[0].parentWidget()
    wait(lambda: [bar.count() for bar in bars(window)] == [3] and in_front(docks[-1]))
    assert [bars(window)[0].tabText(i) for i in range(3)] == list(order)
    assert docks[-1].height() > 0.8 * window.height()


def test_five_panels_of_the_plugins_menu_have_room(
    add: Callable[[str], QDockWidget], wait: Any
) -> None:
    docks = []
    for name in FIVE:
        docks.append(add(name))
        wait(lambda: in_front(docks[-1]))
    window = docks[0].parentWidget()
    assert [bar.count() for bar in bars(window)] == [5]
    assert docks[-1].height() > 0.8 * window.height()
