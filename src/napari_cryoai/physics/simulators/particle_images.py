"""Simulated particle images with known truth: projection, CTF, noise, neighbours.

The transform of an image is `-CTF * slice + noise`, so density is bright. The noise has two parts
that both are Gaussian and therefore drawn as one: that of the detector, which rises towards low
frequency and falls towards Nyquist, and the texture of the ice, which the CTF modulates as it does
the particle. Each image is scaled to noise of unit variance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.fourier import frequencies, shift_phases, squared_frequency, to_real
from napari_cryoai.physics.simulators.conformers import KEPT, Conformers
from napari_cryoai.physics.simulators.particle_model import ParticleModel, ParticleTruth, draw_truth

Floats = NDArray[np.float64]

BATCH = 64
"""Images that are made at once; the noise depends on it, so it is not for the caller to change."""
VIEW_BYTES = 512_000_000
"""Memory for views that wait for their noise."""


class ParticleSimulator:
    """Makes images of particles; the same model, maps and seed give the same images.

    Parameters
    ----------
    model
        What is drawn, and how.
    conformers
        What the particles are.
    seed
        Of all that is random.
    device
        Where the images are made; the maps have to be there.
    """

    def __init__(
        self,
        model: ParticleModel,
        conformers: Conformers,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ):
        self.model = model
        self.conformers = conformers
        self.seed = seed
        self.device = torch.device(device)
        self.shape = (conformers.n, conformers.n)
        self.g = frequencies(self.shape, conformers.pixel_size_A, device=device)
        self.g2 = squared_frequency(self.shape, conformers.pixel_size_A, device=device)
        # A real image has every frequency twice but those of the first and the last column.
        self.twice = torch.full((1, self.g2.shape[1]), 2.0, device=device)
        self.twice[:, 0] = 1.0
        if conformers.n % 2 == 0:
            self.twice[:, -1] = 1.0
        self.scale = self._scale()

    def truth(self, count: int) -> ParticleTruth:
        """What `count` particles will be."""
        return draw_truth(self.model, self.conformers, count, self.seed)

    def images(self, truth: ParticleTruth) -> Iterator[Tensor]:
        """Images `(up to 64, n, n)` of all particles, in their order."""
        for number, (start, views) in enumerate(self._views_in_batches(truth)):
            generator = torch.Generator(self.device).manual_seed(_mixed(self.seed, number))
            yield self.batch(truth.select(slice(start, start + BATCH)), generator, views)

    def _views_in_batches(self, truth: ParticleTruth) -> Iterator[tuple[int, Tensor]]:
        """Views of many batches are made at once, since each conformer's map is costly to make."""
        batches = max(1, VIEW_BYTES // (BATCH * self.g2.numel() * 8))
        many = BATCH * (batches if len(self.conformers) > KEPT else 1)
        for first in range(0, len(truth), many):
            views = self.views(truth.select(slice(first, first + many)))
            for start in range(0, len(views), BATCH):
                yield first + start, views[start : start + BATCH].clone()

    def batch(
        self, truth: ParticleTruth, generator: torch.Generator, views: Tensor | None = None
    ) -> Tensor:
        """Images `(m, n, n)` of some particles, with noise from `generator`.

        Parameters
        ----------
        views
            `(m, n, n // 2 + 1)`, as `views` makes them, where they are there already; they are
            written over.
        """
        transfer = self.transfer(truth)
        views = self.views(truth) if views is None else views
        strength = np.sqrt(truth.snr) * truth.contrast * self.scale
        weighted = transfer * self._tensor(-strength)[:, None, None]
        around = self._neighbours(truth, views, weighted, generator)
        views *= weighted
        shifts = self._tensor(truth.shifts_yx_A)
        views *= shift_phases(shifts, self.shape, self.conformers.pixel_size_A)
        noise = torch.randn((*views.shape, 2), generator=generator, device=self.device)
        views += torch.view_as_complex(noise) * self._noise_amplitude(truth, transfer)
        return to_real(views, self.shape) + around

    def clean(self, truth: ParticleTruth) -> Tensor:
        """Images `(m, n, n)` without noise and neighbours, scaled as those with them."""
        strength = self._tensor(-np.sqrt(truth.snr) * truth.contrast * self.scale)
        views = self.views(truth) * self.transfer(truth) * strength[:, None, None]
        shifts = self._tensor(truth.shifts_yx_A)
        views *= shift_phases(shifts, self.shape, self.conformers.pixel_size_A)
        return to_real(views, self.shape)

    def views(self, truth: ParticleTruth) -> Tensor:
        """Transforms `(m, n, n // 2 + 1)` of the projections, before CTF, shift and scale."""
        rotations = self._tensor(truth.rotations)
        found: Tensor | None = None
        for i in np.unique(truth.conformer):
            rows = torch.as_tensor(np.flatnonzero(truth.conformer == i), device=self.device)
            slices = self.conformers.transform(int(i)).slices(rotations[rows])
            if len(rows) == len(truth):
                return slices
            if found is None:
                found = slices.new_zeros((len(truth), *slices.shape[1:]))
            found[rows] = slices
        if found is None:
            return torch.zeros((0, *self.g2.shape), dtype=torch.complex64, device=self.device)
        return found

    def transfer(self, truth: ParticleTruth) -> Tensor:
        """CTF with its envelope, `(m, n, n // 2 + 1)`; negative at low frequency."""
        columns = {
            name: self._tensor(getattr(truth, name))
            for name in (
                "defocus_A", "astigmatism_A", "astigmatism_angle_deg", "phase_shift_deg",
                "b_factor_A2",
            )
        }  # fmt: skip
        model = self.model
        ctf = CTF(
            **columns,
            voltage_kV=model.voltage_kV,
            cs_mm=model.cs_mm,
            amplitude_contrast=model.amplitude_contrast,
        )
        return ctf.at(*self.g)

    def _noise_amplitude(self, truth: ParticleTruth, transfer: Tensor) -> Tensor:
        """Of each frequency, for pixels of unit variance; `(m, n, n // 2 + 1)`."""
        n, pixel_A = self.conformers.n, self.conformers.pixel_size_A
        low, fall, solvent = (
            self._tensor(getattr(truth, name))[:, None, None]
            for name in ("low_frequency_A", "falloff", "solvent")
        )
        g2 = self.g2.clamp(min=float((1 / (n * pixel_A)) ** 2))
        power = (1 + 1 / (low**2 * g2)) * torch.exp(2 * fall.log() * (2 * pixel_A) ** 2 * g2)
        power = power + (solvent * transfer) ** 2
        power = power * n**4 / (power * self.twice).sum((1, 2), keepdim=True)
        # The inverse transform takes only the real part of what occurs once.
        return (power / self.twice).sqrt()

    def _neighbours(
        self, truth: ParticleTruth, views: Tensor, weighted: Tensor, generator: torch.Generator
    ) -> Tensor:
        """What other particles add to the images: views of the same batch, elsewhere."""
        around = torch.zeros((len(truth), *self.shape), device=self.device)
        rows = torch.as_tensor(np.repeat(np.arange(len(truth)), truth.neighbours))
        # Drawn in any case, so that the noise is the same with neighbours and without.
        rng = np.random.default_rng(
            int(torch.randint(1 << 31, (), generator=generator, device=self.device))
        )
        if not len(rows) or len(truth) < 2:
            return around
        other = (rows + torch.as_tensor(rng.integers(1, len(truth), len(rows)))) % len(truth)
        seen = to_real(views[other] * weighted[rows], self.shape)
        for image, row, (dy, dx) in zip(
            seen, rows.tolist(), self._places(len(rows), rng), strict=True
        ):
            _add_shifted(around[row], image, int(dy), int(dx))
        return around

    def _places(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Offsets `(count, 2)` in pixels of particles that reach into the box, evenly by area."""
        diameter_px = self.conformers.diameter_A / self.conformers.pixel_size_A
        near = self.model.min_distance * diameter_px
        far = max(self.conformers.n / 2 + diameter_px / 2, near)
        angle = rng.uniform(0, 2 * np.pi, count)
        reach = np.sqrt(rng.uniform(near**2, far**2, count))
        return np.rint(np.stack([reach * np.sin(angle), reach * np.cos(angle)], -1)).astype(int)

    def _scale(self) -> float:
        """Factor that gives the average image an energy of its disc's area in pixels."""
        rows = min(192, 64 * len(self.conformers))
        truth = draw_truth(replace(self.model, per_micrograph=1), self.conformers, rows, 0)
        energy = 0.0
        for start in range(0, rows, BATCH):
            part = truth.select(slice(start, start + BATCH))
            power = (self.views(part) * self.transfer(part)).abs().square() * self.twice
            power[:, 0, 0] = 0.0
            energy += float(power.sum()) / rows / self.conformers.n**2
        radius_px = self.conformers.diameter_A / self.conformers.pixel_size_A / 2
        return float(np.sqrt(np.pi * radius_px**2 / energy))

    def _tensor(self, values: Floats) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)


def _mixed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=(1, number)).generate_state(1)[0])


def _add_shifted(target: Tensor, image: Tensor, dy: int, dx: int) -> None:
    """Add an image moved by whole pixels; what leaves the box is lost."""
    ny, nx = image.shape
    to_y, to_x = slice(max(0, dy), ny + min(0, dy)), slice(max(0, dx), nx + min(0, dx))
    from_y, from_x = slice(max(0, -dy), ny - max(0, dy)), slice(max(0, -dx), nx - max(0, dx))
    if abs(dy) < ny and abs(dx) < nx:
        target[to_y, to_x] += image[from_y, from_x]
