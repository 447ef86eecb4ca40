"""Where particles lie in a latent space, and which particles they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LatentTable:
    """`n` particles in a latent space of `d` dimensions; a value that is never changed in place.

    Attributes
    ----------
    mean
        `(n, d)` float32, of the posterior of each particle's place.
    covariance
        `(n, d, d)` float32, of that posterior: how well the image tells its place.
    rows
        `(n,)` int64, the row of each particle in the file that it was read from.
    names
        `(n,)` str, `NNN@path` of its image as that file spells it: with `rows` the identity by
        which every selection goes back to the original particles.
    columns
        `(n,)` float32 each: what else is known of the particles (contrast, likelihood, ...).
    normal_mean, normal_covariance
        The posterior under a standard normal prior, `(n, d)` and `(n, d, d)` float32, if `mean` and
        `covariance` are under another one: from it follows what each image tells by itself.
    """

    mean: Floats
    covariance: Floats
    rows: NDArray[np.int64]
    names: NDArray[np.str_]
    columns: Mapping[str, Floats] = field(default_factory=dict)
    normal_mean: Floats | None = None
    normal_covariance: Floats | None = None

    def __post_init__(self) -> None:
        n, d = self.mean.shape
        shapes = {"covariance": (n, d, d), "rows": (n,), "names": (n,)}
        if self.normal_mean is not None:
            shapes |= {"normal_mean": (n, d), "normal_covariance": (n, d, d)}
        for name, shape in shapes.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(f"{name} is {np.shape(getattr(self, name))}, not {shape}")
        for name, values in self.columns.items():
            if values.shape != (n,):
                raise ValueError(f"column {name} is {values.shape}, not {(n,)}")
        if not np.isfinite(self.mean).all():
            row = int(np.argmin(np.isfinite(self.mean).all(1)))
            raise CryoAIError(
                f"particle {row + 1} has no place in the latent space (not a number)",
                remedy="Encode the particles again; if it stays, leave that particle out",
            )

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def z_dim(self) -> int:
        """Dimensions of the latent space."""
        return self.mean.shape[1]

    @property
    def under_normal(self) -> tuple[Floats, Floats]:
        """Mean and covariance under a standard normal prior."""
        if self.normal_mean is None or self.normal_covariance is None:
            return self.mean, self.covariance
        return self.normal_mean, self.normal_covariance

    def select(self, rows: NDArray[Any]) -> LatentTable:
        """The particles of a mask or an index array, in that order."""
        return LatentTable(
            self.mean[rows],
            self.covariance[rows],
            self.rows[rows],
            self.names[rows],
            {name: values[rows] for name, values in self.columns.items()},
            None if self.normal_mean is None else self.normal_mean[rows],
            None if self.normal_covariance is None else self.normal_covariance[rows],
        )
