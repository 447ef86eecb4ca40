"""What the window shows that a job on the command line opens on its result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryoai.core.picks import State, concatenate
from napari_cryoai.picking.pick import PickResult
from napari_cryoai.ui.launch import open_result

pytestmark = pytest.mark.qt


@pytest.fixture
def result(sim: Any) -> PickResult:
    picks = concatenate(sim.table(f"mic{i}.mrc", i) for i in range(3))
    return PickResult(picks, 0.3, sim.diameter_A, [])


def launch(make_panel: Any, folder: Path, result: PickResult, wait: Callable[[Any], None]) -> Any:
    panel = make_panel()
    open_result(panel, sorted(folder.glob("*.mrc")), None, result)
    wait(lambda: len(panel.session.document.picks))
    return panel


def test_it_shows_the_picks_above_the_threshold(
    make_panel: Any, folder: Path, result: PickResult, wait: Any, sim: Any
) -> None:
    session = launch(make_panel, folder, result, wait).session
    assert set(session.counts().values()) == {sim.count}
    assert session.filters.threshold == 0.3
    assert session.diameter_A == sim.diameter_A


def test_corrections_of_an_earlier_session_stay(
    make_panel: Any, folder: Path, result: PickResult, wait: Any
) -> None:
    panel = launch(make_panel, folder, result, wait)
    panel.session.go_to("mic0.mrc")
    panel.session.set_state(panel.session.document.picks.id[:5], State.REJECTED)
    panel.shut_down()
    again = launch(make_panel, folder, result, wait)
    states = again.session.document.picks.state
    assert np.count_nonzero(states == State.REJECTED) == 5
