"""Extract particles: form, count, folder, progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.picks import PickTable, State
from napari_cryoai.io.micrographs import check_pixel_sizes
from napari_cryoai.jobs.progress import Job
from napari_cryoai.jobs.record import write_record
from napari_cryoai.particles.extract import ExtractResult, extract
from napari_cryoai.particles.extract_output import STACK, TABLE
from napari_cryoai.particles.extract_plan import ExtractParams, make_plan
from napari_cryoai.ui.ctf.estimate import usable_ctf
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.form import as_command_line
from napari_cryoai.ui.kit.job_panel import JobPanel
from napari_cryoai.ui.kit.jobs import MakeJob
from napari_cryoai.ui.kit.layout import column
from napari_cryoai.ui.kit.links import Links
from napari_cryoai.ui.kit.parts import counted
from napari_cryoai.ui.micrographs.session import Session

_LATER_MS = 250


@dataclass(frozen=True)
class Expected:
    """What an extraction would write."""

    particles: int
    micrographs: int
    at_border: int
    box_size_px: int
    pixel_size_A: float
    left_out: tuple[str, ...]


class ExtractPanel(JobPanel):
    """From the picks that are shown to particle images.

    Signals
    -------
    extracted(result)
        An `ExtractResult`, with its files complete.
    """

    extracted = Signal(object)
    first = ("box_size_px", "pixel_size_A")

    def __init__(
        self,
        session: Session,
        background: Background,
        links: Links,
        say: Callable[..., object],
        parent: QWidget | None = None,
    ):
        tip = "Choose a folder for particles.mrcs and particles.star"
        super().__init__("Extract…", say, parent, tip=tip)
        self.session = session
        self.background = background
        self.expected: Expected | None = None
        self._asked = 0
        self.count = QLabel(self)
        self.count.setWordWrap(True)
        self.ask_for(ExtractParams)
        below = (self.advice, self.start, self.job, self.section)
        column(self.forms, self.count, *below, of=self, spacing=6)
        self._connect(links)
        self._tell(None, "")
        self.refresh()

    def values(self) -> dict[str, Any]:
        """What the form says, and the diameter that the session knows if it says none."""
        values = super().values()
        if values["diameter_A"] is None:
            values["diameter_A"] = self.session.diameter_A
        return values

    def ctf(self) -> dict[str, MicrographCtf] | None:
        """The values that go along; None if there are none at all."""
        return usable_ctf(self.session) or None

    def run(self) -> None:
        """Choose the folder, then extract."""
        folder = QFileDialog.getExistingDirectory(self, "Write the particles to")
        if not folder:
            return
        if (Path(folder) / TABLE).exists():
            self.say(
                f"{folder} holds particles already.",
                "warning",
                {"Replace them": lambda: self.extract_to(Path(folder))},
            )
        else:
            self.extract_to(Path(folder))

    def extract_to(self, folder: Path) -> None:
        """Extract the picks that are shown into a folder."""
        self.begin(partial(self._job_into, folder))

    def command(self) -> str:
        """The command that does the same; it reads exported picks."""
        words = ["picks.star", "--output", "particles"]
        words += ["--ctf", "micrographs_ctf.star"] if self.ctf() else []
        return as_command_line("cryoai extract", self.params(), words)

    def refresh(self, *_: object) -> None:
        """Count anew, soon: a slider that moves does not want each count."""
        self.start.setEnabled(self.expected is not None and not self.runner.running)
        self._later.start()

    def on_form(self, name: str) -> None:
        """Another box is another count."""
        super().on_form(name)
        self.refresh()

    def _job_into(self, folder: Path) -> MakeJob:
        picks, micrographs = self.session.export_table(), list(self.session.micrographs.values())
        return partial(extract_and_record, self.params(), picks, micrographs, folder, self.ctf())

    def _count(self) -> None:
        self._asked += 1
        micrographs = list(self.session.micrographs.values())
        if not micrographs or check_pixel_sizes(micrographs) is not None:
            self._tell(None, "Give the pixel size first." if micrographs else "")
            return
        try:
            params = self.params()
        except CryoAIError as error:
            self._tell(None, str(error))
            return
        work = partial(expected_of, params, self.session.export_table(), micrographs, self.ctf())
        asked = self._asked
        self.background.submit(
            work, partial(self._counted, asked), lambda error: self._cannot(asked, error)
        )

    def _counted(self, asked: int, expected: Expected) -> None:
        if asked == self._asked:
            self._tell(expected, self._advice(expected))

    def _cannot(self, asked: int, error: CryoAIError) -> None:
        if asked == self._asked:
            self._tell(None, str(error))

    def _advice(self, expected: Expected) -> str:
        words = []
        if expected.at_border:
            words.append(f"{expected.at_border} at the border are left out.")
        if expected.left_out and self.ctf() is not None:
            n = len(expected.left_out)
            words.append(f"{counted(n, 'micrograph')} without CTF {_are(n)} left out.")
        elif expected.left_out:
            words.append(expected.left_out[0])
        if self.ctf() is None:
            words.append("No CTF values yet: most programs need them. Estimate or import first.")
        return " ".join(words)

    def _tell(self, expected: Expected | None, advice: str) -> None:
        self.expected = expected
        if expected is None:
            self.count.setText("Nothing to extract yet")
        else:
            self.count.setText(
                f"Will write <b>{expected.particles:,}</b> particles from "
                f"{counted(expected.micrographs, 'micrograph')}: {expected.box_size_px} px of "
                f"{expected.pixel_size_A:.4g} Å"
            )
            self._placeholders(expected)
        self.advice.setText(advice)
        self.advice.setVisible(bool(advice))
        self.start.setEnabled(expected is not None and not self.runner.running)

    def _placeholders(self, expected: Expected) -> None:
        for name, text in (
            ("box_size_px", f"automatic: {expected.box_size_px}"),
            ("pixel_size_A", f"as recorded: {expected.pixel_size_A:.4g}"),
        ):
            self.form.widgets[name].native.setPlaceholderText(text)

    def _connect(self, links: Links) -> None:
        runner, session = self.runner, self.session
        self._later = QTimer(self, interval=_LATER_MS, singleShot=True)
        self._later.timeout.connect(self._count)
        runner.cancelled.connect(
            lambda: self.say("Cancelled. The same folder goes on where it stopped.", "info")
        )
        runner.done.connect(self._on_done)
        for signal in (
            session.opened, session.picks_changed, session.filters_changed,
            session.pixel_size_changed, session.ctf_changed,
        ):  # fmt: skip
            links.connect(signal, self.refresh)

    def _on_done(self, result: ExtractResult) -> None:
        for error in result.problems[:2]:
            self.say(str(error), "warning")
        blank = f" ({result.blank} without any contrast left out)" if result.blank else ""
        n = counted(len(result.particles), "particle")
        self.say(f"Wrote {n}{blank} to {result.paths[-1]}", "info")
        self.extracted.emit(result)


def expected_of(
    params: ExtractParams,
    picks: PickTable,
    micrographs: Sequence[Micrograph],
    ctf: Mapping[str, MicrographCtf] | None,
) -> Expected:
    """What the extraction would write, by its own plan.

    Raises
    ------
    CryoAIError
        If it would write nothing.
    """
    wanted = picks.select((picks.state == State.KEPT) & ~picks.in_junk)
    plan = make_plan(params, wanted, micrographs, ctf)
    problems = tuple(str(problem) for problem in plan.problems)
    block = plan.blocks[0]
    return Expected(
        len(plan), len(plan.blocks), plan.at_border, plan.box_size_px, block.pixel_size_A, problems
    )


def extract_and_record(
    params: ExtractParams,
    picks: PickTable,
    micrographs: Sequence[Micrograph],
    folder: Path,
    ctf: Mapping[str, MicrographCtf] | None,
) -> Job[ExtractResult]:
    """The extraction job, which also writes down how it was done."""
    start = time.perf_counter()
    result = yield from extract(params, picks, micrographs, folder, ctf=ctf)
    write_record(
        folder,
        "extract",
        params,
        inputs=[m.path for m in micrographs],
        outputs=[folder / STACK, folder / TABLE],
        problems=result.problems,
        seconds=time.perf_counter() - start,
    )
    return result


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
