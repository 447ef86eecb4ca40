"""The review strip: one key decides about one pick."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_cryoai.core.picks import Source, State
from napari_cryoai.ui.learning.review_film import CROP, crop
from napari_cryoai.ui.learning.review_queue import LEARN_EVERY, LENGTH

pytestmark = pytest.mark.qt


@pytest.fixture
def strip(picked: Any, wait: Any) -> Any:
    """The strip on the first micrograph, with its first pick up."""
    picked.open_review()
    panel = picked.review.panel
    wait(lambda: panel.queue.items and panel.film.view is not None)
    panel.as_i_go.setChecked(False)
    return panel


def press(qtbot: Any, strip: Any, keys: str) -> None:
    for key in keys:
        name = {" ": "Space", "<": "Left", ">": "Right"}.get(key, key)
        qtbot.keyClick(strip, getattr(Qt.Key, f"Key_{name}"))


def column(strip: Any, item: Any, name: str) -> Any:
    picks = strip.session.document.picks
    return getattr(picks, name)[picks.id == item.id][0]


def test_the_least_certain_come_first_and_all_are_undecided(strip: Any) -> None:
    queue = strip.queue
    assert 0 < len(queue.items) <= LENGTH
    assert queue.decided == 0
    doubt = [abs(item.score - strip.session.filters.threshold) for item in queue.items]
    assert np.mean(doubt[:4]) < np.mean(doubt[-4:])


def test_keep_and_reject_are_ordinary_steps(strip: Any, qtbot: Any) -> None:
    session, first, second = strip.session, strip.queue.items[0], strip.queue.items[1]
    steps = len(session.history.done)
    press(qtbot, strip, "KX")
    assert column(strip, first, "source") == Source.MANUAL
    assert column(strip, second, "state") == State.REJECTED
    assert [e.label for e in session.history.done[steps:]] == ["Keep 1 pick", "Reject 1 pick"]
    assert "<b>3</b> of" in strip.progress.text()
    assert "2 decided" in strip.progress.text()


def test_skip_and_back_say_nothing(strip: Any, qtbot: Any) -> None:
    before = strip.session.document
    press(qtbot, strip, " ><")
    assert strip.queue.at == 1
    assert strip.session.document is before
    press(qtbot, strip, "<<<")
    assert strip.queue.at == 0


def test_undo_goes_back_to_what_was_decided(strip: Any, qtbot: Any) -> None:
    before = strip.session.document.picks
    press(qtbot, strip, "K X")
    press(qtbot, strip, "Z")
    assert strip.queue.at == 2
    assert strip.queue.decided == 1
    press(qtbot, strip, "Z")
    assert strip.queue.at == 0
    assert strip.session.document.picks == before


def test_a_decision_can_be_changed(strip: Any, qtbot: Any) -> None:
    first = strip.queue.items[0]
    press(qtbot, strip, "X<K")
    assert column(strip, first, "state") == State.KEPT
    assert strip.queue.decided == 1
    assert strip.queue.since_learning == 1


def test_a_click_on_a_crop_shows_the_pick_on_the_micrograph(
    strip: Any, picked: Any, qtbot: Any
) -> None:
    strip.film.resize(900, 170)
    index, place = strip.film.places()[2]
    middle = QPoint(int(place.center().x()), int(place.center().y()))
    qtbot.mouseClick(strip.film, Qt.MouseButton.LeftButton, pos=middle)
    item = strip.queue.items[index]
    assert strip.queue.current is item
    y, x = picked.viewer.scene.camera.center[-2:]
    assert (y, x) == pytest.approx(np.array(item.yx_px) * 2.0)


def test_crops_show_the_pick_in_their_middle(strip: Any, picked: Any, sim: Any) -> None:
    centre = sim.positions(0)[5]
    grey = crop(strip.film.view, tuple(centre), 72.0).astype(float)
    assert grey.shape == (CROP, CROP)
    y, x = np.mgrid[:CROP, :CROP] - (CROP - 1) / 2
    dark = np.hypot(y, x) < CROP / 6 * 0.8
    around = np.hypot(y, x) > CROP / 6 * 1.3
    assert grey[dark].mean() < grey[around].mean() - 60
    beyond = crop(strip.film.view, (-100.0, -100.0), 72.0)
    assert np.ptp(beyond) == 0


def test_it_learns_after_ten_decisions_and_goes_on_with_new_picks(
    strip: Any, picked: Any, qtbot: Any, wait: Any
) -> None:
    strip.as_i_go.setChecked(True)
    old = {item.id for item in strip.queue.items}
    press(qtbot, strip, "K" * (LEARN_EVERY - 1))
    assert not picked.learn_run.runner.running
    decided = {item.id for item in strip.queue.items[: LEARN_EVERY - 1]}
    press(qtbot, strip, "K")
    assert picked.learn_run.runner.running
    wait(lambda: not picked.learn_run.runner.running)
    wait(lambda: strip.queue.at == LEARN_EVERY and strip.queue.current is not None)
    assert decided < {item.id for item in strip.queue.items[:LEARN_EVERY]}
    assert not {item.id for item in strip.queue.items[LEARN_EVERY:]} & old
    assert strip.queue.decided == LEARN_EVERY
    ids = set(strip.session.document.picks.id.tolist())
    assert {item.id for item in strip.queue.items} <= ids


def test_it_only_offers_to_learn_if_it_is_told_to_wait(
    strip: Any, picked: Any, qtbot: Any, wait: Any
) -> None:
    strip.show()
    press(qtbot, strip, "K" * LEARN_EVERY)
    assert not picked.learn_run.runner.running
    assert not strip.learn.isHidden()
    strip.learn.click()
    assert picked.learn_run.runner.running
    wait(lambda: not picked.learn_run.runner.running)
    assert picked.learn_run.pickers.has_learned


def test_at_the_end_the_next_micrograph_is_offered(
    strip: Any, picked: Any, qtbot: Any, wait: Any
) -> None:
    strip.show()
    press(qtbot, strip, " " * len(strip.queue.items))
    assert strip.queue.current is None
    assert strip.progress.text() == "All done here"
    press(qtbot, strip, "KX")  # nothing is up, nothing happens
    assert strip.queue.decided == 0
    strip.next.click()
    assert picked.session.current == "mic1.mrc"
    wait(lambda: strip.queue.name == "mic1.mrc" and strip.queue.at == 0)


def test_without_the_transformer_there_is_nothing_to_review(panel: Any) -> None:
    panel.actions_.do("review")
    assert "transformer" in panel.viewer.status
    assert panel.review.panel.queue.items == []


def test_what_was_skipped_does_not_come_back_after_learning(
    strip: Any, picked: Any, qtbot: Any, wait: Any
) -> None:
    skipped = np.array([item.yx_px for item in strip.queue.items[:2]])
    press(qtbot, strip, "  XK")
    strip.learn.click()
    wait(lambda: not picked.learn_run.runner.running)
    wait(lambda: strip.queue.at == 2 and strip.queue.current is not None)
    ahead = np.array([item.yx_px for item in strip.queue.items[2:]])
    apart = np.hypot(*(ahead[:, None] - skipped[None]).transpose(2, 0, 1))
    assert apart.min() > strip.queue.items[0].diameter_px / 3


def test_it_does_not_learn_while_the_picker_is_at_work(
    strip: Any, picked: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    strip.session.add(np.array([[6.0, 6.0]]))
    monkeypatch.setattr(type(picked.pick.runner), "running", True)
    assert not picked.learn_run.start()
    before = strip.session.document
    picked.pick.run()  # as the command palette can ask at any time
    assert strip.session.document is before
    assert any("at work" in b.text for b in picked.banners.messages())
