"""Maps of a viewer, without a window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.ui.maps.session import COLOURS, MapSession, map_session_of


@pytest.fixture
def density() -> DensityMap:
    data = np.random.default_rng(0).normal(2, 3, (6, 8, 10)).astype(np.float32)
    return DensityMap(data, 1.5, (10.0, 0.0, -5.0))


@pytest.fixture
def session(density: DensityMap) -> MapSession:
    session = MapSession()
    session.add("a.mrc", density, contour_of(density))
    return session


def test_a_map_opens_at_its_suggested_level_in_the_middle_of_its_box(session: MapSession) -> None:
    opened = session.maps[0]
    assert session.current is opened
    assert opened.level == opened.contour.suggested
    assert opened.slice_index == {"z": 3, "y": 4, "x": 5}


def test_levels_convert_between_sigma_and_the_unit_of_the_map(session: MapSession) -> None:
    opened = session.maps[0]
    session.set_level(opened, opened.from_sigma(2.0))
    assert opened.level == pytest.approx(opened.density.mean + 2 * opened.density.sigma)
    assert opened.level_sigma == pytest.approx(2.0)


def test_maps_get_names_and_colours_of_their_own(session: MapSession, density: DensityMap) -> None:
    for _ in range(3):
        session.add("a.mrc", density, contour_of(density))
    assert [m.name for m in session.maps] == ["a.mrc", "a.mrc (2)", "a.mrc (3)", "a.mrc (4)"]
    assert [m.colour for m in session.maps] == list(COLOURS[:4])


def test_closing_the_current_map_turns_to_its_neighbour(
    session: MapSession, density: DensityMap
) -> None:
    first = session.maps[0]
    second = session.add("b.mrc", density, contour_of(density))
    session.remove(second)
    assert session.current is first
    session.remove(first)
    assert session.current is None
    session.remove(first)  # once more does no harm


def test_slices_stay_inside_the_box(session: MapSession) -> None:
    opened = session.maps[0]
    session.move_slice(opened, "x", 400)
    session.move_slice(opened, "z", -3)
    assert opened.slice_index == {"z": 0, "y": 4, "x": 9}


def test_only_changes_are_told(session: MapSession) -> None:
    heard: list[Any] = []
    session.shown_differently.connect(heard.append)
    session.show(session.maps[0], cut=True)
    session.show(session.maps[0], cut=True)
    assert len(heard) == 1


def test_each_viewer_has_maps_of_its_own() -> None:
    one, other = ViewerModel(), ViewerModel()
    assert map_session_of(one) is map_session_of(one)
    assert map_session_of(one) is not map_session_of(other)
