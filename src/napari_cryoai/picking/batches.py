"""Batches of training examples, augmented; the same seed and step give the same batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_cryoai.nets.scenes import Pool
from napari_cryoai.picking.losses import Targets, targets
from napari_cryoai.picking.network import STRIDE
from napari_cryoai.picking.preprocess import BLUR_PX
from napari_cryoai.picking.training_data import Example

CROP_PX = 192
"""Side of what is shown; a multiple of what the windows need, so that nothing is padded."""

HIDDEN = 0.55
PATCH = 2
"""Of the cells, this share is hidden for restoring, in patches of so many a side (8 pixels)."""

ENDING = 0.3
"""Share of the examples that are smaller than the crop."""

NOISE = 0.6
"""Largest noise added, in standard deviations of the image."""


Examples = Pool[Example]


class Batch(NamedTuple):
    """Images with what should be found on them.

    Attributes
    ----------
    image
        `(b, 1, h, w)`.
    hidden
        `(b, h / STRIDE, w / STRIDE)` bool, for restoring.
    targets
        Of the batch.
    """

    image: Tensor
    hidden: Tensor
    targets: Targets

    def to(self, device: torch.device) -> Batch:
        """On another device."""
        wanted = Targets(*(t.to(device, non_blocking=True) for t in self.targets))
        return Batch(self.image.to(device), self.hidden.to(device), wanted)


def make_batch(examples: Examples, size: int, seed: tuple[int, ...]) -> Batch:
    """Draw examples and augment them."""
    rng = np.random.default_rng(seed)
    drawn = [augmented(examples[int(i)], rng) for i in rng.integers(len(examples), size=size)]
    wanted = [targets(e.yx, e.size, e.junk) for e in drawn]
    image = torch.from_numpy(np.stack([e.white for e in drawn])[:, None])
    shape = tuple(-(-n // STRIDE) for n in image.shape[-2:])
    hidden = torch.from_numpy(np.stack([hide(shape, rng) for _ in drawn]))
    return Batch(image, hidden, Targets(*map(torch.stack, zip(*wanted, strict=True))))


def augmented(example: Example, rng: np.random.Generator) -> Example:
    """A random crop, flipped, turned, noisier and of another gain."""
    white, yx, size, junk = _crop(example, rng)
    if rng.random() < 0.5:
        white, junk = white[::-1], junk[::-1]
        yx = np.column_stack([len(white) - 1 - yx[:, 0], yx[:, 1]])
    for _ in range(int(rng.integers(4))):  # a quarter turn each
        white, junk = np.rot90(white), np.rot90(junk)
        yx = np.column_stack([len(white) - 1 - yx[:, 1], yx[:, 0]])
    white = np.asarray(white, np.float32)
    if rng.random() < 0.5:
        white = noisier(white, rng.uniform(0, NOISE), rng)
    gain, shift = rng.uniform(0.85, 1.15), rng.normal(0, 0.05)
    white = np.float32(gain) * white + np.float32(shift)
    example = Example(white, yx, size, junk)
    return ending(example, rng) if rng.random() < ENDING else example


def ending(example: Example, rng: np.random.Generator) -> Example:
    """Ends before the crop does, below, on the right or both: there the network adds zeros."""
    ny, nx = example.white.shape
    height, width = (n - int(rng.integers(n // 3)) * int(rng.integers(2)) for n in (ny, nx))
    white, junk = example.white.copy(), example.junk.copy()
    for image in (white, junk):
        image[height:], image[:, width:] = 0, 0
    inside = np.all(example.yx < np.array([height, width]) - 0.5, axis=1)
    return Example(white, example.yx[inside], example.size[inside], junk)


def noisier(
    white: NDArray[np.float32], amount: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """With noise as white as the image's own added, and its variance kept."""
    noise = ndimage.gaussian_filter(rng.standard_normal(white.shape, np.float32), BLUR_PX)
    noise *= np.float32(amount / noise.std())
    return (white + noise) / np.float32(np.sqrt(1 + amount**2))


def hide(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Random patches of cells."""
    coarse = rng.random([-(-n // PATCH) for n in shape]) < HIDDEN
    fine = coarse.repeat(PATCH, 0).repeat(PATCH, 1)
    return np.ascontiguousarray(fine[: shape[0], : shape[1]])


def _crop(
    example: Example, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float32], NDArray[np.bool_]]:
    sides = [min(CROP_PX, n) for n in example.white.shape]
    y, x = (
        int(rng.integers(n - side + 1)) for n, side in zip(example.white.shape, sides, strict=True)
    )
    part = slice(y, y + sides[0]), slice(x, x + sides[1])
    yx = example.yx - (y, x)
    inside = np.all((yx > -0.5) & (yx < np.array(sides) - 0.5), axis=1)
    white = example.white[part].astype(np.float32)
    return white, yx[inside], example.size[inside], example.junk[part]
