"""What is known of each particle: coordinates, principal components, and whatever joins later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis.axes import Axes, principal_axes

Floats = NDArray[np.float32]
MANY_LABELS = 20
"""More different values than these are numbers, and no labels."""
_LOOKED_AT = 20_000


@dataclass(frozen=True, eq=False)
class Column:
    """One number of every particle.

    Attributes
    ----------
    name
        As expressions of `cryoai heterogeneity select` spell it, where they know it.
    values
        `(n,)` float32; NaN where it is not known.
    direction
        `(d,)`, where the column is a linear function of the place: the values are
        `(z - centre) @ direction`, up to a constant. None for others.
    labels
        Whether the values are numbers of groups, from 0.
    """

    name: str
    values: Floats
    direction: NDArray[np.float64] | None = None
    labels: bool = False


class Columns:
    """All columns of a latent space, by name; principal components are found when first asked for.

    Parameters
    ----------
    table
        The particles.
    """

    def __init__(self, table: LatentTable):
        self._table = table
        self._made: dict[str, Column] = {}
        self._recipes: dict[str, Callable[[], Column]] = {}
        d = table.z_dim
        for i in range(d):
            self._recipes[f"z{i + 1}"] = partial(_coordinate, table, i)
        for i in range(d if d > 1 else 0):
            self._recipes[f"PC{i + 1}"] = partial(self._component, i)
        self._recipes["uncertainty"] = partial(_uncertainty, table)
        for name, values in table.columns.items():
            self._recipes[name] = partial(_given, name, values)
        self._axes: Axes | None = None

    @property
    def names(self) -> list[str]:
        """Of all columns, in the order in which they are offered."""
        return list(self._recipes)

    def __contains__(self, name: str) -> bool:
        return name in self._recipes

    def __getitem__(self, name: str) -> Column:
        if name not in self._made:
            self._made[name] = self._recipes[name]()
        return self._made[name]

    def add(self, name: str, values: NDArray[np.floating]) -> None:
        """Another column, or a new one in the place of one."""
        column = _given(name, np.asarray(values, np.float32))
        self._made[name] = column
        self._recipes[name] = lambda: column

    def named_in(self, text: str) -> Mapping[str, Floats]:
        """The columns whose names occur in a text."""
        return {name: self[name].values for name in self.names if name in text}

    def _component(self, i: int) -> Column:
        if self._axes is None:
            self._axes = principal_axes(self._table.mean)
        axis = self._axes.matrix[i]
        middle = (self._axes.origin @ axis).astype(np.float32)
        return Column(f"PC{i + 1}", self._table.mean @ axis.astype(np.float32) - middle, axis)


def _coordinate(table: LatentTable, i: int) -> Column:
    return Column(f"z{i + 1}", np.ascontiguousarray(table.mean[:, i]), np.eye(table.z_dim)[i])


def _uncertainty(table: LatentTable) -> Column:
    """Root mean square width of the posterior over the dimensions."""
    variance = np.einsum("nii->n", table.covariance) / table.z_dim
    return Column("uncertainty", np.sqrt(np.maximum(variance, 0)).astype(np.float32))


def _given(name: str, values: Floats) -> Column:
    return Column(name, values, labels=are_labels(values))


def are_labels(values: Floats) -> bool:
    """Whether values `(n,)` are a few whole numbers from 0: numbers of groups."""
    some = values[:: max(1, len(values) // _LOOKED_AT)]
    some = some[np.isfinite(some)]
    if not some.size or (some < 0).any() or (some != np.round(some)).any():
        return False
    return len(np.unique(some)) <= MANY_LABELS and float(np.nanmax(values)) < 2 * MANY_LABELS
