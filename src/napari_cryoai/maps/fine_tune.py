"""Teaching a denoiser on the map that it is to denoise: half 2 from half 1, and half 1 from half 2.

The noise of the other half cannot be foretold, so that a network which does its best to foretell it
gives the signal (Lehtinen et al. 2018, ICML, 2965). Answer and other half are compared in the
shells where a network has something to say: those that are neither clear already nor all noise.
Which of two networks learns from what is told in `chessboard.py`.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.devices import knows_bfloat16
from napari_cryoai.jobs.progress import Job, Progress, part
from napari_cryoai.maps.chessboard import FineTuned, cell_size, well_inside
from napari_cryoai.maps.evidence import TRUSTED, Evidence
from napari_cryoai.maps.learned import LearnedDenoiser
from napari_cryoai.maps.network import MapNetwork
from napari_cryoai.maps.standard import PIXEL_A, fsc_bins, standardise, to_grid
from napari_cryoai.maps.verdict import Finding, Verdict
from napari_cryoai.nets.octahedral import ORDER, turned
from napari_cryoai.nets.trainer import Trainer
from napari_cryoai.physics.fourier import to_fourier, to_real

STEPS, BATCH, PEAK = 60, 2, 1e-4
"""At most, crops in each, and the highest learning rate: a tenth of that of a training."""

EVERY, HELD = 15, 8
"""Steps between two looks at so many crops of what is not learned from; the best look counts."""

CROP_PX, RIM_PX = 48, 4
"""Of what is shown; its rim is not compared, for there the filter of the shells ends."""

FEWEST = 500
"""Voxels of the molecule that have to lie well inside cells of either colour."""

AVERAGE = 0.95
"""Share of the averaged weights that stays at each step."""


@dataclass(frozen=True)
class Tuning:
    """What came of it.

    Attributes
    ----------
    steps
        Whose weights are used, for each network; 0 are those it began with.
    before, after
        Squared difference from the other half where the networks have not learned, and noise of
        that half in it: the mean over both.
    """

    steps: tuple[int, int]
    before: float
    after: float

    @property
    def gain(self) -> float:
        """Share of the difference, noise included, that went away."""
        return 1 - self.after / self.before


def told_of(verdict: Verdict, tuning: Tuning) -> Verdict:
    """A verdict that says what the network had learned from, and what that brought."""
    brought = (
        f"its difference from the other half fell by {tuning.gain:.1%}, noise included."
        if any(tuning.steps)
        else "it brought nothing, and the weights stay as they came."
    )
    text = (
        "The network was fine-tuned on these half maps, for each part of the map on other parts, "
        f"so that no noise was learned where it would count: {brought}"
    )
    figures = {"fine_tuning_gain": tuning.gain, "fine_tuning_steps": float(sum(tuning.steps))}
    return replace(
        verdict,
        findings=(*verdict.findings, Finding("fine-tuning", "ok", text)),
        figures={**verdict.figures, **figures},
    )


class _Crops(NamedTuple):
    """Densities and contrasts seen, what the answer is compared with, and where: `(b, d, h, w)`."""

    density: Tensor
    contrast: Tensor
    target: Tensor
    where: Tensor


@dataclass(frozen=True, eq=False)
class _Lesson:
    """Two standardised halves `(2, nz, ny, nx)`, what they are compared with, and what is known."""

    density: Tensor
    contrast: Tensor
    target: Tensor
    known: Evidence
    mask: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.mask.shape)

    @property
    def side(self) -> int:
        """Of the crops."""
        return min(CROP_PX, min(self.shape) // 4 * 4)

    def crops(self, region: Tensor, count: int, rng: np.random.Generator) -> _Crops:
        """Around places of a region, in any of the 24 orientations, from half 1 or half 2."""
        places = np.argwhere(region.numpy())
        drawn = [self._crop(region, c, rng) for c in rng.choice(places, count)]
        return _Crops(*map(torch.stack, zip(*drawn, strict=True)))

    def _crop(
        self, region: Tensor, centre: NDArray[np.intp], rng: np.random.Generator
    ) -> list[Tensor]:
        start = np.clip(centre - self.side // 2, 0, np.array(self.shape) - self.side).tolist()
        inside = tuple(slice(s, s + self.side) for s in start)
        seen, rotation = int(rng.integers(2)), int(rng.integers(ORDER))
        wanted = (self.density[seen], self.contrast[seen], self.target[1 - seen], region.float())
        return [turned(values[inside], rotation) for values in wanted]

    def loss(self, network: MapNetwork, crops: _Crops) -> Tensor:
        """Squared difference of the answer and the other half, shells weighted by `_weight`."""
        device = next(network.parameters()).device
        density, contrast, target, where = (values.to(device) for values in crops)
        bins = fsc_bins(self.known).to(device).expand(len(density), -1)
        with torch.autocast(device.type, torch.bfloat16, enabled=knows_bfloat16(device)):
            answer = network(density, contrast, bins).density
        shape = density.shape[1:]
        weight = self.known.on(_weight(self.known), shape, PIXEL_A).to(device)
        weighted = to_real(to_fourier(answer.float(), 3) * weight, shape)
        inner = (slice(None), *(slice(RIM_PX, -RIM_PX),) * 3)
        where = where[inner]
        squared = (weighted - target)[inner].square()
        return (where * squared).sum() / where.sum().clamp(min=1)


def fine_tune(
    denoiser: LearnedDenoiser, half1: Tensor, half2: Tensor, pixel_size_A: float, *, seed: int
) -> Job[tuple[FineTuned, Tuning]]:
    """Go on training the network of a denoiser on two half maps.

    Parameters
    ----------
    half1, half2
        `(nz, ny, nx)` raw.
    seed
        Of the order of what is shown.

    Yields
    ------
    progress
        In steps.

    Raises
    ------
    CryoAIError
        If the molecule is too small for its resolution to be cut into parts.
    """
    lesson = _lesson(denoiser, half1, half2, pixel_size_A)
    cell_A = cell_size(lesson.known.resolution_A)
    molecule = lesson.mask > 0.5
    black, white = (region & molecule for region in well_inside(lesson.shape, cell_A))
    if min(int(black.sum()), int(white.sum())) < FEWEST:
        raise CryoAIError(
            "the molecule is too small for its resolution to learn from one part for another",
            remedy="Denoise it without fine-tuning",
        )
    one = yield from part(_learn(denoiser.network, lesson, black, white, seed), 0, 50)
    two = yield from part(_learn(denoiser.network, lesson, white, black, seed), 50, 100)
    tuned = FineTuned(
        **vars(denoiser),
        tuned=(one.network, two.network),
        cell_A=cell_A,
    )
    before, after = (one.before + two.before) / 2, (one.after + two.after) / 2
    return tuned, Tuning((one.step, two.step), before, after)


@dataclass(frozen=True, eq=False)
class _Learned:
    """A network at its best look, and the loss on what it has not learned from."""

    network: MapNetwork
    step: int
    before: float
    after: float


def _learn(
    network: MapNetwork, lesson: _Lesson, own: Tensor, held: Tensor, seed: int
) -> Job[_Learned]:
    """Learn from one region, until what is foretold of the other gets no better."""
    look = lesson.crops(held, HELD, np.random.default_rng((seed, 1)))
    rng = np.random.default_rng(seed)
    learner = deepcopy(network).requires_grad_(True)
    trainer = Trainer(learner, peak=PEAK, decay=0.0, average=AVERAGE)
    before = _looked(lesson, network, look)
    best = _Learned(network, 0, before, before)
    for step in range(1, STEPS + 1):
        yield Progress(step - 1, STEPS, "Learning from the half maps")
        crops = lesson.crops(own, BATCH, rng)
        trainer.step(partial(lesson.loss, learner, crops), step / STEPS)
        if step % EVERY:
            continue
        averaged: MapNetwork = trainer.averaged  # type: ignore[assignment]
        after = _looked(lesson, averaged, look)
        if after >= best.after:
            break
        best = _Learned(deepcopy(averaged), step, before, after)
    return best


@torch.inference_mode()
def _looked(lesson: _Lesson, network: MapNetwork, crops: _Crops) -> float:
    return float(lesson.loss(network, crops))


def _lesson(
    denoiser: LearnedDenoiser, half1: Tensor, half2: Tensor, pixel_size_A: float
) -> _Lesson:
    given = denoiser.prepared(half1, half2, pixel_size_A)
    seen = [standardise(half, given.known, pixel_size_A) for half in given.halves]
    density, contrast = (
        torch.stack([getattr(one, name) for one in seen]) for name in ("density", "contrast")
    )
    known, shape = given.known, density.shape[1:]
    # The networks are shown shells that have the FSC as their weight.
    ratio = known.on(_weight(known) / known.fsc.clamp(min=TRUSTED), shape, PIXEL_A)
    target = to_real(to_fourier(density, 3) * ratio, shape)
    return _Lesson(density, contrast, target, known, to_grid(given.mask, shape))


def _weight(known: Evidence) -> Tensor:
    """`(k,)` of the shells."""
    return (known.fsc * (1 - known.fsc)).sqrt()
