"""From two sources to maps that can be shown: reads, denoises, and looks at what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryoai.core.contour import Contour, contour_of
from napari_cryoai.core.density_map import DensityMap, check_same_grid
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.jobs.record import write_record
from napari_cryoai.ui.maps.colouring import Colouring, limits_of
from napari_cryoai.ui.maps.sources import Source

if TYPE_CHECKING:
    from napari_cryoai.maps.denoise import DenoisedMap

Looked = tuple[DensityMap, Contour]
DenoiseJob = Callable[[Any, DensityMap, DensityMap | None, DensityMap | None], Job[Any]]


@dataclass(frozen=True)
class Engine:
    """What denoises: the class of its parameters, and the job."""

    params: type[Params]
    job: DenoiseJob


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is denoised; without a second half it cannot be judged."""

    half1: Source
    half2: Source | None
    mask: Source | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """A denoised map, ready to be shown beside the raw one.

    Attributes
    ----------
    params, inputs
        How and from what it was made.
    result
        As the job returned it.
    raw, denoised
        The mean of the raw halves, and what became of it.
    colourings
        By which the denoised surface can be coloured.
    seconds
        That it took.
    """

    params: Params
    inputs: Inputs
    result: DenoisedMap
    raw: Looked
    denoised: Looked
    colourings: Mapping[str, Colouring]
    seconds: float


def load_engine() -> Engine:
    """The real one; for a thread, because it brings torch along."""
    from napari_cryoai.maps.denoise import DenoiseParams, denoise

    return Engine(DenoiseParams, denoise)


def denoise_sources(engine: Engine, params: Params, inputs: Inputs) -> Job[Outcome]:
    """Read the maps, denoise them, and look at the result; see `Outcome`."""
    start = time.perf_counter()
    yield Progress(0, 100, "Reading the maps")
    half1, half2, mask = _read(inputs)
    result = yield from engine.job(params, half1, half2, mask)
    raw = half1 if half2 is None else half1.with_data((half1.data + half2.data) / 2)
    seen = [_looked(raw), _looked(result.full)]
    colourings = colourings_of(result, seen[1][1].suggested)
    seconds = time.perf_counter() - start
    return Outcome(params, inputs, result, seen[0], seen[1], colourings, seconds)


def colourings_of(result: DenoisedMap, level: float) -> dict[str, Colouring]:
    """What is known of each voxel of a denoised map."""
    full = result.full
    found = [
        Colouring(
            "Confidence", result.confidence, (0.0, 1.0), "good is high",
            meaning=("doubtful", "sure"),
        )
    ]  # fmt: skip
    verdict = result.verdict
    if verdict is not None and verdict.invented is not None:
        density = full.with_data(np.asarray(verdict.invented.cpu(), np.float32))
        found.append(
            Colouring(
                "Invented density", density, (0.0, 1.0), "any is bad",
                meaning=("in the data", "invented"),
            )
        )  # fmt: skip
    if verdict is not None and verdict.spread is not None:
        density = full.with_data(np.asarray(verdict.spread.cpu(), np.float32))
        # A spread far below the level changes no surface: it is not to look like an alarm.
        high = max(limits_of(density, full, level)[1], 0.2 * abs(level))
        found.append(
            Colouring(
                "Spread over rotations", density, (0.0, high), "any is bad",
                meaning=("steady", "uncertain"),
            )
        )  # fmt: skip
    return {colouring.name: colouring for colouring in found}


def local_resolution_of(
    half1: Source, half2: Source, inside: DensityMap, level: float
) -> Colouring:
    """Resolution around each voxel of two half maps; for a thread."""
    import torch  # it takes seconds to load, and a viewer of maps does without

    from napari_cryoai.physics.local_resolution import local_resolution

    one, two, _ = _read(Inputs(half1, half2, None))
    assert two is not None  # noqa: S101 - it was asked for
    found = local_resolution(
        torch.from_numpy(one.data), torch.from_numpy(two.data), one.pixel_size_A
    )
    density = one.with_data(found.numpy())
    return Colouring(
        "Local resolution", density, limits_of(density, inside, level), "good is low", "Å",
        ("fine", "coarse"),
    )  # fmt: skip


def write_outcome(folder: Path, outcome: Outcome) -> str:
    """Write all maps, the report and the record into a folder; returns that, in a sentence."""
    from napari_cryoai.maps.output import write_denoised

    written = write_denoised(outcome.result, folder)
    inputs = (outcome.inputs.half1, outcome.inputs.half2, outcome.inputs.mask)
    write_record(
        folder,
        "denoise map",
        outcome.params,
        inputs=[source.file for source in inputs if source is not None and source.file],
        outputs=written,
        seed=getattr(outcome.params, "seed", None),
        device=getattr(outcome.params, "device", "cpu"),
        seconds=outcome.seconds,
    )
    return f"Wrote {len(written)} files to {folder}"


def _read(inputs: Inputs) -> tuple[DensityMap, DensityMap | None, DensityMap | None]:
    half1 = inputs.half1.read()
    others = []
    for source, what in ((inputs.half2, "half maps"), (inputs.mask, "half map and the mask")):
        other = source.read() if source is not None else None
        if other is not None:
            # Many programs write no origin: maps of the same box belong together all the same.
            other = replace(other, origin_A=half1.origin_A)
            check_same_grid(half1, other, what=what)
        others.append(other)
    half2, mask = others
    if half2 is not None and np.array_equal(half1.data, half2.data):
        raise CryoAIError(
            "the two half maps are the same", remedy="Choose two independent half maps"
        )
    return half1, half2, mask


def _looked(density: DensityMap) -> Looked:
    # Both are looked up later, in the main thread, which must not wait for them.
    _ = density.mean, density.sigma
    return density, contour_of(density)
