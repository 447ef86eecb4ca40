"""What the picker is trained towards, and how far it is from there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_cryoai.picking.network import STRIDE, Heads

SIGMA = 0.8
"""Width of the Gaussian around a centre, in cells: about a seventh of the particle."""

REACH = 1.5
"""Cells this close to a centre learn its offset and size."""

WEIGHTS = {"heat": 1.0, "offset": 0.5, "size": 0.5, "junk": 0.5}


class Targets(NamedTuple):
    """What `Heads` should say; `(h, w)` for one image, `(b, h, w)` for a batch.

    Attributes
    ----------
    heat
        1 in the cells that hold a centre, a Gaussian around them.
    offset
        `(2, h, w)` to the nearest centre, in cells.
    size
        Of the nearest particle, see `Heads`.
    near
        1 where offset and size count, 0 elsewhere.
    junk
        Share of the cell's pixels that are junk.
    """

    heat: Tensor
    offset: Tensor
    size: Tensor
    near: Tensor
    junk: Tensor


def targets(yx: NDArray[np.float64], size: NDArray[np.float32], junk: NDArray[np.bool_]) -> Targets:
    """Draw the targets of one image.

    Parameters
    ----------
    yx
        `(n, 2)` centres in pixels.
    size
        `(n,)` diameters over the one that was given.
    junk
        `(ny, nx)`, in pixels.
    """
    shape = tuple(-(-n // STRIDE) for n in junk.shape)
    heat, near = np.zeros((2, *shape), np.float32)
    offset, log_size = np.zeros((2, *shape), np.float32), np.zeros(shape, np.float32)
    if len(yx):
        cells = (yx + 0.5) / STRIDE - 0.5
        away = cells[:, :, None, None] - np.indices(shape)  # (n, 2, h, w)
        square = np.sum(away * away, axis=1)
        nearest = np.argmin(square, axis=0)
        closest = np.take_along_axis(square, nearest[None], 0)[0]
        heat = np.exp(-closest / (2 * SIGMA**2)).astype(np.float32)
        y, x = np.rint(cells).astype(int).T
        inside = (y >= 0) & (x >= 0) & (y < shape[0]) & (x < shape[1])
        heat[y[inside], x[inside]] = 1
        near = (closest <= REACH**2).astype(np.float32)
        offset = np.take_along_axis(away, nearest[None, None], 0)[0].astype(np.float32)
        log_size = np.log(size[nearest]).astype(np.float32)
    drawn = heat, offset * near, log_size * near, near, _share(junk, shape)
    return Targets(*(torch.from_numpy(np.ascontiguousarray(t)) for t in drawn))


def picking_loss(heads: Heads, wanted: Targets) -> Tensor:
    """Sum over the heads; of a batch."""
    near = wanted.near
    count = near.sum().clamp(min=1)
    offset = functional.smooth_l1_loss(heads.offset, wanted.offset, reduction="none", beta=0.5)
    size = functional.smooth_l1_loss(heads.size, wanted.size, reduction="none", beta=0.1)
    junk = functional.binary_cross_entropy_with_logits(heads.junk, wanted.junk)
    return (
        WEIGHTS["heat"] * heat_loss(heads.heat, wanted.heat)
        + WEIGHTS["offset"] * (offset.sum(1) * near).sum() / count
        + WEIGHTS["size"] * (size * near).sum() / count
        + WEIGHTS["junk"] * junk
    )


def heat_loss(logits: Tensor, heat: Tensor) -> Tensor:
    """The focal loss of key points, per centre (Law and Deng 2018, arXiv 1808.01244)."""
    log_p, log_not = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    p = logits.sigmoid()
    centre = heat >= 1
    hit = -((1 - p) ** 2) * log_p
    miss = -((1 - heat) ** 4) * p**2 * log_not
    return torch.where(centre, hit, miss).sum() / centre.sum().clamp(min=len(logits))


def restoring_loss(picture: Tensor, image: Tensor, hidden: Tensor) -> Tensor:
    """Squared error where the network saw nothing, over what guessing the mean would give.

    The image is compared after a low-pass to the size of a cell: what is finer is nearly all noise,
    that no network can foresee.
    """
    with torch.no_grad():
        wanted = low_passed(image)
        spread = wanted.var(dim=(1, 2), keepdim=True).clamp(min=1e-3)
    error = (picture - wanted) ** 2 / spread
    return (error * hidden).sum() / hidden.sum().clamp(min=1)


def low_passed(image: Tensor) -> Tensor:
    """`(b, 1, h, w)` to `(b, h / STRIDE, w / STRIDE)`: Gaussian-weighted means around the cells."""
    at = torch.arange(2 * STRIDE, device=image.device) - (2 * STRIDE - 1) / 2
    kernel = torch.exp(-(at**2) / (2 * (STRIDE / 2) ** 2))
    kernel = kernel / kernel.sum()
    padded = functional.pad(image, (STRIDE // 2,) * 4, "replicate")
    rows = functional.conv2d(padded, kernel[None, None, :, None], stride=(STRIDE, 1))
    return functional.conv2d(rows, kernel[None, None, None], stride=(1, STRIDE))[:, 0]


def _share(junk: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The mean over each cell; those on the border may stick out."""
    pad = [(0, n * STRIDE - m) for n, m in zip(shape, junk.shape, strict=True)]
    whole = np.pad(junk, pad, mode="edge").astype(np.float32)
    return whole.reshape(shape[0], STRIDE, shape[1], STRIDE).mean((1, 3))
