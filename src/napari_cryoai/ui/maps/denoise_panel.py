"""Denoise two half maps: which, how, the button, and the verdict on what came out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import Job
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.engine_panel import EnginePanel
from napari_cryoai.ui.kit.form import as_command_line
from napari_cryoai.ui.kit.layout import column, form, row
from napari_cryoai.ui.kit.parts import button
from napari_cryoai.ui.maps.denoise_verdict import VerdictView
from napari_cryoai.ui.maps.denoise_work import (
    Engine,
    Inputs,
    Outcome,
    denoise_sources,
    load_engine,
    write_outcome,
)
from napari_cryoai.ui.maps.sources import (
    NO_MASK,
    NOT_CHOSEN,
    HalfMapChoice,
    Source,
    SourceBox,
    file_for_command,
)

NO_HALF = "None (a single map)"


class DenoisePanel(EnginePanel):
    """From half maps to a denoised map.

    Parameters
    ----------
    load
        Brings the engine; for a thread.

    Signals
    -------
    denoised(outcome)
        An `Outcome`.
    """

    denoised = Signal(object)
    first = ("model",)

    def __init__(
        self,
        choice: HalfMapChoice,
        background: Background,
        say: Callable[..., object],
        parent: QWidget | None = None,
        *,
        load: Callable[[], Engine] = load_engine,
    ):
        super().__init__("Denoise", background, say, load, parent)
        self.choice = choice
        self.outcome: Outcome | None = None
        self.half1 = SourceBox(choice, "half1", NOT_CHOSEN, self)
        self.half2 = SourceBox(choice, "half2", NO_HALF, self)
        self.mask = SourceBox(choice, "mask", NO_MASK, self)
        self.save = button(
            "Save all…", self.ask_save, icon="save",
            tip="The denoised map, its halves, the confidence and the report, into a folder",
        )  # fmt: skip
        self.verdict = VerdictView(background, say, self)
        self._build()
        self._connect()
        self.refresh()

    def make_job(self) -> Callable[[], Job[Outcome]] | None:
        """Denoise what is chosen."""
        inputs = self.inputs()
        if inputs is None:
            return None
        return partial(denoise_sources, self.engine, self.params(), inputs)

    def inputs(self) -> Inputs | None:
        """What is chosen; None without a map."""
        half1 = self.choice.half1
        return Inputs(half1, self.choice.half2, self.choice.mask) if half1 is not None else None

    def command(self) -> str:
        """The command that does the same.

        Raises
        ------
        CryoAIError
            If a map is in no file, or none is chosen.
        """
        inputs = self.inputs()
        if inputs is None:
            raise CryoAIError("no map is chosen", remedy="Choose two half maps")
        words = [_path(inputs.half1)]
        words += [_path(inputs.half2)] if inputs.half2 is not None else []
        words += ["--output", "denoised"]
        words += ["--mask", _path(inputs.mask)] if inputs.mask is not None else []
        size = inputs.half1.given_pixel_size_A
        words += ["--pixel-size-A", f"{size:g}"] if size else []
        return as_command_line("cryoai denoise map", self.params(), words)

    def ask_save(self) -> None:
        """Choose a folder, and write everything there."""
        folder = QFileDialog.getExistingDirectory(self, "Write the denoised maps to")
        if folder:
            self.write(Path(folder))

    def write(self, folder: Path) -> None:
        """Write everything into a folder, in a thread."""
        if self.outcome is not None:
            work = partial(write_outcome, folder, self.outcome)
            self.background.submit(work, lambda words: self.say(words, "info"))

    def refresh(self, *_: object) -> None:
        """Whether it can start, and if not, why not."""
        inputs = self.inputs()
        self.start.setEnabled(inputs is not None and not self.runner.running)
        self.copy.setEnabled(inputs is not None and self.engine is not None)
        self.save.setEnabled(self.outcome is not None)
        if inputs is None:
            text = "Choose two half maps: unfiltered, unmasked, as the refinement wrote them."
        elif inputs.half2 is None:
            text = "A single map can be denoised, but not judged: the result is not verifiable."
        else:
            text = ""
        self.advice.setText(text)
        self.advice.setVisible(bool(text))
        self.verdict.setVisible(self.outcome is not None)

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        fields = (("Half map 1", self.half1), ("Half map 2", self.half2), ("Mask", self.mask))
        above = (form(*fields), self.forms, self.advice)
        below = (row((self.start, 2), (self.save, 1)), self.job, self.section, self.verdict)
        column(*above, *below, of=self, spacing=6)

    def _connect(self) -> None:
        self.choice.changed.connect(self._on_choice)
        self.runner.done.connect(self._on_done)

    def _on_choice(self) -> None:
        self.copy.renew()
        self.refresh()

    def _on_done(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.verdict.show_verdict(outcome.result.verdict)
        self.denoised.emit(outcome)


def _path(source: Source) -> str:
    return file_for_command(source.name, source.file, source.path)
