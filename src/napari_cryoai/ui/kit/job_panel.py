"""A panel about one job: its form, its button, its bar, its command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.ui.kit.copy_command import CopyCommand
from napari_cryoai.ui.kit.form import ParamsForm, build
from napari_cryoai.ui.kit.jobs import JobBar, JobRunner, MakeJob
from napari_cryoai.ui.kit.parts import Section, button, hint


class JobPanel(QWidget):
    """A job that runs at the push of a button.

    Subclasses lay out `forms`, `start`, `job`, `advice` and `section`, and say what the job is.

    Parameters
    ----------
    verb, tip
        On the button.
    say
        Puts up a message.
    runner
        Of the job; by default one of its own.

    Attributes
    ----------
    first
        Fields that are seen at once; the others are under "More options".
    form, more
        The fields, once it is known which.
    """

    first: tuple[str, ...] = ()

    def __init__(
        self,
        verb: str,
        say: Callable[..., object],
        parent: QWidget | None = None,
        *,
        tip: str = "",
        runner: JobRunner | None = None,
    ):
        super().__init__(parent)
        self.say = say
        self.runner = runner or JobRunner(self)
        self.form: Any = None
        self.more: Any = None
        self._model: Any = None
        self._made: dict[type[Params], list[ParamsForm]] = {}
        self.start = button(verb, self.run, tip=tip, primary=True)
        self.copy = CopyCommand(self.command, self.report, self)
        self.advice = hint("", self)
        self.job = JobBar(self.runner, self.report, self)
        self.forms = QVBoxLayout()
        self.forms.setSpacing(5)
        self.section = Section("More options", open_=False, parent=self)
        self.section.form.addWidget(self.copy)
        self.runner.ended.connect(self.refresh)

    def make_job(self) -> MakeJob | None:
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

    def on_form(self, _name: str) -> None:
        """A field was changed."""
        self.copy.renew()

    def first_words(self) -> str:
        """What to say until the job says something itself."""
        return "Starting…"

    def ask_for(self, model: type[Params]) -> None:
        """Show the fields of a job; what was typed into those of another one is kept."""
        if model not in self._made:
            self._made[model] = self._fields_of(model)
        for other, forms in self._made.items():
            for form in forms:
                form.setVisible(other is model)
        self._model = model
        self.form, self.more = (*self._made[model], None)[:2]

    def values(self) -> dict[str, Any]:
        """What the fields say."""
        return {k: v for form in self._made[self._model] for k, v in form.values().items()}

    def params(self) -> Any:
        """What the form says, as parameters of the job.

        Raises
        ------
        CryoAIError
            If a field is out of its bounds.
        """
        return build(self._model, self.values())

    def run(self) -> None:
        """Start."""
        self.begin(self.make_job)

    def begin(self, make_job: Callable[[], MakeJob | None]) -> None:
        """Start what `make_job` brings, unless a job is running or the form says nonsense."""
        if self.runner.running:
            return
        try:
            make = make_job()
        except CryoAIError as error:
            self.report(error)
            return
        if make is not None:
            self.runner.start(make, self.first_words())
            self.refresh()

    def report(self, error: CryoAIError) -> None:
        """Put up what went wrong and what to do."""
        self.say(str(error), "error")

    def _fields_of(self, model: type[Params]) -> list[ParamsForm]:
        """The form of the first fields and that of the others; one alone if no field is first."""
        first = tuple(name for name in self.first if name in model.model_fields)
        rest = tuple(name for name in model.model_fields if name not in first)
        forms = [ParamsForm(model, fields, self) for fields in (first, rest) if fields]
        self.forms.addWidget(forms[0])
        for form in forms[1:]:
            self.section.form.insertWidget(0, form)
        for form in forms:
            form.changed.connect(self.on_form)
        return forms
