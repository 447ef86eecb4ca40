"""Sets of simulated micrographs: what differs from one to the next, and their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import write_picks
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.micrographs import simulate_micrograph

TRUTH = "true_positions.star"


@dataclass(frozen=True)
class MicrographSet:
    """What is drawn for each micrograph; lengths in Angstrom, angles in degrees.

    Attributes
    ----------
    base
        What all micrographs share.
    particles
        Number of particles.
    empty
        Share of micrographs without any.
    defocus_A, astigmatism_A, astigmatism_angle_deg, b_factor_A2, drift_A, snr, ice_gradient
        See `MicrographModel`.
    ice_thickness_A
        Beyond the particle's diameter.
    carbon
        Share of micrographs that show the hole's edge.
    n_ice, n_aggregates, n_denatured
        Number of each, rounded.
    """

    base: MicrographModel
    particles: Distribution = field(default=Distribution("uniform", 100, 300))
    empty: float = 0.05
    defocus_A: Distribution = field(default=Distribution("uniform", 8_000, 25_000))
    astigmatism_A: Distribution = field(default=Distribution("uniform", 0, 500))
    astigmatism_angle_deg: Distribution = field(default=Distribution("uniform", 0, 180))
    b_factor_A2: Distribution = field(default=Distribution("uniform", 40, 120))
    drift_A: Distribution = field(default=Distribution("exponential", 1))
    snr: Distribution = field(default=Distribution("log-uniform", 0.03, 0.15))
    ice_gradient: Distribution = field(default=Distribution("exponential", 0.05))
    ice_thickness_A: Distribution = field(default=Distribution("uniform", 50, 400))
    carbon: float = 0.2
    n_ice: Distribution = field(default=Distribution("exponential", 1))
    n_aggregates: Distribution = field(default=Distribution("exponential", 0.5))
    n_denatured: Distribution = field(default=Distribution("exponential", 2))

    def draw(self, number: int, seed: int, diameter_A: float) -> MicrographModel:
        """The model of micrograph `number`, the same whatever the others are."""
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        names = (
            *("defocus_A", "astigmatism_A", "astigmatism_angle_deg", "b_factor_A2", "drift_A"),
            *("snr", "ice_gradient", "ice_thickness_A"),
        )
        values: dict[str, Any] = {
            name: float(getattr(self, name).draw(1, rng)[0]) for name in names
        }
        values["ice_thickness_A"] += diameter_A
        dirt = ("n_ice", "n_aggregates", "n_denatured", "particles")
        values |= {name: max(0, round(getattr(self, name).draw(1, rng)[0])) for name in dirt}
        is_empty, has_carbon = rng.random() < self.empty, rng.random() < self.carbon
        reach = rng.uniform(0.05, 0.3)
        count = values.pop("particles")
        return replace(
            self.base,
            count=0 if is_empty else count,
            carbon=reach if has_carbon else 0.0,
            **values,
        )


def write_micrograph_set(
    models: MicrographSet, conformers: Conformers, count: int, seed: int, folder: Path
) -> Iterator[Path]:
    """Write `count` micrographs, their junk masks and the truth; yields each micrograph's path.

    The truth, a STAR file of picks with poses and defoci, is written last: where it is, all is.
    """
    (folder / TRUTH).unlink(missing_ok=True)
    paths, tables = [], list[PickTable]()
    for i in range(count):
        path = folder / f"simulated_{i + 1:05d}.mrc"
        model = models.draw(i, seed, conformers.diameter_A)
        made = simulate_micrograph(model, _seed(seed, i), path.name, conformers)
        write_mrc(path, made.image, made.pixel_size_A)
        mask = folder / "junk" / f"{path.stem}_junk.mrc"
        write_mrc(mask, made.junk.astype(np.int8), made.pixel_size_A)
        paths.append(path)
        tables.append(made.picks)
        yield path
    micrographs, _ = open_micrographs(paths)
    write_picks(concatenate(tables), folder / TRUTH, micrographs=micrographs)


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=(number, 1)).generate_state(1)[0])
