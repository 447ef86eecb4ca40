"""Run the picker: form, button, progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.micrographs import check_pixel_sizes
from napari_cryoai.picking.pick import PickParams, PickResult
from napari_cryoai.ui.kit.copy_command import CopyCommand
from napari_cryoai.ui.kit.form import ParamsForm, as_command_line, build
from napari_cryoai.ui.kit.jobs import JobBar
from napari_cryoai.ui.kit.parts import Section, button, hint
from napari_cryoai.ui.kit.settings import setting
from napari_cryoai.ui.micrographs.pick_run import PickRun
from napari_cryoai.ui.micrographs.session import Session

FIRST = ("diameter_A", "detector")
AT_WORK = CryoAIError("the picker is at work already", remedy="Wait until it is done, or cancel it")
NO_EXAMPLES = CryoAIError(
    "the template detector has nothing to look for",
    remedy="Pick with the blob detector first, or add 20 or more picks by hand, or give references"
    " under More options",
)
NO_EXAMPLES_HERE = CryoAIError(
    "the template detector has no picks on this micrograph to look for",
    remedy="Press Pick particles to use those of all micrographs, or give references under More"
    " options",
)


class PickPanel(QWidget):
    """From parameters to picks: the micrograph on screen first, the others in the background."""

    def __init__(
        self,
        session: Session,
        report: Callable[[CryoAIError], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session = session
        self.report = report
        self.run = PickRun(session)
        self._held = False
        self.form = ParamsForm(PickParams, FIRST, self)
        self.more = ParamsForm(
            PickParams, tuple(n for n in PickParams.model_fields if n not in FIRST), self
        )
        self.start = button("Pick particles", self.pick_all, tip="On all micrographs", primary=True)
        self.start_here = button("This one", self.pick_here, tip="Pick on this micrograph only")
        self.copy = CopyCommand(self.command, self.report, self)
        self.why_not = hint("", self)
        self.job = JobBar(self)
        self._build()
        self._connect()
        self.refresh()

    def params(self) -> PickParams:
        """What the form says.

        Raises
        ------
        CryoAIError
            If a field is out of its bounds.
        """
        params = build(PickParams, {**self.form.values(), **self.more.values()})
        assert isinstance(params, PickParams)  # noqa: S101 - for the type checker
        return params

    def pick_all(self) -> None:
        """Pick everywhere, beginning with what the user looks at."""
        names = list(self.session.micrographs)
        if self.session.current in names:
            names.insert(0, names.pop(names.index(self.session.current)))
        junk = self.session.document.junk
        self._start([name for name in names if name not in junk])

    def pick_here(self) -> None:
        """Pick on the micrograph on screen."""
        if self.session.current is not None:
            self._start([self.session.current])

    def command(self) -> str:
        """The command that does the same."""
        paths = [str(m.path) for m in self.session.micrographs.values()]
        size = next(iter(self.session.micrographs.values())).pixel_size_A if paths else None
        words = [*paths, "--output", "picks", *(["--pixel-size-A", f"{size:g}"] if size else [])]
        return as_command_line("cryoai pick", self.params(), words)

    def refresh(self, *_: object) -> None:
        """Whether it can start, and if not, why not."""
        why = self.reason_against()
        busy = self.run.runner.running or self._held
        self.start.setEnabled(why is None and not busy)
        self.start_here.setEnabled(why is None and not busy)
        self.copy.setEnabled(bool(self.session.micrographs))
        self.why_not.setText(why or "")
        self.why_not.setVisible(why is not None)

    def hold(self, on: bool) -> None:
        """Let the picker wait while something else changes the picks."""
        self._held = on
        self.refresh()

    def use_weights(self, path: Path | None, learned: Path | None, base: Path | None) -> None:
        """Pick with a learned picker from now on; without one, no longer with `learned`."""
        field = self.more.widgets["weights"]
        if path is not None or field.value == learned:
            field.value = path or base

    def restore_detector(self) -> None:
        """Go on with the detector that the set was picked with."""
        by = self.session.picked_by
        if by is not None:
            self.form.set("detector", by.detector)
            self.more.widgets["weights"].value = Path(by.weights) if by.weights else None

    def reason_against(self) -> str | None:
        """What is missing before the picker can run."""
        if not self.session.micrographs:
            return "Open micrographs first."
        if check_pixel_sizes(list(self.session.micrographs.values())) is not None:
            return "Give the pixel size first: the diameter in Å means nothing without it."
        return None

    def _start(self, names: list[str]) -> None:
        if self.run.runner.running or self._held:
            self.report(AT_WORK)  # asked for by the command palette: the buttons are disabled
            return
        try:
            params = self.params()
        except CryoAIError as error:
            self.report(error)
            return
        if self._lacks_examples(params, names):
            self.report(NO_EXAMPLES if len(names) > 1 else NO_EXAMPLES_HERE)
            return
        self.job.begin("Estimating the diameter…" if params.diameter_A is None else "Starting…")
        self.run.start(params, names)
        self.refresh()

    def _lacks_examples(self, params: PickParams, names: list[str]) -> bool:
        """Whether the template detector would find nothing to average, after a long wait."""
        if params.detector != "template" or params.references is not None:
            return False
        counts = self.session.counts()
        return not any(counts.get(name) for name in names)

    def _build(self) -> None:
        more = Section("More options", open_=False, parent=self)
        more.form.addWidget(self.more)
        more.form.addWidget(self.copy)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.start, 1)
        row.addWidget(self.start_here)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.form)
        layout.addLayout(row)
        layout.addWidget(self.why_not)
        layout.addWidget(self.job)
        layout.addWidget(more)
        self.form.set("detector", setting("detector", "transformer"))

    def _connect(self) -> None:
        runner = self.run.runner
        self.job.cancel_requested.connect(self.run.cancel)
        runner.progressed.connect(self.job.advance)
        for ended in (runner.done, runner.failed, runner.cancelled):
            ended.connect(self._on_end)
        runner.failed.connect(self.report)
        runner.done.connect(self._say_diameter)
        for signal in (
            self.session.opened,
            self.session.pixel_size_changed,
        ):
            signal.connect(self.refresh)
        self.form.changed.connect(self._on_form)
        self.more.changed.connect(self._on_form)

    def restore_diameter(self, *, typed: bool) -> None:
        """Fill the field as the user left it on this set; never with that of another particle."""
        diameter_A = self.session.diameter_A
        blocked = self.form.blockSignals(True)
        self.form.set("diameter_A", round(diameter_A, 1) if typed and diameter_A else None)
        self.form.blockSignals(blocked)
        self._hint_diameter(diameter_A)

    def _on_form(self, name: str) -> None:
        self.copy.renew()
        if name == "diameter_A":
            text = self.form.values()[name]
            self.session.note("diameter_typed", text is not None)
            try:
                self.session.set_diameter(float(text))
            except (TypeError, ValueError):
                return  # empty or half typed

    def _say_diameter(self, result: PickResult) -> None:
        """The field stays empty, so that the next set is measured too; a hint tells the figure."""
        self._hint_diameter(result.diameter_A)

    def _hint_diameter(self, diameter_A: float | None) -> None:
        words = "automatic" if diameter_A is None else f"automatic: {diameter_A:.0f}"
        self.form.widgets["diameter_A"].native.setPlaceholderText(words)

    def _on_end(self, *_: object) -> None:
        self.job.end()
        self.refresh()
