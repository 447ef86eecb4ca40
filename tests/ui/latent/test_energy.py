"""The free energy over the particles: its lines, what it says, and its switch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis import landscape as module
from napari_cryoai.heterogeneity.analysis.axes import Axes
from napari_cryoai.heterogeneity.analysis.landscape import Landscape, State
from napari_cryoai.ui.explore.panel import ExplorePanel
from napari_cryoai.ui.latent.columns import Columns
from napari_cryoai.ui.latent.demo import demo
from napari_cryoai.ui.latent.energy import LEVELS_KT, FreeEnergy
from napari_cryoai.ui.latent.plane import Plane

WIDTHS = np.array([1.0, 0.5])


@pytest.fixture(scope="module")
def valley() -> FreeEnergy:
    """Of one Gaussian state, whose free energy is a parabola."""
    ticks = tuple(np.linspace(-4 * w, 4 * w, 64) for w in WIDTHS)
    x, y = np.meshgrid(*ticks, indexing="ij")
    density = np.exp(-0.5 * ((x / WIDTHS[0]) ** 2 + (y / WIDTHS[1]) ** 2))
    axes = Axes(np.zeros(2), np.eye(2), np.zeros(2))
    state = State((0.0, 0.0), (0.0, 0.0), 1.0, 0.0)
    return FreeEnergy.of(Landscape(axes, ticks, density / density.sum(), 10_000, (state,), 1))


def test_a_standard_deviation_from_a_gaussian_state_costs_half_a_kT(valley):
    for steps in (0, 1, 2):
        for axis in (0, 1):
            point = np.zeros(2)
            point[axis] = steps * WIDTHS[axis]
            assert valley.at(point) == pytest.approx(0.5 * steps**2, abs=0.1)


def test_contours_lie_where_the_energy_is_theirs(valley):
    assert {contour.level_kT for contour in valley.contours} == set(LEVELS_KT)
    for contour in valley.contours:
        energy = 0.5 * ((contour.points / WIDTHS) ** 2).sum(1)
        assert energy == pytest.approx(contour.level_kT, rel=0.08, abs=0.05)


def test_where_no_particle_is_none_is_claimed(valley):
    assert np.isinf(valley.at((4.0, 2.0)))
    assert np.isinf(valley.at((40.0, 0.0)))
    assert "no particles" in valley.text((40.0, 0.0))
    assert "0.5 kT" in valley.text((1.0, 0.0))


def test_axes_of_a_plane_are_its_columns():
    random = np.random.default_rng(0)
    table = LatentTable(
        random.normal(size=(200, 3)).astype(np.float32) + 1,
        np.tile(0.1 * np.eye(3, dtype=np.float32), (200, 1, 1)),
        np.arange(200),
        np.array(["a"] * 200),
    )
    columns = Columns(table)
    for x, y in (("z1", "z3"), ("PC1", "PC2"), ("z2", "PC1")):
        plane = Plane(columns[x], columns[y], table)
        assert plane.axes is not None
        np.testing.assert_allclose(plane.axes.of(table.mean), plane.xy, atol=1e-5)
    assert Plane(columns["z1"], columns["uncertainty"], table).axes is None
    assert Plane(columns["z1"], columns["z1"], table).axes is None


@pytest.fixture
def panel(qtbot: Any, wait: Any, monkeypatch: Any) -> Any:
    monkeypatch.setattr(module, "CELLS", {2: 20})
    source = demo(400, 3)
    panel = ExplorePanel(ViewerModel())
    panel.resize(420, 900)
    panel.show_source(source)
    wait(lambda: panel.session.source is source and panel.idle)
    yield panel
    panel.shut_down()
    panel.close()


@pytest.mark.qt
def test_the_switch_draws_it_and_takes_it_away(panel: Any, wait: Any) -> None:
    scatter = panel.scatter
    before = scatter.grab().toImage()
    panel.tools.landscape.toggle()
    wait(lambda: scatter.energy is not None)
    assert scatter.grab().toImage() != before
    lowest = np.unravel_index(scatter.energy.energy_kT.argmin(), scatter.energy.energy_kT.shape)
    point = [tick[i] for tick, i in zip(scatter.energy.ticks, lowest, strict=True)]
    scatter.hovered.emit(np.array(point))
    assert scatter.note == "Free energy 0.0 kT above the lowest"
    panel.tools.landscape.toggle()
    assert scatter.energy is None and scatter.note == ""
    assert scatter.grab().toImage() == before


@pytest.mark.qt
def test_it_follows_the_axes_and_says_where_it_has_no_meaning(panel: Any, wait: Any) -> None:
    panel.tools.landscape.toggle()
    wait(lambda: panel.scatter.energy is not None)
    first = panel.scatter.energy
    panel.session.show("PC1", "angle")
    assert panel.scatter.energy is None and "choose coordinates" in panel.scatter.note
    panel.session.show("PC1", "PC2")
    assert panel.scatter.energy is first  # found once
    panel.session.show("PC2", "PC3")
    wait(lambda: panel.scatter.energy not in (None, first))
