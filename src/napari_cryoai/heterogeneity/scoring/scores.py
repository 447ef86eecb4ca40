"""What a latent space and its maps score against the truth of a simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.heterogeneity.poses.errors import PoseErrors
from napari_cryoai.heterogeneity.scoring.latent_scores import LatentScores
from napari_cryoai.heterogeneity.scoring.map_scores import DifferenceScores, FscScores

Floats = NDArray[np.float64]

KNOWN = 0.05
"""Share of the variance of the true coordinates from which on a latent space knows the states."""
COLUMNS = (
    *("particle", "state", "auc", "resolution_px", "consensus_auc", "masked_auc"),
    "difference_correlation",
)
"""Of the table of images."""


@dataclass(frozen=True, eq=False)
class HeterogeneityScores:
    """Maps at the places of some images, and the latent space, against the truth.

    Attributes
    ----------
    fsc
        Of the maps.
    consensus
        Of one map for all images in their place: the floor. It is the mean of the maps, or one that
        was given.
    true_consensus
        Of the mean of the true maps: the best that one map can do.
    masked, masked_consensus
        As the first two, in a mask around all true states.
    difference
        Of the maps and their mean, against the truth's.
    latent
        Of the latent space; None if nobody gave one.
    n_states
        States in the truth.
    low_pass_A
        Where differences were cut off.
    particles, conformers
        `(m,)` the images that were drawn, as rows of the truth, and their states.
    poses
        Where they were found too.
    """

    fsc: FscScores
    consensus: FscScores
    true_consensus: FscScores
    masked: FscScores
    masked_consensus: FscScores
    difference: DifferenceScores
    latent: LatentScores | None
    n_states: int
    low_pass_A: float
    particles: NDArray[np.int64]
    conformers: NDArray[np.int64]
    poses: PoseErrors | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers: means and standard deviations over the images; None for what is none."""
        found: dict[str, Any] = {"images": len(self.fsc.auc), "states": self.n_states}
        for name in ("fsc", "consensus", "true_consensus", "masked", "masked_consensus"):
            scores: FscScores = getattr(self, name)
            found[name] = {
                **_spread(scores.auc, "auc"),
                **_spread(scores.resolution_px, "resolution_px"),
                "resolution_px_median": float(np.median(scores.resolution_px)),
            }
        found["difference"] = {
            **_spread(self.difference.correlation, "correlation"),
            "amplitude": _number(self.difference.amplitude),
            "variation": _number(self.difference.variation),
            "true_variation": _number(self.difference.true_variation),
            "low_pass_A": self.low_pass_A,
        }
        if self.latent:
            found["latent"] = {name: _number(v) for name, v in vars(self.latent).items()}
        if self.poses:
            found["poses"] = {
                "median_angle_deg": self.poses.median_angle_deg,
                "median_shift_A": self.poses.median_shift_A,
                "mirrored": self.poses.is_mirrored,
            }
        found["verdict"] = self.verdict()
        return found

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A table as text: header, then one row for each image that was drawn."""
        yield COLUMNS
        columns = (
            *(self.fsc.auc, self.fsc.resolution_px, self.consensus.auc, self.masked.auc),
            self.difference.correlation,
        )
        for particle, state, *values in zip(
            self.particles.tolist(), self.conformers.tolist(), *columns, strict=True
        ):
            yield (str(particle + 1), str(state + 1), *(f"{value:.5f}" for value in values))

    def verdict(self) -> str:
        """What the scores say, in a sentence."""
        told = self.latent.explained if self.latent else float("nan")
        if self.n_states == 1:
            moves = 100 * self.difference.variation
            return f"The truth is one map; the maps vary by {moves:.1f} % of their mean, all noise"
        above = self.fsc.auc - self.consensus.auc
        if above.mean() > 2 * above.std() / np.sqrt(len(above)):
            return "The maps are nearer to the truth than one map for all images"
        if told > KNOWN:
            return "The latent space knows the states, but the maps are no better than one for all"
        return "No better than one map for all images: no heterogeneity was found"


def _spread(values: Floats, name: str) -> dict[str, float | None]:
    good = values[np.isfinite(values)]
    if not len(good):
        return {name: None, f"{name}_sd": None}
    return {name: float(good.mean()), f"{name}_sd": float(good.std())}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
