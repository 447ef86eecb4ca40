"""A panel about one job: its form, its button, its bar; a thread brings what does the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.copy_command import CopyCommand
from napari_cryoai.ui.kit.form import ParamsForm, build
from napari_cryoai.ui.kit.jobs import JobBar, JobRunner
from napari_cryoai.ui.kit.parts import Section, button, hint


class Engine(Protocol):
    """What does the work, as far as a panel needs to know."""

    @property
    def params(self) -> type[Params]:
        """The class of its parameters."""


class JobPanel(QWidget):
    """A job that runs at the push of a button.

    Subclasses lay out `forms`, `start`, `job`, `advice` and `section`, and say what the job is.

    Parameters
    ----------
    verb
        On the button.
    load
        Brings the engine; for a thread.

    Attributes
    ----------
    first
        Fields that are seen at once; the others are under "More options".
    """

    first: tuple[str, ...] = ()

    def __init__(
        self,
        verb: str,
        background: Background,
        say: Callable[..., object],
        load: Callable[[], Engine],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.background = background
        self.say = say
        self.engine: Any = None
        self.form: ParamsForm | None = None
        self.more: ParamsForm | None = None
        self._load = load
        self._loading = self._wanted = False
        self.runner = JobRunner(self)
        self.start = button(verb, self.run, primary=True)
        self.copy = CopyCommand(self.command, self._say_error, self)
        self.advice = hint("", self)
        self.job = JobBar(self)
        self.forms = QVBoxLayout()
        self.forms.setSpacing(5)
        self.section = Section("More options", open_=False, parent=self)
        self.section.form.addWidget(self.copy)
        self.job.cancel_requested.connect(self.runner.cancel)
        for ended in (self.runner.done, self.runner.failed, self.runner.cancelled):
            ended.connect(self._on_end)
        self.runner.failed.connect(self._say_error)

    def make_job(self) -> Callable[[], Job[Any]] | None:
        """What is to run; None if nothing is chosen.

        Raises
        ------
        CryoAIError
            If the form says something impossible.
        """
        raise NotImplementedError

    def command(self) -> str:
        """The command that does the same.

        Raises
        ------
        CryoAIError
            If there is none, since the data are in no file.
        """
        raise NotImplementedError

    def refresh(self, *_: object) -> None:
        """Say whether it can start, and if not, why not."""
        raise NotImplementedError

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
        """Start; if the engine is on its way, as soon as it is there."""
        if self.engine is None:
            self._wanted = True
            self.load()
            return
        if self.runner.running:
            return
        try:
            make = self.make_job()
        except CryoAIError as error:
            self._say_error(error)
            return
        if make is not None:
            self.job.begin("Starting…")
            self.runner.start(make)
            self.refresh()

    # --------------------------------------------------------------------------------------------

    def _take_engine(self, engine: Engine) -> None:
        self.engine = engine
        fields = tuple(engine.params.model_fields)
        first = tuple(name for name in self.first if name in fields)
        rest = tuple(name for name in fields if name not in first)
        self.form = ParamsForm(engine.params, first or fields, self)
        self.forms.addWidget(self.form)
        if first and rest:
            self.more = ParamsForm(engine.params, rest, self)
            self.section.form.insertWidget(0, self.more)
        for form in (self.form, self.more):
            if form is not None:
                form.changed.connect(self.copy.renew)
        self.refresh()
        if self._wanted:
            self._wanted = False
            self.run()

    def _fail_engine(self, error: CryoAIError) -> None:
        self._loading = self._wanted = False
        self._say_error(error)

    def _say_error(self, error: CryoAIError) -> None:
        self.say(str(error), "error")

    def _on_end(self, *_: Any) -> None:
        self.job.end()
        self.refresh()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self.load()
        return bool(super().event(event))
