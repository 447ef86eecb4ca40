"""The picking job: micrographs to picks, all peaks kept, a threshold suggested."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source, concatenate
from napari_cryoai.jobs.batch import Batch, Store, over_items
from napari_cryoai.jobs.executor import Workers
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.picking.calibration import keeping
from napari_cryoai.picking.detectors import (
    Detect,
    Found,
    by_blobs,
    by_network,
    by_templates,
    load_ahead,
)
from napari_cryoai.picking.diameter import estimate_diameter
from napari_cryoai.picking.junk import lies_in
from napari_cryoai.picking.preprocess import DIAMETER_PX, Prepared, prepare
from napari_cryoai.picking.references import average_picks, load_references
from napari_cryoai.picking.threshold import choose_threshold

DetectorName = Literal["transformer", "blob", "template"]

MICROGRAPHS_FOR_DIAMETER = 3

LARGEST_PX = 8192
"""Side of a prepared micrograph; a larger one would take gigabytes."""


class PickParams(Params):
    """What the picker needs to know."""

    diameter_A: float | None = Field(
        None,
        gt=10,
        lt=2000,
        title="Diameter",
        description="Longest extent of the particle; estimated from the micrographs if not given.",
        json_schema_extra={"unit": "A"},
    )
    detector: DetectorName = Field(
        "transformer",
        title="Detector",
        description="transformer is a trained network, its scores are probabilities; blob looks "
        "for discs of the diameter; template for references.",
    )
    weights: Path | None = Field(
        None,
        title="Weights",
        description="For transformer: a picker that has learned from corrections, or that was "
        "trained anew (.safetensors); the one that comes with the program if not given.",
    )
    references: Path | None = Field(
        None,
        title="References",
        description="For template: class averages (density bright), or a file of picks to average.",
    )
    threshold: float | None = Field(
        None,
        ge=-1,
        le=1,
        title="Threshold",
        description="Score that a kept pick reaches; chosen from the scores if not given.",
    )
    device: str = Field(
        "auto",
        title="Device",
        description="For transformer: auto, cpu, cuda, cuda:1, mps: where to compute.",
    )


@dataclass(frozen=True, eq=False)
class MicrographPicks:
    """What was found on one micrograph; the preview of the job's progress.

    Attributes
    ----------
    name
        Of the micrograph.
    picks
        All peaks down to a low floor, best first, with score, diameter and `in_junk`.
    junk_mask
        bool, over the whole micrograph on a coarse grid.
    threshold
        A threshold for all the micrographs found so far.
    noise_level
        What peaks of noise hardly ever reach on this one; the threshold of a calibrated detector.
    diameter_A
        As given or estimated.
    strangeness
        Above 1 the micrograph is unlike all that the detector has learned from.
    size
        How large the particles look, over the diameter; 1 if the detector cannot say.
    """

    name: str
    picks: PickTable
    junk_mask: NDArray[np.bool_]
    threshold: float
    noise_level: float
    diameter_A: float
    strangeness: float = 0.0
    size: float = 1.0


@dataclass(frozen=True, eq=False)
class PickResult:
    """What the job found.

    Attributes
    ----------
    picks
        All peaks of all micrographs, in the order these were given.
    threshold
        As given, or chosen from all the scores.
    diameter_A
        As given, or estimated.
    problems
        Why micrographs are missing.
    unfamiliar
        Names of the micrographs that are unlike all that the detector has learned from.
    size
        How large the particles look, over the diameter; 1 if the detector cannot say.
    """

    picks: PickTable
    threshold: float
    diameter_A: float
    problems: list[CryoAIError]
    unfamiliar: tuple[str, ...] = ()
    size: float = 1.0


class Frame(NamedTuple):
    """How what is found on the prepared grid lies on the micrograph.

    Attributes
    ----------
    name, shape
        Of the micrograph.
    zoom
        `(2,)` its pixels per pixel of the prepared grid, y and x.
    diameter_px, diameter_A
        Of the particle, on the micrograph.
    """

    name: str
    shape: tuple[int, int]
    zoom: NDArray[np.float64]
    diameter_px: float
    diameter_A: float


def pick(
    params: PickParams,
    micrographs: Sequence[Micrograph],
    *,
    examples: PickTable | None = None,
    store: Store[MicrographPicks] | None = None,
    workers: Workers = 1,
    scheduler: str | None = None,
) -> Job[PickResult]:
    """Find particles on micrographs.

    Parameters
    ----------
    examples
        For the `template` detector: picks to average references from, if `params` names no file.
    store
        Keeps the results of single micrographs, and knows those of a run that was cut short.
    workers, scheduler
        See `jobs.executor.map_items`.

    Yields
    ------
    progress
        One step per micrograph, with a `MicrographPicks` as its preview or the problem it had.

    Returns
    -------
    result
        A `PickResult`.

    Raises
    ------
    CryoAIError
        If no micrograph can be picked at all.
    """
    if not micrographs:
        raise _nothing_to_do()
    yield Progress(0, len(micrographs), "Preparing")
    diameter_A = params.diameter_A or _estimate(micrographs)
    detect = _detector(params, examples, micrographs, diameter_A)
    suggested = SuggestedThreshold(params, len(micrographs))
    batch = yield from over_items(
        partial(pick_micrograph, diameter_A=diameter_A, detect=detect),
        micrographs,
        [m.name for m in micrographs],
        store=store,
        workers=workers,
        scheduler=scheduler,
        preview=partial(_with_threshold, suggested),
    )
    found = batch.ordered()
    picks = concatenate(f.picks for f in found)
    unfamiliar = tuple(f.name for f in found if f.strangeness > 1)
    threshold = common_threshold(params, found)
    size = float(np.median([f.size for f in found]))
    return PickResult(picks, threshold, diameter_A, batch.problems, unfamiliar, size)


def pick_micrograph(
    micrograph: Micrograph, *, diameter_A: float, detect: Detect = by_blobs
) -> MicrographPicks:
    """Find particles on one micrograph.

    Parameters
    ----------
    detect
        One of `detectors`, with what it needs.
    """
    prepared = prepare_micrograph(micrograph, diameter_A)
    diameter_px = diameter_A / micrograph.require_pixel_size()
    frame = Frame(micrograph.name, micrograph.shape, prepared.zoom, diameter_px, diameter_A)
    return described(detect(prepared), frame)


def prepare_micrograph(micrograph: Micrograph, diameter_A: float) -> Prepared:
    """Read a micrograph and prepare it for particles of that diameter.

    Raises
    ------
    CryoAIError
        If it cannot be read, is blank, or the diameter does not go with its size.
    """
    diameter_px = diameter_A / micrograph.require_pixel_size()
    pixels = micrograph.read()
    _check_size(micrograph, diameter_px)
    prepared = prepare(pixels, diameter_px)
    _check_content(micrograph, prepared)
    return prepared


def described(found: Found, frame: Frame) -> MicrographPicks:
    """What a detector found, as picks on the micrograph."""
    yx_px = (found.yx + 0.5) * frame.zoom - 0.5
    picks = PickTable.of_points(
        frame.name,
        yx_px,
        score=found.score,
        diameter_px=frame.diameter_px,
        source=Source.AUTO,
        in_junk=lies_in(found.junk, yx_px, frame.shape),
    )
    threshold = _threshold(picks.score[~picks.in_junk], found.level, calibrated=found.calibrated)
    likely = found.size[found.score >= threshold]
    return MicrographPicks(
        frame.name,
        picks,
        found.junk,
        threshold,
        found.level,
        frame.diameter_A,
        found.strangeness,
        float(np.median(likely)) if len(likely) else 1.0,
    )


def common_threshold(params: PickParams, found: Sequence[MicrographPicks]) -> float:
    """One threshold for a set: that of the parameters, or chosen from all scores together.

    Together, a micrograph with few particles or none does not get a lower one than the others.
    """
    if params.threshold is not None:
        return params.threshold
    scores = np.concatenate([f.picks.score[~f.picks.in_junk] for f in found])
    level = float(np.median([f.noise_level for f in found]))
    return _threshold(scores, level, calibrated=params.detector == "transformer")


class SuggestedThreshold:
    """The threshold of a set while more and more of it is found.

    The more there is, the longer it takes; so it is found anew for every micrograph at first,
    then whenever there are a twentieth more, and for the last one.

    Parameters
    ----------
    total
        Number of micrographs.
    """

    def __init__(self, params: PickParams, total: int):
        self._params, self._total = params, total
        self._threshold, self._next = 0.0, 0

    def of(self, found: Collection[MicrographPicks], failed: int = 0) -> float:
        """The threshold when so many have failed."""
        if len(found) >= self._next or len(found) + failed == self._total:
            self._threshold = common_threshold(self._params, list(found))
            self._next = len(found) + 1 + len(found) // 20
        return self._threshold


def _threshold(scores: NDArray[np.float32], level: float, *, calibrated: bool) -> float:
    return keeping(scores, level) if calibrated else choose_threshold(scores, level)


def _with_threshold(
    suggested: SuggestedThreshold, one: MicrographPicks, batch: Batch[MicrographPicks]
) -> MicrographPicks:
    """With the threshold of all that is found so far."""
    return replace(one, threshold=suggested.of(batch.found.values(), len(batch.problems)))


def _estimate(micrographs: Sequence[Micrograph]) -> float:
    readable: list[tuple[NDArray[Any], float]] = []
    problems: list[CryoAIError] = []
    for micrograph in micrographs:
        try:
            readable.append((micrograph.read(), micrograph.require_pixel_size()))
        except CryoAIError as problem:  # will be reported when its turn comes
            problems.append(problem)
        if len(readable) == MICROGRAPHS_FOR_DIAMETER:
            break
    if problems and not readable:
        raise problems[0]
    return estimate_diameter(readable)


def _detector(
    params: PickParams,
    examples: PickTable | None,
    micrographs: Sequence[Micrograph],
    diameter_A: float,
) -> Detect:
    if params.detector == "transformer":
        load_ahead(params.weights, params.device)
        return partial(by_network, weights=params.weights, device=params.device)
    if params.detector == "template":
        references = _references(params.references, examples, micrographs, diameter_A)
        return partial(by_templates, references=references)
    return by_blobs


def _references(
    path: Path | None,
    examples: PickTable | None,
    micrographs: Sequence[Micrograph],
    diameter_A: float,
) -> NDArray[np.float32]:
    if path is None and examples is not None:
        return average_picks(examples, micrographs, diameter_A)
    return load_references(path, micrographs, diameter_A)


def _check_size(micrograph: Micrograph, diameter_px: float) -> None:
    too_small = max(micrograph.shape) * DIAMETER_PX > LARGEST_PX * diameter_px
    if diameter_px < 6 or too_small or min(micrograph.shape) < 3 * diameter_px:
        raise CryoAIError(
            f"a particle of {diameter_px:.0f} pixels does not go with an image of "
            f"{micrograph.shape[1]} x {micrograph.shape[0]}",
            path=micrograph.path,
            remedy="Check the diameter and the pixel size",
        )


def _check_content(micrograph: Micrograph, prepared: Prepared) -> None:
    if prepared.is_blank:
        raise CryoAIError(
            "has the same value everywhere",
            path=micrograph.path,
            remedy="Repeat the motion correction of this micrograph, or leave it out",
        )


def _nothing_to_do() -> CryoAIError:
    return CryoAIError("there are no micrographs to pick", remedy="Open some first")
