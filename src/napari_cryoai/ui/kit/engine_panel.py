"""A panel about a job of which a thread brings what does the work: it may need torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.job_panel import JobPanel


class EnginePanel(JobPanel):
    """A job whose form is there as soon as its engine is.

    Parameters
    ----------
    load
        Brings the engine; for a thread.
    """

    def __init__(
        self,
        verb: str,
        background: Background,
        say: Callable[..., object],
        load: Callable[[], Any],
        parent: QWidget | None = None,
    ):
        super().__init__(verb, say, parent)
        self.background = background
        self.engine: Any = None
        self._load = load
        self._loading = self._wanted = False

    def model(self) -> type[Params]:
        """The class of the parameters."""
        model: type[Params] = self.engine.params
        return model

    def load(self) -> None:
        """Bring the engine, once; then the form is there."""
        if self.engine is None and not self._loading:
            self._loading = True
            self.background.submit(self._load, self._take_engine, self._fail_engine)

    def run(self) -> None:
        """Start; if the engine is on its way, as soon as it is there."""
        if self.engine is None:
            self._wanted = True
            self.load()
        else:
            super().run()

    def _take_engine(self, engine: Any) -> None:
        self.engine = engine
        self.ask_for(self.model())
        self.refresh()
        if self._wanted:
            self._wanted = False
            self.run()

    def _fail_engine(self, error: CryoAIError) -> None:
        self._loading = self._wanted = False
        self.report(error)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self.load()
        return bool(super().event(event))
