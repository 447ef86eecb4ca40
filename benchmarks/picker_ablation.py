"""What each part of the learned picker brings: transformer against U-Net, pre-trained or not.

    python benchmarks/picker_ablation.py picker.pool --steps 4000 --folder ablation

The pool is what `cryoai train picker` leaves beside its output. Every network takes the same number
of steps, on the same examples; the pre-trained ones spend a share of them on restoring. Trainings
that are done are not repeated, one that was cut short goes on.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from napari_cryoai.cli.train import save_trained_picker
from napari_cryoai.cli.training import training_facts
from napari_cryoai.io.weights import read_weights
from napari_cryoai.jobs.run import run_to_console
from napari_cryoai.picking.train import TrainPickerParams, train
from napari_cryoai.picking.training_pool import Pool

FIGURES = ("f1", "average_precision", "calibration_error")


@click.command()
@click.argument("pool", type=click.Path(exists=True, path_type=Path))
@click.option("--folder", type=click.Path(path_type=Path), default=Path("picker-ablation"))
@click.option("--steps", default=4000, show_default=True, help="Batches that each training takes.")
@click.option("--batch-size", default=8, show_default=True)
@click.option("--seeds", default=3, show_default=True)
def main(pool: Path, folder: Path, steps: int, batch_size: int, seeds: int) -> None:
    """Train, validate, print a table: mean over the seeds, lowest to highest."""
    torch.set_num_threads(2)
    folder.mkdir(parents=True, exist_ok=True)
    examples, validation = Pool(pool / "train"), Pool(pool / "validation")
    table = Table("network", "pre-trained", "minutes", *FIGURES, title=f"{steps} steps")
    for network, pretrain in product(("transformer", "unet"), (False, True)):
        found = []
        for seed in range(seeds):
            params = TrainPickerParams(
                network=network, pretrain=pretrain, steps=steps, batch_size=batch_size, seed=seed
            )
            file = (
                folder / f"{network}-{'pretrained' if pretrain else 'scratch'}-{seed}.safetensors"
            )
            found.append(trained(params, examples, validation, file))
        minutes = f"{60 * np.mean([one['hours'] for one in found]):.0f}"
        rows = (_spread([one["validation"][name] for one in found]) for name in FIGURES)
        table.add_row(network, "yes" if pretrain else "no", minutes, *rows)
    Console(width=110).print(table)


def trained(params: TrainPickerParams, examples: Pool, validation: Pool, file: Path) -> dict:
    """What is known of the weights of a training; trains unless they are there."""
    if not file.exists():
        job = train(
            params, examples, validation, checkpoint=file.with_suffix(".checkpoint"), resume=True
        )
        found = run_to_console(job, file.stem)
        facts = training_facts(params, len(examples), found.seconds)
        save_trained_picker(file, found, facts | found.facts())
    return read_weights(file, "picker").facts


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
