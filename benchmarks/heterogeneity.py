"""`cryoai heterogeneity train` against `cryodrgn train_vae`: speed, and maps against the truth.

    python benchmarks/heterogeneity.py --part quality --structure 2vis.pdb --moving-part B \
        --cryodrgn cryodrgn-env/bin/cryodrgn --work runs/ --json figures.json

All programs read the same particles, one after the other, with the same number of threads. What
`--work` holds already is not done again. See README.md here.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heterogeneity_runs import WIDTHS, Checkpoint, CryoDrgn, Ours, checkpoints, spread_over
from heterogeneity_sets import SEED_PAPER, SETS, SetOptions, made
from rich.console import Console
from rich.table import Table

from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.particle_truth import ParticleSetTruth, read_truth

OURS = ("covariance", "vae")
PAPER_PX = {"linear-1d": 2.50, "linear-2d": 4.44, "circular-1d": 4.05, "discrete-10": 4.95}
"""Table 2 of Zhong et al. 2020 (ICLR): mean resolution at FSC 0.5, poses searched too."""
PARTS = ("throughput", "quality", "seed-paper", "control")

Row = dict[str, Any]


def main() -> None:
    args = _arguments()
    rows: list[Row] = []
    for part in args.part or PARTS:
        for row in _PARTS[part](args):
            rows.append({"part": part, **row})
            if args.json:
                write_text(args.json, json.dumps(rows, indent=1) + "\n")
    show(rows)


def throughput(args: argparse.Namespace) -> Iterator[Row]:
    """Images per second of training, on one set: ours of the whole process, theirs of epochs."""
    star, folder = _set("turn", args)
    for name in _methods(args):
        row: Row = {"set": "turn", "method": name}
        if name in WIDTHS:
            peer = CryoDrgn(args.cryodrgn, name, star, folder / f"speed-{name}")
            cost = peer.train(args.z_dim, args.threads, 1)
            row["images_per_s"] = args.count / statistics.mean(peer.epoch_seconds())
        else:
            ours = Ours(name, star, folder / name, args.ours)
            cost = ours.train(args.z_dim, args.threads)
            passes, reading = ours.passes()
            row["images_per_s"] = args.count * passes / cost.wall_s
            row["images_read_per_s"] = args.count * reading / cost.wall_s
        yield row | {"cpu_s": cost.cpu_s, "wall_s": cost.wall_s, "load": cost.load}


def quality(args: argparse.Namespace) -> Iterator[Row]:
    """Scores on each set; of the peer at our CPU time, on its way, and at its end."""
    for name in args.sets:
        yield from _compared(name, args)


def seed_paper(args: argparse.Namespace) -> Iterator[Row]:
    """The four kinds of sets of the ICLR paper."""
    for name in SEED_PAPER:
        for row in _compared(name, args):
            yield row | {"paper_px": PAPER_PX[name]}


def control(args: argparse.Namespace) -> Iterator[Row]:
    """A set without heterogeneity."""
    yield from _compared("control", args)


def _compared(name: str, args: argparse.Namespace) -> Iterator[Row]:
    star, folder = _set(name, args)
    truth = read_truth(folder)
    spent = 0.0
    for method in _methods(args):
        if method in WIDTHS:
            peer = CryoDrgn(args.cryodrgn, method, star, folder / method)
            yield from _of_peer(peer, truth, args, spent)
            continue
        ours = Ours(method, star, folder / method, args.ours)
        cost = ours.train(args.z_dim, args.threads)
        spent = max(spent, cost.cpu_s)
        scores = ours.scores(truth, images=args.images)
        yield {"set": name, "method": method, "cpu_s": cost.cpu_s, "wall_s": cost.wall_s,
               "load": cost.load, **scores}  # fmt: skip


def _of_peer(
    peer: CryoDrgn, truth: ParticleSetTruth, args: argparse.Namespace, spent: float
) -> Iterator[Row]:
    cost = peer.train(args.z_dim, args.threads, args.epochs, args.cpu_seconds)
    found = checkpoints(peer.folder)
    if not found:
        raise SystemExit(f"{peer.name} reached no checkpoint within {args.cpu_seconds:.0f} CPU s")
    for checkpoint, images in _chosen(found, args, spent):
        scores = peer.scores(truth, checkpoint.epoch, images)
        yield {
            "set": peer.folder.parent.name, "method": peer.name, "epoch": checkpoint.epoch,
            "cpu_s": checkpoint.cpu, "wall_s": checkpoint.wall, "load": cost.load, **scores,
        }  # fmt: skip


def _chosen(
    found: list[Checkpoint], args: argparse.Namespace, spent: float
) -> Iterator[tuple[Checkpoint, int]]:
    """Some on the way with few images; the first that took as long as ours, and the last, in full.

    The first epoch may take longer than all of our training: then it is given the advantage.
    """
    level = next((c for c in found if c.cpu >= spent), found[-1])
    full = {level.epoch, found[-1].epoch}
    for checkpoint in sorted({*spread_over(found, args.curve), level, found[-1]}, key=_epoch):
        yield checkpoint, args.images if checkpoint.epoch in full else min(20, args.images)


def _epoch(checkpoint: Checkpoint) -> int:
    return checkpoint.epoch


def _set(name: str, args: argparse.Namespace) -> tuple[Path, Path]:
    options = SetOptions(
        args.count, args.box, args.pixel, args.snr, args.seed, args.structure, args.moving_part,
        tuple(args.pair), tuple(args.classes),
    )  # fmt: skip
    folder = args.work / f"{name}-{args.count}-{args.box}-{args.snr:g}-{args.seed}"
    return made(name, options, folder), folder


def _methods(args: argparse.Namespace) -> list[str]:
    return [m for m in args.methods if args.cryodrgn or m not in WIDTHS]


def show(rows: list[Row]) -> None:
    """A table of all that was measured."""
    titles = ("set", "method", "CPU s", "load", "images/s", "read/s", "FSC area", "floor",
              "masked", "floor", "FSC 0.5, px",
              "differences", "amplitude", "neighbours", "explained")  # fmt: skip
    table = Table(*titles, caption="means over images; floor: one map for all, best possible")
    for row in rows:
        epoch = f", epoch {row['epoch']}" if "epoch" in row else ""
        fsc, difference, latent = (row.get(k, {}) for k in ("fsc", "difference", "latent"))
        table.add_row(
            row["set"], row["method"] + epoch, _text(row["cpu_s"], 0), _text(row["load"], 1),
            *(_text(row.get(k), 1) for k in ("images_per_s", "images_read_per_s")),
            *(_text(row.get(k, {}).get("auc"), 4)
              for k in ("fsc", "consensus", "masked", "masked_consensus")),
            _px(row, fsc),
            _text(difference.get("correlation"), 3), _text(difference.get("amplitude"), 2),
            _text(latent.get("similarity"), 3), _text(latent.get("explained"), 2),
        )  # fmt: skip
    console = Console(width=190)
    console.print(f"{os.cpu_count()} cores")
    console.print(table)
    for text in dict.fromkeys(
        f"{r['set']}, {r['method']}: {r['verdict']}" for r in rows if "verdict" in r
    ):
        console.print(text, highlight=False)


def _px(row: Row, fsc: dict[str, Any]) -> str:
    if not fsc:
        return ""
    paper = f" [{row['paper_px']:.2f}]" if "paper_px" in row else ""
    mean, sd = fsc["resolution_px"], fsc["resolution_px_sd"]
    return f"{mean:.2f} ({sd:.2f}), median {fsc['resolution_px_median']:.2f}{paper}"


def _text(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


_PARTS = {
    "throughput": throughput,
    "quality": quality,
    "seed-paper": seed_paper,
    "control": control,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--part", action="append", choices=PARTS, help="All of them if none is named.")
    add("--work", type=Path, required=True, help="Folder for sets and runs.")
    add("--cryodrgn", type=Path, help="The program cryodrgn; ours alone if not given.")
    add("--methods", nargs="+", default=[*OURS, *WIDTHS], choices=[*OURS, *WIDTHS])
    add("--sets", nargs="+", default=["turn"], choices=SETS, help="Of the part quality.")
    add("--structure", type=Path, help="Molecule of the sets; pseudo-atoms if not given.")
    add("--moving-part", default="", help="B, or A:1-120,C.")
    add("--pair", nargs=2, default=[], metavar="FILE:CHAIN", help="Two conformers.")
    add("--classes", nargs="+", type=Path, default=[], help="Structures of discrete-10.")
    add("--count", type=int, default=5000)
    add("--box", type=int, default=64)
    add("--pixel", type=float, default=3.0)
    add("--snr", type=float, default=0.1, help="In the particle's disc.")
    add("--seed", type=int, default=1)
    add("--z-dim", type=int, default=8)
    add("--images", type=int, default=100, help="Whose maps are compared.")
    add("--curve", type=int, default=0, help="Checkpoints of cryodrgn scored on the way.")
    add("--threads", type=int, default=os.cpu_count() or 1)
    add("--epochs", type=int, default=25, help="Of cryodrgn.")
    add("--cpu-seconds", type=float, help="After which cryodrgn is ended.")
    add("--ours", type=shlex.split, default=[], help='More options of ours: --ours="--epochs 9".')
    add("--json", type=Path, help="File for all figures.")
    return parser.parse_args()


if __name__ == "__main__":
    main()
