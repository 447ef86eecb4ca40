"""Is the map true? A selection, or the particles around the cursor, reconstructed from images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_cryoai.ui.explore import check_work as work
from napari_cryoai.ui.kit.jobs import JobBar, JobRunner
from napari_cryoai.ui.kit.layout import column
from napari_cryoai.ui.kit.parts import button, hint
from napari_cryoai.ui.latent.session import LatentSession
from napari_cryoai.ui.maps.session import OpenMap


class CheckPanel(QWidget):
    """Two jobs whose maps go to the Map panel.

    Parameters
    ----------
    add_map
        Shows a map in the Map panel.
    """

    def __init__(
        self,
        session: LatentSession,
        say: Callable[..., object],
        add_map: Callable[..., OpenMap],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.say, self.add_map = session, say, add_map
        self.runner = JobRunner(self)
        self.validate = button(
            "Validate the selection", self.run_validate, icon="check", primary=True,
            tip="Reconstruct it without the model: half maps, FSC, difference to the decoded map",
        )  # fmt: skip
        self.state = button(
            "Map of the images here", self.run_state, icon="map",
            tip="From the raw particles around the cursor, at full size; no model has a part in it",
        )  # fmt: skip
        self.job = JobBar(self.runner, lambda error: self.say(str(error), "error"), self)
        self.words = hint("A decoded map may show what no particle does. Ask the images.", self)
        column(self.words, self.validate, self.state, self.job, of=self, spacing=6)
        self.runner.done.connect(self._take)
        self.runner.ended.connect(self.refresh)
        session.selection_changed.connect(self.refresh)
        session.opened.connect(self._on_opened)
        self.refresh()

    def run_validate(self) -> None:
        """Reconstruct the selection, and compare the decoded map with it."""
        if self.session.source is not None:
            selected = self.session.selections.current
            self._start(partial(work.validated, self.session.source, selected))

    def run_state(self) -> None:
        """Reconstruct the state at the cursor."""
        if self.session.source is not None:
            self._start(partial(work.state_at, self.session.source, self.session.z.copy()))

    def refresh(self) -> None:
        """What can be asked now."""
        there, idle = self.session.source is not None, not self.runner.running
        self.validate.setEnabled(there and idle and self.session.selections.count > 0)
        self.state.setEnabled(there and idle)

    def _start(self, make: Callable[[], Any]) -> None:
        if not self.runner.running:
            self.runner.start(make, "Reading the particles…")
            self.refresh()

    def _take(self, found: work.Found) -> None:
        self.words.setText(found.words)
        for name, content in found.maps.items():
            opened = self.add_map(name, content.density, content.contour, content.level)
            opened.colourings.update(content.colourings)

    def _on_opened(self) -> None:
        self.runner.cancel()
        self.words.setText("A decoded map may show what no particle does. Ask the images.")
        self.refresh()
