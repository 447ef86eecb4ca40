"""The panel, as a user works with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryoai.core import edits
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, Source, State
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import read_picks, write_picks
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.picking.pick import MicrographPicks, PickParams, PickResult
from napari_cryoai.ui.micrographs import pick_run
from napari_cryoai.ui.picking.commands import COMMANDS
from napari_cryoai.ui.picking.tools import Tool

pytestmark = pytest.mark.qt


def drag(panel: Any, path: list[tuple[float, float]], *, shift: bool = False) -> None:
    """Drag the left mouse button along a path of pixels of the micrograph."""
    points = panel.layers.points

    def event(kind: str, yx: tuple[float, float]) -> Any:
        return SimpleNamespace(
            type=kind,
            button=1,
            modifiers=("Shift",) if shift else (),
            position=tuple(points.data_to_world(yx)),
            handled=False,
        )

    now = event("mouse_press", path[0])
    for callback in points.mouse_drag_callbacks:
        running = callback(points, now)
        _next(running)
        for yx in path[1:]:
            vars(now).update(vars(event("mouse_move", yx)))
            _next(running)
        vars(now).update(vars(event("mouse_release", path[-1])))
        _next(running)


def _next(running: Iterator[None]) -> None:
    next(running, None)


def press(panel: Any, key: str) -> None:
    """Press a key as napari would hand it to the layer of picks."""
    panel.actions_.do(next(c.name for c in COMMANDS if key in c.keys.split()))


def drawn(panel: Any) -> int:
    return len(panel.layers.points.data)


# Opening ------------------------------------------------------------------------------------------


def test_without_micrographs_it_says_what_to_do(make_panel: Any) -> None:
    panel = make_panel()
    assert not panel.empty.isHidden()
    assert panel.working.isHidden()
    assert not panel.pick.start.isEnabled()


def test_a_folder_opens_in_angstrom_and_can_be_picked_at_once(
    make_panel: Any, folder: Path, sim: Any
) -> None:
    panel = make_panel(folder)
    assert list(panel.session.micrographs) == ["mic0.mrc", "mic1.mrc", "mic2.mrc"]
    assert panel.session.current == "mic0.mrc"
    assert {str(u) for u in panel.layers.points.units} == {"angstrom"}
    assert panel.layers.points.scale.tolist() == [sim.pixel_A, sim.pixel_A]
    assert panel.pixel_size.isHidden()
    assert panel.pick.start.isEnabled()


def test_the_image_lies_where_the_micrograph_is(panel: Any, wait: Any, sim: Any) -> None:
    for filtered in (True, False):
        panel.filtered.setChecked(filtered)
        shape = (128, 128) if filtered else (256, 256)
        wait(lambda shape=shape: panel.layers.image.data.shape == shape)
        low, high = panel.layers.image.extent.world
        assert low == pytest.approx([-sim.pixel_A / 2] * 2, abs=sim.pixel_A)
        assert high == pytest.approx([255.5 * sim.pixel_A] * 2, abs=sim.pixel_A)


def test_the_pixel_size_is_asked_for_and_pick_waits_for_it(
    make_panel: Any, tmp_path: Path, wait: Any, sim: Any
) -> None:
    (tmp_path / "raw").mkdir()
    write_mrc(tmp_path / "raw" / "mic.mrc", sim.image(0), pixel_size_A=None)
    panel = make_panel(tmp_path / "raw")
    assert not panel.pixel_size.isHidden()
    assert not panel.pick.start.isEnabled()
    assert "pixel size" in panel.pick.advice.text()
    panel.pixel_size.field.setValue(1.5)
    panel.pixel_size.apply.click()
    assert panel.pixel_size.isHidden()
    assert panel.pick.start.isEnabled()
    wait(lambda: panel.layers.points.scale.tolist() == [1.5, 1.5])


def test_a_broken_file_is_reported_and_the_others_open(
    make_panel: Any, folder: Path, wait: Any
) -> None:
    (folder / "broken.mrc").write_bytes(b"no micrograph")
    panel = make_panel(folder)
    wait(lambda: any("broken.mrc" in b.text for b in panel.banners.messages()))
    assert len(panel.session.micrographs) == 3


def test_one_that_cannot_be_read_leaves_no_other_on_the_screen(
    panel: Any, folder: Path, wait: Any
) -> None:
    panel.navigator.cache.clear()
    (folder / "mic2.mrc").write_bytes((folder / "mic2.mrc").read_bytes()[:2000])
    panel.session.go_to("mic2.mrc")
    wait(lambda: any("mic2.mrc" in b.text for b in panel.banners.messages()))
    assert not np.any(panel.layers.image.data)


def test_an_empty_folder_is_a_message_not_a_traceback(
    make_panel: Any, tmp_path: Path, wait: Any
) -> None:
    (tmp_path / "nothing").mkdir()
    panel = make_panel()
    panel.open([tmp_path / "nothing"])
    wait(lambda: panel.banners.messages())
    assert panel.banners.messages()[0].kind == "error"
    assert "no micrographs" in panel.banners.messages()[0].text


# Correcting ---------------------------------------------------------------------------------------


def test_a_click_adds_a_pick_without_a_score(panel: Any, sim: Any) -> None:
    press(panel, "A")
    assert panel.layers.points.mode == "add"
    panel.layers.points.add([[100.0, 120.0]])
    new = panel.session.document.picks.select(np.array([-1]))
    assert new.yx_px.tolist() == [[100.0, 120.0]]
    assert np.isnan(new.score[0])
    assert new.source[0] == Source.MANUAL
    assert drawn(panel) == sim.count + 1
    assert np.isnan(panel.layers.points.features["score"].iloc[-1])
    assert panel.layers.points.size[-1] == pytest.approx(sim.diameter_A / sim.pixel_A)


@pytest.mark.parametrize("how", ["key", "napari"])
def test_delete_rejects_what_is_selected(panel: Any, how: str, sim: Any) -> None:
    rows = len(panel.session.document.picks)
    panel.layers.points.selected_data = {0, 3}
    if how == "key":
        press(panel, "Delete")
    else:
        panel.layers.points.remove_selected()
    picks = panel.session.document.picks
    assert len(picks) == rows
    assert np.sum(picks.state == State.REJECTED) == 2
    assert drawn(panel) == sim.count - 2
    press(panel, "Control+Z")
    assert drawn(panel) == sim.count


def test_a_click_before_the_next_micrograph_is_drawn_adds_nothing_to_it(
    panel: Any, wait: Any
) -> None:
    panel.navigator.cache.clear()
    panel.session.go_to("mic2.mrc")  # being read; the first is still on the screen
    before = panel.session.document.picks
    panel.layers.points.add([[100.0, 8.0]])
    drag(panel, [(100, 8), (100, 200)])
    assert panel.session.document.picks is before
    wait(lambda: panel.layers.up_to_date)


def test_a_dragged_pick_moves_in_the_table(panel: Any, sim: Any) -> None:
    points = panel.layers.points
    data = points.data.copy()
    data[2] += (3, 4)
    points.data = data
    picks = panel.session.document.picks.of("mic0.mrc")
    assert picks.yx_px[2] == pytest.approx(sim.positions(0)[2] + (3, 4))
    assert picks.source[2] == Source.MANUAL


def test_the_eraser_rejects_what_it_runs_over_as_one_step(panel: Any, sim: Any) -> None:
    press(panel, "E")
    yx = sim.positions(0)
    drag(panel, [tuple(yx[0]), tuple((yx[0] + yx[1]) / 2), tuple(yx[1])])
    assert drawn(panel) == sim.count - 2
    assert panel.session.history.undo_label == "Reject 2 picks"
    press(panel, "Control+Z")
    assert drawn(panel) == sim.count


def test_the_lasso_rejects_inside_and_with_shift_restores(panel: Any, sim: Any) -> None:
    press(panel, "L")
    half = [(0.0, 0.0), (0.0, 256.0), (128.0, 256.0), (128.0, 0.0)]
    drag(panel, half)
    assert drawn(panel) == sim.count // 2
    drag(panel, half, shift=True)
    assert drawn(panel) == sim.count
    assert "Lasso" not in [layer.name for layer in panel.viewer.layers]


def test_the_lasso_leaves_alone_what_is_not_shown(panel: Any, sim: Any) -> None:
    """The four false peaks are below the threshold: nobody saw them, nobody rejected them."""
    press(panel, "L")
    drag(panel, [(-5.0, -5.0), (-5.0, 260.0), (260.0, 260.0), (260.0, -5.0)])
    picks = panel.session.document.picks.of("mic0.mrc")
    assert np.sum(picks.state == State.REJECTED) == sim.count


def test_the_brush_excludes_a_region_and_shows_it(panel: Any, sim: Any) -> None:
    press(panel, "B")
    panel.tools.brush_px = 30.0
    drag(panel, [(38.0, 0.0), (38.0, 256.0)])
    assert drawn(panel) == sim.count - 4
    assert (panel.layers.excluded.data == 1).any()
    assert np.sum(panel.session.document.picks.state == State.REJECTED) == 0
    drag(panel, [(38.0, 0.0), (38.0, 256.0)], shift=True)
    assert drawn(panel) == sim.count
    assert not panel.layers.excluded.data.any()


def test_rejected_picks_can_be_seen_in_grey_and_are_not_counted(panel: Any, sim: Any) -> None:
    panel.layers.points.selected_data = {0, 1}
    press(panel, "X")
    press(panel, "G")
    assert drawn(panel) == sim.count
    assert panel.session.counts()["mic0.mrc"] == sim.count - 2
    press(panel, "G")
    assert drawn(panel) == sim.count - 2


def test_undo_works_across_micrographs(panel: Any, wait: Any, sim: Any) -> None:
    panel.layers.points.selected_data = {0}
    press(panel, "X")
    press(panel, "N")
    wait(lambda: panel.layers.image.name == "mic1.mrc")
    assert drawn(panel) == sim.count
    press(panel, "Control+Z")
    wait(lambda: panel.layers.image.name == "mic0.mrc")
    assert drawn(panel) == sim.count
    press(panel, "Control+Shift+Z")
    assert drawn(panel) == sim.count - 1


def test_the_threshold_filters_live_and_deletes_nothing(panel: Any, sim: Any, wait: Any) -> None:
    before = panel.session.document.picks
    panel.filters.histogram.moved.emit(0.7)
    wait(lambda: drawn(panel) == np.sum(before.of("mic0.mrc").score >= 0.7))
    panel.filters.histogram.released.emit()
    assert panel.session.history.undo_label == "Change filters"
    panel.filters.histogram.moved.emit(0.0)
    wait(lambda: drawn(panel) == sim.count + 4)
    assert panel.session.document.picks == before


def test_uncertain_picks_come_closest_to_the_threshold_first(panel: Any) -> None:
    press(panel, "U")
    first = panel.layers.selected_ids()
    press(panel, "K")
    second = panel.layers.selected_ids()
    picks = panel.session.document.picks
    scores = [float(picks.score[picks.id == i][0]) for i in (first[0], second[0])]
    assert scores == sorted(picks.of("mic0.mrc").score[:16])[:2]
    press(panel, "X")
    assert picks.id[panel.session.document.picks.state == State.REJECTED].tolist() == [second[0]]
    assert len(panel.layers.selected_ids()) == 1
    assert panel.layers.selected_ids()[0] not in (first[0], second[0])


def test_reviewed_goes_on_to_the_next_and_junk_empties(panel: Any) -> None:
    press(panel, "R")
    assert panel.session.document.reviewed == {"mic0.mrc"}
    assert panel.session.current == "mic1.mrc"
    press(panel, "J")
    assert panel.session.counts()["mic1.mrc"] == 0
    assert panel.summary.text() == "1 of 3 reviewed"


def test_renaming_layers_breaks_nothing(panel: Any, wait: Any, sim: Any) -> None:
    for layer in panel.viewer.layers:
        layer.name = "something else"
    press(panel, "N")
    wait(lambda: panel.layers.image.name == "mic1.mrc")
    panel.layers.points.add([[50.0, 60.0]])
    assert panel.session.counts()["mic1.mrc"] == sim.count + 1


def test_layers_cannot_be_deleted_by_mistake(panel: Any) -> None:
    assert all(layer.locked for layer in panel.viewer.layers)


def test_every_key_has_one_command_and_no_digit_deletes(panel: Any, sim: Any) -> None:
    pressed = [key for command in COMMANDS for key in command.keys.split()]
    assert len(pressed) == len(set(pressed))
    rows = len(panel.session.document.picks)
    panel.layers.points.selected_data = {0}
    panel.layers.points.keymap[_binding("1")](panel.layers.points)
    assert len(panel.session.document.picks) == rows
    assert drawn(panel) == sim.count


def _binding(key: str) -> Any:
    from app_model.types import KeyBinding

    return KeyBinding.from_str(key)


def test_closing_gives_napari_its_keys_back(panel: Any) -> None:
    keymap = panel.viewer.keymap
    assert _binding("N") in keymap
    panel.shut_down()
    assert _binding("N") not in panel.viewer.keymap


# Picking ------------------------------------------------------------------------------------------


@pytest.fixture
def quick_picker(monkeypatch: pytest.MonkeyPatch, sim: Any) -> list[str]:
    """A picker that finds what is there in no time; returns the order it was asked in."""
    order: list[str] = []

    def pick(params: PickParams, micrographs: Any, **_: Any) -> Job[PickResult]:
        for i, m in enumerate(micrographs):
            order.append(m.name)
            found = sim.table(m.name, int(m.name[3]))
            mask = np.zeros((8, 8), bool)
            preview = MicrographPicks(m.name, found, mask, 0.3, 0.2, sim.diameter_A)
            yield Progress(i + 1, len(micrographs), m.name, preview)
            time.sleep(0.03)
        return PickResult(PickTable.empty(), 0.35, sim.diameter_A, [])

    monkeypatch.setattr(pick_run, "pick", pick)
    return order


def finished(panel: Any) -> Callable[[], bool]:
    return lambda: not panel.pick.runner.running


def test_pick_begins_with_the_micrograph_on_screen(
    make_panel: Any, folder: Path, wait: Any, quick_picker: list[str], sim: Any
) -> None:
    panel = make_panel(folder)
    press(panel, "N")
    panel.pick.start.click()
    assert not panel.pick.start.isEnabled()
    wait(finished(panel))
    assert quick_picker == ["mic1.mrc", "mic0.mrc", "mic2.mrc"]
    assert panel.session.counts() == dict.fromkeys(["mic0.mrc", "mic1.mrc", "mic2.mrc"], sim.count)
    assert panel.session.filters.threshold == pytest.approx(0.35)
    assert panel.session.diameter_A == sim.diameter_A
    assert panel.pick.start.isEnabled()
    press(panel, "Control+Z")
    assert len(panel.session.document.picks) == 0


def test_a_second_run_leaves_the_users_own_picks_alone(
    panel: Any, wait: Any, quick_picker: list[str], sim: Any
) -> None:
    panel.layers.points.selected_data = {0}
    press(panel, "X")
    panel.layers.points.add([[100.0, 8.0]])
    panel.pick.run()
    wait(finished(panel))
    picks = panel.session.document.picks.of("mic0.mrc")
    assert np.sum(picks.source == Source.MANUAL) == 1
    assert np.sum(picks.state == State.REJECTED) == 1
    assert panel.session.counts()["mic0.mrc"] == sim.count - 1 + 1


def test_cancel_keeps_what_was_there_before(
    panel: Any, wait: Any, monkeypatch: pytest.MonkeyPatch, sim: Any
) -> None:
    started, closed = [], []

    def endless(params: PickParams, micrographs: Any, **_: Any) -> Job[PickResult]:
        try:
            while True:
                started.append(True)
                time.sleep(0.02)
                yield Progress(0, 3)
        finally:
            closed.append(True)

    monkeypatch.setattr(pick_run, "pick", endless)
    before = panel.session.document.picks
    panel.pick.run()
    assert drawn(panel) == 0
    wait(lambda: started)
    panel.pick.job.cancel.click()
    assert panel.pick.job.cancel.text() == "Cancelling…"
    wait(finished(panel))
    wait(lambda: closed)
    assert panel.session.document.picks == before
    assert drawn(panel) == sim.count


def test_another_set_cancels_the_run_on_this_one(
    panel: Any, folder: Path, wait: Any, monkeypatch: pytest.MonkeyPatch, sim: Any
) -> None:
    def endless(params: PickParams, micrographs: Any, **_: Any) -> Job[PickResult]:
        while True:
            time.sleep(0.02)
            yield Progress(0, 3)

    monkeypatch.setattr(pick_run, "pick", endless)
    panel.pick.run()
    other = folder.parent / "other"
    other.mkdir()
    write_mrc(other / "new.mrc", sim.image(7), pixel_size_A=sim.pixel_A)
    panel.open([other])
    wait(lambda: list(panel.session.micrographs) == ["new.mrc"])
    assert finished(panel)()
    panel.open([folder])
    wait(lambda: panel.session.counts().get("mic0.mrc") == sim.count)


def test_a_typed_diameter_is_that_of_its_own_set_only(
    panel: Any, folder: Path, wait: Any, sim: Any
) -> None:
    panel.pick.form.set("diameter_A", 77.0)
    other = folder.parent / "other"
    other.mkdir()
    write_mrc(other / "new.mrc", sim.image(7), pixel_size_A=sim.pixel_A)
    panel.open([other])
    wait(lambda: list(panel.session.micrographs) == ["new.mrc"])
    assert panel.pick.form.values()["diameter_A"] is None
    panel.open([folder])
    wait(lambda: panel.pick.form.values()["diameter_A"] is not None)
    assert float(panel.pick.form.values()["diameter_A"]) == 77.0


def test_the_template_detector_asks_for_examples_before_it_starts(
    make_panel: Any, folder: Path, quick_picker: list[str]
) -> None:
    panel = make_panel(folder)
    panel.pick.form.set("detector", "template")
    panel.pick.run()
    assert finished(panel)()
    assert "nothing to look for" in panel.banners.messages()[0].text
    assert not quick_picker


def test_a_job_that_fails_is_a_message_not_a_traceback(
    panel: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(params: PickParams, micrographs: Any, **_: Any) -> Job[PickResult]:
        yield Progress(0, 3)
        raise CryoAIError("no particle was found", remedy="Give another diameter")

    monkeypatch.setattr(pick_run, "pick", failing)
    before = panel.session.document.picks
    panel.pick.run()
    wait(finished(panel))
    assert panel.banners.messages()[0].text == "no particle was found. Give another diameter."
    assert panel.session.document.picks == before


def test_the_real_picker_finds_the_particles(
    make_panel: Any, folder: Path, wait: Any, sim: Any
) -> None:
    panel = make_panel(folder)
    panel.pick.form.set("diameter_A", sim.diameter_A)
    panel.pick.form.set("detector", "blob")  # these are plain discs, not particles
    panel.pick.run_here()
    wait(finished(panel))
    found = panel.session.export_table().of("mic0.mrc").yx_px
    nearest = [np.linalg.norm(found - yx, axis=1).min() for yx in sim.positions(0)]
    assert np.mean(np.array(nearest) < 6) > 0.8


# Saving -------------------------------------------------------------------------------------------


def test_the_count_shown_is_the_count_exported(panel: Any, tmp_path: Path, wait: Any) -> None:
    panel.layers.points.selected_data = {0, 1, 2}
    press(panel, "X")
    panel.export.write(tmp_path / "picks.star")
    wait(lambda: (tmp_path / "picks.star").exists() and panel.banners.messages())
    shown = int(panel.session.shown().sum())
    micrographs = list(panel.session.micrographs.values())
    assert len(read_picks(tmp_path / "picks.star", micrographs=micrographs)) == shown
    assert f"{shown}" in panel.export.count.text()
    assert f"{shown}" in panel.banners.messages()[0].text


def test_after_a_crash_everything_is_there_again(
    panel: Any, make_panel: Any, folder: Path, wait: Any, autosave: Path, tmp_path: Path, sim: Any
) -> None:
    press(panel, "N")
    panel.layers.points.selected_data = {4}
    press(panel, "X")
    panel.session.preview_filters(min_distance_A=20.0)
    panel.session.commit_filters()
    panel.session.set_flag("reviewed", True, "mic0.mrc")
    panel.viewer.scene.camera.zoom = 3.0
    panel.sight.note()
    document, filters = panel.session.document, panel.session.filters
    for lock in autosave.glob("*.lock"):  # what a killed process leaves is not held by anyone
        lock.unlink()
    again = make_panel(folder)
    assert again.session.document == document
    assert again.session.filters == filters
    assert again.session.current == "mic1.mrc"
    assert again.session.diameter_A == sim.diameter_A
    wait(lambda: again.viewer.scene.camera.zoom == pytest.approx(3.0))
    assert "Back where you left" in again.banners.messages()[0].text
    press(again, "Control+Z")
    assert again.session.document.reviewed == frozenset()


def test_start_afresh_keeps_the_old_session_under_another_name(
    panel: Any, make_panel: Any, folder: Path, wait: Any, autosave: Path
) -> None:
    panel.shut_down()
    again = make_panel(folder)
    again.banners.messages()[0].buttons["Start afresh"].click()
    wait(lambda: len(again.session.document.picks) == 0)
    assert len(list(autosave.glob("*.old"))) == 1


def test_a_second_window_on_the_same_set_says_that_it_does_not_save(
    panel: Any, make_panel: Any, folder: Path, wait: Any
) -> None:
    other = make_panel(folder)
    assert any("will not be saved" in b.text for b in other.banners.messages())


# Other programs -----------------------------------------------------------------------------------


def test_imported_picks_take_the_place_of_those_on_their_micrographs(
    panel: Any, tmp_path: Path, wait: Any, sim: Any
) -> None:
    theirs = PickTable.of_points("mic1.mrc", sim.positions(1)[:5])
    write_picks(theirs, tmp_path / "theirs.star", micrographs=[*panel.session.micrographs.values()])
    panel.open([tmp_path / "theirs.star"])
    wait(lambda: panel.session.counts()["mic1.mrc"] == 5)
    assert panel.session.counts()["mic0.mrc"] == sim.count
    press(panel, "Control+Z")
    assert panel.session.counts()["mic1.mrc"] == sim.count


def test_coordinate_files_of_one_micrograph_each_are_one_import(
    panel: Any, tmp_path: Path, wait: Any, sim: Any
) -> None:
    files = [tmp_path / f"mic{i}.box" for i in range(2)]
    for i, file in enumerate(files):
        theirs = PickTable.of_points(f"mic{i}.mrc", sim.positions(i)[: 4 + i])
        write_picks(theirs, file, box_size_px=24)
    panel.open(files)
    wait(lambda: panel.session.counts()["mic0.mrc"] == 4)
    assert panel.session.counts()["mic1.mrc"] == 5
    press(panel, "Control+Z")
    assert panel.session.counts()["mic0.mrc"] == panel.session.counts()["mic1.mrc"] == sim.count


def test_picks_of_other_micrographs_are_refused(panel: Any, tmp_path: Path, wait: Any) -> None:
    write_picks(PickTable.of_points("unknown.mrc", [[1.0, 1.0]]), tmp_path / "p.star")
    before = panel.session.document.picks
    panel.open([tmp_path / "p.star"])
    wait(lambda: panel.banners.messages())
    assert panel.banners.messages()[0].kind == "error"
    assert panel.session.document.picks is before


def test_flipped_coordinates_are_noticed_and_turned_on_request(
    make_panel: Any, tmp_path: Path, wait: Any, sim: Any
) -> None:
    truth = sim.positions(0) * (0.9, 1.6) + 20
    where = tmp_path / "sparse"
    where.mkdir()
    write_mrc(where / "mic.mrc", sim.image(0, truth, side=512), pixel_size_A=sim.pixel_A)
    theirs = PickTable.of_points("mic.mrc", truth * (-1, 1) + (511, 0))
    write_picks(theirs, tmp_path / "flipped.csv")
    panel = make_panel(where)
    panel.session.set_diameter(sim.diameter_A)
    panel.open([tmp_path / "flipped.csv"])
    wait(lambda: any("y flipped" in b.text for b in panel.banners.messages()))
    banner = next(b for b in panel.banners.messages() if "y flipped" in b.text)
    banner.buttons["Turn them"].click()
    found = panel.session.document.picks.of("mic.mrc").yx_px
    assert found == pytest.approx(truth, abs=1e-3)


def test_comparing_with_the_truth(panel: Any, tmp_path: Path, wait: Any, sim: Any) -> None:
    truth = PickTable.of_points("mic0.mrc", np.vstack([sim.positions(0)[1:], [[128.0, 5.0]]]))
    panel.compare.set_reference(truth)
    wait(lambda: panel.compare.result is not None)
    shown = panel.compare.result.shown
    assert shown.precision == pytest.approx(15 / 16)
    assert shown.recall == pytest.approx(15 / 16)
    layer = panel.compare.overlay.layer
    assert len(layer.data) == 15 + 1 + 1
    asked = panel.compare.result
    panel.session.preview_filters(threshold=0.7)
    wait(lambda: panel.compare.result.shown.recall < shown.recall)
    assert panel.compare.result.all_scores.average_precision == asked.all_scores.average_precision


def test_tools_follow_naparis_own_mode_buttons(panel: Any) -> None:
    panel.layers.points.mode = "add"
    assert panel.tools.tool is Tool.ADD
    assert panel.tool_bar.buttons[Tool.ADD].isChecked()
    panel.layers.points.mode = "pan_zoom"
    assert panel.tools.tool is Tool.PAN


def test_our_tools_do_not_move_the_image(panel: Any) -> None:
    press(panel, "B")
    assert not panel.layers.points.mouse_pan
    press(panel, "M")
    assert panel.layers.points.mouse_pan


def test_a_viewer_model_is_enough_for_the_layers(folder: Path) -> None:
    """No window is needed to bind a document to layers."""
    from napari_cryoai.io.micrographs import open_micrographs
    from napari_cryoai.ui.micrographs.images import make_view
    from napari_cryoai.ui.micrographs.layers import PickLayers
    from napari_cryoai.ui.micrographs.session import Session

    session, viewer = Session(), ViewerModel()
    layers = PickLayers(viewer, session)
    session.open(open_micrographs([folder])[0])
    session.go_to("mic0.mrc")
    layers.show(make_view(session.micrographs["mic0.mrc"], filtered=True))
    assert len(viewer.layers) == 3


def test_a_slider_shows_the_own_picks_of_a_micrograph_after_others_have_lost_theirs(
    panel: Any, wait: Any
) -> None:
    session = panel.session
    session.go_to("mic2.mrc")
    wait(lambda: panel.layers.up_to_date)
    mine = session.document.picks.of("mic2.mrc")
    session.do(edits.RemovePicks(session.document.picks.of("mic0.mrc")), "Forget")
    session.preview_filters(threshold=0.0)
    panel.layers.sync_shown()
    assert panel.layers.points.data.tolist() == mine.yx_px.tolist()
    session.do(edits.RemovePicks(session.document.picks.of("mic1.mrc")), "Forget")
    panel.layers.hide(mine.id[:3])
    assert panel.layers.points.data.tolist() == mine.yx_px[3:].tolist()
