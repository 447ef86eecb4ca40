"""What a few corrections on one micrograph are worth on the others of its set.

    python benchmarks/learning.py MICROGRAPHS... --truth coords/ --diameter-A 120 --radius-px 20

The user is simulated: she corrects the errors of the picker that are nearest to its threshold, on
one micrograph, and looks no further. Each micrograph is the corrected one in turn; F1 is that of
all the others together, at the picker's own threshold. With --improve, the whole network learns.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source, State, concatenate
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.picks import read_picks
from napari_cryoai.jobs.progress import finish
from napari_cryoai.picking.detectors import shipped_weights
from napari_cryoai.picking.evaluate import match
from napari_cryoai.picking.learn import (
    Corrections,
    ImproveParams,
    View,
    improve,
    picks_of,
    refit,
    see,
)
from napari_cryoai.picking.learned import Picker, load_picker
from napari_cryoai.picking.pick import PickParams, common_threshold

COUNTS = (1, 3, 5, 10, 20)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--truth", "truth_dir", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--pixel-size-A", "pixel_A", type=float)
@click.option("--diameter-A", "diameter_A", required=True, type=float)
@click.option("--radius-px", "radius_px", required=True, type=float)
@click.option("--weights", type=click.Path(exists=True, path_type=Path), help="Else the shipped.")
@click.option(
    "--improve", "whole", is_flag=True, help="Also 'improve more' after 20, on the first."
)
def main(
    paths: tuple[Path, ...],
    truth_dir: Path,
    pixel_A: float | None,
    diameter_A: float,
    radius_px: float,
    weights: Path | None,
    whole: bool,
) -> None:
    """Correct, learn, pick the others."""
    torch.set_num_threads(2)
    micrographs, _ = open_micrographs(paths, pixel_size_A=pixel_A)
    tables = [f for f in truth_dir.iterdir() if any(m.name.startswith(f.stem) for m in micrographs)]
    truth = concatenate(read_picks(file, micrographs=micrographs) for file in sorted(tables))
    picker = load_picker(weights or shipped_weights())
    views = {m.name: see(m, picker, diameter_A) for m in micrographs}
    table = Table("corrections", "F1 on the others", "worst", "best", "refit [s]")
    before = [f1(_others(views, n), truth, picker, radius_px) for n in views]
    table.add_row("0", *_row(before), "")
    for count in COUNTS:
        after, seconds = [], []
        for name, view in views.items():
            told = corrected(view, truth, picker, count, radius_px)
            start = time.perf_counter()
            learned = refit(picker, [told])
            seconds.append(time.perf_counter() - start)
            after.append(f1(_others(views, name), truth, learned, radius_px))
        table.add_row(str(count), *_row(after), f"{np.median(seconds):.2f}")
    if whole:
        table.add_row(*improved(micrographs, views, truth, picker, diameter_A, radius_px))
    Console(width=100).print(table)


def improved(
    micrographs: list[Micrograph],
    views: dict[str, View],
    truth: PickTable,
    picker: Picker,
    diameter_A: float,
    radius_px: float,
) -> tuple[str, ...]:
    """The whole network, after 20 corrections on the first micrograph."""
    name = micrographs[0].name
    told = corrected(views[name], truth, picker, 20, radius_px)
    start = time.perf_counter()
    learned = finish(improve(ImproveParams(), refit(picker, [told]), [told], micrographs[:1]))
    seconds = time.perf_counter() - start
    anew = [see(m, learned, diameter_A) for m in micrographs[1:]]
    figure = f"{f1(anew, truth, learned, radius_px):.3f}"
    return "20, improved (on the first)", figure, "", "", f"{seconds:.1f}"


def corrected(
    view: View, truth: PickTable, picker: Picker, count: int, radius_px: float
) -> Corrections:
    """The errors nearest to the threshold, put right."""
    found = picks_of(view, picker)
    kept = (found.picks.score >= found.threshold) & ~found.picks.in_junk
    picks, hidden = found.picks.select(kept), found.picks.select(~kept)
    particles = truth.yx_px[truth.rows_of(view.name)]
    right, seen = match(picks.yx_px, particles, radius_px)
    false = np.setdiff1d(np.arange(len(picks)), right)
    missed = particles[np.setdiff1d(np.arange(len(particles)), seen)]
    # A missed particle is as doubtful as the peak that stands for it, if there is one.
    peak, at = match(hidden.yx_px, missed, radius_px)
    doubt = np.full(len(missed), found.threshold)
    doubt[at] = found.threshold - hidden.score[peak]
    errors = np.concatenate([picks.score[false] - found.threshold, doubt])
    chosen = np.argsort(errors, kind="stable")[:count]
    state = np.full(len(picks), State.KEPT, np.uint8)
    state[false[chosen[chosen < len(false)]]] = State.REJECTED
    clicked = missed[chosen[chosen >= len(false)] - len(false)]
    source = np.append(picks.source, np.full(len(clicked), Source.MANUAL))
    table = PickTable.of_points(
        view.name,
        np.concatenate([picks.yx_px, clicked]),
        score=np.append(picks.score, np.full(len(clicked), np.nan)),
        diameter_px=view.diameter_px,
        source=source,
        state=np.append(state, np.full(len(clicked), State.KEPT)),
    )
    return Corrections(view, table)


def f1(views: list[View], truth: PickTable, picker: Picker, radius_px: float) -> float:
    """Of several micrographs together, at the threshold of the set."""
    found = [picks_of(view, picker) for view in views]
    threshold = common_threshold(PickParams(detector="transformer"), found)
    hits = picked = total = 0
    for one in found:
        kept = one.picks.select((one.picks.score >= threshold) & ~one.picks.in_junk)
        particles = truth.yx_px[truth.rows_of(one.name)]
        hits += len(match(kept.yx_px, particles, radius_px)[0])
        picked, total = picked + len(kept), total + len(particles)
    return 2 * hits / (picked + total)


def _others(views: dict[str, View], name: str) -> list[View]:
    return [view for other, view in views.items() if other != name]


def _row(figures: list[float]) -> tuple[str, str, str]:
    return f"{np.mean(figures):.3f}", f"{min(figures):.3f}", f"{max(figures):.3f}"


if __name__ == "__main__":
    main()
