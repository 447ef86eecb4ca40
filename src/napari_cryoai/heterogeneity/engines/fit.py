"""Components that are being found: their beginning, rounds of EM, and higher resolution."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.engines.components import Components, Sums
from napari_cryoai.heterogeneity.engines.images import FourierImages, Rows
from napari_cryoai.heterogeneity.engines.lattice import Lattice
from napari_cryoai.heterogeneity.engines.normal_form import normalise
from napari_cryoai.heterogeneity.engines.posterior import Evidence, Prior, posterior
from napari_cryoai.jobs.progress import Job, Progress, Result, part
from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real
from napari_cryoai.physics.masks import mask_of_map, sphere

MEAN_ROUNDS = 3
START = 0.1
"""Size of the components to begin with, in that of the mean."""
LOW_PASS_A, DILATE = 20.0, 0.15
"""The mask: of the mean at that resolution, widened by a share of the mean's own extent."""


@dataclass(eq=False)
class Fit:
    """Components under way.

    Attributes
    ----------
    images
        That they explain.
    prior
        Of the coefficients.
    parts
        The components, at the present resolution.
    mask
        `(n, n, n)` at the resolution of the working box; outside it nothing is.
    rounds
        What was measured in each.
    """

    images: FourierImages
    prior: Prior
    parts: Components
    mask: Tensor
    rounds: list[dict[str, float]] = field(default_factory=list)

    @property
    def radius(self) -> int:
        """Of the present resolution."""
        return self.parts.lattice.radius

    def mask_here(self) -> Tensor:
        """The mask on the grid of the present resolution."""
        return mask_on(self.mask, self.parts.lattice.n)

    def state(self) -> dict[str, Any]:
        """For `of_state`."""
        return {
            "radius": self.radius,
            "table": self.parts.table,
            "weights": self.parts.weights,
            "mask": self.mask,
            "rounds": self.rounds,
        }

    @classmethod
    def of_state(cls, images: FourierImages, prior: Prior, state: dict[str, Any]) -> Fit:
        """Components as they were when their state was taken."""
        device, weights = images.device, state["weights"]
        parts = Components(
            Lattice(int(state["radius"]), device),
            state["table"].to(device),
            None if weights is None else weights.to(device),
        )
        return cls(images, prior, parts, state["mask"].to(device), list(state["rounds"]))


def mask_on(mask: Tensor, n: int) -> Tensor:
    """A soft mask on a grid of other voxels."""
    return torch.nn.functional.interpolate(
        mask[None, None], size=(n, n, n), mode="trilinear", align_corners=False
    )[0, 0].clamp(0, 1)


def begun(
    images: FourierImages,
    rows: Rows,
    radius: int,
    components: int,
    contrast_sd: float,
    seed: int,
    mask: DensityMap | None = None,
) -> Job[Fit]:
    """The mean of the images, and components in random directions of what it leaves unexplained."""
    lattice = Lattice(radius, images.device)
    parts = Components(lattice, torch.zeros(len(lattice), 2, device=images.device))
    n = images.n
    ball = sphere((n,) * 3, 0.75 * n / 2, 0.1 * n, device=images.device)
    prior = Prior.of(components, contrast_sd, images.device)
    fit = Fit(images, prior, parts, ball if mask is None else _given(mask, images))
    yield from _mean(fit, rows)
    if mask is None:
        fit.mask = ball * _around(lattice.maps(parts.table)[0], images)
    generator = torch.Generator().manual_seed(seed)
    yield from _random_components(fit, rows, components, generator)
    return fit


def improved(fit: Fit, rows: Rows) -> Job[None]:
    """A round of EM.

    Raises
    ------
    CryoAIError
        If numbers run out of bounds.
    """
    gains: list[Tensor] = []

    def moments(found: Evidence, some: Rows) -> tuple[Tensor, Tensor]:
        answer = posterior(found, fit.prior)
        gains.append(answer.gain)
        return answer.mean, answer.second_moment

    sums = yield from told(fit.parts.round(fit.images, rows, moments), fit, len(rows))
    fit.parts.move(sums)
    energy = normalise(fit.parts, sums, fit.mask_here())
    gain = float(torch.cat(gains).mean())
    if not np.isfinite(gain):
        raise CryoAIError(
            "the components ran out of bounds (not a number)",
            remedy="Give a mask, fewer dimensions, or a larger contrast",
        )
    share = float(energy[0] / energy.sum().clamp(min=1e-30))
    resolution_A = fit.images.box_A / fit.radius
    fit.rounds.append({"resolution_A": resolution_A, "gain": gain, "first_share": share})


def finer(fit: Fit, radius: int) -> Fit:
    """The same components, ready for rounds at a higher resolution."""
    lattice = Lattice(radius, fit.images.device)
    maps = resized(fit.parts.lattice.maps(fit.parts.table), lattice.n)
    parts = Components(lattice, lattice.table(maps))
    return Fit(fit.images, fit.prior, parts, fit.mask, fit.rounds)


def resized(maps: Tensor, n: int) -> Tensor:
    """Maps on a grid of other voxels, their transforms' values kept."""
    old = maps.shape[-1]
    return torch.stack(
        [
            to_real(resize_fourier(to_fourier(m, 3), (old,) * 3, (n,) * 3), (n,) * 3)
            * (old / n) ** 3
            for m in maps
        ]
    )


def told(job: Generator[int, None, Sums], fit: Fit, total: int) -> Job[Sums]:
    """A round that tells how far it is."""
    message = f"Components at {fit.images.box_A / fit.radius:.0f} A, round {len(fit.rounds) + 1}"
    while True:
        try:
            done = next(job)
        except StopIteration as stop:
            sums: Sums = stop.value
            return sums
        yield Progress(done, total, message)


def part_of(job: Job[Result], number: int, rounds: int) -> Job[Result]:
    """One of several rounds."""
    return part(job, 100 * number // rounds, 100 * (number + 1) // rounds)


def _mean(fit: Fit, rows: Rows) -> Job[None]:
    """The mean alone, and with it the noise."""

    def one(found: Evidence, some: Rows) -> tuple[Tensor, Tensor]:
        strength = torch.ones_like(found.response)
        return strength, strength[:, :, None]

    parts, images = fit.parts, fit.images
    for number in range(MEAN_ROUNDS):
        parts.weights = None  # the noise has changed
        job = told(parts.round(images, rows, one), fit, len(rows))
        sums = yield from part_of(job, number, MEAN_ROUNDS)
        parts.move(sums)
        parts.table = parts.lattice.table(parts.lattice.maps(parts.table) * fit.mask_here())
        left = images.mean_in_shells(sums.power / sums.images, beyond=images.independent)
        images.set_noise(images.noise.cpu() ** 2 * left / images.independent)


def _random_components(
    fit: Fit, rows: Rows, components: int, generator: torch.Generator
) -> Job[None]:
    """The images' residuals, added up with random strengths: mostly what varies most.

    These are random combinations of the covariance's columns (Halko et al. 2011, SIAM
    Rev. 53, 217).
    """
    parts = fit.parts
    wide = parts.table.new_zeros(len(parts.lattice), 2, components + 1)
    wide[:, :, 0] = parts.table
    parts.table, parts.weights = wide.flatten(1), None

    def strengths(found: Evidence, some: Rows) -> tuple[Tensor, Tensor]:
        a = torch.randn(len(some), components + 1, generator=generator).to(found.response)
        a[:, 0] = 1
        moment = torch.zeros_like(found.gram)
        moment[:, 0] = a  # the components are 0 still: only the mean counts
        return a, moment

    sums = yield from told(parts.round(fit.images, rows, strengths), fit, len(rows))
    sums.moment = torch.eye(components + 1, device=parts.table.device) * sums.images
    sums.mean = sums.moment[0].clone()
    parts.move(sums)
    table = parts.table.reshape(wide.shape).clone()
    table[:, :, 0] = wide[:, :, 0]
    parts.table = table.flatten(1)
    normalise(parts, sums, fit.mask_here())
    table = parts.table.reshape(wide.shape).clone()
    size = table.square().sum((0, 1)).sqrt()
    table[:, :, 1:] *= START * size[0] / size[1:].clamp(min=1e-12)
    parts.table = table.flatten(1)


def _around(mean: Tensor, images: FourierImages) -> Tensor:
    """Soft mask around the mean map, wide enough for what moves."""
    density = resized(mean[None], images.n)[0]
    try:
        tight = mask_of_map(density, images.pixel_size_A, low_pass_A=LOW_PASS_A, dilate_A=0)
        extent_A = images.pixel_size_A * 2 * float((3 * tight.sum() / (4 * torch.pi)) ** (1 / 3))
        return mask_of_map(
            density, images.pixel_size_A, low_pass_A=LOW_PASS_A, dilate_A=DILATE * extent_A
        )
    except CryoAIError:  # nothing stands out of the noise
        return torch.ones_like(density)


def _given(mask: DensityMap, images: FourierImages) -> Tensor:
    """The user's mask in the working box.

    Raises
    ------
    CryoAIError
        If it is of another box.
    """
    sides_A = np.asarray(mask.extent_A)
    if np.abs(sides_A / images.box_A - 1).max() > 0.01:
        raise CryoAIError(
            f"the mask's box is {sides_A[0]:.0f} A wide, and the images' {images.box_A:.0f} A",
            remedy="Make the mask on a map of these particles",
        )
    given = torch.from_numpy(mask.data).to(images.device)
    return mask_on(given, images.n)
