"""Particle images as the engines take them: centred transforms, low frequencies first."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.physics.fourier import to_fourier
from napari_cryoai.physics.particle_transforms import centring, image_window, transfer, windowed
from napari_cryoai.physics.slices import disk

Rows = NDArray[np.intp]

READ_BYTES = 32 << 20
IN_MEMORY = 0.25
"""Share of the memory that the transforms may take; larger sets lie in a file."""
LEAST_CTF = 0.05
"""Where it is larger than this, images that were multiplied by their CTF are divided by it."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some images up to a radius, in units of their noise.

    Attributes
    ----------
    values
        `(m, k)` complex: `transfer * slice + noise`, the noise of unit variance.
    transfer
        `(m, k)` what the slices of a map are multiplied by.
    rotations
        `(m, 3, 3)`.
    xy
        `(k, 2)` frequencies, in units of 1 / box.
    """

    values: Tensor
    transfer: Tensor
    rotations: Tensor
    xy: Tensor


class FourierImages:
    """Transforms of particle images, centred and cropped to a working box.

    Frequencies are ordered by their length, so that the images at lower resolution are the first
    columns of a table.

    Attributes
    ----------
    stack
        The particles.
    n
        Side of the working box: the map's voxels are `box_A / n` wide.
    box_A
        Side of the images.
    independent
        Share of the frequencies that are: neighbours in a windowed image share noise, and together
        they count for less.
    noise
        `(n // 2 + 1,)` standard deviation of the noise in every shell.
    """

    def __init__(self, stack: ParticleStack, n: int, device: torch.device):
        self.stack, self.n, self.device = stack, n, device
        self.box_A = stack.box_size_px * stack.require_pixel_size()
        circle = disk(stack.box_size_px, device, None if n == stack.box_size_px else n // 2 - 1)
        length = circle.xy.norm(dim=1)
        order = length.argsort(stable=True)
        self._index, self._xy = circle.index[order], circle.xy[order]
        self._length = length[order]
        self._shell = self._length.round().long()
        self._values = _table(len(stack), len(order))
        self.noise = torch.ones(n // 2 + 1, device=device)
        self.independent = independent(stack.box_size_px, device)

    def __len__(self) -> int:
        return len(self.stack)

    @property
    def pixel_size_A(self) -> float:
        """Of the maps."""
        return self.box_A / self.n

    @property
    def radius(self) -> int:
        """Largest radius there is, in units of 1 / box."""
        return self.n // 2 - 1

    def load(self) -> Job[None]:
        """Read all images.

        Raises
        ------
        CryoAIError
            If they cannot be read, are not numbers, or are empty.
        """
        per_batch = max(1, READ_BYTES // (4 * self.stack.box_size_px**2))
        for start in range(0, len(self), per_batch):
            rows = np.arange(start, min(start + per_batch, len(self)))
            self._values[rows] = self._transforms(rows).cpu().numpy()
            yield Progress(int(rows[-1]) + 1, len(self), "Reading particles")
        self.set_noise(self._total_power())

    def batch(self, rows: Rows, radius: int) -> Batch:
        """Images of these rows, up to a radius."""
        k = self.count(radius)
        scale = self.independent**0.5 / self.noise[self._shell[:k]]
        values = torch.from_numpy(self._values[rows, :k]).to(self.device)
        particles = self.stack.select(rows)
        rotations = torch.from_numpy(particles.require_rotations()).to(self.device, torch.float32)
        carried = _carried(particles, self._xy[:k])[0]
        return Batch(values * scale, carried * scale, rotations, self._xy[:k])

    def batches(self, rows: Rows, radius: int, size: int) -> Iterator[tuple[Rows, Batch]]:
        """All of these rows, so many at a time."""
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield part, self.batch(part, radius)

    def count(self, radius: int) -> int:
        """Frequencies up to a radius."""
        return int((self._length < radius + 0.5).sum())

    def shell(self, radius: int) -> Tensor:
        """`(k,)` number of the shell of every frequency up to a radius."""
        return self._shell[: self.count(radius)]

    def set_noise(self, power: Tensor) -> None:
        """Take these variances `(n // 2 + 1,)` for those of the noise."""
        self.noise = power.to(self.device).clamp(min=1e-12).sqrt()

    def _transforms(self, rows: Rows) -> Tensor:
        particles = self.stack.select(rows)
        images = torch.from_numpy(particles.images.read(np.arange(len(rows)))).to(self.device)
        _check(images, particles)
        flat = to_fourier(windowed(images)).flatten(1)
        values = flat.index_select(1, self._index) * centring(particles, self._xy)
        # Cropping keeps the density of the map: its voxels are larger, and there are fewer.
        return values * _carried(particles, self._xy)[1] * (self.n / images.shape[-1]) ** 3

    def _total_power(self) -> Tensor:
        """`(n // 2 + 1,)` mean square of all images in every shell."""
        power = np.zeros(len(self._shell))
        for start in range(0, len(self), 1024):
            part = self._values[start : start + 1024]
            power += (part.real**2 + part.imag**2).sum(0)
        return self.mean_in_shells(torch.from_numpy(power / max(1, len(self))))

    def mean_in_shells(self, values: Tensor, beyond: float | None = None) -> Tensor:
        """`(n // 2 + 1,)` means of values `(k,)` of the lowest frequencies.

        Shells beyond the last one are given a value; its mean, if there is none.
        """
        shell = self._shell[: len(values)].cpu()
        size = self.n // 2 + 1
        total = torch.bincount(shell, values.double().cpu(), minlength=size)
        count = torch.bincount(shell, minlength=size)
        mean = total / count.clamp(min=1)
        last = int(shell.max())
        mean[last + 1 :] = mean[last] if beyond is None else beyond
        return mean.float()


def independent(n: int, device: torch.device) -> float:
    """Share of the frequencies of a windowed image that are independent of each other."""
    power = image_window(n, device).square()
    return float(power.sum() ** 2 / power.square().sum() / n**2)


def _carried(particles: ParticleStack, xy: Tensor) -> tuple[Tensor, Tensor]:
    """What slices are multiplied by in images with white noise, and what makes their noise white.

    Both are `(m, k)`. Images that were multiplied by their CTF carry noise that is too.
    """
    contrast, weights = transfer(particles, xy)
    ctf = particles.require_ctf()
    if not ctf.premultiplied.any():
        return contrast, torch.ones((), device=xy.device)
    done = torch.from_numpy(ctf.premultiplied).to(xy.device)[:, None]
    size = weights.sqrt()
    undo = torch.where(done, 1 / size.clamp(min=LEAST_CTF), 1.0)
    return torch.where(done, size, contrast), undo


def _check(images: Tensor, particles: ParticleStack) -> None:
    """Refuse images that say nothing, or are not numbers."""
    finite = images.isfinite().all(-1).all(-1)
    flat = images.amax((1, 2)) <= images.amin((1, 2))
    bad = ~finite | flat
    if not bool(bad.any()):
        return
    row = int(bad.nonzero()[0, 0])
    names = particles.images.names()
    name = f" ('{names[row]}')" if names else ""
    what = "the same value everywhere" if bool(finite[row]) else "values that are not numbers"
    raise CryoAIError(
        f"an image{name} has {what}",
        remedy="Leave that particle out, or copy the stack again: it may not be whole",
    )


def _table(rows: int, columns: int) -> NDArray[np.complex64]:
    """Room for the transforms: in memory, or in a file that goes with the process."""
    needed = 8 * rows * columns
    if needed <= IN_MEMORY * psutil.virtual_memory().available:
        return np.zeros((rows, columns), np.complex64)
    file = tempfile.TemporaryFile()  # noqa: SIM115, the map keeps it
    return np.memmap(file, np.complex64, "w+", shape=(rows, columns))
