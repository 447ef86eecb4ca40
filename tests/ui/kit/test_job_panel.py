"""A panel about a job: it starts, is cancelled, fails, and says what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import Field
from qtpy.QtWidgets import QApplication

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.copy_command import DONE
from napari_cryoai.ui.kit.engine_panel import EnginePanel
from napari_cryoai.ui.kit.form import as_command_line
from napari_cryoai.ui.kit.job_panel import JobPanel
from napari_cryoai.ui.kit.jobs import MakeJob
from napari_cryoai.ui.kit.layout import column

pytestmark = pytest.mark.qt


class BinParams(Params):
    """How to bin."""

    factor: int = Field(2, ge=1, le=16, title="Factor")
    size_A: float | None = Field(None, gt=0, title="Size")
    seed: int = Field(0, ge=0, title="Seed")


class Binning:
    """A job of three steps, of which the second waits for `go_on`."""

    def __init__(self) -> None:
        self.go_on = Event()
        self.closed = Event()
        self.problem: CryoAIError | None = None

    def job(self, params: BinParams) -> Job[int]:
        try:
            yield Progress(1, 3, "first")
            while not self.go_on.wait(0.01):
                yield Progress(2, 3, "waiting")
            if self.problem is not None:
                raise self.problem
            return params.factor
        finally:
            self.closed.set()


class Bin(JobPanel):
    first = ("factor",)

    def __init__(self, binning: Binning, said: list[str]):
        super().__init__("Bin", lambda text, *_: said.append(text))
        self.binning = binning
        self.ask_for(BinParams)
        column(self.forms, self.start, self.job, self.section, of=self)
        self.refresh()

    def make_job(self) -> MakeJob:
        return partial(self.binning.job, self.params())

    def command(self) -> str:
        return as_command_line("cryoai bin", self.params(), [])

    def refresh(self, *_: object) -> None:
        self.start.setEnabled(not self.runner.running)


class LaterBin(EnginePanel):
    make_job, command, refresh = Bin.make_job, Bin.command, Bin.refresh

    def __init__(self, binning: Binning, said: list[str], load: Callable[[], Any]):
        super().__init__("Bin", Background(), lambda text, *_: said.append(text), load)
        self.binning = binning
        column(self.forms, self.start, self.job, self.section, of=self)


@pytest.fixture
def binning() -> Iterator[Binning]:
    made = Binning()
    yield made
    made.go_on.set()
    assert made.closed.wait(5)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def panel(qtbot: Any, binning: Binning, said: list[str]) -> Bin:
    made = Bin(binning, said)
    qtbot.addWidget(made)
    made.show()
    return made


def ended(panel: JobPanel) -> bool:
    return not panel.runner.running and panel.job.isHidden() and panel.start.isEnabled()


def test_it_runs_with_what_the_form_says_and_ends(panel: Bin, binning: Binning, wait: Any) -> None:
    found: list[int] = []
    panel.runner.done.connect(found.append)
    panel.form.set("factor", 4)
    panel.start.click()
    assert not panel.start.isEnabled()
    assert panel.job.label.text() == "Starting…"
    wait(lambda: "waiting" in panel.job.label.text())
    panel.run()  # once is enough
    binning.go_on.set()
    wait(lambda: ended(panel))
    assert found == [4]


def test_it_is_cancelled_at_once_and_the_job_is_closed(
    panel: Bin, binning: Binning, wait: Any
) -> None:
    panel.start.click()
    wait(lambda: "waiting" in panel.job.label.text())
    panel.job.cancel.click()
    assert ended(panel)
    wait(binning.closed.is_set)


def test_what_went_wrong_is_said(panel: Bin, binning: Binning, said: list[str], wait: Any) -> None:
    binning.problem = CryoAIError("the file has no pixels", remedy="Choose another one")
    binning.go_on.set()
    panel.start.click()
    wait(lambda: ended(panel))
    assert said == ["the file has no pixels. Choose another one."]


def test_nonsense_in_a_field_is_said_and_nothing_starts(
    panel: Bin, binning: Binning, said: list[str]
) -> None:
    panel.more.set("size_A", -3)
    panel.start.click()
    assert said[0].startswith("Size: ")
    assert not panel.runner.running
    binning.closed.set()  # it never began


def test_a_copied_command_is_of_the_form_as_it_is(panel: Bin, binning: Binning) -> None:
    panel.more.set("seed", 7)
    panel.copy.click()
    assert QApplication.clipboard().text() == "cryoai bin --seed 7"
    assert panel.copy.text() == DONE
    panel.form.set("factor", 3)
    assert panel.copy.text() != DONE
    binning.closed.set()


def test_a_job_asked_for_before_its_engine_is_there_starts_with_it(
    qtbot: Any, binning: Binning, said: list[str], wait: Any
) -> None:
    there = Event()
    engines = iter(
        [CryoAIError("no torch", remedy="Install it"), SimpleNamespace(params=BinParams)]
    )

    def load() -> Any:
        there.wait(5)
        engine = next(engines)
        if isinstance(engine, CryoAIError):
            raise engine
        return engine

    panel = LaterBin(binning, said, load)
    qtbot.addWidget(panel)
    panel.show()
    assert panel.form is None
    there.set()
    wait(lambda: said)
    assert "no torch" in said[0]
    panel.run()  # another try
    wait(lambda: panel.runner.running)
    assert panel.params() == BinParams()
    binning.go_on.set()
    wait(lambda: not panel.runner.running)
    panel.background.close()
