"""`cryoai reconstruct` against `cryodrgn backproject_voxel`: time, and FSC to the truth.

    python benchmarks/reconstruction_speed.py STRUCTURE --peer /path/to/venv/of/cryodrgn/bin

Simulates 5,000 particles of 64^2, reconstructs them with both programs as whole processes, in
turns, and compares both maps with the truth, shell by shell. See README.md here for the peer.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from napari_cryoai.io.maps import read_map
from napari_cryoai.physics.fsc import fsc
from napari_cryoai.physics.kernels import correction

CRYOAI = [sys.executable, "-m", "napari_cryoai.cli"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structure", type=Path)
    parser.add_argument("--peer", type=Path, help="Folder of the program cryodrgn.")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--box", type=int, default=64)
    parser.add_argument("--pixel", type=float, default=2.5)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), args)


def compare(folder: Path, args: argparse.Namespace) -> None:
    size = ["--count", str(args.count), "--box-size-px", str(args.box)]
    size += ["--pixel-size-A", str(args.pixel), "--seed", "11"]
    run([*CRYOAI, "simulate", "particles", str(args.structure), "--output", folder / "sim", *size])
    star = folder / "sim" / "particles.star"
    ours, theirs = [], []
    if args.peer:
        prepare(folder, args)
    for _ in range(args.repeats):
        ours.append(run([*CRYOAI, "reconstruct", star, "--output", folder / "ours", "--json"]))
        if args.peer:
            theirs.append(run(peer_command(folder, args)))
    print(f"{args.count} particles of {args.box}^2, {os.cpu_count()} cores")
    show("cryoai reconstruct", ours, args.count)
    if args.peer:
        show("cryodrgn backproject_voxel", theirs, args.count)
        for what in ("inserting", "process"):
            ratio = median(theirs, what) / median(ours, what)
            print(f"ratio, {what}: {ratio:.1f}")
    show_curves(folder, args)


def show_curves(folder: Path, args: argparse.Namespace) -> None:
    """FSC to the truth in every shell.

    The peer leaves in its map what its interpolation multiplies it by, which darkens the border of
    the box, signal and noise alike. So both are also shown without it, and ours in its own mask.
    """
    truth, ours = (load(folder / name) for name in ("sim/truth.mrc", "ours/map.mrc"))
    curves = {
        "cryoai": fsc(ours, truth),
        "in its mask": fsc(ours * load(folder / "ours/mask.mrc"), truth),
    }
    if args.peer:
        theirs = load(folder / "theirs/backproject.mrc")
        curves["cryodrgn"] = fsc(theirs, truth)
        envelope = correction("linear", args.box, args.box, theirs.device)
        curves["corrected"] = fsc(theirs / envelope, truth)
    print("shell  A      " + "  ".join(f"{name:>11}" for name in curves))
    for shell in range(1, args.box // 2 + 1):
        values = "  ".join(f"{float(c[shell]):11.4f}" for c in curves.values())
        print(f"{shell:5d}  {args.box * args.pixel / shell:5.1f}  {values}")
    if args.peer:
        for mine, theirs_ in (("cryoai", "corrected"), ("in its mask", "cryodrgn")):
            least = float((curves[mine] - curves[theirs_])[1:].min())
            print(f"'{mine}' minus '{theirs_}', worst shell: {least:+.4f}")


def prepare(folder: Path, args: argparse.Namespace) -> None:
    """One stack, poses and CTF as the peer wants them."""
    star, peer = folder / "sim" / "particles.star", args.peer / "cryodrgn"
    run([peer, "parse_pose_star", star, "-o", folder / "pose.pkl"])
    run([peer, "parse_ctf_star", star, "-o", folder / "ctf.pkl"])


def peer_command(folder: Path, args: argparse.Namespace) -> list[object]:
    data = ["--poses", folder / "pose.pkl", "--ctf", folder / "ctf.pkl"]
    star = folder / "sim" / "particles.star"
    where = ["--datadir", star.parent, "-o", folder / "theirs"]
    return [args.peer / "cryodrgn", "backproject_voxel", star, *data, *where]


def run(command: list[object]) -> dict[str, float]:
    """Seconds of the whole process, and of the insertion alone as the program itself tells them."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    began, inserted, said = 0.0, 0.0, []
    for line in process.stdout or ():
        said.append(line)
        if "Reading particles" in line:
            began = time.perf_counter()
        elif "Fourier transforms" in line:
            inserted = time.perf_counter() - began
        elif found := re.search(r"Backprojected .* images in ([\d.]+)s", line):
            inserted = float(found[1])
    if process.wait():
        raise SystemExit(f"{command}\n{''.join(said)}")
    return {"process": time.perf_counter() - start, "inserting": inserted}


def median(runs: list[dict[str, float]], what: str) -> float:
    return statistics.median(run[what] for run in runs)


def show(name: str, runs: list[dict[str, float]], count: int) -> None:
    for what in ("inserting", "process"):
        seconds = [run[what] for run in runs]
        print(
            f"{name}, {what}: {median(runs, what):.2f} s ({min(seconds):.2f} to "
            f"{max(seconds):.2f}), {count / median(runs, what):.0f} images/s"
        )


def load(path: Path) -> torch.Tensor:
    return torch.from_numpy(read_map(path).data)


if __name__ == "__main__":
    main()
