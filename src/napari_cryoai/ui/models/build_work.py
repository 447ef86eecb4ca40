"""From a map and sequences to a model that can be shown: builds, scores, and draws."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_cryoai.core.atomic_model import Polymer
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.trace import Trace
from napari_cryoai.io.models import model_of_trace
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.ui.models.drawing import draw
from napari_cryoai.ui.models.opening import content_of
from napari_cryoai.ui.models.session import Content

if TYPE_CHECKING:
    from napari_cryoai.building.build import Built

Polymers = tuple[Polymer, ...]
BuildJob = Callable[[Any, DensityMap, Polymers], Job[Any]]
_BUILT = 96
"""Per cent of the work that are done once the model is built, and before it is scored."""


@dataclass(frozen=True)
class Engine:
    """What builds: the class of its parameters, and the job."""

    params: type[Params]
    job: BuildJob


@dataclass(frozen=True, eq=False)
class Outcome:
    """A model, ready to be shown in its map.

    Attributes
    ----------
    built
        As the job returned it.
    content
        With Q-scores, and its ribbon.
    density
        The map.
    seconds
        That it took.
    """

    params: Params
    polymers: Polymers
    density: DensityMap
    built: Built
    content: Content
    seconds: float


def load_engine() -> Engine:
    """The real one; for a thread, because it brings torch along."""
    from napari_cryoai.building.build import BuildParams, build

    return Engine(BuildParams, build)


def build_model(
    engine: Engine, params: Params, density: DensityMap, polymers: Polymers
) -> Job[Outcome]:
    """Build a model, score it, and draw it; see `Outcome`.

    The preview of a progress is a `Content` once there is a trace.
    """
    from napari_cryoai.building.edit import Editor
    from napari_cryoai.maps.qscore import with_q_scores

    start = time.perf_counter()
    job = engine.job(params, density, polymers)
    built = yield from _drawn(job)
    yield Progress(_BUILT, 100, "Scoring")
    model = with_q_scores(built.model, density)
    yield Progress(99, 100, "Drawing")
    content = content_of(model, Editor.of_built(built))
    yield Progress(100, 100, "Done")
    return Outcome(params, polymers, density, built, content, time.perf_counter() - start)


def _drawn(job: Job[Any]) -> Job[Any]:
    """The same job, with what is traced drawn for the preview."""
    try:
        while True:
            try:
                progress = next(job)
            except StopIteration as end:
                return end.value
            preview = progress.preview
            drawn = content_of_trace(preview) if isinstance(preview, Trace) else None
            done = progress.done * _BUILT / max(progress.total, 1)
            yield Progress(round(done), 100, progress.message, drawn)
    finally:
        job.close()


def content_of_trace(trace: Trace) -> Content:
    """A trace as a model, one chain for each fragment."""
    model = model_of_trace(trace)
    return Content(model, draw(model, trace.fragments()))
