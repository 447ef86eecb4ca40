"""Denoise two half maps: which, how, the button, and the verdict on what came out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QVBoxLayout, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.ui.background import Background
from napari_cryoai.ui.denoise_verdict import VerdictView
from napari_cryoai.ui.denoise_work import (
    Engine,
    Inputs,
    Outcome,
    denoise_sources,
    load_engine,
    write_outcome,
)
from napari_cryoai.ui.form import ParamsForm, as_command_line, build
from napari_cryoai.ui.jobs import JobBar, JobRunner
from napari_cryoai.ui.map_sources import NO_MASK, NOT_CHOSEN, HalfMapChoice, Source, SourceBox
from napari_cryoai.ui.parts import Section, button, hint

FIRST = ("model",)
NO_HALF = "None (a single map)"


class DenoisePanel(QWidget):
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

    def __init__(
        self,
        choice: HalfMapChoice,
        background: Background,
        say: Callable[..., object],
        parent: QWidget | None = None,
        *,
        load: Callable[[], Engine] = load_engine,
    ):
        super().__init__(parent)
        self.choice = choice
        self.background = background
        self.say = say
        self.engine: Engine | None = None
        self.outcome: Outcome | None = None
        self.form: ParamsForm | None = None
        self.more: ParamsForm | None = None
        self._load = load
        self._loading = False
        self._wanted = False
        self.runner = JobRunner(self)
        self.half1 = SourceBox(choice, "half1", NOT_CHOSEN, self)
        self.half2 = SourceBox(choice, "half2", NO_HALF, self)
        self.mask = SourceBox(choice, "mask", NO_MASK, self)
        self.start = button("Denoise", self.run, primary=True)
        self.save = button(
            "Save all…", self.ask_save, icon="save",
            tip="The denoised map, its halves, the confidence and the report, into a folder",
        )  # fmt: skip
        self.copy = button(
            "Copy as command line", self.copy_command, tip="The same run, for a terminal or cluster"
        )
        self.advice = hint("", self)
        self.job = JobBar(self)
        self.verdict = VerdictView(background, say, self)
        self._build()
        self._connect()
        self.refresh()

    def load(self) -> None:
        """Bring the engine, once, in a thread; then the form is there."""
        if self.engine is None and not self._loading:
            self._loading = True
            self.background.submit(self._load, self._take_engine, self._fail_engine)

    def params(self) -> Params:
        """What the form says.

        Raises
        ------
        CryoAIError
            If a field is out of its bounds.
        """
        assert self.engine is not None and self.form is not None  # noqa: S101
        more = self.more.values() if self.more is not None else {}
        return build(self.engine.params, {**self.form.values(), **more})

    def run(self) -> None:
        """Denoise; if the engine is on its way, as soon as it is there."""
        if self.engine is None:
            self._wanted = True
            self.load()
            return
        inputs = self.inputs()
        if inputs is None or self.runner.running:
            return
        try:
            params = self.params()
        except CryoAIError as error:
            self.say(str(error), "error")
            return
        self.job.begin("Starting…")
        self.runner.start(partial(denoise_sources, self.engine, params, inputs))
        self.refresh()

    def inputs(self) -> Inputs | None:
        """What is chosen; None without a map."""
        half1 = self.choice.half1
        return Inputs(half1, self.choice.half2, self.choice.mask) if half1 is not None else None

    def copy_command(self) -> None:
        """Put the command that does the same into the clipboard."""
        inputs = self.inputs()
        if inputs is None or self.engine is None:
            return
        try:
            words = [_path(inputs.half1)]
            words += [_path(inputs.half2)] if inputs.half2 is not None else []
            words += ["--output", "denoised"]
            words += ["--mask", _path(inputs.mask)] if inputs.mask is not None else []
            command = as_command_line("cryoai denoise map", self.params(), words)
        except CryoAIError as error:
            self.say(str(error), "error")
            return
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(command)
        self.copy.setText("Copied")

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
        sources = QFormLayout()
        sources.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        sources.addRow("Half map 1", self.half1)
        sources.addRow("Half map 2", self.half2)
        sources.addRow("Mask", self.mask)
        row = QHBoxLayout()
        row.addWidget(self.start, 2)
        row.addWidget(self.save, 1)
        self._forms = QVBoxLayout()
        self._forms.setSpacing(5)
        self._section = Section("More options", open_=False, parent=self)
        self._section.form.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(sources)
        column.addLayout(self._forms)
        column.addWidget(self.advice)
        column.addLayout(row)
        column.addWidget(self.job)
        column.addWidget(self._section)
        column.addWidget(self.verdict)

    def _connect(self) -> None:
        self.choice.changed.connect(self._on_choice)
        self.job.cancel_requested.connect(self.runner.cancel)
        self.runner.progressed.connect(self.job.advance)
        for ended in (self.runner.done, self.runner.failed, self.runner.cancelled):
            ended.connect(self._on_end)
        self.runner.failed.connect(lambda error: self.say(str(error), "error"))
        self.runner.done.connect(self._on_done)

    def _take_engine(self, engine: Engine) -> None:
        self.engine = engine
        fields = tuple(engine.params.model_fields)
        first = tuple(name for name in FIRST if name in fields)
        rest = tuple(name for name in fields if name not in first)
        self.form = ParamsForm(engine.params, first or fields, self)
        self._forms.addWidget(self.form)
        if first and rest:
            self.more = ParamsForm(engine.params, rest, self)
            self._section.form.insertWidget(0, self.more)
        for form in (self.form, self.more):
            if form is not None:
                form.changed.connect(lambda _name: self.copy.setText("Copy as command line"))
        self.refresh()
        if self._wanted:
            self._wanted = False
            self.run()

    def _fail_engine(self, error: CryoAIError) -> None:
        self._loading = False
        self.say(str(error), "error")

    def _on_choice(self) -> None:
        self.copy.setText("Copy as command line")
        self.refresh()

    def _on_done(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.verdict.show_verdict(outcome.result.verdict)
        self.denoised.emit(outcome)

    def _on_end(self, *_: Any) -> None:
        self.job.end()
        self.refresh()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self.load()
        return bool(super().event(event))


def _path(source: Source) -> str:
    if source.path is None:
        raise CryoAIError(
            f"{source.name} is not in a file, which the command line needs",
            remedy="Save it first (section Edit and save)",
        )
    return str(source.path)
