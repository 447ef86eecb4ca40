"""Central slices of a map's Fourier transform: projections, by the projection-slice theorem.

The transform of the projection of a map along a direction is the plane through the origin of the
map's transform that stands across that direction. The map is padded before its transform, so that
linear interpolation between the samples is accurate, and divided by the transform of the
interpolation kernel, which makes it exact at the centre (Jackson et al. 1991, IEEE Trans. Med.
Imaging 10, 473; Scheres 2012, J. Struct. Biol. 180, 519).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from napari_cryoai.physics.fourier import to_fourier
from napari_cryoai.physics.kernels import WIDTH, Kernel, correction, weights


@dataclass(frozen=True, eq=False)
class Disk:
    """The frequencies of a square image that count: inside the Nyquist circle, one of each pair.

    Attributes
    ----------
    n
        Side of the image.
    xy
        `(k, 2)` frequencies (x, y), in units of 1 / (n * pixel size); of the frequencies `g` and
        `-g`, whose values are conjugates of each other, only one.
    index
        `(k,)` where they stand in a flattened `(n, n // 2 + 1)` transform.
    """

    n: int
    xy: Tensor
    index: Tensor

    def gather(self, transforms: Tensor) -> Tensor:
        """`(m, k)` values of `(m, n, n // 2 + 1)` transforms."""
        return transforms.flatten(-2).index_select(-1, self.index)

    def scatter(self, values: Tensor) -> Tensor:
        """`(m, n, n // 2 + 1)` transforms of `(m, k)` values, 0 outside the circle."""
        width = self.n // 2 + 1
        flat = values.new_zeros((*values.shape[:-1], self.n * width))
        full = flat.index_copy(-1, self.index, values).reshape(*values.shape[:-1], self.n, width)
        rows = torch.arange(1, (self.n + 1) // 2, device=values.device)
        mirrored = full[..., rows, 0].conj()
        full[..., self.n - rows, 0] = mirrored
        return full


@lru_cache(maxsize=16)
def disk(n: int, device: torch.device | None = None, radius: int | None = None) -> Disk:
    """The disk of an image of `n` pixels; up to `radius` only, if given, in units of 1 / n."""
    y = torch.fft.fftfreq(n, 1 / n, device=device).round()
    x = torch.arange(n // 2 + 1, device=device, dtype=torch.float32)
    limit = n / 2 if radius is None else min(n / 2, radius + 0.5)
    inside = (y[:, None] ** 2 + x[None, :] ** 2) < limit**2
    inside &= (x[None, :] > 0) | (y[:, None] >= 0)
    index = inside.flatten().nonzero()[:, 0]
    row, column = index // len(x), index % len(x)
    return Disk(n, torch.stack([x[column], y[row]], -1), index)


class FourierVolume:
    """The transform of a map, ready to be cut.

    Parameters
    ----------
    samples
        `(2, size + w, size + w, size // 2 + w)`, real and imaginary part, with `w` the width of
        the kernel: the frequencies `-(size + w) // 2` to `(size + w) // 2 - 1` along z and y,
        `1 - w // 2` to `(size + w) // 2` along x.
    n
        Side of the map before it was padded.
    kernel
        How to interpolate.
    """

    def __init__(self, samples: Tensor, n: int, kernel: Kernel = "linear"):
        self.samples = samples
        self.n = n
        self.kernel = kernel

    @property
    def size(self) -> int:
        """Side of the padded map."""
        return 2 * (self.samples.shape[-1] - WIDTH[self.kernel])

    @classmethod
    def of_map(
        cls, volume: Tensor, oversampling: float = 2.0, kernel: Kernel = "linear"
    ) -> FourierVolume:
        """Transform a map.

        Parameters
        ----------
        volume
            `(n, n, n)`, as `[z, y, x]`. Gradients flow back to it.
        oversampling
            How many times larger than the map the padded one is.
        kernel
            "linear" is what all reconstruction programs do: wrong by about 1 % for a map that
            fills half of its box. "kaiser-bessel" is ten times slower, and right to 1e-4.
        """
        n = volume.shape[-1]
        size = padded_size(n, oversampling)
        before = size // 2 - n // 2
        after = size - n - before
        corrected = volume / correction(kernel, n, size, volume.device)
        transform = to_fourier(functional.pad(corrected, (before, after) * 3), 3)
        half = (size + WIDTH[kernel]) // 2
        rows = torch.arange(-half, half, device=volume.device)
        columns = torch.arange(1 - WIDTH[kernel] // 2, half + 1, device=volume.device)
        samples = _periodic(transform, rows, columns)
        return cls(torch.stack([samples.real, samples.imag]), n, kernel)

    def slices(self, rotations: Tensor) -> Tensor:
        """Transforms of the projections of the rotated map.

        Parameters
        ----------
        rotations
            `(m, 3, 3)` matrices that take the map into the view.

        Returns
        -------
        transforms
            `(m, n, n // 2 + 1)` complex, with the central pixel as origin; 0 from the Nyquist
            frequency on. `fourier.to_real` makes images of them.
        """
        circle = disk(self.n, self.samples.device)
        return circle.scatter(self.at(rotations, circle.xy))

    def at(self, rotations: Tensor, xy: Tensor) -> Tensor:
        """Values at frequencies of the views.

        Parameters
        ----------
        rotations
            `(m, 3, 3)`.
        xy
            `(k, 2)` frequencies (x, y) of the view, shorter than n / 2, in units of
            1 / (n * pixel size).

        Returns
        -------
        values
            `(m, k)` complex, differentiable in the map and in the rotations.
        """
        return self.at_frequencies(on_slices(rotations, xy))

    def at_frequencies(self, xyz: Tensor) -> Tensor:
        """Values at any frequencies of the map.

        Parameters
        ----------
        xyz
            `(3, m, k)` frequencies (x, y, z), shorter than n / 2, in units of
            1 / (n * pixel size).

        Returns
        -------
        values
            `(m, k)` complex.
        """
        where, is_mirrored = in_half_space(xyz * (self.size / self.n))
        read = self._sample if self.kernel == "linear" else self._gather
        real, imaginary = read(where)
        return torch.complex(real, torch.where(is_mirrored, -imaginary, imaginary))

    def _sample(self, where: Tensor) -> Tensor:
        """Linear interpolation, by torch's own; `(2, m, k)`."""
        depth, _, width = self.samples.shape[1:]
        # The middles of the first and the last sample are -1 and 1.
        x = where[0] * (2 / (width - 1)) - 1
        y, z = (where[1:] + depth // 2) * (2 / (depth - 1)) - 1
        _, m, k = where.shape
        parts = math.gcd(m, 8)  # each is work for one core
        found = functional.grid_sample(
            self.samples.expand(parts, *self.samples.shape),
            torch.stack([x, y, z], -1).reshape(parts, 1, -1, k, 3),
            align_corners=True,
        )
        return found.transpose(0, 1).reshape(2, m, k)

    def _gather(self, where: Tensor) -> Tensor:
        """Any kernel, sample by sample; `(2, m, k)`."""
        flat = self.samples.flatten(1)
        total = flat.new_zeros(2, where[0].numel())
        first, others = corners(where, self.samples.shape[1:], self.kernel)
        for further, weight in others:
            total = total + flat[:, further:].index_select(1, first) * weight
        return total.reshape(2, *where.shape[1:])


def corners(
    where: Tensor, shape: Sequence[int], kernel: Kernel
) -> tuple[Tensor, list[tuple[int, Tensor]]]:
    """The samples around points, and their weights.

    Parameters
    ----------
    where
        `(3, ...)` points (x, y, z), with x not negative.
    shape
        Of the samples, as `FourierVolume` has them.

    Returns
    -------
    index
        `(k,)` of the first sample around each point, in the flattened samples.
    others
        For every sample around a point, the first included: how much further on it lies, and its
        weights `(k,)`.
    """
    below = where.detach().floor()
    along = [weights(kernel, fraction.flatten()) for fraction in where - below]
    x, y, z = below.long()
    first = 1 - WIDTH[kernel] // 2
    row = (z + shape[0] // 2 + first) * shape[1] + y + shape[1] // 2 + first
    others = []
    for k, wz in enumerate(along[2]):
        for j, wy in enumerate(along[1]):
            plane = wz * wy
            start = (k * shape[1] + j) * shape[2]
            others += [(start + i, plane * wx) for i, wx in enumerate(along[0])]
    return (row * shape[2] + x).flatten(), others  # the first column is `first` already


def _periodic(transform: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Values of a half transform `(size, size, size // 2 + 1)` at frequencies of any sign."""
    size = transform.shape[0]
    is_mirrored = (columns < 0) | (columns > size // 2)
    sign = torch.where(is_mirrored, -1, 1)
    z, y = rows[:, None, None], rows[None, :, None]
    found = transform[sign * z % size, sign * y % size, sign * columns % size]
    return torch.where(is_mirrored, found.conj(), found)


def padded_size(n: int, oversampling: float) -> int:
    """Side of the padded box: even, and quick to transform."""
    size = 2 * math.ceil(n * oversampling / 2)
    while any(size % p == 0 and _is_prime(p) for p in range(11, size // 2 + 1)):
        size += 2
    return size


def _is_prime(p: int) -> bool:
    return all(p % q for q in range(2, math.isqrt(p) + 1))


def on_slices(rotations: Tensor, xy: Tensor) -> Tensor:
    """Frequencies of views, as frequencies of the map: `R^T (x, y, 0)`.

    Parameters
    ----------
    rotations
        `(m, 3, 3)` matrices that take the map into the view.
    xy
        `(k, 2)`.

    Returns
    -------
    xyz
        `(3, m, k)`.
    """
    return torch.matmul(rotations[:, :2].permute(2, 0, 1), xy.T)


def in_half_space(xyz: Tensor) -> tuple[Tensor, Tensor]:
    """Of each frequency and its opposite, the one whose x is not negative.

    Parameters
    ----------
    xyz
        `(3, ...)`.

    Returns
    -------
    xyz
        `(3, ...)`.
    is_mirrored
        `(...)`: where it is the opposite; the value there is the conjugate.
    """
    is_mirrored = xyz[0] < 0
    return torch.where(is_mirrored, -xyz, xyz), is_mirrored
