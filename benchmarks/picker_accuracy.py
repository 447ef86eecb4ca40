"""The learned picker, the blob detector and Topaz on simulated micrographs of unseen proteins.

    python benchmarks/picker_accuracy.py STRUCTURES --weights W.safetensors --topaz topaz

Nothing of a protein's family was in the training. Potentials of atoms, each particle at its own
depth, SNR 0.02 to 0.1, crowded, with carbon, ice, aggregates and unfolded particles; and as many
micrographs with dirt but no particles. Every detector is judged at its own threshold and at the
best one, and Topaz at three scales.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.picks import read_picks
from napari_cryoai.io.structures import read_structure, structures_in
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.micrograph_set import (
    TRUTH,
    MicrographSet,
    write_micrograph_set,
)
from napari_cryoai.physics.simulators.structure_split import split_structures
from napari_cryoai.picking.calibration import calibration_error
from napari_cryoai.picking.evaluate import average_precision, match, precision_recall
from napari_cryoai.picking.pick import PickParams, pick

PIXEL_A = 1.06
SIDE_PX = 2048
RADIUS = 0.3
"""A hit is as close to the centre as that, in diameters."""

WIDTHS_PX = (16, 20, 28)
"""Of a particle, after Topaz has made the micrograph smaller; it does best at about 20."""


class One(NamedTuple):
    """A micrograph with its truth."""

    micrograph: Micrograph
    truth: PickTable
    diameter_A: float


class Peaks(NamedTuple):
    """All picks of one micrograph; what the picker keeps by itself comes with `kept`."""

    picks: PickTable
    kept: NDArray[np.bool_]


@click.command()
@click.argument("structures", type=click.Path(exists=True, path_type=Path))
@click.option("--weights", type=click.Path(exists=True, path_type=Path), help="Else the shipped.")
@click.option("--topaz", type=click.Path(exists=True, path_type=Path), help="Topaz's executable.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("picker-accuracy"))
@click.option("--count", default=20, show_default=True, help="Micrographs of each kind.")
def main(
    structures: Path, weights: Path | None, topaz: Path | None, folder: Path, count: int
) -> None:
    """Simulate, pick, compare."""
    test = islice(cycle(split_structures(structures_in(structures))[2]), count)
    seeded = list(enumerate(test))
    full, empty = (
        [simulated(path, folder / kind, i, empty=kind == "empty") for i, path in seeded]
        for kind in ("full", "empty")
    )
    table = Table("picker", title=f"{len(full)} micrographs with particles, {len(empty)} without")
    for column in ("F1", "precision", "recall", "best F1", "AP", "false on empty", "ECE"):
        table.add_column(column, justify="right")
    for detector in ("transformer", "blob"):
        params = PickParams(detector=detector, weights=weights)
        table.add_row(detector, *figures(partial(ours, params), full, empty))
    for width in WIDTHS_PX if topaz else ():
        find = partial(theirs, topaz, width)
        table.add_row(f"Topaz, {width} px", *figures(find, full, empty))
    Console(width=110).print(table)


def simulated(path: Path, folder: Path, seed: int, *, empty: bool) -> One:
    """One micrograph of a structure and the truth; made unless it is there already.

    Where there are more micrographs than structures, some have two, of other seeds.
    """
    structure = read_structure(path)
    diameter_A = structure.diameter_A
    folder = folder / f"{seed:02d}-{path.name.split('.')[0]}"
    if not (folder / TRUTH).is_file():
        box = 2 * int(np.ceil(0.55 * diameter_A / PIXEL_A))
        conformers = Conformers.of_structures([structure], box, PIXEL_A)
        models = crowded(diameter_A, np.random.default_rng((seed, empty)), empty=empty)
        folder.mkdir(parents=True, exist_ok=True)
        for _ in write_micrograph_set(models, conformers, 1, 1000 + seed, folder):
            pass
    (micrograph,), _ = open_micrographs([folder / "simulated_00001.mrc"])
    return One(micrograph, read_picks(folder / TRUTH, micrographs=[micrograph]), diameter_A)


def crowded(diameter_A: float, rng: np.random.Generator, *, empty: bool) -> MicrographSet:
    """Particles up to overlap, and all kinds of dirt."""
    few = Distribution("uniform", 0, 4)
    room = (SIDE_PX * PIXEL_A / diameter_A) ** 2
    base = MicrographModel(
        shape=(SIDE_PX, SIDE_PX),
        pixel_size_A=PIXEL_A,
        min_distance_A=diameter_A * rng.uniform(0.6, 0.95),
        ice_size_A=diameter_A * rng.uniform(0.5, 2),
        clustering=rng.uniform(0, 0.3),
    )
    return MicrographSet(
        base,
        particles=Distribution("uniform", 0.2 * room, 0.6 * room),
        empty=float(empty),
        snr=Distribution("log-uniform", 0.02, 0.1),
        carbon=0.4,
        n_ice=few,
        n_aggregates=Distribution("uniform", 0, 2),
        n_denatured=few,
    )


def ours(params: PickParams, one: One) -> Peaks:
    """What one of our detectors finds on a micrograph, by itself."""
    told = params.model_copy(update={"diameter_A": one.diameter_A})
    result = finish(pick(told, [one.micrograph]))
    picks = result.picks.select(~result.picks.in_junk)
    return Peaks(picks, picks.score >= result.threshold)


def theirs(topaz: Path, width_px: int, one: One) -> Peaks:
    """What Topaz finds; its default threshold is 0."""
    path = one.micrograph.path
    table = path.parent / f"topaz_{width_px}.txt"
    if not table.is_file():
        diameter_px = one.diameter_A / PIXEL_A
        scale = str(max(1, round(diameter_px / width_px)))
        radius = str(round(diameter_px / int(scale) / 2))
        small = path.parent / f"small_{width_px}"
        preprocess = ["-s", scale, "-d", "-1", "-o", f"{small}/", str(path)]
        network = ["-m", "resnet8_u32", "-r", radius, "-x", scale, "-d", "-1"]
        extract = [*network, "-o", str(table), str(small / path.name)]
        for words in (["preprocess", *preprocess], ["extract", *extract]):
            subprocess.run([str(topaz), *words], check=True, capture_output=True)
    picks = read_picks(table, micrographs=[one.micrograph])
    return Peaks(picks, picks.score >= 0)


def figures(find: Callable[[One], Peaks], full: list[One], empty: list[One]) -> list[str]:
    """A row of the table."""
    found = [find(one) for one in full]
    hit = [_hits(picks, one) for (picks, _), one in zip(found, full, strict=True)]
    kept_hits = sum(int((h & f.kept).sum()) for h, f in zip(hit, found, strict=True))
    kept, total = sum(int(f.kept.sum()) for f in found), sum(len(one.truth) for one in full)
    score, right = np.concatenate([f.picks.score for f in found]), np.concatenate(hit)
    curve = precision_recall(score, right, total)
    f1 = 2 * curve.recall * curve.precision / (curve.recall + curve.precision + 1e-12)
    numbers = [2 * kept_hits / (kept + total), kept_hits / max(1, kept), kept_hits / total]
    numbers += [f1.max(), average_precision(curve.recall, curve.precision)]
    false = np.mean([find(one).kept.sum() for one in empty])
    probable = score.min() >= 0 and score.max() <= 1
    error = f"{calibration_error(score, right):.3f}" if probable else ""
    return [*(f"{n:.3f}" for n in numbers), f"{false:.1f}", error]


def _hits(picks: PickTable, one: One) -> NDArray[np.bool_]:
    hit = np.zeros(len(picks), bool)
    radius_px = RADIUS * one.diameter_A / PIXEL_A
    hit[match(picks.yx_px, one.truth.yx_px, radius_px)[0]] = True
    return hit


if __name__ == "__main__":
    main()
