"""Build a model into a map: which map, which sequences, how; the button, and what comes of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QEvent, QSignalBlocker, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QComboBox, QFormLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Progress
from napari_cryoai.ui.background import Background
from napari_cryoai.ui.build_sequences import SequencesBox
from napari_cryoai.ui.build_work import Engine, build_model, load_engine
from napari_cryoai.ui.form import ParamsForm, as_command_line, build
from napari_cryoai.ui.jobs import JobBar, JobRunner
from napari_cryoai.ui.map_session import MapSession, OpenMap
from napari_cryoai.ui.model_session import Content
from napari_cryoai.ui.parts import Section, button, hint

FIRST = ("resolution_A",)
NO_MAP = "No map is open"


class BuildPanel(QWidget):
    """From a map and sequences to a model.

    Parameters
    ----------
    load
        Brings the engine; for a thread.

    Signals
    -------
    traced(content)
        What is to be seen before the model is there.
    built(outcome)
        An `Outcome`.
    ended()
        The job is over, one way or another.
    """

    traced = Signal(object)
    built = Signal(object)
    ended = Signal()

    def __init__(
        self,
        maps: MapSession,
        background: Background,
        say: Callable[..., object],
        open_map: Callable[[], object],
        parent: QWidget | None = None,
        *,
        load: Callable[[], Engine] = load_engine,
    ):
        super().__init__(parent)
        self.maps = maps
        self.background = background
        self.say = say
        self.engine: Engine | None = None
        self.form: ParamsForm | None = None
        self.more: ParamsForm | None = None
        self._load = load
        self._loading = self._wanted = False
        self.runner = JobRunner(self)
        self.map = QComboBox(self)
        self.map.setAccessibleName("Map")
        self.map.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.map.setMinimumContentsLength(12)
        self.open_map = button("Open map…", open_map, icon="folder")
        self.sequences = SequencesBox(self)
        self.start = button("Build", self.run, primary=True)
        self.copy = button(
            "Copy as command line", self.copy_command, tip="The same run, for a terminal or cluster"
        )
        self.advice = hint("", self)
        self.job = JobBar(self)
        self._build()
        self._connect()
        self.refresh()

    def load(self) -> None:
        """Bring the engine, once, in a thread; then the form is there."""
        if self.engine is None and not self._loading:
            self._loading = True
            self.background.submit(self._load, self._take_engine, self._fail_engine)

    @property
    def chosen(self) -> OpenMap | None:
        """The map to build into."""
        at = self.map.currentIndex()
        return self.maps.maps[at] if 0 <= at < len(self.maps.maps) else None

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
        """Build; if the engine is on its way, as soon as it is there."""
        if self.engine is None:
            self._wanted = True
            self.load()
            return
        chosen = self.chosen
        if chosen is None or self.runner.running:
            return
        try:
            params, polymers = self.params(), self.sequences.polymers()
        except CryoAIError as error:
            self.say(str(error), "error")
            return
        self.job.begin("Starting…")
        job = partial(build_model, self.engine, params, chosen.density, polymers)
        self.runner.start(job)
        self.refresh()

    def copy_command(self) -> None:
        """Put the command that does the same into the clipboard."""
        try:
            command = self.command()
        except CryoAIError as error:
            self.say(str(error), "error")
            return
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(command)
        self.copy.setText("Copied")

    def command(self) -> str:
        """The command that does the same.

        Raises
        ------
        CryoAIError
            If the map or the sequences are in no file.
        """
        chosen = self.chosen
        if chosen is None or chosen.path is None:
            raise CryoAIError(
                "the map is not in a file, which the command line needs",
                remedy="Save it first (panel Map, section Edit and save)",
            )
        words = [str(chosen.path), "--output", "model"]
        if self.sequences.entries:
            if self.sequences.path is None:
                raise CryoAIError(
                    "the sequences are not in a file, which the command line needs",
                    remedy="Save them in a FASTA file, and open that",
                )
            words += ["--sequence", str(self.sequences.path)]
        copies = self.sequences.as_option()
        words += ["--copies", shlex.quote(copies)] if copies else []
        return as_command_line("cryoai build", self.params(), words)

    def refresh(self, *_: object) -> None:
        """List the maps, and say whether it can start, and if not, why not."""
        maps = self.maps.maps
        wanted = self.maps.current if self.maps.current in maps else None
        names = [opened.name for opened in maps]
        if names != [self.map.itemText(i) for i in range(self.map.count())][: len(names)] or (
            self.map.count() != max(len(names), 1)
        ):
            with QSignalBlocker(self.map):
                self.map.clear()
                self.map.addItems(names or [NO_MAP])
                self.map.setCurrentIndex(maps.index(wanted) if wanted is not None else 0)
        there = bool(maps)
        self.map.setEnabled(there)
        self.open_map.setVisible(not there)
        self.start.setEnabled(there and not self.runner.running)
        self.copy.setEnabled(there and self.engine is not None)
        self.advice.setText("" if there else "Open the sharpened or denoised map to build into.")
        self.advice.setVisible(not there)

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        top.addRow("Map", self.map)
        self._forms = QVBoxLayout()
        self._forms.setSpacing(5)
        self._section = Section("More options", open_=False, parent=self)
        self._section.form.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(top)
        column.addWidget(self.advice)
        column.addWidget(self.open_map)
        column.addWidget(self.sequences)
        column.addLayout(self._forms)
        column.addWidget(self.start)
        column.addWidget(self.job)
        column.addWidget(self._section)

    def _connect(self) -> None:
        for signal in (self.maps.added, self.maps.removed, self.maps.current_changed):
            signal.connect(self._on_maps)
        self.map.currentIndexChanged.connect(self._uncopied)
        self.sequences.changed.connect(self._uncopied)
        self.job.cancel_requested.connect(self.runner.cancel)
        self.runner.progressed.connect(self._on_progress)
        for ended in (self.runner.done, self.runner.failed, self.runner.cancelled):
            ended.connect(self._on_end)
        self.runner.failed.connect(lambda error: self.say(str(error), "error"))
        self.runner.done.connect(self.built.emit)

    def let_go(self) -> None:
        """The panel goes: end the job, and listen no more."""
        self.runner.cancel()
        for signal in (self.maps.added, self.maps.removed, self.maps.current_changed):
            signal.disconnect(self._on_maps, missing_ok=True)

    def _on_maps(self, *_: object) -> None:
        self.refresh()

    def _uncopied(self, *_: object) -> None:
        self.copy.setText("Copy as command line")

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
                form.changed.connect(self._uncopied)
        self.refresh()
        if self._wanted:
            self._wanted = False
            self.run()

    def _fail_engine(self, error: CryoAIError) -> None:
        self._loading = self._wanted = False
        self.say(str(error), "error")

    def _on_progress(self, progress: Progress) -> None:
        if isinstance(progress.preview, Content):
            self.traced.emit(progress.preview)
        self.job.advance(progress)

    def _on_end(self, *_: Any) -> None:
        self.job.end()
        self.ended.emit()
        self.refresh()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self.load()
            self.refresh()  # a Map panel that is closed tells nobody of its maps any more
        return bool(super().event(event))
