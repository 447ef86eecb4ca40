"""Train a latent space from particles: which, how, the button; then it is opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QVBoxLayout,
    QWidget,
)

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.jobs.params import Params
from napari_cryoai.ui.explore import train_work as work
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.form import ParamsForm, as_command_line, build
from napari_cryoai.ui.kit.jobs import JobBar, JobRunner
from napari_cryoai.ui.kit.parts import Section, button, hint
from napari_cryoai.ui.kit.path_field import PathField

METHODS = {
    "covariance": "covariance (linear, minutes)",
    "vae": "vae (curved, for large changes)",
}
FIRST = ("z_dim", "box_size_px")
_PARTICLES = "Particles (*.star *.cs *.mrcs *.txt);;All files (*)"
_PICKLES = "cryoDRGN files (*.pkl);;All files (*)"


class TrainPanel(QWidget):
    """From a particle file to a folder with a latent space.

    Parameters
    ----------
    load
        Brings the methods; for a thread.

    Signals
    -------
    trained(folder)
        It can be opened.
    """

    trained = Signal(object)

    def __init__(
        self,
        background: Background,
        say: Callable[..., object],
        parent: QWidget | None = None,
        *,
        load: Callable[[], work.Trainer] = work.load_trainer,
    ):
        super().__init__(parent)
        self.background, self.say = background, say
        self.trainer: work.Trainer | None = None
        self._load, self._loading = load, False
        self._forms: dict[str, tuple[ParamsForm, ParamsForm]] = {}
        self.runner = JobRunner(self)
        self.particles = PathField("Particles with poses and CTF", _PARTICLES, self)
        self.poses = PathField("cryoDRGN's poses.pkl, for stacks", _PICKLES, self)
        self.ctf = PathField("cryoDRGN's ctf.pkl, for stacks", _PICKLES, self)
        self.output = PathField("Folder for the result", "", self)
        self.method = QComboBox(self)
        for name, words in METHODS.items():
            self.method.addItem(words, name)
        self.start = button("Train", self.run, primary=True)
        self.copy = button(
            "Copy as command line", self.copy_command, tip="The same run, for a cluster"
        )
        self.job = JobBar(self)
        self.advice = hint("", self)
        self._build()
        self._connect()
        self.refresh()

    def load(self) -> None:
        """Bring the methods, once, in a thread; then the form is there."""
        if self.trainer is None and not self._loading:
            self._loading = True
            self.background.submit(self._load, self._take_trainer, self._fail)

    def run(self) -> None:
        """Train."""
        if self.runner.running or self.trainer is None:
            return
        try:
            params, files, folder = self.params(), self.files(), self.folder()
        except CryoAIError as error:
            self.say(str(error), "error")
            return
        self.job.begin("Starting…")
        job = partial(work.trained, self.trainer, self._method(), params, files, folder)
        self.runner.start(job)
        self.refresh()

    def params(self) -> Params:
        """What the form says.

        Raises
        ------
        CryoAIError
            If a field is out of its bounds.
        """
        assert self.trainer is not None  # noqa: S101 - the form came with it
        first, rest = self._forms[self._method()]
        values = {**first.values(), **rest.values()}
        return build(self.trainer.methods[self._method()], values)

    def files(self) -> ParticleFiles:
        """The particles.

        Raises
        ------
        CryoAIError
            If none are chosen.
        """
        particles = self.particles.path()
        if particles is None:
            raise CryoAIError("no particles are chosen", remedy="Choose a .star or .cs file")
        return ParticleFiles(particles, self.poses.path(), self.ctf.path())

    def folder(self) -> Path:
        """Where the result goes.

        Raises
        ------
        CryoAIError
            If none is chosen.
        """
        folder = self.output.path()
        if folder is None:
            raise CryoAIError("no folder for the result is chosen", remedy="Choose a new folder")
        return folder

    def copy_command(self) -> None:
        """Put the command that does the same into the clipboard."""
        try:
            params, files, folder = self.params(), self.files(), self.folder()
        except CryoAIError as error:
            self.say(str(error), "error")
            return
        words = [str(files.particles), "--output", str(folder), "--method", self._method()]
        for option, path in (("--poses", files.poses), ("--ctf", files.ctf)):
            words += [option, str(path)] if path is not None else []
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(as_command_line("cryoai heterogeneity train", params, words))
        self.copy.setText("Copied")

    def refresh(self, *_: object) -> None:
        """Whether it can start, and if not, why not."""
        ready = self.trainer is not None and not self.runner.running
        chosen = self.particles.path() is not None and self.output.path() is not None
        self.start.setEnabled(ready and chosen)
        self.copy.setEnabled(self.trainer is not None and chosen)
        self.copy.setText("Copy as command line")
        self.advice.setVisible(not chosen)
        self.advice.setText("Choose particles of a refinement, and a new folder.")
        for name, forms in self._forms.items():
            for form in forms:
                form.setVisible(name == self._method())

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Particles", self.particles)
        form.addRow("Output", self.output)
        form.addRow("Method", self.method)
        self._first = QVBoxLayout()
        self._more = Section("More options", open_=False, parent=self)
        pickles = QFormLayout()
        pickles.addRow("Poses", self.poses)
        pickles.addRow("CTF", self.ctf)
        self._more.form.addLayout(pickles)
        self._more.form.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(form)
        column.addLayout(self._first)
        column.addWidget(self.advice)
        column.addWidget(self.start)
        column.addWidget(self.job)
        column.addWidget(self._more)

    def _connect(self) -> None:
        for field in (self.particles, self.poses, self.ctf, self.output):
            field.changed.connect(self.refresh)
        self.particles.changed.connect(self._propose_folder)
        self.method.currentIndexChanged.connect(self.refresh)
        self.job.cancel_requested.connect(self.runner.cancel)
        self.runner.progressed.connect(self.job.advance)
        for ended in (self.runner.done, self.runner.failed, self.runner.cancelled):
            ended.connect(self._on_end)
        self.runner.failed.connect(lambda error: self.say(str(error), "error"))
        self.runner.done.connect(self.trained.emit)

    def _take_trainer(self, trainer: work.Trainer) -> None:
        self.trainer = trainer
        for name, params in trainer.methods.items():
            fields = tuple(params.model_fields)
            first = ParamsForm(params, tuple(f for f in FIRST if f in fields), self)
            rest = ParamsForm(params, tuple(f for f in fields if f not in FIRST), self)
            self._first.addWidget(first)
            self._more.form.insertWidget(0, rest)
            self._forms[name] = (first, rest)
            for form in (first, rest):
                form.changed.connect(self.refresh)
        self.refresh()

    def _fail(self, error: CryoAIError) -> None:
        self._loading = False
        self.say(str(error), "error")

    def _propose_folder(self) -> None:
        particles = self.particles.path()
        if particles is not None and self.output.path() is None:
            self.output.set_path(particles.with_name(f"{particles.stem}_heterogeneity"))

    def _method(self) -> str:
        return str(self.method.currentData())

    def _on_end(self, *_: Any) -> None:
        self.job.end()
        self.refresh()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self.load()
        return bool(super().event(event))
