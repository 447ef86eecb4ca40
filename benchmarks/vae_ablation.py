"""Every shortcut of the `vae` method taken back, one at a time, at equal CPU time.

    python benchmarks/vae_ablation.py --set runs/turn-5000-64-0.1-1 --work runs/ablation

`--set` is a folder with `particles.star` and `truth.npz`, as `heterogeneity.py` leaves them. Each
variant is a process of its own with one thread. One that takes longer than the method as it is is
run again with fewer rounds, so that it takes as long. What `--work` holds is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from vae_ablation_network import coordinate_network

from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.engines import covariance, images, search, vae
from napari_cryoai.heterogeneity.engines.images import FourierImages
from napari_cryoai.heterogeneity.scoring.evaluate import evaluate, evaluate_maps
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.particle_truth import ParticleSetTruth, read_truth
from napari_cryoai.jobs.progress import finish

SEEN_RADIUS = 16
"""Of the frequencies that an encoder of images sees."""


class WholePlane(FourierImages):
    """Images with both of each pair of opposite frequencies."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        self._half = self._xy
        self._xy = torch.stack([self._half, -self._half], 1).flatten(0, 1)
        self._shell, self._length = (
            values.repeat_interleave(2) for values in (self._shell, self._length)
        )
        self._values = images._table(len(self.stack), len(self._xy))
        self.independent /= 2

    def _transforms(self, rows: images.Rows) -> Tensor:
        whole, self._xy = self._xy, self._half
        half = super()._transforms(rows)
        self._xy = whole
        return torch.stack([half, half.conj()], 2).flatten(1)


@contextmanager
def encoder_of_images() -> Iterator[None]:
    """The encoder sees the image, its CTF's sign taken out, in place of the coefficients."""
    known: dict[str, Any] = {}
    load, likelihood, network = covariance.FourierImages, vae.Likelihood.of, vae.Autoencoder

    def loaded(*args: Any) -> FourierImages:
        known["images"] = load(*args)
        return known["images"]

    def of(found: Any) -> vae.Likelihood:
        if "seen" not in known:
            batch = known["images"].batch(np.arange(len(known["images"])), SEEN_RADIUS)
            flipped = torch.view_as_real(batch.values * batch.transfer.sign()).flatten(1)
            known["seen"] = flipped / flipped.std()
        made = likelihood(found)
        return vae.Likelihood(made.gram, made.response, known["seen"])

    def wide(z_dim: int, components: int) -> vae.Autoencoder:
        made = network(z_dim, components)
        made.encoder[0] = torch.nn.Linear(known["seen"].shape[1], vae.WIDTH)
        return made

    with (
        patch.object(covariance, "FourierImages", loaded),
        patch.object(vae.Likelihood, "of", of),
        patch.object(vae, "Autoencoder", wide),
    ):
        yield


@contextmanager
def bfloat16() -> Iterator[None]:
    """The network learns in half precision."""
    epoch = vae._epoch

    def half(*args: Any) -> float:
        with torch.autocast("cpu", torch.bfloat16):
            return epoch(*args)

    with patch.object(vae, "_epoch", half):
        yield


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


VARIANTS: dict[str, tuple[str, Callable[[], Any]]] = {
    "as it is": ("vae", _as_it_is),
    "no network (covariance)": ("covariance", _as_it_is),
    "whole plane": ("vae", lambda: patch.object(covariance, "FourierImages", WholePlane)),
    "no marching": ("vae", lambda: patch.object(search, "FIRST", 1.0)),
    "encoder of images": ("vae", encoder_of_images),
    "bfloat16": ("vae", bfloat16),
}
NETWORK = "coordinate network"


def main() -> None:
    args = _arguments()
    if args.variant:
        print(json.dumps(_scored(args)))
        return
    rows = [_once(args, "as it is")]
    usual = rows[0]["cpu_s"]
    for name in list(VARIANTS)[1:]:
        found = _once(args, name)
        rows.append(found)
        if found["cpu_s"] > 1.15 * usual:
            rows.append(_once(args, name, share=usual / found["cpu_s"]))
    rows += [_once(args, NETWORK, seconds=k * usual) for k in args.network]
    show(rows)


def _once(
    args: argparse.Namespace, name: str, share: float = 1.0, seconds: float = 0.0
) -> dict[str, Any]:
    """A variant in a process of its own, unless it was measured before."""
    label = name.replace(" ", "-") + (f"-{share:.2f}" if share < 1 else "")
    label += f"-{seconds:.0f}s" if seconds else ""
    path = args.work / f"{label}.json"
    if not path.exists():
        command = [sys.executable, __file__, "--set", args.set, "--work", args.work]
        command += ["--variant", name, "--share", share, "--seconds", seconds]
        command += ["--count", args.count, "--z-dim", args.z_dim, "--images", args.images]
        threads = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            list(map(str, command)), check=True, capture_output=True, text=True, env=threads
        )
        args.work.mkdir(parents=True, exist_ok=True)
        path.write_text(done.stdout.splitlines()[-1] + "\n")
    return {"name": name, "share": share, **json.loads(path.read_text())}


def _scored(args: argparse.Namespace) -> dict[str, Any]:
    """Train a variant, and compare it with the truth; the latter's time does not count."""
    torch.set_num_threads(1)
    stack = ParticleFiles(args.set / "particles.star").read().select(np.arange(args.count))
    truth = read_truth(args.set)
    start = time.process_time()
    if args.variant == NETWORK:
        maps, z = coordinate_network(stack, args.z_dim, start + args.seconds)
        seconds = time.process_time() - start
        rows = truth.rows_of(np.array(stack.images.names(), np.str_))
        scores = evaluate_maps(maps, rows, truth, z=z, images=args.images)
        return {"cpu_s": seconds, **scores.as_dict()}
    return _trained(args, stack, truth, start)


def _trained(
    args: argparse.Namespace, stack: ParticleStack, truth: ParticleSetTruth, start: float
) -> dict[str, Any]:
    method, change = VARIANTS[args.variant]
    rounds = {
        name: max(1, round(args.share * getattr(search, name)))
        for name in ("ROUNDS", "MORE_ROUNDS", "LAST_ROUNDS")
    }
    with change(), patch.multiple(search, **rounds):
        if method == "vae":
            params = vae.VaeParams(z_dim=args.z_dim, device="cpu")
            found = finish(vae.vae(params, stack))
        else:
            kind = covariance.CovarianceParams(z_dim=args.z_dim, device="cpu")
            found = finish(covariance.covariance(kind, stack))
    seconds = time.process_time() - start
    bounds = [r["held_out_bound"] for r in found.rounds if "held_out_bound" in r]
    scores = evaluate(found.model, truth, images=args.images).as_dict()
    return {"cpu_s": seconds, "bound": max(bounds, default=None), **scores}


def show(rows: list[dict[str, Any]]) -> None:
    """A table of all that was measured."""
    table = Table("variant", "rounds", "CPU s", "held-out bound", "FSC area", "floor",
                  "differences", "amplitude", "explained")  # fmt: skip
    for row in rows:
        bound = row.get("bound")
        table.add_row(
            row["name"], f"{row['share']:.0%}", f"{row['cpu_s']:.0f}",
            "" if bound is None else f"{bound:.2f}", f"{row['fsc']['auc']:.4f}",
            f"{row['consensus']['auc']:.4f}", f"{row['difference']['correlation']:.3f}",
            f"{row['difference']['amplitude']:.2f}", f"{row['latent']['explained']:.2f}",
        )  # fmt: skip
    Console(width=130).print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--set", type=Path, required=True, help="Folder of a set with truth.")
    add("--work", type=Path, required=True, help="Folder for what was measured.")
    add("--count", type=int, default=2000, help="Particles, the first of the set.")
    add("--z-dim", type=int, default=8)
    add("--images", type=int, default=100, help="Whose maps are compared.")
    add("--network", type=float, nargs="*", default=[1, 4], help="Its time, in that of ours.")
    add("--variant", choices=[*VARIANTS, NETWORK], help=argparse.SUPPRESS)
    add("--share", type=float, default=1.0, help=argparse.SUPPRESS)
    add("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
