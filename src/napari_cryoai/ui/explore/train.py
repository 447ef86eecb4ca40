"""Train a latent space from particles: which, how, the button; then it is opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.jobs.params import Params
from napari_cryoai.ui.explore import train_work as work
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.engine_panel import EnginePanel
from napari_cryoai.ui.kit.form import as_command_line
from napari_cryoai.ui.kit.jobs import MakeJob
from napari_cryoai.ui.kit.layout import column, form, row
from napari_cryoai.ui.kit.parts import button
from napari_cryoai.ui.kit.path_field import PathField

METHODS = {
    "covariance": "covariance (linear, minutes)",
    "vae": "vae (curved, for large changes)",
}
_PARTICLES = "Particles (*.star *.cs *.mrcs *.txt);;All files (*)"
_PICKLES = "cryoDRGN files (*.pkl);;All files (*)"
CHOOSE = "Choose particles of a refinement, and a new folder."
CUT_SHORT = (
    "A training in this folder was cut short. Resume it with the same particles and options."
)


class TrainPanel(EnginePanel):
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
    first = ("z_dim", "box_size_px")

    def __init__(
        self,
        background: Background,
        say: Callable[..., object],
        parent: QWidget | None = None,
        *,
        load: Callable[[], work.Trainer] = work.load_trainer,
    ):
        super().__init__("Train", background, say, load, parent)
        self.particles = PathField("Particles with poses and CTF", _PARTICLES, self)
        self.poses = PathField("cryoDRGN's poses.pkl, for stacks", _PICKLES, self)
        self.ctf = PathField("cryoDRGN's ctf.pkl, for stacks", _PICKLES, self)
        self.output = PathField("Folder for the result", "", self)
        self.method = QComboBox(self)
        for name, words in METHODS.items():
            self.method.addItem(words, name)
        self.resume = button(
            "Resume", self.run_on, tip="Go on where it was cut short", primary=True
        )
        self._build()
        self._connect()
        self.refresh()

    def model(self) -> type[Params]:
        """The class of the parameters of the method."""
        model: type[Params] = self.engine.methods[self._method()]
        return model

    def make_job(self) -> MakeJob:
        """Train anew."""
        return self._job(resume=False)

    def run_on(self) -> None:
        """Go on with the training that was cut short."""
        self.begin(partial(self._job, resume=True))

    @property
    def cut_short(self) -> bool:
        """Whether the folder holds a training that did not come to its end."""
        folder = self.output.path()
        there = folder is not None and self.engine is not None
        return there and (folder / self.engine.checkpoint).is_file()

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

    def command(self) -> str:
        """The command that does the same.

        Raises
        ------
        CryoAIError
            If no particles or no folder are chosen.
        """
        files, folder = self.files(), self.folder()
        words = [str(files.particles), "--output", str(folder), "--method", self._method()]
        for option, path in (("--poses", files.poses), ("--ctf", files.ctf)):
            words += [option, str(path)] if path is not None else []
        words += ["--resume"] if self.cut_short else []
        return as_command_line("cryoai heterogeneity train", self.params(), words)

    def refresh(self, *_: object) -> None:
        """Whether it can start or go on, and if not, why not."""
        chosen = self.particles.path() is not None and self.output.path() is not None
        ready = chosen and self.engine is not None and not self.runner.running
        self.start.setEnabled(ready)
        self.copy.setEnabled(chosen and self.engine is not None)
        cut_short = self.cut_short and not self.runner.running
        self.resume.setVisible(cut_short)
        self.resume.setEnabled(ready)
        self.start.setText("Train anew" if cut_short else "Train")
        self.advice.setText(CUT_SHORT if cut_short else CHOOSE)
        self.advice.setVisible(cut_short or not chosen)

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        fields = (("Particles", self.particles), ("Output", self.output), ("Method", self.method))
        pickles = QFormLayout()
        pickles.addRow("Poses", self.poses)
        pickles.addRow("CTF", self.ctf)
        self.section.form.insertLayout(0, pickles)
        above = (form(*fields), self.forms, self.advice)
        starts = row((self.resume, 1), (self.start, 1))
        column(*above, starts, self.job, self.section, of=self, spacing=6)

    def _connect(self) -> None:
        for field in (self.particles, self.poses, self.ctf, self.output):
            field.changed.connect(self._on_choice)
        self.particles.changed.connect(self._propose_folder)
        self.method.currentIndexChanged.connect(self._on_method)
        self.runner.done.connect(self.trained.emit)

    def _job(self, *, resume: bool) -> MakeJob:
        chosen = self._method(), self.params(), self.files(), self.folder()
        return partial(work.trained, self.engine, *chosen, resume=resume)

    def _on_choice(self) -> None:
        self.copy.renew()
        self.refresh()

    def _on_method(self, _index: int) -> None:
        if self.engine is not None:
            self.ask_for(self.model())
        self._on_choice()

    def _propose_folder(self) -> None:
        particles = self.particles.path()
        if particles is not None and self.output.path() is None:
            self.output.set_path(particles.with_name(f"{particles.stem}_heterogeneity"))

    def _method(self) -> str:
        return str(self.method.currentData())
