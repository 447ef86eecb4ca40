"""`cryoai reconstruct` against `cryodrgn backproject_voxel`: time, and FSC to the truth.

    python benchmarks/reconstruction_speed.py STRUCTURE --peer /path/to/venv/of/cryodrgn/bin

Simulates 5,000 particles of 64^2, reconstructs them with both programs as whole processes, in
turns, and compares both maps with the truth, shell by shell. See README.md here for the peer.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from napari_cryoai.io.maps import read_map
from napari_cryoai.physics.fsc import fsc

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
        ours.append(run([*CRYOAI, "reconstruct", star, "--output", folder / "ours"]))
        if args.peer:
            theirs.append(run(peer_command(folder, args)))
    print(f"{args.count} particles of {args.box}^2, {os.cpu_count()} cores; whole processes")
    show("cryoai reconstruct", ours, args.count)
    truth = read_map(folder / "sim" / "truth.mrc").data
    curves = {"cryoai": curve(folder / "ours" / "map.mrc", truth)}
    if args.peer:
        show("cryodrgn backproject_voxel", theirs, args.count)
        print(f"ratio {statistics.median(theirs) / statistics.median(ours):.1f}")
        curves["cryodrgn"] = curve(folder / "theirs" / "backproject.mrc", truth)
    print("shell  A      " + "  ".join(f"{name:>9}" for name in curves))
    for shell in range(1, args.box // 2 + 1):
        values = "  ".join(f"{float(c[shell]):9.4f}" for c in curves.values())
        print(f"{shell:5d}  {args.box * args.pixel / shell:5.1f}  {values}")
    if args.peer:
        worse = curves["cryodrgn"] - curves["cryoai"]
        print(f"worst shell: {float(worse[1:].max()):+.4f} for cryodrgn")


def prepare(folder: Path, args: argparse.Namespace) -> None:
    """One stack, poses and CTF as the peer wants them."""
    star, peer = folder / "sim" / "particles.star", args.peer / "cryodrgn"
    run([peer, "parse_pose_star", star, "-o", folder / "pose.pkl"])
    run([peer, "parse_ctf_star", star, "-o", folder / "ctf.pkl"])


def peer_command(folder: Path, args: argparse.Namespace) -> list[object]:
    data = ["--poses", folder / "pose.pkl", "--ctf", folder / "ctf.pkl", "--uninvert-data"]
    star = folder / "sim" / "particles.star"
    where = ["--datadir", star.parent, "-o", folder / "theirs"]
    return [args.peer / "cryodrgn", "backproject_voxel", star, *data, *where]


def run(command: list[object]) -> float:
    start = time.perf_counter()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command}\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - start


def show(name: str, seconds: list[float], count: int) -> None:
    median = statistics.median(seconds)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{name}: {median:.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), "
        f"{count / median:.0f} images/s; largest process so far {peak:.0f} MB"
    )


def curve(path: Path, truth: object) -> torch.Tensor:
    return fsc(torch.from_numpy(read_map(path).data), torch.as_tensor(truth))


if __name__ == "__main__":
    main()
