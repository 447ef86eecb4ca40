"""Several maps in Fourier space at once: cut into slices, and summed up from slices.

The values of all maps stand side by side, so that a slice through all of them is one product of a
sparse matrix (eight neighbours for each frequency) by a narrow dense one, and the sum over slices
the product of its transpose. Frequencies beyond the working radius are not there at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from napari_cryoai.physics.fourier import to_fourier, to_real
from napari_cryoai.physics.kernels import correction
from napari_cryoai.physics.slices import in_half_space, on_slices, padded_size

OVERSAMPLING = 1.5
_CORNERS = tuple((z, y, x) for z in (0, 1) for y in (0, 1) for x in (0, 1))


@dataclass(frozen=True, eq=False)
class Cut:
    """Where a batch of slices lies in the lattice, each frequency with a weight.

    Attributes
    ----------
    index, weights
        `(points, 8)` the neighbours of each point, and their weights.
    sites
        Number of all sites.
    conjugate
        `(points, 1)`: -1 where the value is the conjugate of what is stored, else 1.
    """

    index: Tensor
    weights: Tensor
    sites: int
    conjugate: Tensor

    def read(self, table: Tensor) -> Tensor:
        """`(points, 2, r)` real and imaginary parts, of a table `(sites, 2 r)`."""
        found = self._times(table)
        values = found.reshape(len(found), 2, -1)
        values[:, 1] *= self.conjugate
        return values

    def sum(self, values: Tensor) -> Tensor:
        """`(sites, 2 r)`: what points with values `(points, 2, r)` add up to at every site."""
        turned = torch.stack([values[:, 0], values[:, 1] * self.conjugate], 1)
        return self._transposed_times(turned.flatten(1))

    def weight(self, values: Tensor) -> Tensor:
        """`(sites,)`: the same of real values `(points,)`."""
        return self._transposed_times(values[:, None])[:, 0]

    def _times(self, table: Tensor) -> Tensor:
        if table.device.type != "cpu":
            return self.gathered(table)
        return torch.from_numpy(self._matrix() @ table.numpy())

    def _transposed_times(self, values: Tensor) -> Tensor:
        if values.device.type != "cpu":
            return self.scattered(values)
        return torch.from_numpy(self._matrix().T @ values.numpy())

    def gathered(self, table: Tensor) -> Tensor:
        """The weighted sum of eight rows for every point, on any device."""
        return torch.nn.functional.embedding_bag(
            self.index, table, per_sample_weights=self.weights, mode="sum"
        )

    def scattered(self, values: Tensor) -> Tensor:
        """The sum of weighted points at every site, on any device."""
        total = values.new_zeros(self.sites, values.shape[1])
        for corner in range(len(_CORNERS)):
            total.index_add_(0, self.index[:, corner], values * self.weights[:, corner, None])
        return total

    def _matrix(self) -> Any:
        """SciPy's product is several times faster than torch's on a CPU, and needs no copy."""
        points, corners = self.index.shape
        ends = np.arange(0, points * corners + 1, corners, dtype=np.int32)
        parts = (self.weights.numpy().ravel(), self.index.numpy().ravel(), ends)
        return csr_matrix(parts, shape=(points, self.sites))


class Lattice:
    """The sites of a padded map's transform up to a radius; one of each pair.

    Parameters
    ----------
    radius
        Longest frequency that slices have, in units of 1 / box.

    Attributes
    ----------
    n
        Side of the maps that hold these frequencies and no others.
    size
        Side of the padded maps.
    zyx
        `(sites, 3)` where each site lies, x not negative.
    shell
        `(sites,)` nearest whole length, in units of 1 / box.
    """

    def __init__(self, radius: int, device: torch.device):
        self.radius, self.device = radius, device
        self.n = 2 * radius + 2
        self.size = padded_size(self.n, OVERSAMPLING)
        reach = (radius + 0.5) * self.size / self.n + 1.8  # all neighbours of the longest
        self.zyx = _sites(reach, self.size // 2, device)
        self._reach = int(self.zyx.max())
        self._lookup = self._numbered()
        length = self.zyx.float().norm(dim=1) * (self.n / self.size)
        self.shell = length.round().long()
        on_plane = (self.zyx[:, 2] == 0).nonzero()[:, 0]
        mirrored = -self.zyx[on_plane]
        self._plane = on_plane, self._number(mirrored[:, 0], mirrored[:, 1], mirrored[:, 2])

    def __len__(self) -> int:
        return len(self.zyx)

    def cut(self, rotations: Tensor, xy: Tensor, weights: Tensor) -> Cut:
        """Slices at frequencies `(k, 2)` of views `(m, 3, 3)`, with weights `(m, k)`."""
        where, mirrored = in_half_space(on_slices(rotations, xy * (self.size / self.n)))
        where = where.flatten(1)
        below = where.floor()
        fx, fy, fz = where - below
        x, y, z = below.int()
        first = self._address(z, y, x)
        ones = torch.ones_like(fx)
        shares = torch.stack([ones - fx, fx, ones - fy, fy, ones - fz, fz])
        plane = weights.flatten() * shares[4:, None] * shares[None, 2:4]  # (2, 2, points)
        share = torch.stack([plane[k, j] * shares[i] for k, j, i in _CORNERS], 1)
        steps = [self._address(k, j, i) - self._address(0, 0, 0) for k, j, i in _CORNERS]
        offsets = torch.tensor(steps, dtype=torch.int32, device=self.device)
        index = self._lookup[(first[:, None] + offsets).long()]
        sign = torch.where(mirrored.flatten(), -1.0, 1.0)[:, None]
        return Cut(index, share, len(self), sign)

    def folded(self, total: Tensor, *, real: bool = False) -> Tensor:
        """Sums `(sites, 2 r)` whose plane x = 0 obeys the symmetry of a real map's transform.

        Sums `(sites,)` of weights have no conjugate.
        """
        here, there = self._plane
        mirrored = total[there]
        if not real:
            re, im = mirrored.chunk(2, 1)
            mirrored = torch.cat([re, -im], 1)
        out = total.clone()
        out[here] += mirrored
        return out

    def maps(self, table: Tensor) -> Tensor:
        """`(r, n, n, n)` maps of a table `(sites, 2 r)`."""
        return torch.stack([self._map(re, im) for re, im in zip(*_parts(table), strict=True)])

    def table(self, maps: Tensor) -> Tensor:
        """`(sites, 2 r)` of maps `(r, n, n, n)`; the inverse of `maps`, but for the radius."""
        columns = [self._column(volume) for volume in maps]
        return torch.stack(columns, 2).flatten(1)

    def _map(self, re: Tensor, im: Tensor) -> Tensor:
        size = self.size
        half = torch.zeros(size, size, size // 2 + 1, dtype=torch.complex64, device=self.device)
        z, y, x = self.zyx.T
        half[z % size, y % size, x] = torch.complex(re, im)
        padded = to_real(half, (size,) * 3)
        first = size // 2 - self.n // 2
        inner = (slice(first, first + self.n),) * 3
        return padded[inner] * correction("linear", self.n, size, self.device)

    def _column(self, volume: Tensor) -> Tensor:
        before = self.size // 2 - self.n // 2
        after = self.size - self.n - before
        even = volume / correction("linear", self.n, self.size, self.device)
        transform = to_fourier(torch.nn.functional.pad(even, (before, after) * 3), 3)
        z, y, x = self.zyx.T
        found = transform[z % self.size, y % self.size, x]
        return torch.stack([found.real, found.imag], 1)

    def _address(self, z: Any, y: Any, x: Any) -> Any:
        side = 2 * self._reach + 1
        return ((z + self._reach) * side + y + self._reach) * (self._reach + 1) + x

    def _number(self, z: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return self._lookup[self._address(z, y, x)].long()

    def _numbered(self) -> Tensor:
        """Number of the site at every address; 0 where there is none."""
        addresses = self._address(*self.zyx.T)
        last = self._address(self._reach, self._reach, self._reach)
        lookup = torch.zeros(last + 1, dtype=torch.int32, device=self.device)
        lookup[addresses] = torch.arange(len(self.zyx), dtype=torch.int32, device=self.device)
        return lookup


def _sites(reach: float, last: int, device: torch.device) -> Tensor:
    whole = min(int(reach), last)
    axis = torch.arange(-whole, whole + 1, device=device)
    z, y, x = torch.meshgrid(axis, axis, axis[whole:], indexing="ij")
    inside = z * z + y * y + x * x <= reach * reach
    return torch.stack([z[inside], y[inside], x[inside]], 1)


def _parts(table: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary parts of every map: `(r, sites)` each."""
    re, im = table.reshape(len(table), 2, -1).permute(1, 2, 0)
    return re, im
