"""The Build model panel on viewers that have no window."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_cryoai.core.amino_acids import name_of
from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues, Unmodelled
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.structures import read_structure
from napari_cryoai.ui.models.alignment import lines_of
from napari_cryoai.ui.models.camera import clear_view
from napari_cryoai.ui.models.colouring import (
    CHAIN,
    CONFIDENCE,
    SECONDARY,
    SELECTED,
    UNKNOWN,
    coloured,
    rgb_of,
)
from napari_cryoai.ui.models.opening import content_of
from napari_cryoai.ui.models.panel import ModelPanel
from napari_cryoai.ui.models.picking import residue_under
from napari_cryoai.ui.models.reader import get_model_reader

pytestmark = pytest.mark.qt
SEQUENCE = "MKTAYIAKQRQISFVKSHFS"


def helix(n: int) -> np.ndarray:
    angle = np.radians(100) * np.arange(n)
    return np.stack([2.3 * np.cos(angle), 2.3 * np.sin(angle), 1.5 * np.arange(n)], axis=1)


def model() -> AtomicModel:
    """Two helices of one sequence, A and B; of B, residues 1 to 5 are not built."""
    a, b = helix(20), helix(15) + np.array([25.0, 0, 0])
    ca, chains = np.concatenate([a, b]), np.repeat(["A", "B"], [20, 15])
    numbers = np.concatenate([np.arange(1, 21), np.arange(6, 21)])
    n = len(ca)
    letters = np.array([SEQUENCE[k - 1] for k in numbers])
    confidence = np.linspace(0.2, 0.99, n)
    confidence[30] = 0.05
    residues = Residues(
        chains, numbers, letters, ca, confidence, np.zeros(n, np.intp), np.full(n, np.nan),
        np.full(n, "H"), np.full(n, np.nan),
    )  # fmt: skip
    xyz = np.stack([ca, ca + np.array([1.5, 0, 0])], axis=1).reshape(-1, 3)
    names = np.repeat([name_of(letter) for letter in letters], 2)
    structure = Structure(
        xyz, np.tile("C", 2 * n), np.zeros(2 * n), np.ones(2 * n), np.repeat(chains, 2),
        np.repeat(numbers.astype(str), 2), names, np.tile(["CA", "CB"], n),
    )  # fmt: skip
    polymers = (Polymer("A", SEQUENCE), Polymer("B", SEQUENCE))
    return AtomicModel(structure, residues, polymers, (Unmodelled("B", 1, 5, "no trace"),))


@pytest.fixture
def make(on_viewer: Any) -> Callable[..., ModelPanel]:
    return partial(on_viewer, ModelPanel)


@pytest.fixture
def panel(make: Any) -> ModelPanel:
    panel = make()
    panel.session.add("built", content_of(model()))
    return panel


@pytest.fixture
def pdb(tmp_path: Path) -> Path:
    lines = [
        f"ATOM  {i + 1:5d}  CA  ALA A{i + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00           C"
        for i, (x, y, z) in enumerate(helix(12))
    ]
    path = tmp_path / "helix.pdb.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, "END", ""]).encode()))
    return path


def ribbon_layer(panel: ModelPanel) -> Any:
    return panel.layers.ribbons[panel.session.current]


def pixel(panel: ModelPanel, row: int) -> np.ndarray:
    return np.round(ribbon_layer(panel).texture.reshape(-1, 3)[row] * 255).astype(int)


# Opening ------------------------------------------------------------------------------------------


def test_a_file_opens_as_a_ribbon_in_angstrom_where_its_atoms_are(make, pdb, wait):
    panel = make()
    panel.open([pdb])
    wait(lambda: panel.session.models)
    layer = ribbon_layer(panel)
    assert set(map(str, layer.units)) == {"angstrom"}
    middle = layer.data[0].mean(0)[::-1]
    assert np.abs(middle - helix(12).mean(0)).max() < 1.0
    assert panel.viewer.dims.ndisplay == 3


def test_a_file_that_is_none_is_reported(make, tmp_path, wait):
    (tmp_path / "bad.cif").write_text("data_\nloop_\n_a\n")
    panel = make()
    panel.open([tmp_path / "bad.cif"])
    wait(panel.banners.messages)
    assert not panel.session.models


def test_the_reader_takes_coordinates_and_nothing_else(pdb):
    assert get_model_reader(str(pdb)) is not None
    assert get_model_reader(["a.cif", "b.mmcif"]) is not None
    assert get_model_reader("map.mrc") is None
    ((data, options, kind),) = get_model_reader(str(pdb))(str(pdb))
    assert kind == "surface"
    assert options["units"] == ("angstrom",) * 3
    assert len(data[0]) == len(options["vertex_colors"])


def test_models_and_selection_outlive_the_panel(make, panel):
    viewer, opened = panel.viewer, panel.session.current
    panel.shut_down()
    again = make(viewer)
    assert again.session.current is opened
    assert again.layers.ribbons[opened] in viewer.layers
    again.session.select([3])
    assert (pixel(again, 3) == rgb_of(SELECTED)).all()


def test_taking_the_layer_away_closes_the_model(panel):
    panel.viewer.layers.remove(ribbon_layer(panel))
    assert not panel.session.models
    assert not panel.sections["Residues"].isVisibleTo(panel)


def test_closing_the_model_takes_its_layers_away(panel):
    panel.session.select([3])
    panel.list.close_current()
    assert not len(panel.viewer.layers)


# Colours ------------------------------------------------------------------------------------------


def test_a_built_model_is_coloured_by_confidence_first(panel):
    assert panel.session.current.coloured_by == CONFIDENCE
    assert panel.colours.bar.colouring.limits == (0.0, 1.0)


def test_every_pixel_of_the_texture_is_its_residue(panel):
    panel.colours.choose(CHAIN)
    expected = coloured(model(), CHAIN).rgb
    found = np.array([pixel(panel, row) for row in range(35)])
    assert (found == expected).all()
    layer = ribbon_layer(panel)
    texture = layer.texture
    rows, width = texture.shape[:2]
    u, v = layer.texcoords.T
    at = (np.floor((1 - v) * rows) * width + np.floor(u * width)).astype(int)
    residue = panel.session.current.content.drawing.ribbon.residue
    assert (at == residue).all()


def test_what_is_not_known_is_grey():
    unsure = model()
    unsure.residues.confidence[4] = np.nan
    assert (coloured(unsure, CONFIDENCE).rgb[4] == rgb_of(UNKNOWN)).all()


def test_colours_have_their_words(panel):
    panel.colours.choose(SECONDARY)
    assert "Helix" in panel.colours.keys.text()
    assert not panel.colours.bar.isVisibleTo(panel)


# Selecting ----------------------------------------------------------------------------------------


def test_a_line_of_sight_finds_the_residue_in_front(panel):
    mesh = panel.session.current.content.drawing.ribbon
    ca = helix(20)
    for row in (5, 9, 14):
        outward = np.array([ca[row, 0], ca[row, 1], 0.0]) / 2.3
        found = residue_under(mesh, (ca[row] + 50 * outward)[::-1], -outward[::-1])
        assert found is not None
        assert abs(found[0] - row) <= 1
    assert residue_under(mesh, np.array([0.0, 300.0, 0.0]), np.array([1.0, 0.0, 0.0])) is None


def click(panel: ModelPanel, position: np.ndarray, direction: np.ndarray, *, drag: int = 0) -> None:
    event = SimpleNamespace(
        button=1, pos=(100, 100), position=position, view_direction=direction, type="mouse_press"
    )
    steps = panel._on_mouse(panel.viewer, event)
    next(steps)
    if drag:
        event.type, event.pos = "mouse_move", (100 + drag, 100)
        next(steps, None)
    event.type = "mouse_release"
    next(steps, None)


def test_a_click_selects_and_a_drag_does_not(panel):
    ca = helix(20)[9]
    outward = np.array([0.0, ca[1], ca[0]]) / 2.3
    place = ca[::-1] + 40 * outward
    click(panel, place, -outward, drag=30)
    assert not len(panel.session.selected)
    click(panel, place, -outward)
    assert panel.session.selected.tolist() == [9]
    click(panel, place + np.array([500, 0, 0]), -outward)
    assert not len(panel.session.selected)


def test_the_selected_residue_stands_out_with_its_atoms(panel):
    panel.session.select([7])
    opened = panel.session.current
    assert (pixel(panel, 7) == rgb_of(SELECTED)).all()
    sticks = panel.layers.sticks[opened]
    assert sticks.visible
    away = np.linalg.norm(sticks.data[0][:, ::-1] - helix(20)[7], axis=1)
    assert away.max() < 3
    panel.session.select([])
    assert not sticks.visible


def test_the_view_turns_as_little_as_need_be():
    ahead = np.array([0.0, 0.0, 1.0])
    wall = np.stack([*np.meshgrid(np.arange(-6, 7, 2.0), np.arange(-6, 7, 2.0)),
                     np.full((7, 7), -10.0)], -1).reshape(-1, 3)  # fmt: skip
    assert np.allclose(clear_view(np.zeros(3), wall + np.array([0, 0, 30.0]), ahead), ahead)
    turned = clear_view(np.zeros(3), wall, ahead)
    assert 0.2 < np.arccos(turned @ ahead) < 1.4


# The table ----------------------------------------------------------------------------------------


def test_the_worst_residue_comes_first(panel):
    rows = panel.table.rows
    assert int(rows.order[0]) == 30
    assert rows.data(rows.index(0, 0)) == "B 16"
    assert rows.data(rows.index(0, 2)) == "0.05"


def test_columns_in_which_nothing_is_known_are_hidden(panel):
    assert panel.table.isColumnHidden(3)
    assert not panel.table.isColumnHidden(2)


def test_a_row_selects_the_residue_and_the_residue_the_row(panel):
    panel.table.selectRow(0)
    assert panel.session.selected.tolist() == [30]
    panel.session.select([12])
    at = panel.table.selectionModel().selectedRows()
    assert [int(panel.table.rows.order[i.row()]) for i in at] == [12]


def test_the_table_keeps_its_selection_when_it_is_sorted(panel):
    panel.session.select([12])
    panel.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert int(panel.table.rows.order[0]) == 34
    assert panel.session.selected.tolist() == [12]


def test_unknown_values_come_last_in_either_order(panel):
    opened = panel.session.current
    opened.model.residues.confidence[3] = np.nan
    panel.table.rows.reset()
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        panel.table.sortByColumn(2, order)
        assert int(panel.table.rows.order[-1]) == 3


# The sequence -------------------------------------------------------------------------------------


def test_the_sequence_tells_what_is_built_and_why_not(panel):
    a, b = lines_of(panel.session.current.model)
    assert (a.built, b.built) == (20, 15)
    assert b.letters == SEQUENCE
    assert b.reasons[:5].tolist() == ["no trace"] * 5
    assert b.rows[5] == 20


def test_a_letter_selects_and_shift_selects_up_to_there(panel, qtbot):
    view = panel.sequence.view
    view.resize(400, view.height())
    view._wrap()
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=view._cell(1, 2).center())
    assert panel.session.selected.tolist() == [2]
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, shift, view._cell(1, 6).center())
    assert panel.session.selected.tolist() == [2, 3, 4, 5, 6]
    assert "no trace" in view.words_at(view._cell(3, 0).center())
    assert view.letter_at(QPoint(1, 1)) is None


def test_a_file_that_begins_late_shows_no_leading_gap():
    late = model()
    late.residues.numbers[:20] += 100
    line = lines_of(late)[0]
    assert line.letters == SEQUENCE
    assert line.numbers[0] == 101


# Maps, keys, saving -------------------------------------------------------------------------------


def test_maps_are_glass_while_a_model_is_shown_and_are_drawn_last(make):
    from napari.layers import Surface

    panel = make()
    tetrahedron = (np.eye(4)[:, :3], np.array([[0, 1, 2], [0, 1, 3]]), np.ones(4))
    solid = Surface(tetrahedron, metadata={"cryoai_map": (None, None)}, blending="opaque")
    panel.viewer.add_layer(solid)
    opened = panel.session.add("built", content_of(model()))
    assert (solid.blending, solid.opacity) == ("translucent", 0.3)
    assert panel.viewer.layers[-1] is solid
    panel.session.show(opened, visible=False)
    assert (solid.blending, solid.opacity) == ("opaque", 1.0)


def test_keys_walk_along_the_chain_and_down_the_table(panel):
    act = panel.actions_.do
    act("next_doubt")
    assert panel.session.selected.tolist() == [30]
    act("next_residue")
    assert panel.session.selected.tolist() == [31]
    act("previous_residue")
    act("next_doubt")
    assert panel.session.selected.tolist() == [0]


def test_a_model_is_saved_and_reads_back(panel, tmp_path, wait):
    panel.save(panel.session.current, tmp_path / "model.cif")
    wait(lambda: (tmp_path / "model.cif").exists() and panel.banners.messages())
    again = read_structure(tmp_path / "model.cif")
    assert len(again) == 70
    assert set(again.chains.tolist()) == {"A", "B"}
