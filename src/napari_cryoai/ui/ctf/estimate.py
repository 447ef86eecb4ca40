"""Estimate the CTF: form, button, progress; or take values that another program found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.io.ctf_values import read_ctf_values
from napari_cryoai.io.micrograph_ctf import write_micrograph_ctf
from napari_cryoai.io.micrographs import check_pixel_sizes
from napari_cryoai.io.names import match_names, star_name
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.particles.ctf_estimation import CtfParams
from napari_cryoai.particles.ctf_job import CtfResult, FoundCtf, estimate_ctfs
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.copy_command import CopyCommand
from napari_cryoai.ui.kit.form import ParamsForm, as_command_line, build
from napari_cryoai.ui.kit.jobs import JobBar, JobRunner
from napari_cryoai.ui.kit.links import Links
from napari_cryoai.ui.kit.parts import Section, button, counted, hint
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.micrographs.store import ctf_as_notes

FIRST = ("voltage_kV", "cs_mm", "amplitude_contrast")
_NOTE_MS = 3000
KINDS = "CTF values (*.star *.txt *.cs);;All files (*)"


class EstimatePanel(QWidget):
    """From micrographs to CTF values; they arrive one by one while the job runs.

    Signals
    -------
    progressed()
        The job went on, began or ended.
    """

    progressed = Signal()

    def __init__(
        self,
        session: Session,
        background: Background,
        links: Links,
        say: Callable[..., object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session = session
        self.background = background
        self.say = say
        self.runner = JobRunner(self)
        self.waiting: set[str] = set()
        self.problems: dict[str, str] = {}
        self.form = ParamsForm(CtfParams, FIRST, self)
        self.more = ParamsForm(
            CtfParams, tuple(n for n in CtfParams.model_fields if n not in FIRST), self
        )
        self.start = button(
            "Estimate CTF", self.estimate_all, tip="Of all micrographs not excluded", primary=True
        )
        self.start_here = button("This one", self.estimate_here, tip="Only the one on screen")
        self.take = button(
            "Import…", self.ask_import, icon="folder",
            tip="Values of RELION (micrographs_ctf.star), CTFFIND (.txt) or cryoSPARC (.cs)",
        )  # fmt: skip
        self.save = button(
            "Save…", self.ask_save, icon="check", tip="Write micrographs_ctf.star (RELION 3.1)"
        )
        self.copy = CopyCommand(self.command, self._say_error, self)
        self.why_not = hint("", self)
        self.job = JobBar(self)
        self._build()
        self._connect(links)
        self.refresh()

    def params(self) -> CtfParams:
        """What the form says.

        Raises
        ------
        CryoAIError
            If a field is out of its bounds.
        """
        params = build(CtfParams, {**self.form.values(), **self.more.values()})
        assert isinstance(params, CtfParams)  # noqa: S101 - for the type checker
        return params

    def estimate_all(self) -> None:
        """Estimate everywhere, beginning with the micrograph on screen."""
        names = [n for n in self.session.micrographs if n not in self.session.document.junk]
        if self.session.current in names:
            names.insert(0, names.pop(names.index(self.session.current)))
        self._start(names)

    def estimate_here(self) -> None:
        """Estimate on the micrograph on screen."""
        if self.session.current is not None:
            self._start([self.session.current])

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

    def command(self) -> str:
        """The command that does the same."""
        micrographs = list(self.session.micrographs.values())
        size = micrographs[0].pixel_size_A if micrographs else None
        words = [*(str(m.path) for m in micrographs), "--output", "ctf"]
        words += ["--pixel-size-A", f"{size:g}"] if size else []
        return as_command_line("cryoai ctf", self.params(), words)

    def refresh(self, *_: object) -> None:
        """Whether it can start, and if not, why not."""
        why = self.reason_against()
        ready = why is None and not self.runner.running
        self.start.setEnabled(ready)
        self.start_here.setEnabled(ready)
        self.save.setEnabled(bool(usable_ctf(self.session)))
        self.why_not.setText(why or "")
        self.why_not.setVisible(why is not None)

    def reason_against(self) -> str | None:
        """What is missing before the job can run."""
        if not self.session.micrographs:
            return "Open micrographs first."
        if check_pixel_sizes(list(self.session.micrographs.values())) is not None:
            return "Give the pixel size first: rings mean nothing without it."
        return None

    def note(self) -> None:
        """Have the autosave remember the values."""
        if self.session.ctf:
            self.session.note("ctf", ctf_as_notes(self.session.ctf.values()))

    def _start(self, names: Sequence[str]) -> None:
        try:
            params = self.params()
        except CryoAIError as error:
            self.say(str(error), "error")
            return
        self.waiting, self.problems = set(names), {}
        self.job.begin("Starting…")
        self.runner.start(
            partial(estimate_ctfs, params, [self.session.micrographs[name] for name in names])
        )
        self.refresh()
        self.progressed.emit()

    def _build(self) -> None:
        more = Section("More options", open_=False, parent=self)
        more.form.addWidget(self.more)
        more.form.addWidget(self.copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.form)
        for buttons in ((self.start, self.start_here), (self.take, self.save)):
            row = QHBoxLayout()
            row.setSpacing(4)
            for one in buttons:
                row.addWidget(one, 1 if one is not self.start_here else 0)
            layout.addLayout(row)
        layout.addWidget(self.why_not)
        layout.addWidget(self.job)
        layout.addWidget(more)

    def _connect(self, links: Links) -> None:
        runner, session = self.runner, self.session
        self.job.cancel_requested.connect(runner.cancel)
        runner.progressed.connect(self._on_progress)
        for ended in (runner.done, runner.failed, runner.cancelled):
            ended.connect(self._on_end)
        runner.failed.connect(self._say_error)
        runner.done.connect(self._on_done)
        self._later = QTimer(self, interval=_NOTE_MS, singleShot=True)
        self._later.timeout.connect(self.note)
        for form in (self.form, self.more):
            form.changed.connect(self.copy.renew)
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
        self.job.advance(progress)
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

    def _say_error(self, error: CryoAIError) -> None:
        self.say(str(error), "error")

    def _on_end(self, *_: object) -> None:
        self.waiting = set()
        self.job.end()
        self.note()
        self.refresh()
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
