"""The `covariance` method: principal components of particle images, by EM.

Half of the images judge the components that the other half gave: the resolution is raised for as
long as they explain images better that had no part in them, and where they never do, there is
nothing to explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from pydantic import Field

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.engines.encoding import Encoded, encoded, latent_table
from napari_cryoai.heterogeneity.engines.fit import Fit, begun, finer, improved
from napari_cryoai.heterogeneity.engines.images import FourierImages, Rows
from napari_cryoai.heterogeneity.engines.regression import Moments, regressed
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.jobs.devices import choose_device
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, part

FIRST, STEP = 0.25, 1.4
"""Resolution at which components are first looked for, in the highest there is, and its growth."""
ROUNDS, MORE_ROUNDS, LAST_ROUNDS = 14, 6, 6
STAGES = (8, 20, 32, 45, 58, 70)
"""Progress, in per cent, at the end of the beginning and of every resolution that is tried."""
WORTH = 1.02
"""By how much held-out images have to be likelier for a higher resolution to be worth its noise."""
SURE = 4.0
"""Standard errors by which the held-out gain has to exceed 0."""


class CovarianceParams(Params):
    """How to find components."""

    z_dim: int = Field(
        8, ge=1, le=64, title="Dimensions", description="Of the latent space: principal components."
    )
    box_size_px: int = Field(
        128,
        ge=16,
        le=512,
        title="Box",
        description="Images are cropped to it in Fourier space; smaller is faster, and coarser.",
        json_schema_extra={"unit": "px"},
    )
    contrast_sd: float = Field(
        0.15,
        gt=0,
        le=1,
        title="Contrast",
        description="How much the strength of particles varies, relative to the average.",
    )
    device: str = Field(
        "auto", title="Device", description="auto, cpu, cuda, cuda:1, mps: where to compute."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Same seed, same result.")


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


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training gave.

    Attributes
    ----------
    model
        The latent space.
    rounds
        How it went, a line for each round.
    held_out
        Whether there is heterogeneity at all.
    """

    model: LatentModel
    rounds: list[dict[str, float]]
    held_out: HeldOut


def covariance(
    params: CovarianceParams, stack: ParticleStack, *, mask: DensityMap | None = None
) -> Job[Trained]:
    """Find the mean and the components of particles whose poses are known.

    Parameters
    ----------
    mask
        Outside which nothing varies; from the mean map if not given.

    Yields
    ------
    progress
        In per cent.

    Raises
    ------
    CryoAIError
        If poses or CTF are missing, images cannot be read, or there are too few for so many
        dimensions.
    """
    images = yield from part(loaded(params.box_size_px, params.z_dim, params.device, stack), 0, 10)
    fit, held_out = yield from part(
        searched(images, params.z_dim, params.contrast_sd, params.seed, mask), 10, 60
    )
    found = yield from part(encoded(fit), 60, 70)
    table = latent_table(fit, found)
    maps, _ = yield from part(regressed(images, _linear(found), fit), 70, 100)
    model = LatentModel("covariance", maps[0], maps[1:], None, table, images.pixel_size_A)
    return Trained(model, fit.rounds, held_out)


def loaded(box_size_px: int, z_dim: int, device: str, stack: ParticleStack) -> Job[FourierImages]:
    """The images' transforms.

    Raises
    ------
    CryoAIError
        As `covariance` does.
    """
    stack.require_rotations()
    stack.require_ctf()
    if len(stack) < 10 * z_dim:
        raise CryoAIError(
            f"{len(stack)} particles are too few for {z_dim} dimensions",
            remedy="Give more particles, or fewer dimensions",
        )
    n = min(box_size_px, stack.box_size_px) // 2 * 2
    images = FourierImages(stack, n, choose_device(device))
    yield from images.load()
    return images


def searched(
    images: FourierImages, components: int, contrast_sd: float, seed: int, mask: DensityMap | None
) -> Job[tuple[Fit, HeldOut]]:
    """Components at the resolution that explains held-out images best."""
    everyone = np.arange(len(images))
    one, other = everyone[::2], everyone[1::2]
    radius = max(4, round(FIRST * images.radius))
    fit = yield from part(
        begun(images, one, radius, components, contrast_sd, seed, mask), 0, STAGES[0]
    )
    best: tuple[HeldOut, Fit] | None = None
    rounds = ROUNDS
    for start, end in pairwise(STAGES):
        yield from part(improved(fit, one, rounds), start, end - 1)
        found = yield from part(_judged(fit, other), end - 1, end)
        fit.rounds[-1]["held_out_gain"] = found.gain
        if best and found.gain < WORTH * best[0].gain:
            break
        best = found, fit
        radius, rounds = min(images.radius, round(STEP * radius)), MORE_ROUNDS
        if radius <= fit.parts.lattice.radius or not found.found:
            break
        fit = finer(fit, radius)
    held_out, fit = best or (found, fit)
    yield from part(improved(fit, everyone, LAST_ROUNDS), STAGES[-1], 100)
    return fit, held_out


def _judged(fit: Fit, rows: Rows) -> Job[HeldOut]:
    found = yield from encoded(fit, rows)
    gain = found.gain.double()
    return HeldOut(float(gain.mean()), float(gain.std() / len(rows) ** 0.5))


def _linear(found: Encoded) -> Moments:
    """Coefficients as they are, in their uncertainty."""

    def moments(rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        mean = found.mean[rows]
        return mean, found.covariance[rows] + mean[:, :, None] * mean[:, None, :]

    return moments
