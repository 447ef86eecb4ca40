"""One half map of 192^3 voxels at 1.5 A, denoised in one pass; against overlapping blocks.

    python benchmarks/map_speed.py

The blocks are those that Blush cuts: 64 voxels a side, every 20 voxels. Every so manieth is timed,
and the time multiplied. Both with the same network, in the same run.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from itertools import islice, product
from typing import get_args

import click
import torch
from rich.console import Console
from rich.table import Table

from napari_cryoai.maps.evidence import evidence
from napari_cryoai.maps.learned import LearnedDenoiser
from napari_cryoai.maps.network import Architecture, MapNetwork, NetworkConfig
from napari_cryoai.maps.standard import BINS, PIXEL_A
from napari_cryoai.physics.masks import sphere

BLOCK, STRIDE = 64, 20


@click.command()
@click.option("--side", default=192, show_default=True, help="Of the map, in voxels.")
@click.option("--threads", default=2, show_default=True)
@click.option("--sample", default=32, show_default=True, help="Time one block of so many.")
def main(side: int, threads: int, sample: int) -> None:
    torch.set_num_threads(threads)
    table = Table("network", "all of it [s]", "one pass [s]", "blocks [s]", "peak so far [GB]")
    generator = torch.Generator().manual_seed(0)
    halves = [torch.randn(side, side, side, generator=generator) for _ in range(2)]
    mask = sphere((side,) * 3, 0.4 * side, 6.0)
    known = evidence(halves[0] + 3 * mask, halves[1] + 3 * mask, PIXEL_A, mask)
    for name in get_args(Architecture):
        network = MapNetwork(NetworkConfig(architecture=name)).eval().requires_grad_(False)
        denoiser = LearnedDenoiser(network)
        whole = _timed(lambda d=denoiser: d.denoise(halves[0], known, mask, PIXEL_A))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        alone = _timed(lambda n=network: _through(n, halves[0]))
        corners = list(product(range(0, side - BLOCK + STRIDE, STRIDE), repeat=3))
        chosen = list(islice(corners, 0, None, sample))
        blocks = _timed(lambda n=network, c=chosen: [_through(n, halves[0], at) for at in c])
        blocks *= len(corners) / len(chosen)
        table.add_row(name, *(f"{v:.1f}" for v in (whole, alone, blocks, peak)))
    Console().print(table)


@torch.inference_mode()
def _through(network: MapNetwork, half: torch.Tensor, at: tuple[int, ...] | None = None) -> None:
    if at is not None:
        z, y, x = (min(i, n - BLOCK) for i, n in zip(at, half.shape, strict=True))
        half = half[z : z + BLOCK, y : y + BLOCK, x : x + BLOCK]
    network(half[None], half[None], torch.ones(1, BINS))


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
