"""Volumes convolved with Gaussians."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def blurred(volume: Tensor, sigma_px: float) -> Tensor:
    """Convolved with a Gaussian, zero beyond the borders; `(nz, ny, nx)`."""
    reach = round(3 * sigma_px)
    at = torch.arange(-reach, reach + 1, dtype=volume.dtype, device=volume.device)
    kernel = torch.exp(-(at**2) / (2 * sigma_px**2))
    kernel = (kernel / kernel.sum()).reshape(1, 1, -1)
    for _ in range(3):
        # Along the last axis, which then goes to the front: after three all are back.
        lines = functional.conv1d(volume.flatten(0, 1)[:, None], kernel, padding=reach)
        volume = lines.reshape(volume.shape).permute(2, 0, 1)
    return volume
