"""Which network denoises maps best: autoencoder, U-Net, equivariant; equal data, equal time.

    python benchmarks/map_denoiser_ablation.py denoiser.pool --minutes 6 --folder ablation

The pool is what `cryoai train map-denoiser` leaves beside its output. Every network takes as many
steps as fit into the same time of one processor core, the making of its half maps included: the
time of a step is measured first, and kept, so that other work on the machine makes no difference.
Trainings that are done are not repeated, one that was cut short goes on.
"""

from __future__ import annotations

import json
import time
from itertools import islice
from pathlib import Path
from typing import get_args

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from napari_cryoai.cli.training import training_facts
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.weights import read_weights
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.maps.batches import AnyScenes
from napari_cryoai.maps.learned import LearnedDenoiser, save_denoiser
from napari_cryoai.maps.network import Architecture
from napari_cryoai.maps.train import TrainMapDenoiserParams, train
from napari_cryoai.maps.training_scenes import STORE

FIGURES = ("error", "again", "surprise", "floor")
TIMED, UNTIMED = 12, 3
"""Steps that are timed, and those before them."""


@click.command()
@click.argument("pool", type=click.Path(exists=True, path_type=Path))
@click.option("--folder", type=click.Path(path_type=Path), default=Path("map-denoiser-ablation"))
@click.option("--minutes", default=6.0, show_default=True, help="Of one core, for each training.")
@click.option("--batch-size", default=2, show_default=True)
@click.option("--seeds", default=3, show_default=True)
def main(pool: Path, folder: Path, minutes: float, batch_size: int, seeds: int) -> None:
    """Train, validate, print a table: mean over the seeds, lowest to highest."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    scenes, validation = (STORE.open(pool / part) for part in ("train", "validation"))
    names: tuple[Architecture, ...] = get_args(Architecture)
    step_s = {name: _step_seconds(name, batch_size, scenes, folder) for name in names}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for seed in range(seeds):
        for name in names:
            steps = max(2, round(60 * minutes / step_s[name]))
            params = TrainMapDenoiserParams(
                network=name, steps=steps, batch_size=batch_size, seed=seed, device="cpu"
            )
            file = folder / f"{name}-{minutes:g}min-{seed}.safetensors"
            found[name].append(_trained(params, scenes, validation, file))
    table = Table("network", "steps", *FIGURES, title=f"{minutes:g} minutes of one core each")
    for name, figures in found.items():
        rows = (_spread([one[figure] for one in figures]) for figure in FIGURES)
        table.add_row(name, f"{60 * minutes / step_s[name]:.0f}", *rows)
    Console(width=130).print(table)


def _step_seconds(name: Architecture, batch_size: int, scenes: AnyScenes, folder: Path) -> float:
    """Of one core, for a step of the training; measured once."""
    file = folder / f"{name}-{batch_size}.json"
    if not file.exists():
        params = TrainMapDenoiserParams(
            network=name, steps=1000, batch_size=batch_size, device="cpu"
        )
        job = train(params, scenes, scenes)
        for _ in islice(job, UNTIMED):
            pass
        began = time.process_time()
        for _ in islice(job, TIMED):
            pass
        seconds = (time.process_time() - began) / TIMED
        job.close()
        write_text(file, json.dumps({"seconds": seconds}))
    return float(json.loads(file.read_text())["seconds"])


def _trained(
    params: TrainMapDenoiserParams, scenes: AnyScenes, validation: AnyScenes, file: Path
) -> dict[str, float]:
    """Figures of the weights of a training; trains unless they are there."""
    if not file.exists():
        checkpoint = file.with_suffix(".checkpoint")
        job = train(params, scenes, validation, checkpoint=checkpoint, resume=True)
        found = run_to_console(job, file.stem)
        seen = found.validation
        facts = training_facts(params, len(scenes), found.seconds) | found.facts()
        save_denoiser(file, LearnedDenoiser(found.network, seen.surprise, seen.floor), facts)
    return dict(read_weights(file, "map-denoiser").facts["validation"])


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
