"""How often the tests of a latent space are wrong, and how near its landscape comes to the truth.

    python benchmarks/latent_statistics.py [--repeats 40]

Tables of posteriors are simulated: places that are known, noise that is known, a standard normal
prior. Nothing of the package was tuned on these seeds.
"""

from __future__ import annotations

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.spatial.transform import Rotation

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis.axes import coordinate_axes
from napari_cryoai.heterogeneity.analysis.clusters import hills
from napari_cryoai.heterogeneity.analysis.control import structure
from napari_cryoai.heterogeneity.analysis.landscape import landscape
from napari_cryoai.heterogeneity.analysis.leakage import leakage

Floats = NDArray[np.float64]

FIRST_SEED = 90_000
PARTICLES, DIMENSIONS = 5000, 8
APART, SPREAD, SHARE = 0.9, 0.15, 0.7
"""Two states: half their distance, their own width, and the share of the first."""


@click.command()
@click.option("--repeats", default=40, show_default=True, help="Simulated tables of each kind.")
def main(repeats: int) -> None:
    """Measure, and print a table."""
    console = Console(width=110)
    seeds = range(FIRST_SEED, FIRST_SEED + repeats)
    table = Table("", "", title=f"{repeats} simulated tables of {PARTICLES:,} particles each")
    for what, measure in (
        ("structure", structures),
        ("leakage", leaks),
        ("landscape", landscapes),
        ("hills", clouds),
    ):
        for row in measure(list(track(seeds, what, console=console))):
            table.add_row(*row)
    console.print(table)


def posteriors(places: Floats, seed: int, most: float = 2.0) -> LatentTable:
    """What images in noise of 0.7 to `most` tell of places, under a standard normal prior."""
    random = np.random.default_rng(seed)
    noise = random.uniform(0.7, most, (len(places), 1)) * np.ones_like(places)
    gain = 1 / (1 + noise**2)
    mean = gain * (places + noise * random.normal(size=places.shape))
    covariance = (gain * noise**2)[:, :, None] * np.eye(places.shape[1])
    names = np.array([str(i) for i in range(len(places))])
    rows = np.arange(len(places))
    return LatentTable(mean.astype(np.float32), covariance.astype(np.float32), rows, names)


def structures(seeds: list[int]) -> list[tuple[str, str]]:
    """False alarms where all particles are alike, and what is found where they are not."""
    p = np.array([structure(posteriors(np.zeros((PARTICLES, DIMENSIONS)), s)).p for s in seeds])
    rows = [
        ("all alike: p below 0.05, below 0.5", f"{np.mean(p < 0.05):.0%}, {np.mean(p < 0.5):.0%}"),
        ("all alike: said to differ (p <= 0.01 and share >= 2 %)", f"{_differ(0.0, seeds):.0%}"),
    ]
    for sd in (0.2, 0.3, 0.5):
        name = f"one coordinate varies by {sd:g}, its noise by 0.7 to 2: said to differ"
        rows.append((name, f"{_differ(sd, seeds):.0%}"))
    return rows


def _differ(sd: float, seeds: list[int]) -> float:
    found = []
    for seed in seeds:
        places = np.zeros((PARTICLES, DIMENSIONS))
        places[:, 0] = sd * np.random.default_rng(seed + 1).normal(size=PARTICLES)
        found.append(structure(posteriors(places, seed), independent=True).found is True)
    return float(np.mean(found))


def leaks(seeds: list[int]) -> list[tuple[str, str]]:
    """False alarms of four properties, and how small a leak of the view is found."""
    alarms, found = [], {0.02: [], 0.05: [], 0.1: []}
    for seed in seeds:
        random = np.random.default_rng(seed)
        z = random.normal(size=(PARTICLES, DIMENSIONS))
        view = Rotation.random(PARTICLES, random_state=seed).as_matrix()[:, 2]
        # As in every latent space, the scatter depends on the view; that is no leak.
        scaled = z * (1 + view[:, 2:] ** 2)
        properties = {
            "view": view,
            "defocus": random.normal(size=PARTICLES),
            "shift": random.normal(size=(PARTICLES, 2)),
        }
        groups = {"micrograph": random.integers(0, 50, PARTICLES)}
        alarms += [leak.known for leak in leakage(scaled, properties, groups, seed=seed)]
        for share, seen in found.items():
            told = z.copy()
            told[:, 0] += np.sqrt(3 * share / (1 - share)) * view[:, 0]
            seen.append(leakage(told, {"view": view}, seed=seed)[0].known)
    rows = [("nothing leaks: alarms, of four properties each", f"{np.mean(alarms):.1%}")]
    for share, seen in found.items():
        rows.append((f"{share:.0%} of one axis goes with the view: found", f"{np.mean(seen):.0%}"))
    return rows


def landscapes(seeds: list[int]) -> list[tuple[str, str]]:
    """Two states that the noise has made one hump, along one axis; and one state."""
    rows = []
    for most in (1.2, 2.0):
        found = [_states(seed, APART, most) for seed in seeds]
        two = np.array([states for states in found if len(states) == 2]).reshape(-1, 2, 2)
        off, share = np.abs(two[:, :, 0]) - APART, two[:, 0, 1] - SHARE
        rows += [
            (
                f"two states, 1.8 apart, noise 0.7 to {most:g}: two found",
                f"{len(two) / len(found):.0%}",
            ),
            ("   their places: bias, scatter", f"{off.mean():+.2f}, {off.std():.2f}"),
            (
                "   their shares (0.7, 0.3): bias, scatter",
                f"{share.mean():+.3f}, {share.std():.3f}",
            ),
        ]
    one = [len(_states(seed, 0.0, 2.0)) == 1 for seed in seeds]
    return [*rows, ("one state: one found", f"{np.mean(one):.0%}")]


def _states(seed: int, apart: float, most: float) -> list[tuple[float, float]]:
    """Places and shares of the states that are found."""
    random = np.random.default_rng(seed)
    first = random.random(PARTICLES) < SHARE
    z = random.normal(0, SPREAD, (PARTICLES, 2))
    z[:, 0] += np.where(first, -apart, apart)
    table = posteriors(z, seed + 1, most)
    found = landscape(table, coordinate_axes(table, (0,))).states
    return [(state.coordinates[0], state.share) for state in found]


def clouds(seeds: list[int]) -> list[tuple[str, str]]:
    """One cloud is one hill, three are three."""
    one, three = [], []
    for seed in seeds:
        random = np.random.default_rng(seed)
        z = random.normal(size=(PARTICLES, DIMENSIONS))
        one.append(len(hills(z).centres) == 1)
        z[:, :2] += 6 * np.eye(3)[random.integers(0, 3, PARTICLES)][:, :2]
        three.append(len(hills(z).centres) == 3)
    return [
        ("one cloud: one hill", f"{np.mean(one):.0%}"),
        ("three clouds, 6 widths apart: three hills", f"{np.mean(three):.0%}"),
    ]


if __name__ == "__main__":
    main()
