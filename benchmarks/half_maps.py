"""Half maps made the short way against half maps made the long way.

    python benchmarks/half_maps.py --structure model.pdb

The long way: particle images with CTF and noise, back-projected with their true poses. The short
way is given the FSC of those halves, smoothed, and nothing else of them. Then both are measured.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy import ndimage, stats
from torch import Tensor

from napari_cryoai.io.structures import read_structure
from napari_cryoai.physics.fourier import frequencies, to_fourier
from napari_cryoai.physics.fsc import masked_fsc, resolution_at
from napari_cryoai.physics.masks import mask_of_map
from napari_cryoai.physics.radial import power_spectrum
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.half_maps import noisy_half, seen_directions
from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleModel
from napari_cryoai.physics.simulators.reconstructed_halves import reconstructed_halves

Halves = tuple[Tensor, Tensor]


@click.command()
@click.option(
    "--structure", type=click.Path(exists=True, path_type=Path), required=True, help="PDB or mmCIF."
)
@click.option("--particles", default=6000, show_default=True)
@click.option("--box", "n", default=64, show_default=True, help="In pixels.")
@click.option("--pixel-size-A", "pixel_A", default=2.2, show_default=True)
def main(structure: Path, particles: int, n: int, pixel_A: float) -> None:
    """Compare, with even views and with preferred ones, and print a table for each."""
    torch.set_num_threads(2)
    console = Console(width=110)
    atoms = read_structure(structure)
    conformers = Conformers.of_structures([atoms], n, pixel_A)
    mask = mask_of_map(conformers.map(0), pixel_A, low_pass_A=12.0)
    for fraction in (0.0, 0.7):
        model = ParticleModel(
            preferred_fraction=fraction,
            neighbours=0.0,
            snr=Distribution("constant", 0.02),
            b_factor_A2=Distribution("constant", 60),
        )
        simulator = ParticleSimulator(model, conformers)
        start = time.perf_counter()
        slow = reconstructed_halves(simulator, simulator.truth(particles))
        middle = time.perf_counter()
        curve = masked_fsc(*slow, mask)
        smooth = torch.as_tensor(ndimage.gaussian_filter1d(curve.numpy(), 1.0)).clamp(min=0.01)
        axis = np.array([0.0, 0.0, 1.0])
        seen = seen_directions(n, fraction, model.preferred_spread_deg, axis)
        fast = tuple(noisy_half(conformers.map(0), mask, smooth, seen, s) for s in (1, 2))
        end = time.perf_counter()
        console.print(
            f"\n{particles} particles, {fraction:.0%} seen along z: "
            f"the long way took {middle - start:.0f} s, the short way {end - middle:.2f} s"
        )
        console.print(_spectra(slow, fast, mask, n, pixel_A))
        console.print(_statistics(slow, fast, mask, n, pixel_A))


def _spectra(slow: Halves, fast: Halves, mask: Tensor, n: int, pixel_A: float) -> Table:
    """Power of a half map, power of its noise, and FSC in the mask."""
    names = [f"{what}, {way}" for what in ("half map", "noise", "FSC") for way in ("long", "short")]
    table = Table("resolution [A]", *names)
    half = [power_spectrum(pair[0]) for pair in (slow, fast)]
    noise = [power_spectrum(pair[0] - pair[1]) / 2 for pair in (slow, fast)]
    curves = [masked_fsc(*pair, mask) for pair in (slow, fast)]
    for shell in np.linspace(3, n // 2 - 1, 9).astype(int):
        near = slice(int(shell) - 1, int(shell) + 2)
        values = [float(c[near].mean()) for group in (half, noise) for c in group]
        scaled = [f"{v:.3g}" for v in values]
        fsc_values = [f"{float(c[near].mean()):.3f}" for c in curves]
        table.add_row(f"{n * pixel_A / shell:.1f}", *scaled, *fsc_values)
    return table


def _statistics(slow: Halves, fast: Halves, mask: Tensor, n: int, pixel_A: float) -> Table:
    """What a network sees in small windows."""
    table = Table("statistic", "long", "short")
    inside, outside = mask > 0.99, mask < 0.01
    rows: dict[str, list[float]] = {}

    def add(name: str, values: list[float]) -> None:
        rows[name] = values

    pairs = (slow, fast)
    add("resolution, FSC 0.143 in the mask [A]",
        [resolution_at(masked_fsc(*p, mask), pixel_A, 0.143, n) for p in pairs])  # fmt: skip
    noises = [(a - b).div(2**0.5).numpy() for a, b in pairs]
    for name, where in (("in the mask", inside), ("in the solvent", outside)):
        chosen = where.numpy()
        add(f"noise {name}, standard deviation", [float(x[chosen].std()) for x in noises])
        add(f"noise {name}, excess kurtosis", [float(stats.kurtosis(x[chosen])) for x in noises])
    local = [ndimage.uniform_filter(x**2, 5) ** 0.5 for x in noises]
    add("local noise (5^3 voxels): spread / mean", [float(x.std() / x.mean()) for x in local])
    z, y, x = np.mgrid[:n, :n, :n] - n // 2
    radius = np.sqrt(z**2 + y**2 + x**2)
    rim, core = (radius > 0.4 * n) & (radius < 0.5 * n), radius < 0.2 * n
    add("noise at the rim / in the core", [float(v[rim].std() / v[core].std()) for v in noises])
    add("noise, correlation of neighbouring voxels",
        [float(np.corrcoef(v[:, :, 1:].ravel(), v[:, :, :-1].ravel())[0, 1]) for v in noises],
        )  # fmt: skip
    add("noise power along z / across", [_anisotropy(torch.as_tensor(v), n) for v in noises])
    add("half map in the mask, standard deviation", [float(p[0][inside].std()) for p in pairs])
    for name, values in rows.items():
        table.add_row(name, *(f"{value:.3f}" for value in values))
    return table


def _anisotropy(noise: Tensor, n: int) -> float:
    power = to_fourier(noise, 3).abs().square()
    gz, gy, gx = frequencies((n, n, n))
    length = (gz * gz + gy * gy + gx * gx).sqrt()
    cosine = (gz / length.clamp(min=1e-9)).abs()
    band = (length > 0.15) & (length < 0.4)
    return float(power[band & (cosine > 0.9)].mean() / power[band & (cosine < 0.2)].mean())


if __name__ == "__main__":
    main()
