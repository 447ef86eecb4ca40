"""Images as the search for poses takes them: weighted transforms, low frequencies first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.physics.fourier import to_fourier
from napari_cryoai.physics.masks import sphere
from napari_cryoai.physics.particle_transforms import INNER, OUTER, transfer, windowed
from napari_cryoai.physics.slices import Disk, disk

CORNER = 0.95
"""Beyond this fraction of half the box an image shows the background alone."""
READ_AT_ONCE = 64
"""Few enough that a cancelled job ends within a second."""
LEAST_CTF = 0.1
"""Where the CTF of premultiplied images is smaller, they do not tell their noise."""


@dataclass(frozen=True, eq=False)
class PoseImages:
    """Transforms of `m` images at `k` frequencies, whose length only grows.

    Attributes
    ----------
    n
        Side of the images.
    xy
        `(k, 2)` in units of 1 / (n * pixel size), of each pair of opposite ones only one, as in
        `slices.Disk`.
    values
        `(m, k)` complex, transforms times `-CTF`.
    transfer
        `(m, k)` squares of the CTF.
    power
        `(m, k)` squares of the transforms, for those that estimate the noise.
    """

    n: int
    xy: Tensor
    values: Tensor
    transfer: Tensor
    power: Tensor

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def joined(cls, parts: Sequence[PoseImages]) -> PoseImages:
        """Of all parts, in their order."""
        values, transfer, power = (
            torch.cat([getattr(part, name) for part in parts])
            for name in ("values", "transfer", "power")
        )
        return cls(parts[0].n, parts[0].xy, values, transfer, power)

    @property
    def shell(self) -> Tensor:
        """`(k,)` shell of each frequency."""
        return shells_of(self.xy)

    def within(self, radius: int) -> PoseImages:
        """The frequencies of the shells up to `radius` alone; a view, nothing is copied."""
        k = int((self.xy.square().sum(1) < (radius + 0.5) ** 2).sum())
        return PoseImages(
            self.n, self.xy[:k], self.values[:, :k], self.transfer[:, :k], self.power[:, :k]
        )

    def select(self, rows: Tensor | slice) -> PoseImages:
        """Some of the images."""
        return PoseImages(self.n, self.xy, self.values[rows], self.transfer[rows], self.power[rows])

    def whitened(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Values and squares of the CTF over the noise `(n // 2 + 1,)` of their shells."""
        precision = 1 / noise.to(self.power)[self.shell]
        return self.values * precision, self.transfer * precision


def read_pose_images(
    stack: ParticleStack,
    rows: NDArray[np.intp],
    radius: int | None = None,
    device: torch.device | None = None,
) -> PoseImages:
    """Read particles; shifts and rotations that they may have are not looked at.

    Parameters
    ----------
    stack
        With a CTF.
    rows
        Which particles; as many as fit into memory.
    radius
        Of the last shell that is kept.
    """
    particles = stack.select(rows)
    circle = by_length(stack.box_size_px, radius, device)
    images = torch.from_numpy(particles.images.read(np.arange(len(rows)))).to(device)
    _check(images, particles)
    transforms = circle.gather(to_fourier(windowed(images)))
    contrast, weights = transfer(particles, circle.xy)
    # The window takes noise away and leaves the particle: as if the noise were weaker than it is.
    power = transforms.abs().square() / window_share(stack.box_size_px)
    done = torch.from_numpy(particles.require_ctf().premultiplied).to(power.device)
    power[done] /= weights[done].clamp(min=LEAST_CTF**2)
    return PoseImages(stack.box_size_px, circle.xy, transforms * contrast, weights, power)


def _check(images: Tensor, particles: ParticleStack) -> None:
    """Refuse images that show nothing."""
    flat = images.amax((1, 2)) <= images.amin((1, 2))
    if not bool(flat.any()):
        return
    row = int(flat.nonzero()[0, 0])
    names = particles.images.names()
    name = f" ('{names[row]}')" if names else ""
    raise CryoAIError(
        f"an image{name} has the same value everywhere",
        remedy="Leave that particle out, or copy the stack again: it may not be whole",
    )


def window_share(n: int) -> float:
    """Share of white noise in images of `n` pixels that their window leaves."""
    return float(sphere((n, n), INNER * n / 2, (OUTER - INNER) * n / 2).square().mean())


def by_length(n: int, radius: int | None = None, device: torch.device | None = None) -> Disk:
    """The disk of an image of `n` pixels, its frequencies sorted by their length."""
    circle = disk(n, device, radius)
    order = torch.argsort(circle.xy.square().sum(1), stable=True)
    return Disk(n, circle.xy[order], circle.index[order])


def shells_of(xy: Tensor) -> Tensor:
    """Shells `(k,)` of frequencies `(k, 2)`."""
    return xy.square().sum(1).sqrt().round().long()


def noise_of(images: PoseImages, signal: Tensor | None = None) -> Tensor:
    """Variance of the noise in each shell, `(n // 2 + 1,)`.

    Parameters
    ----------
    images
        Many, of the shells that are asked for; the others get the value of the last.
    signal
        `(n // 2 + 1,)` what of the mean power is not noise; nothing if not given.
    """
    mean = in_shells(images.power.mean(0), images.shell, images.n // 2 + 1)
    if signal is not None:
        mean = torch.maximum(mean - signal.to(mean), 0.1 * mean)
    mean[0] = mean[1]  # the window has made the mean of the images meaningless
    return mean


def signal_of(images: PoseImages, noise: Tensor) -> Tensor:
    """Mean power of the map's transform in each shell, `(n // 2 + 1,)`.

    It is what the power of the images exceeds that of the noise by, over the mean square of their
    CTF, and a small part of the noise at the least.
    """
    size, share = images.n // 2 + 1, window_share(images.n)
    power = in_shells(images.power.mean(0), images.shell, size) * share
    transfer = in_shells(images.transfer.mean(0), images.shell, size).clamp(min=1e-3)
    expected = noise.to(power) * share
    return torch.maximum(power - expected, 0.02 * expected) / transfer


def in_shells(values: Tensor, shell: Tensor, size: int) -> Tensor:
    """Means `(size,)` of values `(k,)` in shells; what lies beyond the last gets its mean."""
    count = torch.bincount(shell, minlength=size)[:size]
    total = torch.bincount(shell, values.double(), minlength=size)[:size]
    mean = total / count.clamp(min=1)
    last = int(count.nonzero().max())
    mean[last + 1 :] = mean[last]
    return mean.float()


def background_power(stack: ParticleStack, rows: NDArray[np.intp]) -> Tensor:
    """Mean power of white-box noise in each shell, `(n // 2 + 1,)`, from the corners of images.

    Parameters
    ----------
    rows
        Some hundreds of particles.
    """
    n = stack.box_size_px
    particles = stack.select(rows)
    images = torch.from_numpy(particles.images.read(np.arange(len(rows))))
    corners = 1 - sphere((n, n), CORNER * n / 2, 0.1 * n / 2)
    level = (images * corners).sum((1, 2), keepdim=True) / corners.sum()
    power = to_fourier((images - level) * corners).abs().square() / corners.square().mean()
    done = particles.require_ctf().premultiplied
    if done.any():
        squares = transfer(particles, by_length(n).xy)[1].mean(1)
        power[torch.from_numpy(done)] /= squares[torch.from_numpy(done), None, None]
    circle = by_length(n)
    mean = in_shells(circle.gather(power).mean(0), shells_of(circle.xy), n // 2 + 1)
    mean[0] = mean[1]  # their own mean has been taken off
    return mean
