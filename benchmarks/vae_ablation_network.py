"""A decoder that is asked for every frequency of every image, with z as a further input.

The decoder of cryoDRGN (Zhong et al. 2020, ICLR) in the place of the components, and everything
else as `vae` has it: it is given the mean map, and only has to learn what differs from it; the
encoder sees the coefficients of the components.
"""

from __future__ import annotations

import math
import time
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cryoai.core.halves import split_halves
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.engines.checkpoint import Checkpoint
from napari_cryoai.heterogeneity.engines.covariance import loaded
from napari_cryoai.heterogeneity.engines.encoding import encoded
from napari_cryoai.heterogeneity.engines.fit import Fit, resized
from napari_cryoai.heterogeneity.engines.images import Batch, FourierImages
from napari_cryoai.heterogeneity.engines.search import searched
from napari_cryoai.heterogeneity.engines.vae import Autoencoder, Likelihood
from napari_cryoai.heterogeneity.scoring.map_scores import MapAt
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics.fourier import to_real
from napari_cryoai.physics.slices import in_half_space, on_slices

COMPONENTS, WIDTH, LAYERS, FREQUENCIES, BATCH = 16, 256, 3, 16, 16


class Decoder(nn.Module):
    """From frequencies `(..., 3)` in units of Nyquist, and places, to real and imaginary part."""

    def __init__(self, z_dim: int):
        super().__init__()
        sizes = [6 * FREQUENCIES + z_dim, *[WIDTH] * LAYERS]
        layers: list[nn.Module] = []
        for a, b in pairwise(sizes):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(WIDTH, 2))
        self.register_buffer("waves", math.pi * 2 ** torch.linspace(0, 5, FREQUENCIES))

    def forward(self, k: Tensor, z: Tensor) -> Tensor:
        phase = (k[..., None] * self.waves).flatten(-2)
        wide = z[:, None].expand(*k.shape[:2], z.shape[1])
        found: Tensor = self.layers(torch.cat([phase.sin(), phase.cos(), wide], -1))
        return found


def coordinate_network(
    stack: ParticleStack, z_dim: int, until_s: float
) -> tuple[MapAt, NDArray[np.float64]]:
    """Train until this process has taken so much CPU time; maps at particles, and places."""
    images = finish(loaded(128, COMPONENTS, "cpu", stack))
    halves = split_halves(stack, 0)
    fit, _ = finish(searched(images, halves, COMPONENTS, 0.15, 0, None, Checkpoint()))
    seen = Likelihood.of(finish(encoded(fit))).seen
    torch.manual_seed(0)
    encoder, decoder = Autoencoder(z_dim, COMPONENTS).encoder, Decoder(z_dim)
    learned = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(learned, 5e-4)
    table = fit.parts.table.reshape(len(fit.parts.table), 2, -1)[:, :, 0]
    size = _size(images, table.square().sum(1), fit.parts.lattice.shell)
    random = np.random.default_rng(0)
    while time.process_time() < until_s:
        rows = np.sort(random.choice(len(images), BATCH, replace=False))
        batch = images.batch(rows, fit.radius)
        mean, log_variance = encoder(seen[rows]).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        left = _left(fit, batch) - _views(decoder, batch, z, images, size)
        loss = (left.square().sum((1, 2)) + divergence).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        places = encoder(seen)[:, :z_dim]
    mean_map = fit.parts.lattice.maps(table.flatten(1))[0]

    @torch.inference_mode()
    def map_at(i: int) -> Tensor:
        return _map(decoder, places[i : i + 1], mean_map, images, fit.radius, size)

    return map_at, places.double().numpy()


def _size(images: FourierImages, power: Tensor, shell: Tensor) -> Tensor:
    """`(shells,)` root mean square of the mean map: the network's answers are in that."""
    total = torch.bincount(shell, power) / torch.bincount(shell).clamp(min=1)
    return torch.cat([total.sqrt(), total.new_zeros(images.n)])


def _left(fit: Fit, batch: Batch) -> Tensor:
    """`(m, k, 2)` what the mean map leaves unexplained."""
    views = fit.parts.views(batch)[1][..., 0]
    return torch.view_as_real(batch.values) - views


def _views(
    decoder: Decoder, batch: Batch, z: Tensor, images: FourierImages, size: Tensor
) -> Tensor:
    where, mirrored = in_half_space(on_slices(batch.rotations, batch.xy))
    k = where.permute(1, 2, 0) / images.radius
    found = decoder(k, z) * size[batch.xy.norm(dim=1).round().long()][:, None]
    sign = torch.where(mirrored, -1.0, 1.0)
    found = torch.stack([found[..., 0], found[..., 1] * sign], -1)
    return found * batch.transfer[..., None]


def _map(
    decoder: Decoder, z: Tensor, mean: Tensor, images: FourierImages, radius: int, size: Tensor
) -> Tensor:
    n = images.n
    axis = torch.fft.fftfreq(n, 1 / n)
    zz, yy, xx = torch.meshgrid(axis, axis, torch.arange(n // 2 + 1.0), indexing="ij")
    length = (zz**2 + yy**2 + xx**2).sqrt()
    inside = (length <= radius).nonzero(as_tuple=True)
    k = torch.stack([xx[inside], yy[inside], zz[inside]], -1) / images.radius
    found = decoder(k[None], z)[0] * size[length[inside].round().long()][:, None]
    half = torch.zeros(n, n, n // 2 + 1, dtype=torch.complex64)
    half[inside] = torch.view_as_complex(found.contiguous())
    return resized(mean[None], n)[0] + to_real(half, (n,) * 3)
