"""The section *Learn* of the Pick particles panel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFileDialog,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.jobs import JobBar
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import button, hint
from napari_cryoai.ui.learning.curve import LearningPlot
from napari_cryoai.ui.learning.job import Learned
from napari_cryoai.ui.learning.run import LearnRun
from napari_cryoai.ui.learning.view import LearnView
from napari_cryoai.ui.micrographs.pick_run import PickRun

BUSY = "Wait until the picker is done."


class LearnPanel(QWidget):
    """Learn from corrections, see what it has changed, keep it.

    Parameters
    ----------
    shortcut_of
        How a tooltip names the key of a command.

    Signals
    -------
    weights_changed(path)
        The file of the learned picker; None when there is none, or no longer.
    review_wanted()
        The user wants the doubtful picks one by one.
    """

    weights_changed = Signal(object)
    review_wanted = Signal()

    def __init__(
        self,
        run: LearnRun,
        view: LearnView,
        picking: PickRun,
        report: Callable[[CryoAIError], object],
        say: Callable[[str], object],
        shortcut_of: Callable[[str], str],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.run, self.view, self.picking = run, view, picking
        self.report, self.say, self.shortcut_of = report, say, shortcut_of
        self.count = QLabel(self)
        self.learn = button("Learn from my corrections", self.start, primary=True)
        self.improve = button("Improve more", lambda: self.start(improve=True))
        self.why_not = hint("", self)
        self.result = hint("", self)
        self.job = JobBar(run.runner, report, self)
        self.heat = QCheckBox("Heat map", self)
        self.before = self._switch("Before", "What the picker found before it learned")
        self.after = self._switch("After", "The picks as they are now")
        self.looking = hint("", self)
        self.review = button(
            "Review doubtful picks…",
            self.review_wanted.emit,
            icon="eye",
            tip="One key each, the least certain first" + shortcut_of("review"),
        )
        self.plot = LearningPlot(self)
        self.save = button(
            "Save picker…", self.ask_save, icon="check", tip="For other sets and the command line"
        )
        self._learned: Learned | None = None
        self._build()
        self._connect()
        self.refresh()

    # What the user does -------------------------------------------------------------------------

    def start(self, *, improve: bool = False) -> None:
        """Learn, unless there is a reason against it, which is said."""
        why = self.reason_against()
        if why is not None:
            self.say(why)
            return
        self.run.start(improve=improve)

    def ask_save(self) -> None:
        """Ask where to, then write the picker."""
        path, _ = QFileDialog.getSaveFileName(
            self, "Save picker", "picker.safetensors", "Weights (*.safetensors)"
        )
        if path:
            self.write(Path(path))

    def save_if_any(self) -> None:
        """The same from the command palette, where it can always be asked for."""
        if self.run.pickers.has_learned:
            self.ask_save()
        else:
            self.say("There is nothing to save: the picker has not learned anything yet.")

    def write(self, path: Path) -> None:
        """Write the picker; the form picks with that file from now on."""
        if path.suffix.lower() != ".safetensors":
            path = path.with_name(path.name + ".safetensors")

        def then() -> None:
            self.weights_changed.emit(path)
            self.say(f"The picker is in {path}. Pick particles uses it from now on.")

        self.run.save_as(path, then)

    def reason_against(self) -> str | None:
        """Why it cannot learn now."""
        if self.picking.runner.running or self.run.runner.running:
            return BUSY
        return self.run.reason_against()

    # What it says -------------------------------------------------------------------------------

    def refresh(self, *_: object) -> None:
        """Say what there is to learn from, and whether it can be."""
        why = self.reason_against()
        learned = self.run.pickers.has_learned
        self.count.setText(self.run.tally().words())
        for widget, tip in (
            (self.learn, "Fits the last layer anew, in seconds" + self.shortcut_of("learn")),
            (self.improve, "Trains the whole network on these micrographs, for up to a minute"),
        ):
            widget.setEnabled(why is None)
            widget.setToolTip(why or tip)
        self.why_not.setText(why or "")
        self.why_not.setVisible(why is not None and why != BUSY)
        for switch in (self.before, self.after):
            switch.setEnabled(learned)
            switch.setVisible(learned)
        self.plot.set_points(self.run.curve)
        self.plot.setVisible(len(self.run.curve) > 1)
        self.save.setVisible(learned)

    def _on_changed(self) -> None:
        if not self.run.pickers.has_learned:
            self.view.show_before(False)
        if self._learned is None or self.run.pickers.standing is not self._learned.standing:
            self._tell("")  # the step was taken back
        self.refresh()

    def _on_taught(self, learned: Learned) -> None:
        self._learned = learned

    def _on_started(self) -> None:
        self._learned = None
        self._tell("")
        self.refresh()

    def _on_done(self, problems: list[CryoAIError]) -> None:
        for problem in problems[:3]:
            self.report(problem)
        learned = self._learned
        if learned is None:
            return
        if not learned.better:
            self._tell("More training made the picker no better; it stays as it was.")
            return
        if self.run.pickers.standing is not learned.standing:
            return  # no micrograph could be picked again
        self._tell(
            "F1 with the corrected micrographs:"
            f" {learned.f1_before:.2f} before, {learned.f1_after:.2f} now. Undo takes it back."
        )

    def _tell(self, text: str) -> None:
        self.result.setText(text)
        self.result.setVisible(bool(text))

    def _on_turned(self, before: bool) -> None:
        (self.before if before else self.after).setChecked(True)

    def _on_looking(self, busy: bool) -> None:
        self.looking.setText("The picker looks at this micrograph…" if busy else "")
        if busy:
            self._patience.start()
        else:
            self._patience.stop()
            self.looking.hide()

    # Layout -------------------------------------------------------------------------------------

    def _switch(self, title: str, tip: str) -> QPushButton:
        switch = QPushButton(title, self)
        switch.setCheckable(True)
        switch.setToolTip(tip + self.shortcut_of("before"))

        def dress() -> None:
            shade = theme.colour("current").name()
            switch.setStyleSheet(
                "QPushButton { padding: 4px 10px; }"
                f" QPushButton:checked {{ background: {shade}; }}"
            )

        theme.themed(switch, dress)
        return switch

    def _build(self) -> None:
        self.heat.setToolTip("Where the picker expects particles" + self.shortcut_of("heat"))
        self._group = QButtonGroup(self)
        self._group.addButton(self.before)
        self._group.addButton(self.after)
        self.after.setChecked(True)
        self._patience = QTimer(self, interval=250, singleShot=True)
        self._patience.timeout.connect(self.looking.show)
        self.looking.hide()
        self.result.hide()
        act = row((self.learn, 1), self.improve, spacing=4)
        see = row((self.heat, 1), self.before, self.after, spacing=0)
        above = (self.count, act, self.why_not, self.job, self.result)
        below = (self.looking, self.review, self.plot, self.save)
        column(*above, see, *below, of=self, spacing=6)

    def _connect(self) -> None:
        run, session = self.run, self.run.session
        run.runner.started.connect(self._on_started)
        run.runner.done.connect(self._on_done)
        for signal in (run.runner.ended, self.picking.runner.started, self.picking.runner.ended):
            signal.connect(self.refresh)
        run.changed.connect(self._on_changed)
        run.taught.connect(self._on_taught)
        run.kept.connect(lambda path: self.weights_changed.emit(path))
        self.view.looking.connect(self._on_looking)
        self.view.turned.connect(self._on_turned)
        self.heat.toggled.connect(self.view.show_heat)
        self.before.toggled.connect(self.view.show_before)
        self._later = QTimer(self, interval=80, singleShot=True)
        self._later.timeout.connect(self._on_edits)
        session.picks_changed.connect(lambda _names: self._later.start())
        session.opened.connect(self.refresh)

    def _on_edits(self) -> None:
        self.refresh()
        self.run.prepare()
