"""Learning from corrections, as a user meets it in the panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from napari_cryoai.core import edits
from napari_cryoai.core.document import Stroke
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source, State
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.picking import pick
from napari_cryoai.picking.pick import MicrographPicks
from napari_cryoai.ui.kit import settings
from napari_cryoai.ui.learning import run as learn_run
from napari_cryoai.ui.learning.corrections import as_left
from napari_cryoai.ui.learning.job import Learned, learn
from napari_cryoai.ui.learning.steps import touched_since
from napari_cryoai.ui.learning.store import Pickers, Views
from napari_cryoai.ui.picking.tools import Tool

pytestmark = pytest.mark.qt

CORNER = np.array([[6.0, 6.0]])
"""Where there is no particle."""


def correct(panel: Any, sim: Any) -> None:
    """Add a pick in a corner, and reject two of those found, on the micrograph on screen."""
    session = panel.session
    session.add(CORNER)
    shown = session.export_table().of(session.current)
    session.set_state(shown.id[:2], State.REJECTED)


def run_out(panel: Any, wait: Callable[[Any], None]) -> None:
    """Let the learning that was started end, and its picker be written."""
    wait(lambda: not panel.learn_run.runner.running)
    wait(lambda: panel.learn_run.file is None or panel.learn_run.file.exists())


@pytest.fixture
def corrected(picked: Any, sim: Any, wait: Any) -> Any:
    """A panel with three corrections on the first micrograph."""
    correct(picked, sim)
    wait(picked.learn.learn.isEnabled)
    return picked


@pytest.fixture
def taught(corrected: Any, wait: Any) -> Any:
    """A panel whose picker has learned from them."""
    corrected.learn.learn.click()
    run_out(corrected, wait)
    return corrected


class Gate:
    """Holds a learning job before it delivers, until the test has done something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, hold: Callable[[Progress], bool]):
        self.reached, self.open = Event(), Event()

        def held(task: Any) -> Iterator[Progress]:
            job = learn(task)
            while True:
                try:
                    progress = next(job)
                except StopIteration as end:
                    return end.value
                if hold(progress) and not self.open.is_set():
                    self.reached.set()
                    while not self.open.wait(0.01):
                        yield Progress(0, 1)
                yield progress

        monkeypatch.setattr(learn_run, "learn", held)


# What is there to learn ---------------------------------------------------------------------------


def test_nothing_is_offered_for_picks_of_a_detector_that_cannot_learn(panel: Any) -> None:
    assert panel.sections["Learn"].isHidden()
    assert not panel.learn.learn.isEnabled()
    assert "transformer" in panel.learn.learn.toolTip()
    panel.actions_.do("learn")
    assert panel.learn_run.runner.running is False


def test_the_first_correction_enables_the_button(picked: Any, wait: Any) -> None:
    learn_panel = picked.learn
    assert not picked.sections["Learn"].isHidden()
    assert not learn_panel.learn.isEnabled()
    assert "Correct a few picks first" in learn_panel.learn.toolTip()
    picked.session.add(CORNER)
    wait(learn_panel.learn.isEnabled)
    assert learn_panel.count.text() == "1 correction on 1 micrograph"
    picked.session.undo()
    wait(lambda: not learn_panel.learn.isEnabled())


def test_scores_are_probabilities_with_the_threshold_of_the_calibration(
    picked: Any, sim: Any
) -> None:
    assert picked.filters.histogram.span == (0.0, 1.0)
    assert picked.session.filters.threshold == pytest.approx(0.5, abs=0.02)
    assert picked.session.counts() == dict.fromkeys(picked.session.micrographs, sim.count)
    assert picked.filters.unit.text() == "Prob. ≥"


def test_a_confirmed_pick_is_a_correction_that_no_threshold_hides(picked: Any) -> None:
    session = picked.session
    one = session.export_table().of("mic0.mrc").id[-1:]
    session.confirm(one)
    assert picked.learn_run.tally() == (1, 1)
    session.preview_filters(threshold=1.0)
    assert one[0] in session.export_table().id
    assert session.history.undo_label == "Keep 1 pick"


def test_what_is_under_the_brush_is_learned_as_false(picked: Any, sim: Any) -> None:
    first = sim.positions(0)[0]
    picked.session.paint(Stroke(((float(first[0]), float(first[1])),), 10.0))
    assert picked.learn_run.tally() == (1, 1)
    left = as_left(picked.session, "mic0.mrc")
    assert np.sum(left.state == State.REJECTED) == 1
    assert len(left) == sim.count  # and nothing that only the threshold hides


# Learning -----------------------------------------------------------------------------------------


def test_learning_is_one_step_on_all_micrographs(corrected: Any, wait: Any) -> None:
    session = corrected.session
    before, steps = session.document, len(session.history.done)
    corrected.learn.learn.click()
    run_out(corrected, wait)
    assert len(session.history.done) == steps + 1
    assert session.history.undo_label.startswith("Learn from 3 corrections")
    old = before.picks.id[(before.picks.source == Source.AUTO) & (before.picks.state == 0)]
    assert not np.isin(old, session.document.picks.id).any()
    after = session.document
    session.undo()
    assert session.document.picks == before.picks
    assert session.filters == before.filters
    assert not corrected.learn_run.pickers.has_learned
    session.redo()
    assert session.document.picks == after.picks
    assert corrected.learn_run.pickers.has_learned


def test_manual_and_rejected_picks_survive_and_are_not_found_again(taught: Any, sim: Any) -> None:
    picks = taught.session.document.picks.of("mic0.mrc")
    rejected = picks.select(picks.state == State.REJECTED)
    assert len(rejected) == 2
    assert picks.yx_px[picks.source == Source.MANUAL].tolist() == CORNER.tolist()
    shown = taught.session.export_table().of("mic0.mrc")
    apart = np.hypot(*(shown.yx_px[:, None] - rejected.yx_px[None]).transpose(2, 0, 1))
    assert apart.min() > sim.diameter_A / sim.pixel_A / 3


def test_the_micrograph_on_screen_comes_first(corrected: Any, wait: Any) -> None:
    corrected.session.go_to("mic2.mrc")
    order: list[str] = []
    corrected.learn_run.replaced.connect(order.append)
    corrected.learn.learn.click()
    run_out(corrected, wait)
    assert order == ["mic2.mrc", "mic0.mrc", "mic1.mrc"]


def test_edits_made_meanwhile_are_kept_and_can_be_undone(
    corrected: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, lambda p: getattr(p.preview, "name", "") == "mic1.mrc")
    session = corrected.session
    corrected.learn.learn.click()
    wait(gate.reached.is_set)
    touched = session.export_table().of("mic1.mrc").id[:1]
    session.set_state(touched, State.REJECTED)
    session.set_state(touched, State.KEPT)  # it looks untouched, but two steps refer to it
    gate.open.set()
    run_out(corrected, wait)
    assert touched[0] in session.document.picks.id
    for _ in range(3):
        session.undo()
    assert not corrected.learn_run.pickers.has_learned


def test_cancel_leaves_all_as_it_was(
    corrected: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, lambda p: isinstance(p.preview, Learned))
    session = corrected.session
    before = session.document
    corrected.learn.learn.click()
    wait(gate.reached.is_set)
    assert not corrected.pick.start.isEnabled()
    assert "Wait" in corrected.learn.learn.toolTip()
    corrected.learn.job.cancel.click()
    gate.open.set()
    assert not corrected.learn_run.runner.running
    assert session.document is before
    assert not corrected.learn_run.pickers.has_learned
    assert corrected.learn.learn.isEnabled()
    assert corrected.pick.start.isEnabled()


def test_cancel_before_the_first_new_picks_leaves_all_as_it_was(
    corrected: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, lambda p: isinstance(p.preview, MicrographPicks))
    session = corrected.session
    before = session.document
    corrected.learn.learn.click()
    wait(gate.reached.is_set)
    wait(lambda: corrected.learn_run.pickers.has_learned)
    corrected.learn.job.cancel.click()
    gate.open.set()
    assert session.document is before
    assert not corrected.learn_run.pickers.has_learned
    assert corrected.learn_run.curve == ()


def test_the_threshold_is_that_of_the_whole_set(
    corrected: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"mic0.mrc": 0.7, "mic1.mrc": 0.6, "mic2.mrc": 0.4}

    def suggested(_params: Any, found: Any) -> float:
        return told[found[-1].name]

    monkeypatch.setattr(pick, "common_threshold", suggested)
    session = corrected.session
    before, steps = session.filters, len(session.history.done)
    corrected.learn.learn.click()
    run_out(corrected, wait)
    assert session.filters.threshold == 0.4
    assert len(session.history.done) == steps + 1
    session.undo()
    assert session.filters == before


def test_a_threshold_that_the_user_moves_meanwhile_stays(
    corrected: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, lambda p: getattr(p.preview, "name", "") == "mic1.mrc")
    session = corrected.session
    corrected.learn.learn.click()
    wait(gate.reached.is_set)
    session.preview_filters(threshold=0.66)
    session.commit_filters()
    gate.open.set()
    run_out(corrected, wait)
    assert session.filters.threshold == 0.66


def test_with_all_rejected_it_says_what_to_do_and_loses_nothing(picked: Any, wait: Any) -> None:
    session = picked.session
    session.set_state(session.export_table().of("mic0.mrc").id, State.REJECTED)
    wait(picked.learn.learn.isEnabled)
    before = session.document
    picked.learn.learn.click()
    wait(lambda: not picked.learn_run.runner.running)
    wait(lambda: any(b.kind == "error" for b in picked.banners.messages()))
    assert any("all picks are rejected" in b.text for b in picked.banners.messages())
    assert session.document is before


def test_the_step_can_be_taken_back_while_others_follow(
    corrected: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, lambda p: getattr(p.preview, "name", "") == "mic1.mrc")
    before = corrected.session.document.picks
    corrected.learn.learn.click()
    wait(gate.reached.is_set)
    corrected.session.undo()
    gate.open.set()
    wait(lambda: not corrected.learn_run.runner.running)
    assert corrected.session.document.picks == before


# Improving ----------------------------------------------------------------------------------------


def test_improving_that_brings_nothing_changes_nothing(
    corrected: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_cryoai.picking import learn_improve

    def no_better(_params: Any, picker: Any, *_: Any) -> Iterator[Progress]:
        yield Progress(1, 1)
        return picker

    monkeypatch.setattr(learn_improve, "improve", no_better)
    before = corrected.session.document
    corrected.learn.improve.click()
    wait(lambda: not corrected.learn_run.runner.running)
    assert corrected.session.document is before
    assert "no better" in corrected.learn.result.text()


def test_improving_is_what_later_refits_start_from(
    corrected: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from copy import deepcopy

    from napari_cryoai.picking import learn_improve
    from napari_cryoai.picking.learned import Picker

    def better(_params: Any, picker: Any, *_: Any) -> Iterator[Progress]:
        yield Progress(1, 1)
        network = deepcopy(picker.network)
        next(network.stem.parameters()).data += 1
        return Picker(network, picker.calibration)

    monkeypatch.setattr(learn_improve, "improve", better)
    corrected.learn.improve.click()
    run_out(corrected, wait)
    root, base = corrected.learn_run.pickers.standing.root, corrected.learn_run.pickers.base()
    assert root is corrected.learn_run.pickers.standing.now
    assert corrected.session.history.undo_label.startswith("Improve with 3 corrections")
    corrected.learn.learn.click()
    run_out(corrected, wait)
    assert corrected.learn_run.pickers.standing.root is root
    assert corrected.learn_run.pickers.standing.now.trunk == root.trunk != base.trunk


# Seeing it ----------------------------------------------------------------------------------------


def test_the_heat_map_lies_on_the_particles(picked: Any, wait: Any, sim: Any) -> None:
    picked.learn.heat.setChecked(True)
    heat = picked.learn_view.heat
    wait(lambda: heat.layer is not None and heat.layer.visible)
    layer = heat.layer
    assert {str(u) for u in layer.units} == {"angstrom"}
    y, x = np.unravel_index(np.argmax(layer.data), layer.data.shape)
    brightest = np.array(layer.data_to_world((y, x))) / sim.pixel_A
    distance = np.hypot(*(sim.positions(0) - brightest).T).min()
    assert distance < layer.scale[0] / sim.pixel_A  # less than a cell
    low, high = layer.extent.world
    assert low - layer.scale / 2 == pytest.approx([-sim.pixel_A / 2] * 2)
    assert np.all(np.abs(high - 255.5 * sim.pixel_A) < layer.scale)
    assert picked.viewer.layers.index(layer) < picked.viewer.layers.index(picked.layers.points)


def test_the_middles_of_all_blobs_are_those_of_the_particles(
    picked: Any, wait: Any, sim: Any
) -> None:
    """To less than a fifth of a cell on average: no half a cell is lost on the way."""
    picked.learn.heat.setChecked(True)
    wait(lambda: picked.learn_view.heat.layer is not None)
    layer = picked.learn_view.heat.layer
    grid = np.stack(np.indices(layer.data.shape), -1).reshape(-1, 2)
    world = grid * layer.scale + layer.translate
    off = []
    for centre in sim.positions(0) * sim.pixel_A:
        near = np.hypot(*(world - centre).T) < sim.diameter_A / 2
        weight = layer.data.ravel()[near]
        off.append((world[near] * weight[:, None]).sum(0) / weight.sum() - centre)
    assert np.abs(np.mean(off, 0)).max() < 0.2 * layer.scale[0]


def test_the_heat_map_follows_the_micrograph_and_goes_away(picked: Any, wait: Any) -> None:
    picked.learn.heat.setChecked(True)
    heat = picked.learn_view.heat
    wait(lambda: heat.layer is not None and heat.layer.visible)
    first = heat.layer.data
    picked.session.go_to("mic1.mrc")
    assert not heat.layer.visible
    wait(lambda: heat.layer.visible and not np.array_equal(heat.layer.data, first))
    picked.actions_.do("heat")
    assert not heat.layer.visible


def test_the_heat_map_follows_the_diameter(picked: Any, wait: Any, sim: Any) -> None:
    picked.learn.heat.setChecked(True)
    heat = picked.learn_view.heat
    wait(lambda: heat.layer is not None and heat.layer.visible)
    before = heat.layer.data.shape
    picked.pick.form.set("diameter_A", sim.diameter_A * 1.25)
    picked.pick.run_here()
    wait(lambda: not picked.pick.runner.running)
    wait(lambda: heat.layer.data.shape[0] < before[0])


def test_a_half_typed_diameter_is_not_looked_with(
    corrected: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[float] = []
    monkeypatch.setattr(corrected.learn_run, "_look", lambda _one, size_A: looked.append(size_A))
    corrected.learn_run.prepare()
    wait(lambda: looked)
    corrected.session.set_diameter(13.0)
    corrected.learn_run.prepare()
    corrected.session.set_diameter(looked[0])
    corrected.learn_run.prepare()
    wait(lambda: len(looked) > 1)
    assert len(set(looked)) == 1


def test_views_of_another_set_or_pixel_size_are_not_taken(weights: Path, sim: Any) -> None:
    def micrograph(folder: str, pixel_size_A: float, seed: int) -> Micrograph:
        pixels = sim.image(seed)
        load = partial(np.array, pixels)
        return Micrograph("m.mrc", Path(folder, "m.mrc"), pixels.shape, pixel_size_A, load)

    views, known = Views(), Pickers(weights, "cpu").base()
    first = views.see(micrograph("a", 2.0, 0), known, sim.diameter_A)
    assert views.see(micrograph("a", 2.0, 0), known, sim.diameter_A) is first
    assert views.see(micrograph("b", 2.0, 1), known, sim.diameter_A) is not first
    finer = views.see(micrograph("a", 1.5, 0), known, sim.diameter_A)
    assert finer.diameter_px == pytest.approx(sim.diameter_A / 1.5)


class Gallery:
    """Views with room for three, and micrographs to look at."""

    def __init__(self, weights: Path, sim: Any):
        self.known, self.pixels = Pickers(weights, "cpu").base(), sim.image(0)
        self.diameter_A = sim.diameter_A
        self.views = Views()
        one = self.look(0)
        self.views = Views(3 * (one.features.nbytes + 5 * one.field.heat.nbytes))

    def look(self, i: int, *, passing: bool = False, wider: float = 1.0) -> Any:
        load = partial(np.array, self.pixels)
        one = Micrograph(f"{i}", Path(f"{i}.mrc"), self.pixels.shape, 2.0, load)
        return self.views.see(one, self.known, self.diameter_A * wider, passing=passing)


def test_only_as_many_views_are_kept_as_fit(weights: Path, sim: Any) -> None:
    gallery = Gallery(weights, sim)
    seen = [gallery.look(i) for i in range(3)]
    assert gallery.look(0) is seen[0]
    gallery.look(3)
    assert gallery.look(0) is seen[0]  # the one that was used the longest ago went
    assert gallery.look(1) is not seen[1]


def test_a_large_set_that_is_gone_through_does_not_drive_out_what_is_kept(
    weights: Path, sim: Any
) -> None:
    gallery = Gallery(weights, sim)
    corrected = gallery.look(0)
    first = [gallery.look(i, passing=True) for i in range(1, 9)]
    assert gallery.look(0) is corrected
    again = [gallery.look(i, passing=True) for i in range(1, 9)]
    assert sum(a is b for a, b in zip(first, again, strict=True)) == 2
    last = gallery.look(8)  # to stay
    assert gallery.look(8, passing=True) is last


def test_views_of_another_diameter_make_room(weights: Path, sim: Any) -> None:
    gallery = Gallery(weights, sim)
    old = [gallery.look(i) for i in range(3)]
    new = [gallery.look(i, passing=True, wider=1.01) for i in range(3)]
    assert all(gallery.look(i, wider=1.01) is new[i] for i in range(3))
    assert gallery.look(0) is not old[0]


def test_before_shows_the_old_picks_and_edits_nothing(taught: Any, wait: Any, sim: Any) -> None:
    session, view = taught.session, taught.learn_view
    document, steps = session.document, len(session.history.done)
    taught.tools.take(Tool.ERASE)
    taught.learn.before.click()
    wait(lambda: view.points is not None and view.points.visible)
    assert not taught.layers.points.visible
    assert len(view.points.data) == sim.count  # without the corrections
    assert taught.tools.tool is Tool.PAN
    assert not taught.tool_bar.isEnabled()
    taught.actions_.do("before")
    assert taught.layers.points.visible
    assert not view.points.visible
    assert taught.tool_bar.isEnabled()
    assert session.document is document
    assert len(session.history.done) == steps


def test_no_edit_meets_picks_that_are_hidden_by_before(taught: Any, wait: Any) -> None:
    taught.layers.points.selected_data = {0}
    taught.learn.before.click()
    before = taught.session.document
    taught.actions_.do("reject")
    assert taught.session.document is before
    taught.actions_.table()["add"]()  # a tool is for one's own picks
    assert taught.layers.points.visible
    assert taught.tools.tool is Tool.ADD
    assert taught.learn.after.isChecked()


def test_without_anything_learned_there_is_no_before(picked: Any) -> None:
    assert not picked.learn.before.isEnabled()
    picked.actions_.do("before")
    assert not picked.learn_view.before


def test_the_curve_begins_with_the_picker_of_the_beginning(taught: Any, wait: Any) -> None:
    start, now = taught.learn_run.curve
    assert (start.corrections, now.corrections) == (0, 3)
    # 16 found, of which two were rejected and one missed: 2 * 14 / (16 + 15)
    assert start.f1 == pytest.approx(28 / 31)
    assert taught.learn.plot.points == (start, now)
    assert not taught.learn.plot.isHidden()


def test_with_a_reference_the_curve_has_a_second_line(corrected: Any, wait: Any, sim: Any) -> None:
    corrected.compare.set_reference(PickTable.of_points("mic1.mrc", sim.positions(1)))
    corrected.learn.learn.click()
    run_out(corrected, wait)
    wait(lambda: corrected.learn_run.curve[-1].reference is not None)
    assert corrected.learn_run.curve[0].reference == pytest.approx(1.0)
    assert list(corrected.learn.plot.lines()) == ["corrected micrographs", "reference"]


# Keeping it ---------------------------------------------------------------------------------------


def test_the_form_picks_with_what_was_learned(taught: Any, weights: Path, wait: Any) -> None:
    field = taught.pick.more.widgets["weights"]
    wait(lambda: field.value == taught.learn_run.file)
    assert str(taught.learn_run.file).startswith(str(settings.autosave_folder()))
    taught.session.undo()
    wait(lambda: field.value == weights)


def test_the_learned_picker_is_found_again(
    taught: Any, make_panel: Any, folder: Path, wait: Any
) -> None:
    curve, file = taught.learn_run.curve, taught.learn_run.file
    wait(lambda: taught.pick.more.widgets["weights"].value == file)
    taught.shut_down()
    again = make_panel(folder)
    wait(lambda: again.learn_run.pickers.has_learned)
    assert again.learn_run.curve == curve
    assert again.pick.form.values()["detector"] == "transformer"
    assert again.pick.more.widgets["weights"].value == file
    wait(again.learn.learn.isEnabled)
    again.learn.learn.click()
    wait(lambda: not again.learn_run.runner.running)
    assert len(again.learn_run.curve) == len(curve) + 1
    standing = again.learn_run.pickers.standing
    # a refit starts from where the first one did
    assert standing.root is again.learn_run.pickers.base()


def test_picking_with_the_learned_picker_forgets_nothing(
    taught: Any, make_panel: Any, folder: Path, weights: Path, wait: Any
) -> None:
    file = taught.learn_run.file
    wait(lambda: taught.pick.more.widgets["weights"].value == file)
    taught.pick.run_here()
    wait(lambda: not taught.pick.runner.running)
    assert taught.session.picked_by.weights == str(file)
    assert len(taught.learn_run.curve) == 2
    taught.shut_down()
    again = make_panel(folder)
    wait(lambda: again.learn_run.pickers.has_learned)
    assert again.learn_run.pickers.weights == weights


def test_start_afresh_puts_the_learned_picker_aside(taught: Any, wait: Any) -> None:
    from napari_cryoai.ui.micrographs.store import put_aside

    file, journal = taught.learn_run.file, taught.session.journal.path
    wait(lambda: taught.pick.more.widgets["weights"].value == file)
    taught.session.keep(None)
    aside = put_aside(journal)
    assert not file.exists()
    assert settings.learned_path(aside).exists()


def test_the_picker_can_be_saved_for_other_sets(taught: Any, tmp_path: Path, wait: Any) -> None:
    from napari_cryoai.io.weights import read_weights
    from napari_cryoai.picking.learned import load_picker

    taught.learn.write(tmp_path / "mine")
    path = tmp_path / "mine.safetensors"
    wait(lambda: taught.pick.more.widgets["weights"].value == path)
    now = taught.learn_run.pickers.standing.now.picker
    assert load_picker(path).calibration == pytest.approx(now.calibration)
    told = read_weights(path, "picker").facts["learned_from"]
    assert (told["corrections"], told["micrographs"]) == (3, 1)


def test_other_weights_begin_anew(taught: Any, weights: Path, tmp_path: Path, wait: Any) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(weights.read_bytes())
    taught.pick.more.widgets["weights"].value = other
    taught.pick.run_here()
    wait(lambda: not taught.pick.runner.running)
    assert not taught.learn_run.pickers.has_learned
    assert taught.learn_run.curve == ()
    assert taught.pick.more.widgets["weights"].value == other


def test_rows_of_later_steps_are_known(corrected: Any) -> None:
    session = corrected.session
    session.do(edits.Group(()), "Learn")
    one, two = session.export_table().id[:2, None]
    session.set_state(two, State.REJECTED)
    session.set_state(one, State.REJECTED)
    session.undo()
    assert touched_since(session.history, "Learn").tolist() == [one[0], two[0]]
