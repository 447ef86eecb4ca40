"""The `covariance` method: principal components of particle images, by EM."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.halves import halves_told, split_halves
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.engines.checkpoint import Checkpoint
from napari_cryoai.heterogeneity.engines.encoding import Encoded, encoded, latent_table
from napari_cryoai.heterogeneity.engines.images import FourierImages, Rows
from napari_cryoai.heterogeneity.engines.mixture import under_mixture
from napari_cryoai.heterogeneity.engines.regression import Moments, regressed
from napari_cryoai.heterogeneity.engines.search import HeldOut, searched
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.jobs.devices import choose_device
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, part


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
    halves
        Where the halves come from that judge each other, in words.
    """

    model: LatentModel
    rounds: list[dict[str, float]]
    held_out: HeldOut
    halves: str


def covariance(
    params: CovarianceParams,
    stack: ParticleStack,
    *,
    mask: DensityMap | None = None,
    kept: Checkpoint | None = None,
) -> Job[Trained]:
    """Find the mean and the components of particles whose poses are known.

    Parameters
    ----------
    mask
        Outside which nothing varies; from the mean map if not given.
    kept
        Knows how far an earlier run came, and learns how far this one does.

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
    kept, halves = kept or Checkpoint(), split_halves(stack, params.seed)
    images = yield from part(loaded(params.box_size_px, params.z_dim, params.device, stack), 0, 10)
    search = searched(images, halves, params.z_dim, params.contrast_sd, params.seed, mask, kept)
    fit, held_out = yield from part(search, 10, 60)
    normal = yield from part(encoded(fit), 60, 68)
    mixed = yield from part(under_mixture(normal, fit.prior, halves, params.seed), 68, 70)
    table = latent_table(fit, normal, mixed)
    maps, _ = yield from part(regressed(fit, halves, _linear(mixed or normal), kept), 70, 100)
    model = LatentModel("covariance", maps[0], maps[1:], None, table, images.pixel_size_A)
    return Trained(model, fit.rounds, held_out, halves_told(stack, params.seed))


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


def _linear(found: Encoded) -> Moments:
    """Coefficients as they are, in their uncertainty."""

    def moments(rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        mean = found.mean[rows]
        return mean, found.covariance[rows] + mean[:, :, None] * mean[:, None, :]

    return moments
