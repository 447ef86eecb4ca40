"""Components at the resolution that explains held-out images best.

One half of the images judges the components that the other half gave: the resolution is raised for
as long as they explain images better that had no part in them, and where they never do, there is
nothing to explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.halves import Rows
from napari_cryoai.heterogeneity.engines.checkpoint import Checkpoint
from napari_cryoai.heterogeneity.engines.encoding import encoded
from napari_cryoai.heterogeneity.engines.fit import Fit, begun, finer, improved, part_of
from napari_cryoai.heterogeneity.engines.images import FourierImages
from napari_cryoai.heterogeneity.engines.posterior import Prior
from napari_cryoai.jobs.progress import Job, part

PART = "components"
"""Of a training, as its checkpoint calls it."""
FIRST, STEP = 0.25, 1.4
"""Resolution at which components are first looked for, in the highest there is, and its growth."""
ROUNDS, MORE_ROUNDS, LAST_ROUNDS = 14, 6, 6
STAGES = (8, 20, 32, 45, 58, 70)
"""Progress, in per cent, at the end of the beginning and of every resolution that is tried."""
WORTH = 1.02
"""By how much held-out images have to be likelier for a higher resolution to be worth its noise."""
SURE = 4.0
"""Standard errors by which the held-out gain has to exceed 0."""


@dataclass(frozen=True)
class HeldOut:
    """What components of one half of the images say of the other half.

    Attributes
    ----------
    gain
        Nats for each image, by which it is likelier with the components than without.
    error
        Standard error of that.
    """

    gain: float
    error: float

    @property
    def found(self) -> bool:
        """Whether there is anything."""
        return self.gain > SURE * self.error

    def text(self) -> str:
        """In words."""
        figure = f"{self.gain:.3f} +- {self.error:.3f} nats per particle on held-out images"
        if self.found:
            return f"Heterogeneity found: {figure}"
        return f"No structure in z beyond noise: {figure}"


@dataclass(eq=False)
class Search:
    """Components whose resolution is being raised.

    Attributes
    ----------
    fit
        Under way.
    best
        The best so far, and how well it does.
    stage
        Number of the resolution that is tried; as many as there are in the last rounds.
    rounds
        Made in this stage.
    """

    fit: Fit
    best: tuple[HeldOut, Fit] | None = None
    stage: int = 0
    rounds: int = 0

    @property
    def over(self) -> bool:
        """Whether the resolution is settled."""
        return self.stage >= len(STAGES) - 1

    def improve(self, rows: Rows, rounds: int, kept: Checkpoint) -> Job[None]:
        """What is left of so many rounds."""
        for number in range(self.rounds, rounds):
            yield from part_of(improved(self.fit, rows), number, rounds)
            self.rounds = number + 1
            kept.keep(PART, self.state)

    def judge(self, found: HeldOut) -> None:
        """Go on to a higher resolution, or settle for the best."""
        self.fit.rounds[-1]["held_out_gain"] = found.gain
        self.rounds, worse = 0, self.best and found.gain < WORTH * self.best[0].gain
        if not worse:
            self.best = found, self.fit
        now = self.fit.radius
        radius = min(self.fit.images.radius, round(STEP * now))
        self.stage += 1
        if worse or radius <= now or not found.found or self.over:
            assert self.best is not None  # noqa: S101 - there is at least this one
            self.fit, self.stage = self.best[1], len(STAGES) - 1
        else:
            self.fit = finer(self.fit, radius)

    def state(self) -> dict[str, Any]:
        """For `of_state`."""
        best = None
        if self.best is not None:
            held_out, fit = self.best
            best = {"gain": held_out.gain, "error": held_out.error, "fit": fit.state()}
        noise = self.fit.images.noise
        return {"fit": self.fit.state(), "best": best, "noise": noise,
                "stage": self.stage, "rounds": self.rounds}  # fmt: skip

    @classmethod
    def of_state(cls, images: FourierImages, prior: Prior, state: dict[str, Any]) -> Search:
        """The search as it was when its state was taken."""
        images.noise = state["noise"].to(images.device)
        fit, best = Fit.of_state(images, prior, state["fit"]), None
        if state["best"] is not None:
            told = state["best"]
            held_out = HeldOut(float(told["gain"]), float(told["error"]))
            best = held_out, Fit.of_state(images, prior, told["fit"])
            best[1].rounds = fit.rounds  # one list tells of all resolutions
        return cls(fit, best, int(state["stage"]), int(state["rounds"]))


def searched(
    images: FourierImages,
    halves: tuple[Rows, Rows],
    components: int,
    contrast_sd: float,
    seed: int,
    mask: DensityMap | None,
    kept: Checkpoint,
) -> Job[tuple[Fit, HeldOut]]:
    """Components of the first half at the resolution that the second judges best, then of all."""
    one, other = halves
    prior = Prior.of(components, contrast_sd, images.device)
    search = kept.state(PART, lambda state: Search.of_state(images, prior, state))
    if search is None:
        radius = max(4, round(FIRST * images.radius))
        begin = begun(images, one, radius, components, contrast_sd, seed, mask)
        search = Search((yield from part(begin, 0, STAGES[0])))
    for stage, (start, end) in enumerate(pairwise(STAGES)):
        if stage == search.stage:
            rounds = MORE_ROUNDS if stage else ROUNDS
            yield from part(search.improve(one, rounds, kept), start, end - 1)
            search.judge((yield from part(_judged(search.fit, other), end - 1, end)))
    everyone = np.arange(len(images))
    yield from part(search.improve(everyone, LAST_ROUNDS, kept), STAGES[-1], 100)
    assert search.best is not None  # noqa: S101 - the first resolution has been judged
    return search.fit, search.best[0]


def _judged(fit: Fit, other: Rows) -> Job[HeldOut]:
    found = yield from encoded(fit, other)
    gain = found.gain.double()
    return HeldOut(float(gain.mean()), float(gain.std() / len(other) ** 0.5))
