"""What a viewer has one of: found through napari's proxies, and gone with the viewer."""

from __future__ import annotations

import gc
from types import SimpleNamespace

from napari_cryoai.ui.kit.per_viewer import PanelPerViewer, PerViewer, unique_name


class Viewer:
    pass


def proxy(viewer: Viewer) -> SimpleNamespace:
    return SimpleNamespace(__wrapped__=viewer)


def test_a_viewer_keeps_its_session_and_a_proxy_finds_the_same() -> None:
    sessions, one, other = PerViewer(list), Viewer(), Viewer()
    assert sessions.of(one) is sessions.of(proxy(one))
    assert sessions.of(one) is not sessions.of(other)
    sessions.put(proxy(one), ["new"])
    assert sessions.of(one) == ["new"]


def test_a_panel_that_is_gone_is_not_found() -> None:
    panels, viewer, panel = PanelPerViewer(), Viewer(), Viewer()
    panels.put(viewer, panel)
    assert panels.of(proxy(viewer)) is panel
    panels.put(viewer, None)
    assert panels.of(viewer) is None
    panels.put(viewer, panel)
    del panel
    gc.collect()
    assert panels.of(viewer) is None


def test_names_that_are_taken_are_counted_on() -> None:
    assert unique_name("map", set()) == "map"
    assert unique_name("map", {"map", "map (2)"}) == "map (3)"
