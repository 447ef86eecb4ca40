"""Estimate the CTF: form, button, progress; or take values that another program found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.io.ctf_values import read_ctf_values
from napari_cryoai.io.micrograph_ctf import write_micrograph_ctf
from napari_cryoai.io.names import match_names, star_name
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.particles.ctf_estimation import CtfParams
from napari_cryoai.particles.ctf_job import CtfResult, FoundCtf, estimate_ctfs
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.jobs import MakeJob
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.links import Links
from napari_cryoai.ui.kit.parts import button, counted
from napari_cryoai.ui.micrographs.job_panel import MicrographJobPanel
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.micrographs.store import ctf_as_notes

_NOTE_MS = 3000
KINDS = "CTF values (*.star *.txt *.cs);;All files (*)"


class EstimatePanel(MicrographJobPanel):
    """From micrographs to CTF values; they arrive one by one while the job runs.

    Signals
    -------
    progressed()
        The job went on, began or ended.
    """

    progressed = Signal()
    first = ("voltage_kV", "cs_mm", "amplitude_contrast")
    program, output = "cryoai ctf", "ctf"
    why_pixel_size = "rings mean nothing without it"

    def __init__(
        self,
        session: Session,
        background: Background,
        links: Links,
        say: Callable[..., object],
        parent: QWidget | None = None,
    ):
        tip = "Of all micrographs not excluded"
        super().__init__("Estimate CTF", session, say, parent, tip=tip)
        self.background = background
        self.waiting: set[str] = set()
        self.problems: dict[str, str] = {}
        self.take = button(
            "Import…", self.ask_import, icon="folder",
            tip="Values of RELION (micrographs_ctf.star), CTFFIND (.txt) or cryoSPARC (.cs)",
        )  # fmt: skip
        self.save = button(
            "Save…", self.ask_save, icon="check", tip="Write micrographs_ctf.star (RELION 3.1)"
        )
        self.ask_for(CtfParams)
        self._build()
        self._connect(links)
        self.refresh()

    def job_on(self, names: Sequence[str]) -> MakeJob:
        """Estimate on some of the micrographs."""
        params, micrographs = self.params(), [self.session.micrographs[name] for name in names]
        self.waiting, self.problems = set(names), {}
        return partial(estimate_ctfs, params, micrographs)

    def ask_import(self) -> None:
        """Choose a file of CTF values."""
        path, _ = QFileDialog.getOpenFileName(self, "Import CTF values", "", KINDS)
        if path:
            self.import_values(Path(path))

    def import_values(self, path: Path) -> None:
        """Take the values of a file for the micrographs that are open."""
        micrographs = list(self.session.micrographs.values())
        self.background.submit(
            partial(values_for, path, micrographs), partial(self._imported, path.name)
        )

    def ask_save(self) -> None:
        """Choose where to write the values."""
        path, _ = QFileDialog.getSaveFileName(self, "Save CTF values", "micrographs_ctf.star")
        if path:
            self.write(Path(path))

    def write(self, path: Path) -> None:
        """Write the values of the micrographs that are not excluded, in a thread."""
        rows = list(usable_ctf(self.session).values())
        work = partial(_write, path, rows, dict(self.session.micrographs))
        self.background.submit(work, lambda words: self.say(words, "info"))

    def refresh(self, *_: object) -> None:
        """Whether it can start, and if not, why not; and whether there is anything to save."""
        super().refresh()
        self.save.setEnabled(bool(usable_ctf(self.session)))

    def note(self) -> None:
        """Have the autosave remember the values."""
        if self.session.ctf:
            self.session.note("ctf", ctf_as_notes(self.session.ctf.values()))

    def _build(self) -> None:
        files = row((self.take, 1), (self.save, 1), spacing=4)
        below = (self.advice, self.job, self.section)
        column(self.forms, self.starts, files, *below, of=self, spacing=6)

    def _connect(self, links: Links) -> None:
        runner, session = self.runner, self.session
        runner.started.connect(lambda _: self.progressed.emit())
        runner.progressed.connect(self._on_progress)
        runner.done.connect(self._on_done)
        runner.ended.connect(self._on_end)
        self._later = QTimer(self, interval=_NOTE_MS, singleShot=True)
        self._later.timeout.connect(self.note)
        links.connect(session.opened, self._on_opened)
        links.connect(session.pixel_size_changed, self.refresh)
        links.connect(session.picks_changed, self.refresh)
        links.connect(session.ctf_changed, self._on_ctf)

    def _on_opened(self) -> None:
        if any(name not in self.session.micrographs for name in self.waiting):
            self.runner.cancel()  # another set: nobody waits for the values of this one
        self.refresh()

    def _on_ctf(self, _names: object) -> None:
        if not self._later.isActive():
            self._later.start()
        self.refresh()

    def _on_progress(self, progress: Progress) -> None:
        if isinstance(progress.preview, FoundCtf):
            self.waiting.discard(progress.preview.ctf.name)
            self.session.learn_ctf([progress.preview.ctf])
        if progress.problem is not None:
            self._learn_problem(progress.problem)
        self.progressed.emit()

    def _learn_problem(self, error: CryoAIError) -> None:
        for name, micrograph in self.session.micrographs.items():
            if name in self.waiting and error.path == micrograph.path:
                self.waiting.discard(name)
                self.problems[name] = str(error)

    def _on_done(self, result: CtfResult) -> None:
        for error in result.problems[:2]:
            self.say(str(error), "error")
        poor = sum(ctf.fit_resolution_A > 10 for ctf in result.ctfs)
        words = f"CTF of {counted(len(result.ctfs), 'micrograph')} estimated."
        if poor:
            words += f" On {poor} the rings fit no further than 10 Å: look at them, or exclude."
        self.say(words, "info")

    def _on_end(self) -> None:
        self.waiting = set()
        self.note()
        self.progressed.emit()

    def _imported(self, file: str, found: tuple[list[MicrographCtf], int]) -> None:
        rows, others = found
        self.session.learn_ctf(rows)
        self.note()
        beside = f"; {others} in the file are of other micrographs" if others else ""
        missing = len(self.session.micrographs) - len(self.session.ctf)
        lacking = f"; {counted(missing, 'micrograph')} still without" if missing else ""
        self.say(f"{file}: CTF of {counted(len(rows), 'micrograph')}{beside}{lacking}.", "info")


def values_for(path: Path, micrographs: Sequence[Micrograph]) -> tuple[list[MicrographCtf], int]:
    """The values in a file by the names that the micrographs have here, and how many fit none.

    Raises
    ------
    CryoAIError
        If the file holds none, or none of these micrographs.
    """
    rows = read_ctf_values(path)
    matched = match_names([row.name for row in rows], micrographs).matched
    ours = [replace(row, name=matched[row.name]) for row in rows if row.name in matched]
    if not ours:
        raise CryoAIError(
            f"holds CTF values of {counted(len(rows), 'micrograph')}, but of none that is open",
            path=path,
            remedy="Open the micrographs it was made from",
        )
    return ours, len(rows) - len(ours)


def usable_ctf(session: Session) -> dict[str, MicrographCtf]:
    """The CTF values of the micrographs that are not excluded."""
    junk = session.document.junk
    return {name: ctf for name, ctf in session.ctf.items() if name not in junk}


def _write(path: Path, rows: Iterable[MicrographCtf], micrographs: Mapping[str, Micrograph]) -> str:
    named = [replace(row, name=star_name(micrographs[row.name])) for row in rows]
    write_micrograph_ctf(path, named)
    return f"Wrote the CTF of {counted(len(named), 'micrograph')} to {path}"
