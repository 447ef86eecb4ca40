"""The job that takes two half maps to a denoised map, and judges it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import torch
from pydantic import Field
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap, check_same_grid
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress, part
from napari_cryoai.jobs.waiting import beside, waiting
from napari_cryoai.maps.checks import check_input
from napari_cryoai.maps.chessboard import FineTuned
from napari_cryoai.maps.denoised import Denoised, Denoiser
from napari_cryoai.maps.denoisers import Model, denoiser
from napari_cryoai.maps.fine_tune import Tuning, fine_tune, told_of
from napari_cryoai.maps.learned import LearnedDenoiser
from napari_cryoai.maps.rescue import rescue
from napari_cryoai.maps.validate import validate
from napari_cryoai.maps.verdict import Verdict, not_verifiable

PEAK_BYTES = 72
"""Of memory for each voxel of a large box, measured at 600 voxels along a side."""
FIRST, LEARNED = 15, 60
"""Per cent of a run with its judge that denoising takes, and fine-tuning before it."""


class DenoiseParams(Params):
    """How to denoise a map."""

    model: Model = Field(
        "unet",
        title="Model",
        description="unet, equivariant, autoencoder: networks; wiener, local-snr: filters.",
    )
    rescue: bool = Field(
        True,
        title="Keep what both halves show",
        description="Bring back density that was removed though both half maps have it.",
    )
    fine_tune: bool = Field(
        False,
        title="Fine-tune on this map",
        description="Let the network learn from these half maps first, half 2 from half 1 and "
        "back; takes a minute or more.",
    )
    judge: bool = Field(
        True,
        title="Judge",
        description="Test what was invented or lost; takes several times as long as denoising.",
    )
    weights: Path | None = Field(
        None, title="Weights", description="Of a network that you have trained (.safetensors)."
    )
    device: str = Field(
        "auto", title="Device", description="auto, cpu, cuda, cuda:1, mps: where to compute."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Of the random phases of the tests.")


@dataclass(frozen=True, eq=False)
class DenoisedMap:
    """A map after denoising, on the grid that it came on.

    Attributes
    ----------
    full
        The mean of the denoised halves, or the single map.
    confidence
        From 0 to 1: the correlation with the truth to expect around a voxel.
    half1, half2
        Denoised, if there were two.
    verdict
        Of the judge, if it was asked.
    """

    full: DensityMap
    confidence: DensityMap
    half1: DensityMap | None = None
    half2: DensityMap | None = None
    verdict: Verdict | None = None


def denoise(
    params: DenoiseParams,
    half1: DensityMap,
    half2: DensityMap | None,
    mask: DensityMap | None = None,
) -> Job[DenoisedMap]:
    """Denoise two half maps, each alone; or a single map, whose result nobody can verify.

    Parameters
    ----------
    half2
        None for a single map.
    mask
        Soft, on the same grid: where the FSC is taken. Nothing is cut off by it.

    Yields
    ------
    progress
        In steps.

    Raises
    ------
    CryoAIError
        If the maps do not lie on one grid, hold no molecule, or are too large for this machine; if
        the weights cannot be read; or if what is to be fine-tuned is a filter, or a single map.
    """
    _check_memory(half1.data.size)
    for other, what in ((half2, "half maps"), (mask, "map and mask")):
        if other is not None:
            check_same_grid(half1, other, what=what)
    soft = None if mask is None else torch.from_numpy(mask.data)
    first, second = (torch.from_numpy(m.data) for m in (half1, half2 or half1))
    check_input(first, second)
    yield Progress(0, 100, "Denoising")
    base = _denoiser(params, soft)
    if half2 is None:
        return (yield from _single(base, params, half1))
    tuning, begun = None, 1
    if params.fine_tune:
        learning = _learning(base, first, second, half1.pixel_size_A, params.seed)
        base, tuning = yield from part(beside(learning), begun, LEARNED)
        begun = LEARNED
    method = _complete(params, base, soft)
    work = partial(method, first, second, half1.pixel_size_A)
    found = yield from waiting(work, Progress(begun, 100, "Denoising"))
    verdict = None
    # A mask that is given belongs to the map as it lies: where that is turned, so must it be.
    again = None if soft is None else partial(_masked, params, base)
    if params.judge:
        judging = validate(
            method,
            first,
            second,
            half1.pixel_size_A,
            soft,
            seed=params.seed,
            denoised=found,
            remasked=again,
        )
        verdict = yield from part(beside(judging), max(begun, FIRST), 100)
        verdict = verdict if tuning is None else told_of(verdict, tuning)
    return DenoisedMap(
        _placed(half1, found.full),
        _placed(half1, found.confidence),
        half1=_placed(half1, found.half1),
        half2=_placed(half2, found.half2),
        verdict=verdict,
    )


def _check_memory(voxels: int) -> None:
    """Refuse a box that this machine cannot hold, before it is killed for it."""
    needed, there = PEAK_BYTES * voxels, psutil.virtual_memory().total
    if needed > there:
        raise CryoAIError(
            f"maps of this size take {needed / 2**30:.0f} GiB of memory to denoise, and this "
            f"machine has {there / 2**30:.0f} GiB",
            remedy="Crop both half maps to the molecule, alike (panel Map, section Edit and save)",
        )


def _denoiser(params: DenoiseParams, mask: Tensor | None) -> Denoiser:
    return denoiser(params.model, mask=mask, weights=params.weights, device=params.device)


def _complete(params: DenoiseParams, method: Denoiser, mask: Tensor | None) -> Denoiser:
    """The denoiser with what goes with it."""
    return partial(_with_rescue, method, mask, params.seed) if params.rescue else method


def _masked(params: DenoiseParams, base: Denoiser, mask: Tensor) -> Denoiser:
    """The same for another mask."""
    method = replace(base, mask=mask) if isinstance(base, LearnedDenoiser) else base
    return _complete(params, method, mask)


def _learning(
    method: Denoiser, half1: Tensor, half2: Tensor, pixel_size_A: float, seed: int
) -> Job[tuple[FineTuned, Tuning]]:
    if not isinstance(method, LearnedDenoiser):
        raise CryoAIError(
            "a filter has nothing to learn", remedy="Choose a network, or do without fine-tuning"
        )
    return fine_tune(method, half1, half2, pixel_size_A, seed=seed)


def _single(method: Denoiser, params: DenoiseParams, map_: DensityMap) -> Job[DenoisedMap]:
    if not isinstance(method, LearnedDenoiser):
        raise CryoAIError(
            "this model needs two half maps", remedy="Give both, or choose the model unet"
        )
    if params.fine_tune:
        raise CryoAIError(
            "fine-tuning needs two half maps", remedy="Give both, or do without fine-tuning"
        )
    work = partial(method.single, torch.from_numpy(map_.data), map_.pixel_size_A)
    density, confidence = yield from waiting(work, Progress(1, 100, "Denoising"))
    return DenoisedMap(_placed(map_, density), _placed(map_, confidence), verdict=not_verifiable())


def _with_rescue(
    method: Denoiser,
    mask: Tensor | None,
    seed: int,
    half1: Tensor,
    half2: Tensor,
    pixel_size_A: float,
) -> Denoised:
    found = method(half1, half2, pixel_size_A)
    return rescue(found, half1, half2, pixel_size_A, mask=mask, seed=seed).denoised


def _placed(like: DensityMap, values: Tensor) -> DensityMap:
    return like.with_data(np.ascontiguousarray(values.cpu().numpy(), np.float32))
