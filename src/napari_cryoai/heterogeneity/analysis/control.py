"""Is there any heterogeneity at all?

Were all particles alike, what their images measure of their places would scatter as the noise makes
it, and no more. So the scatter is compared with that of noise alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis.axes import Axes, coordinate_axes
from napari_cryoai.heterogeneity.analysis.measured import measured

Floats = NDArray[np.float64]

MOST = 50_000
DRAWS = 999
BY_CHANCE = 0.01
LITTLE = 0.02
"""Less than this share of the scatter may as well be a slightly wrong noise level."""
SURE = 4.0
"""Standard errors by which a gain on held-out particles has to exceed 0."""
TOLD = 0.01
"""Directions of which images tell less than this, in units of the prior, are left out."""


@dataclass(frozen=True)
class Structure:
    """Whether particles differ by more than their noise.

    Attributes
    ----------
    share
        Of the scatter along the direction in which it is largest, that is not noise; 0 to 1.
    p
        Probability of as much scatter, were all particles alike.
    independent
        Whether the particles had no part in finding the components.
    held_out
        By how much the components make held-out particles likelier, in nats for each, and the
        standard error; None if it was not tested.
    """

    share: float
    p: float
    independent: bool = False
    held_out: tuple[float, float] | None = None

    @property
    def found(self) -> bool | None:
        """Whether there is structure beyond noise; None if these tests cannot decide it."""
        if self.p > BY_CHANCE or self.share < LITTLE:
            return False
        tests = [True] if self.independent else []
        if self.held_out is not None:
            tests.append(self.held_out[0] > SURE * self.held_out[1])
        return all(tests) if tests else None

    def text(self) -> str:
        """In words."""
        scatter = f"{self.share:.0%} of their scatter is not noise"
        if self.found is None:
            return (
                f"Not decided: {scatter}, but the components were found with these very particles "
                "and hold noise of theirs; only other particles can tell"
            )
        if self.found:
            return f"Particles differ by more than noise: {scatter}"
        if self.p > BY_CHANCE or self.share < LITTLE:
            return "No structure beyond noise: the particles scatter as they would, were all alike"
        return "No structure beyond noise: the components do not make held-out particles likelier"


def structure(
    table: LatentTable,
    *,
    prior: ArrayLike | None = None,
    independent: bool = False,
    held_out: tuple[float, float] | None = None,
    seed: int = 0,
) -> Structure:
    """Test whether particles differ by more than their noise.

    Components that were found with the same particles have gathered some of their noise, along
    which they scatter more than by chance. So a scatter as of noise alone says that there is no
    structure, but a larger one says that there is some only of other particles, or if held-out
    particles are explained too.

    Parameters
    ----------
    table
        Places, and how well each is known.
    prior
        See `measured`.
    independent
        Whether the particles had no part in finding the components.
    held_out
        Gain in log likelihood of held-out particles, and its standard error, as a training tells.

    Raises
    ------
    CryoAIError
        If there are too few particles.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(table))[:MOST])
    if len(rows) < 5 * (table.z_dim + 1):
        raise CryoAIError(
            f"{len(rows)} particles are too few to tell structure from noise",
            remedy=f"Choose at least {5 * (table.z_dim + 1)}",
        )
    white = _whitened(table.select(rows), prior)
    if len(white) < 5 * (white.shape[1] + 1) or not white.shape[1]:
        return Structure(0.0, 1.0, independent, held_out)  # hardly anything is told
    largest = float(np.linalg.eigvalsh(np.cov(white.T).reshape(2 * white.shape[1:]))[-1])
    null = _by_noise(len(white), white.shape[1], random)
    p = (1 + int((null >= largest).sum())) / (1 + len(null))
    share = max(0.0, 1 - float(null.mean()) / largest)
    return Structure(share, p, independent, held_out)


def held_out_of(config: Mapping[str, Any]) -> tuple[float, float] | None:
    """What a training has written of held-out particles into its configuration; None if nothing."""
    gain, error = config.get("held_out_gain"), config.get("held_out_error")
    if not isinstance(gain, int | float) or not isinstance(error, int | float):
        return None
    return (gain, error) if math.isfinite(gain) and math.isfinite(error) else None


def _whitened(table: LatentTable, prior: ArrayLike | None) -> Floats:
    """`(m, k)` measurements in units of their noise, along directions of which images tell."""
    axes = coordinate_axes(table, tuple(range(table.z_dim)))
    mean = measured(table, axes, prior).precision.mean(0)
    values, vectors = np.linalg.eigh(mean)
    told = vectors[:, values > TOLD].T
    if not len(told):
        return np.empty((0, 0))
    white = measured(table, Axes(axes.origin, told, np.ones(len(told))), prior).whitened()
    return white[~np.isnan(white).any(1)]


def _by_noise(n: int, d: int, random: np.random.Generator) -> Floats:
    """`(draws,)` largest eigenvalue of the covariance of `(n, d)` standard normal numbers.

    Drawn from Wishart's distribution by Bartlett's decomposition, not from the numbers themselves.
    """
    low = np.tril(random.normal(size=(DRAWS, d, d)), -1)
    low[:, np.arange(d), np.arange(d)] = np.sqrt(random.chisquare(n - 1 - np.arange(d), (DRAWS, d)))
    return np.asarray(np.linalg.eigvalsh(low @ low.swapaxes(1, 2) / (n - 1))[:, -1], np.float64)
