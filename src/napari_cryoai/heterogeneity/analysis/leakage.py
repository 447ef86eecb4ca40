"""Does the latent space know what it should not: pose, defocus, micrograph?

Where the place of a particle can be foretold from its orientation, the latent space has learned
views instead of structure. So places are foretold from each such property of *other* particles, and
compared with what is foretold after the places have been dealt out anew by chance.

It is the mean place that is foretold. How far places scatter depends on the view and the defocus in
every latent space, since images tell more in some than in others, and is no leak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.analysis.axes import whitened_axes
from napari_cryoai.jobs.progress import Job, Progress, finish

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

MOST = 10_000
"""Particles that are looked at."""
NEIGHBOURS = 20
PERMUTATIONS = 99
LITTLE, MUCH = 0.02, 0.2
"""Shares of the variance: less is of no consequence, more is alarming."""
BY_CHANCE = 0.01
"""A probability below this is not taken for chance."""
_RIDGE = 1e-3


@dataclass(frozen=True)
class Leak:
    """What the latent space knows of one property of the particles.

    Attributes
    ----------
    name
        Of the property.
    share
        Of the variance of places that goes with the property, along the principal axis where it is
        most; about 0, or slightly less, if nothing is known.
    by_chance
        The largest share that was reached with the places dealt out by chance.
    p
        Probability to reach `share` by chance.
    particles
        That were looked at.
    """

    name: str
    share: float
    by_chance: float
    p: float
    particles: int

    @property
    def known(self) -> bool:
        """Whether it is told more than chance tells, and enough to matter."""
        return self.p <= BY_CHANCE and self.share >= LITTLE

    def text(self) -> str:
        """In words."""
        if not self.known:
            return f"The latent space does not tell the {self.name}"
        how = "strongly tells" if self.share >= MUCH else "tells something of"
        return f"The latent space {how} the {self.name}: {self.share:.0%} of an axis goes with it"


def leakage(
    z: ArrayLike,
    properties: Mapping[str, ArrayLike],
    groups: Mapping[str, ArrayLike] | None = None,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> list[Leak]:
    """Test each property.

    Parameters
    ----------
    z
        `(n, d)` places.
    properties
        Of the particles, `(n,)` or `(n, e)` numbers each. A circular one, like an angle, is given
        by its cosine and sine.
    groups
        Labels `(n,)`, each a number of a micrograph, a grid, a session; negative: not known.
    permutations
        p is not smaller than one over one more than these.

    Raises
    ------
    CryoAIError
        If there are too few particles.
    """
    job = leakage_job(z, properties, groups or {}, permutations=permutations, seed=seed)
    return finish(job)


def leakage_job(
    z: ArrayLike,
    properties: Mapping[str, ArrayLike],
    groups: Mapping[str, ArrayLike],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Job[list[Leak]]:
    """`leakage` as a job, whose progress is in properties."""
    places = np.asarray(z, np.float64)
    random = np.random.default_rng(seed)
    found: list[Leak] = []
    for name, values in properties.items():
        yield Progress(len(found), len(properties) + len(groups), f"Testing the {name}")
        known = np.asarray(values, np.float64).reshape(len(places), -1)
        rows = _looked_at(np.flatnonzero(np.isfinite(known).all(1)), random)
        found.append(_leak(name, places[rows], known[rows], permutations, random))
    for name, labels in groups.items():
        yield Progress(len(found), len(properties) + len(groups), f"Testing the {name}")
        label = np.asarray(labels)
        rows = _looked_at(np.flatnonzero(_with_others(label)), random)
        found.append(_group_leak(name, places[rows], label[rows], permutations, random))
    return found


def properties_of(stack: ParticleStack) -> dict[str, Floats]:
    """What a latent space should not know of particles: for `leakage`.

    An in-plane angle is the turn that is left of the rotation when the view has been brought to the
    front the shortest way.
    """
    found = {"shift": stack.shifts_yx_A}
    if stack.rotations is not None:
        found["direction of view"] = stack.rotations[:, 2]
        # Of the product with the shortest turn, this is what the in-plane part comes to.
        trace = stack.rotations[:, 0, 0] + stack.rotations[:, 1, 1]
        skew = stack.rotations[:, 1, 0] - stack.rotations[:, 0, 1]
        length = np.maximum(np.hypot(trace, skew), 1e-9)
        found["in-plane angle"] = np.stack([trace / length, skew / length], 1)
    if stack.ctf is not None:
        mean = (stack.ctf.defocus_u_A + stack.ctf.defocus_v_A) / 2
        found["defocus"] = mean[:, None]
    varies = {name: np.nanstd(values, axis=0).max() > 1e-6 for name, values in found.items()}
    return {name: values for name, values in found.items() if varies[name]}


def groups_of(stack: ParticleStack) -> dict[str, NDArray[np.int32]]:
    """Groups of particles that a latent space should not know: for `leakage`."""
    found = {"micrograph": stack.micrograph, "optics group": stack.group}
    return {name: labels for name, labels in found.items() if len(np.unique(labels)) > 1}


def _looked_at(known: Rows, random: np.random.Generator) -> Rows:
    rows = random.permutation(known)[:MOST]
    if len(rows) < 5 * NEIGHBOURS:
        raise CryoAIError(
            f"{len(rows)} particles are too few to test what the latent space knows",
            remedy=f"Choose at least {5 * NEIGHBOURS}",
        )
    return rows


@dataclass(frozen=True, eq=False)
class _Foretold:
    """How places are foretold: by particles that are alike, and by a quadratic function.

    Attributes
    ----------
    near
        `(n, k)` the particles most alike in the property, without itself.
    basis, shrink
        `(n, q)` orthonormal columns that span functions of the property, and `(q,)` their ridge.
    leverage
        `(n,)` weight that a particle has in its own prediction.
    """

    near: Rows
    basis: Floats
    shrink: Floats
    leverage: Floats

    @classmethod
    def of(cls, known: Floats) -> _Foretold:
        """From `(n, e)` numbers."""
        known = known - known.mean(0)
        known = known / np.maximum(known.std(0), 1e-12)
        near = cKDTree(known).query(known, NEIGHBOURS + 1)[1][:, 1:]
        pairs = [known[:, i] * known[:, j] for i in range(known.shape[1]) for j in range(i + 1)]
        design = np.column_stack([known, *pairs])
        basis, size, _ = np.linalg.svd(design - design.mean(0), full_matrices=False)
        shrink = size**2 / (size**2 + _RIDGE * len(known))
        leverage = 1 / len(known) + (basis**2 * shrink).sum(1)
        return cls(near, basis, shrink, leverage)

    def share(self, places: Floats) -> float:
        """Of the variance of the best told of `(n, d)` columns, by the better of the two ways."""
        by_likes = places - places[self.near].mean(1)
        fitted = self.basis @ (self.shrink[:, None] * (self.basis.T @ places))
        # The residual that a particle would have, had the fit been made without it.
        by_function = (places - fitted) / (1 - self.leverage)[:, None]
        errors = np.minimum((by_likes**2).sum(0), (by_function**2).sum(0))
        return float((1 - errors / (places**2).sum(0)).max())


def _leak(
    name: str, places: Floats, known: Floats, permutations: int, random: np.random.Generator
) -> Leak:
    how, white = _Foretold.of(known), whitened_axes(places).of(places)
    dealt = [how.share(random.permutation(white)) for _ in range(permutations)]
    return _compared(name, how.share(white), dealt, len(white))


def _group_leak(
    name: str, places: Floats, label: NDArray[np.int_], permutations: int, rng: np.random.Generator
) -> Leak:
    """How much of the place goes with the group: the intraclass correlation (Fisher 1925)."""
    white = whitened_axes(places).of(places)
    _, group, count = np.unique(label, return_inverse=True, return_counts=True)
    n, groups = len(white), len(count)
    if n == groups or groups < 2:
        raise CryoAIError(f"there is one {name} only", remedy="Leave that test out")
    typical = (n - (count**2).sum() / n) / (groups - 1)

    def share(order: Rows) -> float:
        sums = np.stack([np.bincount(group, column) for column in white[order].T], 1)
        between = (sums**2 / count[:, None]).sum(0)
        within = ((white**2).sum(0) - between) / (n - groups)
        between = between / (groups - 1)
        return float(((between - within) / (between + (typical - 1) * within)).max())

    dealt = [share(rng.permutation(n)) for _ in range(permutations)]
    return _compared(name, share(np.arange(n)), dealt, n)


def _with_others(label: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Which particles have a known group with another particle in it."""
    _, group, count = np.unique(label, return_inverse=True, return_counts=True)
    return (label >= 0) & (count[group] > 1)


def _compared(name: str, share: float, dealt: list[float], particles: int) -> Leak:
    p = (1 + sum(other >= share for other in dealt)) / (1 + len(dealt))
    return Leak(name, share, max(dealt, default=0.0), p, particles)
