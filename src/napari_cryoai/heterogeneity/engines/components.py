"""Mean and components of particle images: one round of expectation and maximisation.

The expectation takes every image's posterior of its coefficients. The maximisation moves the maps
towards the weighted least-squares solution: the images' residuals, times the coefficients, are
summed up in Fourier space and divided by the sum of the squared CTFs and by the coefficients' mean
square. That divisor would be exact if coefficients had nothing to do with views and defoci; that
it is nearly so makes a few rounds enough, and none of them ever holds more than one number for
each component and frequency.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from napari_cryoai.heterogeneity.engines.images import Batch, FourierImages, Rows
from napari_cryoai.heterogeneity.engines.lattice import Cut, Lattice
from napari_cryoai.heterogeneity.engines.posterior import Evidence, evidence

BATCH_BYTES = 48 << 20
LEAST_WEIGHT = 0.1
"""Of the mean in its shell: a frequency that few views have seen is moved more slowly."""

VARIATION = 1.0
"""Expected power of a component in every shell, in that of the mean."""

Moments = Callable[[Evidence, Rows], tuple[Tensor, Tensor]]
"""Mean `(m, r)` and second moment `(m, r, r)` of the coefficients of images, from what they say."""


@dataclass(eq=False)
class Sums:
    """What one round sums up.

    Attributes
    ----------
    residual
        `(sites, 2 r)`.
    moment, mean
        `(r, r)` and `(r,)` sums over images of the coefficients' second and first moments.
    power
        `(k,)` squared residuals at every frequency.
    images
        How many.
    """

    residual: Tensor
    moment: Tensor
    mean: Tensor
    power: Tensor
    images: int = 0


@dataclass(eq=False)
class Components:
    """Maps in Fourier space, the mean first, while they are found.

    Attributes
    ----------
    lattice
        Where their frequencies are.
    table
        `(sites, 2 r)`.
    weights
        `(sites,)` sum of the squared CTFs for each image; None before the first round.
    regularised
        Whether components are held back where the mean is weak.
    """

    lattice: Lattice
    table: Tensor
    weights: Tensor | None = None
    regularised: bool = True
    shells: int = field(init=False)

    def __post_init__(self) -> None:
        self.shells = int(self.lattice.shell.max()) + 1

    @property
    def count(self) -> int:
        """Maps, the mean included."""
        return self.table.shape[1] // 2

    def batch_size(self, frequencies: int) -> int:
        """Images that are worked on at once."""
        return max(8, min(1024, BATCH_BYTES // (8 * frequencies * (self.count + 4))))

    def views(self, batch: Batch) -> tuple[Cut, Tensor]:
        """What every map looks like in every image: `(m, k, 2, r)`."""
        cut = self.lattice.cut(batch.rotations, batch.xy, batch.transfer)
        m, k = batch.transfer.shape
        return cut, cut.read(self.table).reshape(m, k, 2, -1)

    def round(
        self, images: FourierImages, rows: Rows, moments: Moments
    ) -> Generator[int, None, Sums]:
        """Go through the images once; yields how many are done."""
        radius, k = self.lattice.radius, images.count(self.lattice.radius)
        r = self.count
        sums = Sums(
            torch.zeros_like(self.table),
            self.table.new_zeros(r, r),
            self.table.new_zeros(r),
            self.table.new_zeros(k),
        )
        weigh = self.weights is None
        weights = self.table.new_zeros(len(self.lattice))
        for part, batch in images.batches(rows, radius, self.batch_size(k)):
            cut, views = self.views(batch)
            values = torch.view_as_real(batch.values)
            mean, moment = moments(evidence(views, values), part)
            expected = (views.flatten(1, 2) @ moment).reshape(views.shape)
            fitted = (views.flatten(1, 2) @ mean[..., None]).reshape(values.shape)
            power = values.square() - 2 * values * fitted + (views * expected).sum(-1)
            sums.power += power.sum((0, 2))
            difference = values[..., None] * mean[:, None, None] - expected
            sums.residual += cut.sum(difference.flatten(0, 1))
            sums.moment += moment.sum(0)
            sums.mean += mean.sum(0)
            sums.images += len(part)
            if weigh:
                weights += cut.weight(batch.transfer.flatten())
            yield sums.images
        if weigh:
            self.weights = self.lattice.folded(weights, real=True) / sums.images
        return sums

    def move(self, sums: Sums) -> None:
        """Towards the maps that explain the images best, given the coefficients."""
        weights = self._weights() * sums.images
        residual = self.lattice.folded(sums.residual).reshape(len(self.table), 2, -1)
        old = self.table.reshape(residual.shape)
        moment = sums.moment / sums.images
        prior = self._prior(old)
        step = residual @ torch.linalg.inv(moment) - old * prior
        self.table = (old + step / (weights[:, None, None] + prior)).flatten(1)

    def correlation(self, other: Tensor) -> Tensor:
        """`(shells, r)` FSC of every map with that of another table."""
        a, b = (table.reshape(len(self.lattice), 2, -1) for table in (self.table, other))
        product, one, two = (self._shell_mean((u * v).sum(1)) for u, v in ((a, b), (a, a), (b, b)))
        return product / (one * two).sqrt().clamp(min=1e-30)

    def _prior(self, values: Tensor) -> Tensor:
        """`(sites, 1, r)` inverse variances that values `(sites, 2, r)` are expected to have."""
        prior = torch.zeros_like(values[:, :1])
        if self.regularised:
            power = self._shell_mean(values[:, :, :1].square().sum(1)).clamp(min=1e-30)
            prior[:, 0, 1:] = 1 / (VARIATION * power[self.lattice.shell])
        return prior

    def _weights(self) -> Tensor:
        if self.weights is None:
            raise RuntimeError("no round has been made")
        typical = self._shell_mean(self.weights[:, None])[self.lattice.shell, 0]
        return torch.maximum(self.weights, LEAST_WEIGHT * typical).clamp(min=1e-12)

    def _shell_mean(self, values: Tensor) -> Tensor:
        """`(shells, r)` means of values `(sites, r)`."""
        total = values.new_zeros(self.shells, values.shape[1])
        total.index_add_(0, self.lattice.shell, values)
        count = torch.bincount(self.lattice.shell, minlength=self.shells)
        return total / count.clamp(min=1)[:, None]
