"""The Explore heterogeneity panel on viewers that have no window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_cryoai.heterogeneity.output import write_model
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.ui.explore.panel import ExplorePanel
from napari_cryoai.ui.explore.train_work import Trainer
from napari_cryoai.ui.latent.demo import SIDE, conformer, demo
from napari_cryoai.ui.latent.session import Opened
from napari_cryoai.ui.latent.tools import LatentTool
from napari_cryoai.ui.maps.session import map_session_of

pytestmark = pytest.mark.qt
COUNT, STACK = 1500, 120
NONE, SHIFT, ALT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


@pytest.fixture(scope="session")
def source() -> Opened:
    return demo(COUNT, 4)


@pytest.fixture
def make_explorer(on_viewer: Any) -> Callable[..., ExplorePanel]:
    def make(viewer: Any = None) -> ExplorePanel:
        panel = on_viewer(ExplorePanel, viewer)
        panel.resize(420, 900)
        return panel

    return make


@pytest.fixture
def panel(make_explorer: Any, source: Opened, wait: Any) -> ExplorePanel:
    """With simulated particles in memory."""
    panel = make_explorer()
    panel.show_source(source)
    wait(lambda: panel.session.source is source and panel.live.layers.surfaces and panel.idle)
    panel.scatter.view = panel.scatter.view.sized(
        panel.scatter.area.width(), panel.scatter.area.height()
    )
    return panel


@pytest.fixture
def folder(tmp_path: Path, source: Opened) -> Path:
    """The folder of a training, with the particles that it read: every third of a larger file."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(STACK, SIDE, SIDE)).astype(np.float32)
    write_mrc(tmp_path / "stack.mrcs", data, 4.0)
    labels = (
        "rlnImageName", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnImagePixelSize",
        "rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast",
        "rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi",
    )  # fmt: skip
    rows = [
        f"{i + 1}@stack.mrcs {10_000 + 50 * i} 12000 10 4.0 300 2.7 0.1 {i} {i % 90} 0"
        for i in range(STACK)
    ]
    head = "\n".join(f"_{label}" for label in labels)
    text = f"data_particles\n\nloop_\n{head}\n" + "\n".join(rows) + "\n"
    (tmp_path / "particles.star").write_text(text)
    names = np.array(read_particles(tmp_path / "particles.star").images.names())
    rows = np.arange(0, STACK, 3)
    table = source.model.table.select(np.arange(len(rows)))
    table = replace(table, rows=rows, names=names[rows])
    np.savetxt(tmp_path / "rows.txt", rows, fmt="%d")
    files = ParticleFiles(tmp_path / "particles.star", indices=tmp_path / "rows.txt")
    rounds = [{"resolution_A": 20.0 - i, "gain": float(i)} for i in range(4)]
    model = replace(source.model, table=table)
    write_model(model, tmp_path / "run", files.as_config(), rounds)
    return tmp_path / "run"


def write_originals(path: Path) -> None:
    """Images twice as large of the particles in `folder`, in another order, as RELION 5 has it."""
    write_mrc(path.parent / "stack.mrcs", np.zeros((STACK, 2 * SIDE, 2 * SIDE), np.float32), 2.0)
    rows = [
        f"{i + 1}@stack.mrcs 1 {10_000 + 50 * i} 12000 10 someone_{i}"
        for i in reversed(range(STACK))
    ]
    path.write_text(
        "# version 50001\n\ndata_optics\n\nloop_\n_rlnOpticsGroup\n_rlnOpticsGroupName\n"
        "_rlnImagePixelSize\n_rlnImageSize\n_rlnImageDimensionality\n_rlnVoltage\n"
        "_rlnSphericalAberration\n_rlnAmplitudeContrast\n"
        f"1 opticsGroup1 2.0 {2 * SIDE} 2 300 2.7 0.1\n\n"
        "# version 50001\n\ndata_particles\n\nloop_\n_rlnImageName\n"
        "_rlnOpticsGroup\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_labScore\n"
        + "\n".join(rows)
        + "\n"
    )


def mouse(scatter: Any, kind: QEvent.Type, pixel: Any, held: Any, button: Any) -> None:
    place = QPointF(pixel[0] + scatter.area.left(), pixel[1] + scatter.area.top())
    pressed = button if kind != QEvent.Type.MouseMove else Qt.MouseButton.NoButton
    down = button if kind != QEvent.Type.MouseButtonRelease else Qt.MouseButton.NoButton
    QApplication.sendEvent(scatter, QMouseEvent(kind, place, place, pressed, down, held))


def drag(
    panel: ExplorePanel, points: Any, held: Any = NONE, button: Any = Qt.MouseButton.LeftButton
) -> None:
    """With the tool in hand, from point to point of the plane."""
    pixels = panel.scatter.view.to_pixels(points)
    mouse(panel.scatter, QEvent.Type.MouseButtonPress, pixels[0], held, button)
    for pixel in pixels[1:]:
        mouse(panel.scatter, QEvent.Type.MouseMove, pixel, held, button)
    mouse(panel.scatter, QEvent.Type.MouseButtonRelease, pixels[-1], held, button)


def around(centre: tuple[float, float], radius: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 50)
    return np.stack([np.cos(angles), np.sin(angles)], 1) * radius + centre


# The map at the cursor ------------------------------------------------------------------------


def test_the_map_follows_the_cursor(panel: ExplorePanel, wait: Any) -> None:
    drag(panel, [panel.session.point, (0.5, 0.5), (1.0, 1.0)])
    np.testing.assert_allclose(panel.session.point, [1.0, 1.0], atol=0.05)
    wait(lambda: panel.idle)
    shown = panel.live.opened.density.data
    np.testing.assert_allclose(shown, panel.session.model.decode(panel.session.z).data, atol=1e-6)


def test_it_is_the_conformer_of_the_particles_there(panel: ExplorePanel, wait: Any) -> None:
    """An arm at its angle, found again by the map at the mean place of its particles."""
    table = panel.session.model.table
    for degrees in (-40, 30):
        near = np.abs(table.columns["angle"] - degrees) < 5
        panel.session.move_to(table.mean[near & (table.columns["domain"] == 1)].mean(0))
        wait(lambda: panel.idle)
        shown = panel.live.opened.density.data.ravel()
        match = [np.corrcoef(shown, conformer(np.radians(a), 1.0).ravel())[0, 1] for a in (-40, 30)]
        assert np.argmax(match) == (-40, 30).index(degrees)
        assert max(match) > 0.95


def test_of_a_drag_the_last_place_is_drawn_in_full(panel: ExplorePanel, wait: Any) -> None:
    drawn = []
    panel.live.drawn.connect(lambda frame, fine: drawn.append((frame, fine)))
    drag(panel, np.linspace([0.0, 0.0], [1.2, 1.0], 30))
    wait(lambda: panel.idle)
    assert drawn[-1][1]
    np.testing.assert_array_equal(drawn[-1][0].z, panel.session.z)
    assert len(drawn) <= 31


def test_a_surface_of_every_second_voxel_lies_where_the_whole_one_does(
    panel: ExplorePanel,
) -> None:
    from napari_cryoai.ui.explore.live import thinned

    model, z = panel.session.model, panel.session.z
    coarse = thinned(model, 2)
    np.testing.assert_allclose(
        coarse.decode(z).data, model.decode(z).data[::2, ::2, ::2], atol=1e-6
    )
    assert coarse.pixel_size_A == 2 * model.pixel_size_A


def test_far_from_all_particles_the_user_is_told(panel: ExplorePanel, wait: Any) -> None:
    panel.session.move_to(panel.session.model.table.mean[3])
    wait(lambda: panel.idle)
    assert "particles" in panel.support.text()
    panel.session.move_to(np.full(4, 50, np.float32))
    wait(lambda: "extrapolated" in panel.support.text())


def test_a_latent_space_of_noise_is_called_one(
    make_explorer: Any, source: Opened, wait: Any
) -> None:
    words = "No structure in z beyond noise"
    panel = make_explorer()
    panel.show_source(replace(source, config={"structure_found": False, "structure": words}))
    wait(lambda: words in panel.support.text())


def test_sliders_show_the_place_and_move_it(panel: ExplorePanel) -> None:
    panel.place.sliders[2].setValue(300)
    low, high = panel.place._spans[2]
    assert panel.session.z[2] == pytest.approx(low + 0.75 * (high - low), rel=1e-4)
    panel.session.move_to(np.zeros(4, np.float32))
    assert panel.place._values[1].text() == "0"


def test_arrow_keys_move_the_cursor(panel: ExplorePanel, qtbot: Any) -> None:
    before = panel.session.point.copy()
    qtbot.keyClick(panel.scatter, Qt.Key.Key_Right)
    qtbot.keyClick(panel.scatter, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    moved = panel.session.point - before
    assert moved[0] > 0
    assert moved[1] > 5 * moved[0] * 0.5


def test_a_map_is_kept_in_the_map_panel(panel: ExplorePanel, wait: Any) -> None:
    panel.maps.keep()
    session = map_session_of(panel.viewer)
    wait(lambda: session.maps)
    np.testing.assert_allclose(
        session.maps[0].density.data, panel.session.model.decode(panel.session.z).data, atol=1e-6
    )
    assert session.maps[0].level == panel.live.opened.level
    assert session.maps[0].colour != panel.live.opened.colour


def test_the_map_at_the_cursor_is_written(panel: ExplorePanel, wait: Any, tmp_path: Path) -> None:
    panel.maps.save(tmp_path / "here.mrc")
    wait(lambda: any("Wrote" in m.text for m in panel.banners.messages()))
    expected = panel.session.model.decode(panel.session.z).data
    np.testing.assert_allclose(read_map(tmp_path / "here.mrc").data, expected, atol=1e-6)


def test_a_layer_that_was_taken_out_comes_back(panel: ExplorePanel, wait: Any) -> None:
    panel.viewer.layers.clear()
    panel.session.move_to(panel.session.z + 0.1)
    wait(lambda: panel.idle and len(panel.viewer.layers) == 1)


# Selections ------------------------------------------------------------------------------------


def test_a_lasso_selects_what_lies_inside(panel: ExplorePanel) -> None:
    panel.tools.take(LatentTool.LASSO)
    drag(panel, around((0.0, 0.0), 1.0))
    xy = panel.session.plane.xy
    away = np.hypot(*xy.T)
    selected = panel.session.selections.current
    assert selected[away < 0.9].all()
    assert not selected[away > 1.05].any()


def test_keys_held_combine_strokes(panel: ExplorePanel) -> None:
    selections = panel.session.selections
    panel.tools.take(LatentTool.LASSO)
    drag(panel, around((-1.0, 0.0), 0.8))
    first = selections.current
    drag(panel, around((1.0, 0.0), 1.0), SHIFT)
    both = selections.current
    assert both[first].all()
    assert both.sum() > first.sum()
    drag(panel, around((-1.0, 0.0), 0.8), ALT)
    assert not (selections.current & first).any()
    drag(panel, around((0.0, 0.0), 9.0), SHIFT | ALT)
    assert selections.count == (both & ~first).sum()


def test_the_brush_is_round_on_the_screen(panel: ExplorePanel) -> None:
    panel.tools.take(LatentTool.BRUSH)
    panel.scatter.brush_px = 30.0
    drag(panel, [(0.5, 0.2)])
    pixels = panel.scatter.view.to_pixels(panel.session.plane.xy)
    away = np.hypot(*(pixels - panel.scatter.view.to_pixels([(0.5, 0.2)])).T)
    np.testing.assert_array_equal(panel.session.selections.current, away <= 30.0)


def test_every_selection_can_be_taken_back(panel: ExplorePanel) -> None:
    panel.tools.take(LatentTool.LASSO)
    drag(panel, around((0.0, 0.0), 1.0))
    count = panel.session.selections.count
    drag(panel, around((1.0, 1.0), 0.5))
    panel.undo()
    assert panel.session.selections.count == count
    panel.undo()
    assert panel.session.selections.count == 0
    panel.redo()
    assert panel.session.selections.count == count
    assert f"{count:,}" in panel.selection.count.text()


def test_a_rule_selects_by_columns_also_by_those_found_later(
    panel: ExplorePanel, wait: Any
) -> None:
    table = panel.session.model.table
    panel.session.add_column("cluster", (table.mean[:, 0] > 0).astype(np.float32))
    panel.selection.rule.setText("cluster == 1 and domain == 0 and PC1 < 99")
    panel.selection.apply_rule()
    expected = (table.mean[:, 0] > 0) & (table.columns["domain"] == 0)
    wait(lambda: panel.session.selections.count == expected.sum())
    np.testing.assert_array_equal(panel.session.selections.current, expected)


def test_a_rule_that_cannot_be_read_is_told(panel: ExplorePanel, wait: Any) -> None:
    panel.selection.rule.setText("angel > 3")
    panel.selection.apply_rule()
    wait(lambda: any("angle" in m.text for m in panel.banners.messages()))
    assert panel.session.selections.count == 0


def test_named_selections_come_back(panel: ExplorePanel) -> None:
    selections = panel.session.selections
    selections.select(np.arange(COUNT) < 100)
    panel.selection.keep("bent")
    panel.selection.keep("bent")
    assert any("already" in m.text for m in panel.banners.messages())
    selections.clear()
    panel.selection.named.setCurrentItem(panel.selection.named.topLevelItem(0))
    panel.selection.choose()
    assert selections.count == 100


@pytest.mark.parametrize("name", ["out.star", "out.npz"])
def test_the_count_shown_is_the_count_exported_of_the_rows_of_the_original(
    make_explorer: Any, folder: Path, wait: Any, tmp_path: Path, name: str
) -> None:
    panel = make_explorer()
    panel.open(folder)
    wait(lambda: panel.session.source is not None and panel.idle)
    chosen = panel.session.model.table.columns["domain"] == 1
    panel.session.selections.select(chosen)
    shown = int(panel.selection.count.text().split("</b>")[0].removeprefix("<b>"))
    panel.selection.export(tmp_path / name)
    wait(lambda: any("Wrote" in m.text for m in panel.banners.messages()))
    rows = panel.session.model.table.rows[chosen]
    if name.endswith(".npz"):
        from napari_cryoai.io.indices import read_indices

        np.testing.assert_array_equal(read_indices(tmp_path / name), rows)
    else:
        written = read_particles(tmp_path / name)
        original = read_particles(folder.parent / "particles.star")
        assert len(written) == shown == len(rows)
        np.testing.assert_allclose(written.ctf.defocus_u_A, original.ctf.defocus_u_A[rows])


def test_a_selection_leaves_as_the_particles_before_binning(
    make_explorer: Any, folder: Path, wait: Any, tmp_path: Path
) -> None:
    (tmp_path / "large").mkdir()
    write_originals(tmp_path / "large" / "originals.star")
    panel = make_explorer()
    panel.open(folder)
    wait(lambda: panel.session.source is not None and panel.idle)
    chosen = panel.session.model.table.columns["domain"] == 1
    panel.session.selections.select(chosen)
    panel.selection.original.set_path(tmp_path / "large" / "originals.star")
    panel.selection.export(tmp_path / "large" / "chosen.star")
    wait(lambda: any("as in originals.star" in m.text for m in panel.banners.messages()))
    written = read_particles(tmp_path / "large" / "chosen.star")
    rows = panel.session.model.table.rows[chosen]
    assert written.box_size_px == 2 * SIDE and written.require_pixel_size() == 2.0
    np.testing.assert_allclose(written.ctf.defocus_u_A, 10_000 + 50 * rows)
    assert written.extra["labScore"].tolist() == [f"someone_{row}" for row in rows]


def test_originals_of_other_particles_are_forgotten(panel: ExplorePanel, folder: Path, wait: Any):
    panel.selection.original.set_path(Path("large.star"))
    before = panel.session.source
    panel.open(folder)
    wait(lambda: panel.session.source is not before and panel.idle)
    assert panel.selection.original.path() is None


def test_selections_stay_in_the_folder(make_explorer: Any, folder: Path, wait: Any) -> None:
    first = make_explorer()
    first.open(folder)
    wait(lambda: first.session.source is not None and first.idle)
    first.session.selections.select(np.arange(40) < 7)
    first.selection.keep("seven")
    first.shut_down()
    second = make_explorer()
    second.open(folder)
    wait(lambda: second.session.source is not None and second.idle)
    assert second.session.selections.counts() == {"seven": 7}


# The path --------------------------------------------------------------------------------------


def click_path(panel: ExplorePanel, *points: tuple[float, float]) -> None:
    panel.tools.take(LatentTool.PATH)
    for point in points:
        drag(panel, [point])


def test_clicks_make_a_path_through_the_anchors(panel: ExplorePanel) -> None:
    click_path(panel, (-1.0, 0.5), (0.0, -0.5), (1.2, 1.0))
    path = panel.path.path
    assert len(path.anchors) == 3
    assert len(path.places) == panel.path.count.value()
    np.testing.assert_allclose(path.places[0], path.anchors[0], atol=1e-5)
    np.testing.assert_allclose(path.places[-1], path.anchors[2], atol=1e-5)
    np.testing.assert_allclose(
        panel.session.plane.point_of(path.anchors[1]), [0.0, -0.5], atol=0.05
    )


def test_with_the_path_tool_undo_is_about_the_path(panel: ExplorePanel) -> None:
    panel.session.selections.select(np.arange(COUNT) < 10)
    click_path(panel, (-1.0, 0.5))
    assert "path" in panel.tools.undo.toolTip()
    panel.undo()
    assert not panel.path.path.anchors
    assert panel.session.selections.count == 10
    panel.tools.take(LatentTool.CURSOR)
    panel.undo()
    assert panel.session.selections.count == 0


def test_a_closed_path_comes_back_without_showing_a_place_twice(panel: ExplorePanel) -> None:
    panel.path.closed.setChecked(True)
    click_path(panel, (-1.0, 0.5), (0.0, -0.5), (1.2, 1.0))
    places = panel.path.path.places
    assert len(places) == panel.path.count.value()
    steps = np.linalg.norm(np.diff(np.concatenate([places, places[:1]]), axis=0), axis=1)
    assert steps.min() > 0.4 * np.median(steps)  # chords cut corners


def test_an_anchor_is_dragged_and_removed(panel: ExplorePanel) -> None:
    click_path(panel, (-1.0, 0.5), (1.0, 0.5))
    drag(panel, [(1.0, 0.5), (1.1, 0.7), (1.3, 1.0)])
    path = panel.path.path
    assert len(path.anchors) == 2
    np.testing.assert_allclose(panel.session.plane.point_of(path.anchors[1]), [1.3, 1.0], atol=0.05)
    drag(panel, [(1.3, 1.0)], button=Qt.MouseButton.RightButton)
    assert len(path.anchors) == 1
    panel.undo()
    panel.undo()
    np.testing.assert_allclose(panel.session.plane.point_of(path.anchors[1]), [1.0, 0.5], atol=0.05)


@pytest.mark.parametrize("kind", [2, 3])
def test_a_path_through_particles_keeps_closer_to_them(
    panel: ExplorePanel, wait: Any, kind: int
) -> None:
    from scipy.spatial import cKDTree

    tree = cKDTree(panel.session.model.table.mean)
    click_path(panel, (-1.5, 0.3), (1.3, 1.0))
    straight = tree.query(panel.path.path.places)[0].mean()
    panel.path.kind.setCurrentIndex(kind)
    before = panel.path.path.places
    wait(lambda: panel.path.path.places is not before)
    assert tree.query(panel.path.path.places)[0].mean() < 0.8 * straight


def test_the_slider_shows_the_place(panel: ExplorePanel, wait: Any) -> None:
    click_path(panel, (-1.0, 0.5), (1.0, 0.5))
    wait(lambda: panel.path.bar.counts.sum() == COUNT)
    panel.path.bar.moved.emit(5)
    np.testing.assert_array_equal(panel.session.z, panel.path.path.places[5])
    panel.path.step(-1)
    assert panel.path.path.at == 4


def test_playing_goes_from_place_to_place(panel: ExplorePanel, wait: Any) -> None:
    click_path(panel, (-1.0, 0.5), (1.0, 0.5))
    panel.path.toggle_play()
    wait(lambda: panel.path.path.at >= 3)
    panel.path.toggle_play()
    at = panel.path.path.at
    assert panel.path.path.at == at


def test_maps_along_the_path_are_written(panel: ExplorePanel, wait: Any, tmp_path: Path) -> None:
    panel.path.count.setValue(4)
    click_path(panel, (-1.0, 0.5), (1.0, 0.5))
    panel.path.write_maps(tmp_path / "series")
    wait(lambda: not panel.path.runner.running)
    places = np.loadtxt(tmp_path / "series" / "places.txt", dtype=np.float32)
    np.testing.assert_allclose(places, panel.path.path.places, rtol=1e-5, atol=1e-6)
    written = read_map(tmp_path / "series" / "map_003.mrc")
    np.testing.assert_allclose(written.data, panel.session.model.decode(places[2]).data, atol=1e-5)
    assert written.pixel_size_A == panel.session.model.pixel_size_A


# Regions, particles, analysis --------------------------------------------------------------------


def test_a_region_tells_which_particles_have_density_there(panel: ExplorePanel, wait: Any) -> None:
    region = panel.region
    density = panel.live.opened.density
    region.brush.radius_A = 8.0
    region.brush.paint(density.world_of(np.array([[26.0, 22.0, 13.0]]))[0])
    region.measure()
    wait(lambda: region.found is not None)
    region.select()
    domain = panel.session.model.table.columns["domain"] == 1
    assert (panel.session.selections.current == domain).mean() > 0.98
    assert panel.session.coloured_by == "region"


def test_a_line_of_sight_meets_the_surface_where_density_begins(panel: ExplorePanel) -> None:
    from napari_cryoai.ui.explore.region_brush import first_hit

    density, level = panel.live.opened.density, panel.live.opened.level
    centre = density.world_of(np.array([[20.0, 20.0, 16.0]]))[0]
    hit = first_hit(density, level, centre - [500.0, 0, 0], np.array([1.0, 0, 0]))
    assert hit is not None
    assert hit[0] < centre[0]
    at = np.round(density.index_of(hit[None])[0]).astype(int)
    assert density.data[tuple(at)] == pytest.approx(level, abs=0.3)
    assert (
        first_hit(density, level, centre + np.array([0, 400.0, 0]), np.array([1.0, 0, 0])) is None
    )


def test_a_stroke_of_paint_can_be_taken_back(panel: ExplorePanel) -> None:
    brush, density = panel.region.brush, panel.live.opened.density
    brush.set(np.zeros(density.shape, bool))
    brush.set(np.ones(density.shape, bool))
    brush.undo()
    assert not brush.mask.any()


def test_the_difference_of_a_selection_is_where_it_has_more(panel: ExplorePanel, wait: Any) -> None:
    panel.session.selections.select(panel.session.model.table.columns["domain"] == 1)
    panel.region.show_difference()
    session = map_session_of(panel.viewer)
    wait(lambda: session.maps)
    peak = np.unravel_index(session.maps[0].density.data.argmax(), (SIDE,) * 3)
    assert np.linalg.norm(np.array(peak) - (27, 23, 14)) < 4
    assert "Significance" in session.maps[0].colourings


def test_groups_become_a_column_and_a_colour(panel: ExplorePanel, wait: Any) -> None:
    panel.analysis.groups.setValue(3)
    panel.analysis.find_groups()
    wait(lambda: panel.session.coloured_by == "cluster")
    assert set(panel.session.columns["cluster"].values) == {0, 1, 2}
    assert panel.session.tint.labels


def test_structure_is_told_in_words(panel: ExplorePanel, wait: Any) -> None:
    panel.analysis.test_structure()
    wait(lambda: "of their scatter is not noise" in panel.analysis.words.text())


def test_particles_that_are_in_no_file_are_said_to_be_so(panel: ExplorePanel, wait: Any) -> None:
    panel.particle.look(3)
    wait(lambda: "in no file" in panel.particle.words.text())


def test_a_folder_knows_its_particles(make_explorer: Any, folder: Path, wait: Any) -> None:
    panel = make_explorer()
    panel.open(folder)
    wait(lambda: panel.session.source is not None and panel.idle)
    panel.particle.look(3)
    wait(lambda: "correlation" in panel.particle.words.text())
    assert "10@" in panel.particle.words.text()
    assert list(panel.curves.rounds) == ["resolution_A", "gain"]
    panel.analysis._ask_columns()
    wait(lambda: panel.analysis.columns.count() > 3)
    panel.analysis.columns.setCurrentText("defocus_A")
    panel.analysis.add_column()
    wait(lambda: panel.session.coloured_by == "defocus_A")
    original = read_particles(folder.parent / "particles.star").ctf
    mean = (original.defocus_u_A + original.defocus_v_A) / 2
    np.testing.assert_allclose(panel.session.columns["defocus_A"].values, mean[::3], rtol=1e-5)


def test_a_folder_of_something_else_is_refused(
    make_explorer: Any, tmp_path: Path, wait: Any
) -> None:
    panel = make_explorer()
    panel.open(tmp_path)
    wait(lambda: panel.banners.messages())
    assert panel.banners.messages()[0].kind == "error"
    assert panel.session.source is None


# Training --------------------------------------------------------------------------------------


@pytest.fixture
def trainer() -> SimpleNamespace:
    """Trains at once, and notes what it was asked for."""
    from napari_cryoai.heterogeneity.train import CHECKPOINT, METHODS

    asked: list[Any] = []

    def train(method: str, params: Any, files: Any, target: Path, *, resume: bool) -> Any:
        asked.extend([method, params.z_dim, files.particles, target, resume])
        yield Progress(1, 2, "half of it")

    methods = {name: engine.params for name, engine in METHODS.items()}
    return SimpleNamespace(
        asked=asked, checkpoint=CHECKPOINT, engine=Trainer(methods, train, CHECKPOINT)
    )


def test_a_training_is_opened_when_it_ends(
    make_explorer: Any, folder: Path, trainer: SimpleNamespace, wait: Any
) -> None:
    panel = make_explorer()
    form = panel.train
    form._take_engine(trainer.engine)
    assert not form.start.isEnabled()
    form.particles.set_path(folder.parent / "particles.star")
    form.output.set_path(folder)
    form.form.set("z_dim", 5)
    assert form.resume.isHidden()
    form.start.click()
    wait(lambda: panel.session.source is not None and panel.idle)
    assert trainer.asked == ["covariance", 5, folder.parent / "particles.star", folder, False]
    form.copy.click()
    copied = QApplication.clipboard().text()
    assert copied.startswith("cryoai heterogeneity train ")
    assert "--z-dim 5" in copied
    assert "--method covariance" in copied
    assert "--resume" not in copied


def test_a_training_that_was_cut_short_can_be_resumed(
    make_explorer: Any, folder: Path, trainer: SimpleNamespace, wait: Any
) -> None:
    panel = make_explorer()
    form = panel.train
    form.particles.set_path(folder.parent / "particles.star")
    form.output.set_path(folder)
    (folder / trainer.checkpoint).write_bytes(b"as far as it came")
    form._take_engine(trainer.engine)
    assert not form.resume.isHidden()
    assert "cut short" in form.advice.text()
    form.copy.click()
    assert QApplication.clipboard().text().endswith("--resume")
    form.output.set_path(folder.parent / "new")
    assert form.resume.isHidden()
    form.output.set_path(folder)
    form.resume.click()
    wait(lambda: panel.session.source is not None and panel.idle)
    assert trainer.asked[-1] is True
    form.start.click()  # nobody has to: anew is possible too
    wait(lambda: not form.runner.running)
    assert trainer.asked[-1] is False


def test_each_method_keeps_what_was_typed_into_its_form(
    make_explorer: Any, trainer: SimpleNamespace
) -> None:
    form = make_explorer().train
    form._take_engine(trainer.engine)
    form.form.set("z_dim", 5)
    form.method.setCurrentIndex(1)
    assert form.params().z_dim != 5
    form.method.setCurrentIndex(0)
    assert form.params().z_dim == 5


def test_a_panel_opened_later_goes_on(make_explorer: Any, panel: ExplorePanel, wait: Any) -> None:
    panel.session.selections.select(np.arange(COUNT) < 10)
    viewer = panel.viewer
    panel.shut_down()
    assert not viewer.layers
    later = make_explorer(viewer)
    wait(lambda: later.live.layers.surfaces and later.idle)
    assert later.session.selections.count == 10
