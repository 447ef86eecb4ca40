"""The switch that draws the free energy of states over the particles, and finds it when asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QObject

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.ui.kit.jobs import JobRunner
from napari_cryoai.ui.latent.energy import FreeEnergy
from napari_cryoai.ui.latent.plane import Plane
from napari_cryoai.ui.latent.scatter import LatentScatter
from napari_cryoai.ui.latent.session import LatentSession

NOT_FLAT = "The free energy is one of places: choose coordinates (z) or components (PC) as axes"


class LandscapeOverlay(QObject):
    """Keeps what the plot shows of the free energy in step with its axes.

    Parameters
    ----------
    say
        Puts up a message.
    """

    def __init__(self, session: LatentSession, scatter: LatentScatter, say: Callable[..., object]):
        super().__init__(scatter)
        self.session, self.scatter, self.say = session, scatter, say
        self.on = False
        self.runner = JobRunner(self)
        self._known: dict[tuple[str, str], FreeEnergy] = {}
        self._wanted: Plane | None = None
        self.runner.progressed.connect(self._on_progress)
        self.runner.done.connect(self._take)
        self.runner.failed.connect(self._fail)
        scatter.hovered.connect(self._on_hover)
        session.opened.connect(self._on_opened)
        session.plane_changed.connect(self.refresh)

    def switch(self, on: bool) -> None:
        """Show it, or not."""
        self.on = on
        self.refresh()

    def refresh(self) -> None:
        """Show what is known of these axes, or begin to find it."""
        self.runner.cancel()
        self.scatter.set_note("")
        self.scatter.set_energy(None)
        if not self.on or self.session.source is None:
            return
        plane = self.session.plane
        if plane.axes is None:
            self.scatter.set_note(NOT_FLAT)
        elif (known := self._known.get(_names(plane))) is not None:
            self.scatter.set_energy(known)
        else:
            self._wanted = plane
            self.runner.start(partial(found_in, self.session.model.table, plane))

    def _take(self, found: FreeEnergy) -> None:
        if self._wanted is not None and self._wanted is self.session.plane:
            self._known[_names(self._wanted)] = found
            self.scatter.set_note("")
            self.scatter.set_energy(found)

    def _fail(self, error: Any) -> None:
        self.scatter.set_note("")
        self.say(str(error), "error")

    def _on_progress(self, progress: Progress) -> None:
        self.scatter.set_note(f"Free energy: {100 * progress.done // progress.total} %")

    def _on_hover(self, point: Any) -> None:
        energy = self.scatter.energy
        if energy is not None:
            self.scatter.set_note("" if point is None else energy.text(point))

    def _on_opened(self) -> None:
        self._known.clear()
        self.refresh()


def found_in(table: LatentTable, plane: Plane) -> Job[FreeEnergy]:
    """The free energy in a flat plane.

    Raises
    ------
    CryoAIError
        If there are too few particles.
    """
    from napari_cryoai.heterogeneity.analysis.landscape import landscape_job

    assert plane.axes is not None  # noqa: S101 - callers have checked
    yield Progress(0, 100, "Density of true places")
    found = yield from landscape_job(table, plane.axes)
    return FreeEnergy.of(found)


def _names(plane: Plane) -> tuple[str, str]:
    return plane.x.name, plane.y.name
