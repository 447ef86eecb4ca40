"""Building, editing and comparing in the Build model panel, on viewers that have no window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pydantic import Field
from qtpy.QtGui import QGuiApplication

from napari_cryoai.building.build import Built
from napari_cryoai.building.edit import Editor, trace_of
from napari_cryoai.core.amino_acids import name_of
from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues
from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.ui.maps.history import Content
from napari_cryoai.ui.maps.session import map_session_of
from napari_cryoai.ui.models import build_panel
from napari_cryoai.ui.models import edit_work as model_edit_work
from napari_cryoai.ui.models.build_work import Engine
from napari_cryoai.ui.models.colouring import MATCHES, REFERENCE
from napari_cryoai.ui.models.compare_panel import difference
from napari_cryoai.ui.models.opening import content_of
from napari_cryoai.ui.models.panel import TRACING, ModelPanel

pytestmark = pytest.mark.qt
SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGD"
FASTA = f">mine|Chains A, B\n{SEQUENCE[:20]}\n{SEQUENCE[20:].lower()}\n>rna\nACGUACGUACGU\n"


class FakeParams(Params):
    """How to build."""

    resolution_A: float | None = Field(None, gt=0, title="Resolution")
    seed: int = Field(0, ge=0, title="Seed")


def helix(n: int) -> np.ndarray:
    angle = np.radians(100) * np.arange(n)
    return np.stack([2.3 * np.cos(angle), 2.3 * np.sin(angle), 1.5 * np.arange(n)], axis=1)


def model(n: int = 30) -> AtomicModel:
    ca, numbers = helix(n), np.arange(5, 5 + n)
    letters = np.array(list(SEQUENCE))[numbers - 1]
    residues = Residues(
        np.full(n, "A"), numbers, letters, ca, np.linspace(0.3, 0.9, n), np.zeros(n, np.intp),
        np.full(n, np.nan), np.full(n, "H"), np.full(n, np.nan),
    )  # fmt: skip
    xyz = (ca[:, None] + np.array([[-1.4, 0, 0], [0, 0, 0], [1.4, 0, 0]])).reshape(-1, 3)
    names = [name_of(str(letter)) for letter in letters]
    structure = Structure(
        xyz, np.tile(["N", "C", "C"], n), np.zeros(3 * n), np.ones(3 * n), np.full(3 * n, "A"),
        np.repeat(numbers, 3).astype(str), np.repeat(names, 3), np.tile(["N", "CA", "C"], n),
    )  # fmt: skip
    return AtomicModel(structure, residues, (Polymer("A", SEQUENCE),))


def fake_build(params: Any, density: DensityMap, polymers: Any) -> Any:
    """Finds the same model in every map; fails where asked for seed 13."""
    found = model()
    yield Progress(10, 100, "Looking")
    if params.seed == 13:
        raise CryoAIError("no protein backbone was found in the map", remedy="Flip it")
    yield Progress(70, 100, "Threading", preview=trace_of(found))
    threaded = Editor.of_model(found).threaded
    return Built(found, trace_of(found), threaded, ("The map may have the wrong hand.",))


@pytest.fixture
def panel(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelPanel]:
    engine = Engine(FakeParams, fake_build)
    defaults = build_panel.BuildPanel.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "load", lambda: engine)
    panel = ModelPanel(ViewerModel())
    panel.build.load()
    qtbot.waitUntil(lambda: panel.build.form is not None, timeout=10_000)
    yield panel
    panel.shut_down()
    panel.close()


@pytest.fixture
def opened_map(panel: ModelPanel, tmp_path: Path) -> Any:
    data = np.random.default_rng(0).normal(size=(24, 24, 24)).astype(np.float32)
    density = DensityMap(data, 2.0, (-6.0, -24.0, -24.0))
    return map_session_of(panel.viewer).add("map", density, contour_of(density), tmp_path / "m.mrc")


@pytest.fixture
def shown(panel: ModelPanel) -> ModelPanel:
    panel.session.add("model", content_of(model()))
    return panel


def edit(panel: ModelPanel, wait: Callable[..., None], act: Callable[[], Any]) -> AtomicModel:
    act()
    wait(lambda: not panel.edit.busy)
    return panel.session.current.model


# The form -----------------------------------------------------------------------------------------


def test_without_a_map_it_says_what_to_open(panel):
    assert not panel.build.start.isEnabled()
    assert "map" in panel.build.advice.text()


def test_the_maps_of_the_map_panel_can_be_chosen(panel, opened_map):
    assert panel.build.chosen is opened_map
    assert panel.build.start.isEnabled()
    map_session_of(panel.viewer).remove(opened_map)
    assert panel.build.chosen is None
    assert not panel.build.start.isEnabled()


def test_pasted_sequences_become_chains(panel):
    box = panel.build.sequences
    box.text.setPlainText(FASTA)
    polymers = box.polymers()
    assert [(p.name, p.sequence) for p in polymers] == [("A", SEQUENCE), ("B", SEQUENCE)]
    assert "rna is a nucleic acid" in box.words.text()
    box.copies[0].setValue(4)
    assert len(box.polymers()) == 4
    assert box.as_option() == "A:4"


def test_what_is_no_sequence_is_said_before_anything_runs(panel, opened_map, wait):
    panel.build.sequences.text.setPlainText(">a\nMKT%%\n")
    panel.build.run()
    assert not panel.build.runner.running
    assert any("%" in banner.text for banner in panel.banners.messages())


def test_the_command_line_does_the_same(panel, opened_map, tmp_path):
    (tmp_path / "a b.fasta").write_text(FASTA)
    panel.build.sequences.open(tmp_path / "a b.fasta")
    panel.build.form.set("resolution_A", 3.2)
    panel.build.copy.click()
    expected = (
        f"cryoai build {tmp_path}/m.mrc --output model --sequence '{tmp_path}/a b.fasta'"
        " --copies A:2 --resolution-A 3.2"
    )
    assert QGuiApplication.clipboard().text() == expected
    panel.build.sequences.text.setPlainText(">x\nMKTAYIAKQR")
    with pytest.raises(CryoAIError, match="not in a file"):
        panel.build.command()


def test_a_map_that_was_edited_since_it_was_read_has_no_command_line(panel, opened_map):
    maps = map_session_of(panel.viewer)
    turned = DensityMap(opened_map.density.data[::-1].copy(), 2.0, (-6.0, -24.0, -24.0))
    panel.build.copy.click()
    maps.history.do("Flip hand", {opened_map: Content.of(turned, 1.0)})
    assert panel.build.copy.text() != "Copied"
    with pytest.raises(CryoAIError, match="edited since"):
        panel.build.command()
    maps.history.undo()
    assert "m.mrc" in panel.build.command()
    maps.history.redo()
    opened_map.written(Path("flipped.mrc"), turned)
    assert "flipped.mrc" in panel.build.command()


def test_a_voxel_size_that_was_typed_is_in_the_command_line(panel, tmp_path):
    density = DensityMap(np.eye(8, dtype=np.float32)[None].repeat(8, 0), 1.06, (0.0, 0.0, 0.0))
    maps = map_session_of(panel.viewer)
    maps.add("map", density, contour_of(density), tmp_path / "m.mrc", 1.06)
    assert "--pixel-size-A 1.06" in panel.build.command()


# Building -----------------------------------------------------------------------------------------


def test_the_trace_is_seen_first_and_the_model_takes_its_place(panel, opened_map, wait):
    seen = []
    panel.session.added.connect(lambda opened: seen.append(opened.name))
    panel.build.run()
    wait(lambda: not panel.build.runner.running)
    assert seen == [TRACING, "built model"]
    assert [opened.name for opened in panel.session.models] == ["built model"]
    opened = panel.session.current
    assert opened.unsaved
    assert np.isfinite(opened.model.residues.q).any()
    assert any("wrong hand" in banner.text for banner in panel.banners.messages())


def test_a_failure_is_told_and_leaves_nothing_behind(panel, opened_map, wait):
    panel.build.more.widgets["seed"].value = 13
    panel.build.run()
    wait(lambda: not panel.build.runner.running)
    assert not panel.session.models
    assert any("no protein" in banner.text for banner in panel.banners.messages())
    assert panel.build.start.isEnabled()


def test_cancel_takes_the_trace_away(panel, opened_map, wait):
    panel._on_traced(content_of(model()))
    panel.build.run()
    panel.build.runner.cancel()
    assert not panel.session.models
    assert not panel.build.job.isVisibleTo(panel)


# Editing ------------------------------------------------------------------------------------------


def test_delete_and_undo_and_redo(shown, wait):
    shown.session.select([10])
    after = edit(shown, wait, shown.edit.delete)
    assert 15 not in after.residues.numbers
    assert shown.session.current.unsaved
    assert shown.edit.undo_button.toolTip() == "Undo: Delete 1 residue"
    shown.edit.undo()
    assert len(shown.session.current.model.residues) == 30
    shown.edit.redo()
    assert len(shown.session.current.model.residues) == 29
    assert len(shown.table.rows.order) == 29


def test_the_selection_stays_where_it_was_in_space(shown, wait):
    shown.session.select([20])
    place = shown.session.current.model.residues.ca_A[20]
    edit(shown, wait, shown.edit.add_before)
    row = int(shown.session.selected[0])
    assert np.allclose(shown.session.current.model.residues.ca_A[row], place)


def test_the_register_is_shifted_by_a_button(shown, wait):
    shown.session.select([4])
    after = edit(shown, wait, lambda: shown.edit.shift(2))
    assert after.residues.numbers[0] == 7
    assert "".join(after.residues.letters) == SEQUENCE[6:36]


def test_what_cannot_be_done_is_said_and_changes_nothing(shown, wait):
    shown.session.select([29])
    before = shown.session.current.content
    edit(shown, wait, shown.edit.cut)
    assert shown.session.current.content is before
    assert any("ends at this residue" in banner.text for banner in shown.banners.messages())
    shown.session.select([3])
    shown.edit.join()
    assert any("two residues" in banner.text for banner in shown.banners.messages())
    shown.session.select([])
    shown.edit.delete()
    assert shown.edit.undo() is None


def test_a_handle_that_is_dragged_moves_its_residue(shown, wait):
    shown.edit.handles.show(True)
    layer = shown.edit.handles.layer
    assert np.allclose(layer.data, helix(30)[:, ::-1])
    places = np.array(layer.data)
    places[7] += [0, 0, 1.0]
    layer.data = places
    wait(lambda: not shown.edit.busy and shown.session.history.undo_label)
    assert shown.session.history.undo_label == "Move 1 residue"
    assert np.allclose(shown.session.current.model.residues.ca_A[7], helix(30)[7] + [1.0, 0, 0])
    shown.edit.undo()
    assert np.allclose(layer.data, helix(30)[:, ::-1])
    shown.edit.handles.show(False)
    assert layer not in shown.viewer.layers


def test_the_ribbon_follows_each_edit(shown, wait):
    layer = shown.layers.ribbons[shown.session.current]
    before = len(layer.data[0])
    shown.session.select(np.arange(10, 20))
    edit(shown, wait, shown.edit.delete)
    assert len(layer.data[0]) < before
    assert len(layer.texcoords) == len(layer.data[0])
    assert layer.texture.shape[1] == 20
    shown.edit.undo()
    assert len(layer.data[0]) == before


def test_a_closed_model_takes_its_history_along(shown, wait):
    shown.session.select([3])
    edit(shown, wait, shown.edit.delete)
    shown.list.close_current()
    assert shown.session.history.undo_label is None


def test_an_edit_that_comes_late_is_not_put_on_another_state(shown, wait):
    opened = shown.session.current
    late = model_edit_work.changed(opened.content, model_edit_work.delete(np.array([0])))
    before = opened.content
    shown.session.replace(opened, content_of(model(25)))
    shown.edit._done(opened, before, "Delete", late)
    assert len(opened.model.residues) == 25


def test_a_model_from_a_file_gets_q_scores_in_the_map(shown, opened_map, wait):
    shown._refresh()
    assert shown.score_button.isVisibleTo(shown)
    assert shown.table.isColumnHidden(3)
    shown.score()
    wait(lambda: not shown.scoring)
    opened = shown.session.current
    assert np.isfinite(opened.model.residues.q).any()
    assert opened.coloured_by == "Q-score"
    assert not opened.unsaved
    assert not shown.table.isColumnHidden(3)
    assert not shown.score_button.isVisibleTo(shown)


# Comparing ----------------------------------------------------------------------------------------


def test_models_are_compared_where_they_lie(shown, wait):
    other = model(26)
    other.residues.letters[5] = "W"
    other.residues.ca_A[:2] += 50.0
    shown.session.add("reference", content_of(other))
    shown.session.choose(shown.session.models[0])
    shown.compare.compare()
    wait(lambda: shown.session.models[0].match is not None)
    same, another, alone = MATCHES
    match = shown.session.models[0].match
    assert match[0] == match[29] == alone
    assert match[5] == another
    assert (match == same).sum() == 23
    assert shown.session.models[0].coloured_by == REFERENCE
    assert "24 residues within 3" in shown.compare.words.text()


def test_a_model_is_the_same_as_itself():
    found = difference(model(), model())
    assert set(found.model) == set(found.reference) == {"matched"}
    assert "RMSD 0.00" in found.words
