"""Run the picker: form, button, progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtWidgets import QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.picking.pick import PickParams, PickResult
from napari_cryoai.ui.kit.jobs import MakeJob
from napari_cryoai.ui.kit.layout import column
from napari_cryoai.ui.kit.settings import setting
from napari_cryoai.ui.micrographs.job_panel import MicrographJobPanel
from napari_cryoai.ui.micrographs.pick_run import PickRun
from napari_cryoai.ui.micrographs.session import Session

AT_WORK = CryoAIError("the picker is at work already", remedy="Wait until it is done, or cancel it")


class PickPanel(MicrographJobPanel):
    """From parameters to picks: the micrograph on screen first, the others in the background."""

    first = ("diameter_A", "detector")
    program, output = "cryoai pick", "picks"
    why_pixel_size = "the diameter in Å means nothing without it"

    def __init__(self, session: Session, say: Callable[..., object], parent: QWidget | None = None):
        picking = PickRun(session)
        tip = "On all micrographs"
        super().__init__("Pick particles", session, say, parent, tip=tip, runner=picking.runner)
        self.picking = picking
        self._held = False
        self.ask_for(PickParams)
        self.form.set("detector", setting("detector", "transformer"))
        parts = (self.forms, self.starts, self.advice, self.job, self.section)
        column(*parts, of=self, spacing=6)
        self.runner.done.connect(self._say_diameter)
        session.opened.connect(self.refresh)
        session.pixel_size_changed.connect(self.refresh)
        self.refresh()

    def begin(self, make_job: Callable[[], MakeJob | None]) -> None:
        """Start picking; the command palette can ask for it while the buttons are disabled."""
        if self.busy:
            self.report(AT_WORK)
        else:
            super().begin(make_job)

    def job_on(self, names: Sequence[str]) -> MakeJob:
        """Pick on some of the micrographs."""
        params = self.params()
        if self._lacks_examples(params, names):
            raise _no_examples(here=len(names) == 1)
        return self.picking.prepared(params, names)

    def first_words(self) -> str:
        """Finding the diameter comes before the first micrograph."""
        unknown = self.form.values()["diameter_A"] is None
        return "Estimating the diameter…" if unknown else super().first_words()

    @property
    def busy(self) -> bool:
        """Whether something changes the picks already."""
        return self.runner.running or self._held

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

    def _lacks_examples(self, params: PickParams, names: Sequence[str]) -> bool:
        """Whether the template detector would find nothing to average, after a long wait."""
        if params.detector != "template" or params.references is not None:
            return False
        counts = self.session.counts()
        return not any(counts.get(name) for name in names)

    def restore_diameter(self, *, typed: bool) -> None:
        """Fill the field as the user left it on this set; never with that of another particle."""
        diameter_A = self.session.diameter_A
        blocked = self.form.blockSignals(True)
        self.form.set("diameter_A", round(diameter_A, 1) if typed and diameter_A else None)
        self.form.blockSignals(blocked)
        self._hint_diameter(diameter_A)

    def on_form(self, name: str) -> None:
        """The diameter is that of the circles, as soon as it is typed."""
        super().on_form(name)
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


def _no_examples(*, here: bool) -> CryoAIError:
    if here:
        return CryoAIError(
            "the template detector has no picks on this micrograph to look for",
            remedy="Press Pick particles to use those of all micrographs, or give references under"
            " More options",
        )
    return CryoAIError(
        "the template detector has nothing to look for",
        remedy="Pick with the blob detector first, or add 20 or more picks by hand, or give"
        " references under More options",
    )
