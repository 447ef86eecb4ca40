"""`cryoai evaluate heterogeneity`: a latent space against the truth of a simulation."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from napari_cryoai.cli.evaluate_params import EvaluateHeterogeneityParams
from napari_cryoai.heterogeneity.output import read_model
from napari_cryoai.heterogeneity.scoring.evaluate import evaluate, on_grid
from napari_cryoai.heterogeneity.scoring.scores import HeterogeneityScores
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.io.particle_truth import read_truth
from napari_cryoai.jobs.record import write_record

SCORES, IMAGES = "scores.json", "images.csv"


def evaluate_heterogeneity(
    folder: Path,
    truth_path: Path,
    params: EvaluateHeterogeneityParams,
    consensus: Path | None,
    poses: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """What `cryoai evaluate heterogeneity` does; in a module of its own because it needs torch.

    Raises
    ------
    CryoAIError
        If a file cannot be read, or the truth is of other particles.
    """
    started = time.monotonic()
    if output:
        check_writable(output)
    model, truth = read_model(folder), read_truth(truth_path)
    one = consensus and read_map(consensus)
    floor = on_grid(one, len(truth.map_of(0).data), truth.pixel_size_A) if one else None
    found_poses = read_particles(poses, with_images=False) if poses else None
    scores = evaluate(model, truth, found_poses, consensus=floor, **params.model_dump())
    found = scores.as_dict() | {"method": model.method}
    if output:
        made = [output / SCORES, output / IMAGES]
        write_text(made[0], json.dumps(found, indent=2) + "\n")
        write_text(made[1], "".join(",".join(row) + "\n" for row in scores.rows()))
        inputs = [path for path in (folder, truth_path, consensus, poses) if path]
        seconds = time.monotonic() - started
        write_record(
            output, "evaluate heterogeneity", params, inputs=inputs, outputs=made, seconds=seconds
        )
    if as_json:
        click.echo(json.dumps(found))
    else:
        print_scores(scores)


def print_scores(scores: HeterogeneityScores) -> None:
    """Show a table, the differences, the latent space, and what they say."""
    found = scores.as_dict()
    table = Table("", "FSC area (max. 0.5)", "FSC 0.5, px", title=f"{found['images']} images")
    titles = {
        "fsc": "map of each image",
        "consensus": "one map for all",
        "true_consensus": "mean of the true maps",
        "masked": "map of each image, masked",
        "masked_consensus": "one map for all, masked",
    }
    for name, title in titles.items():
        cells = (
            _spread(found[name], key, 4 - 2 * (key != "auc")) for key in ("auc", "resolution_px")
        )
        table.add_row(title, *cells)
    console = Console(width=100, highlight=False)
    console.print(table)
    d = found["difference"]
    console.print(
        f"Differences to the mean, below {d['low_pass_A']:.3g} A: correlation "
        f"{_spread(d, 'correlation', 3)}, amplitude {_number(d['amplitude'])} of the truth's"
    )
    if scores.latent:
        latent = scores.latent
        console.print(
            f"Latent space: {_number(latent.similarity)} of each particle's neighbours are so in "
            f"truth ({_number(latent.by_chance)} by chance), {_number(latent.explained)} of the "
            "variance of the true coordinates explained"
        )
    if scores.poses:
        hand = ", of the other hand" if scores.poses.is_mirrored else ""
        console.print(
            f"Poses: median error {scores.poses.median_angle_deg:.2f} degrees and "
            f"{scores.poses.median_shift_A:.2f} A after alignment{hand}"
        )
    console.print(found["verdict"])


def _spread(values: dict[str, Any], name: str, digits: int) -> str:
    mean, sd = values[name], values[f"{name}_sd"]
    return "none" if mean is None else f"{mean:.{digits}f} ({sd:.{digits}f})"


def _number(value: float | None) -> str:
    return "none" if value is None or value != value else f"{value:.3f}"
