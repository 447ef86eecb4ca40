"""Ab initio poses and maps on simulated particles with truth, and the speed of the pose search.

    python benchmarks/abinit.py STRUCTURE --seeds 10 --peer /path/to/venv/of/cryodrgn/bin

`accuracy` finds poses and a map of 2,000 images of 64^2 from nothing, with as many seeds as are
asked for, and compares them with the truth. `search` looks for poses with the true map. `peer` runs
`cryodrgn abinit` with a tiny network on a few of the same images. Each tells seconds of CPU time
beside those of the clock, since few machines do nothing else. See README.md here.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.poses.abinit import AbInitio, AbInitioParams, abinit
from napari_cryoai.heterogeneity.poses.errors import pose_errors
from napari_cryoai.heterogeneity.poses.states import refine_poses
from napari_cryoai.io.particle_stacks import read_particles
from napari_cryoai.io.structures import read_structure
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics.fsc import fsc
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.particle_files import PARTICLES, write_particle_set
from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleModel
from napari_cryoai.reconstruction.reconstruct import ReconstructParams, reconstruct

TARGET_DEG, TARGET_PX, TARGET_SHELLS = 3.0, 0.5, 1
PEER_PER_S = 0.67
"""Of `cryodrgn abinit` with a tiny network, on two busy cores."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structure", type=Path)
    parser.add_argument("--part", choices=["accuracy", "search", "peer", "all"], default="all")
    parser.add_argument("--peer", type=Path, help="Folder of the program cryodrgn.")
    parser.add_argument("--peer-images", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--box", type=int, default=64)
    parser.add_argument("--pixel", type=float, default=4.0)
    parser.add_argument("--snr", type=float, default=0.1)
    parser.add_argument("--whole-box", action="store_true", help="SNR over the box, not the disc.")
    parser.add_argument("--shift", type=float, default=6.0, help="Sd of the shifts in A.")
    parser.add_argument("--starts", type=int, default=3)
    args = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, threads {torch.get_num_threads()}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = simulate(folder, args)
        stack = read_particles(folder / PARTICLES)
        if args.part in ("search", "all"):
            search(stack, truth, args)
        if args.part in ("peer", "all") and args.peer:
            peer(folder, args)
        if args.part in ("accuracy", "all"):
            accuracy(stack, truth, args)


def simulate(folder: Path, args: argparse.Namespace) -> Tensor:
    """Write the particles; the true map on the scale of the images."""
    conformers = Conformers.of_structures([read_structure(args.structure)], args.box, args.pixel)
    disc = np.pi / 4 * (conformers.diameter_A / args.pixel / args.box) ** 2
    snr = args.snr / disc if args.whole_box else args.snr
    model = ParticleModel(
        snr=Distribution("constant", snr),
        shift_A=Distribution("normal", 0, args.shift),
        neighbours=0.0,
    )
    simulator = ParticleSimulator(model, conformers, seed=17)
    for _ in write_particle_set(simulator, args.count, folder):
        pass
    print(
        f"{args.structure.name}: {conformers.diameter_A / args.pixel:.0f} of {args.box} pixels, "
        f"SNR {snr:.3g} in its disc, {snr * disc:.3g} in the box"
    )
    return conformers.map(0) * float(simulator.scale * np.sqrt(snr))


def search(stack: ParticleStack, truth: Tensor, args: argparse.Namespace) -> None:
    few = stack.select(np.arange(min(400, len(stack))))
    with Clock() as clock:
        found = finish(refine_poses(few, truth, max_shift_A=0.1 * args.box * args.pixel))
    angle = pose_errors(
        found.rotations.numpy(),
        found.shifts_yx_px.double().numpy() * args.pixel,
        few.rotations,
        few.shifts_yx_A,
        either_hand=False,
    )
    per_s = len(few) / clock.wall
    print(
        f"search with the true map: {per_s:.1f} images/s by the clock "
        f"({per_s / PEER_PER_S:.0f} times {PEER_PER_S}), {len(few) / clock.cpu:.1f} per CPU "
        f"second; median {angle.median_angle_deg:.2f} deg, "
        f"{angle.median_shift_A / args.pixel:.2f} px, "
        f"more than 10 deg {np.mean(angle.angle_deg > 10):.1%}"
    )


def accuracy(stack: ParticleStack, truth: Tensor, args: argparse.Namespace) -> None:
    known = finish(reconstruct(ReconstructParams(device="cpu"), stack))
    best = shell_at_half(known.map, truth)
    print(f"map with the true poses: FSC 0.5 in shell {best:.1f}")
    print("seed  hand      angle    90 %  > 10 deg   shift px  shell    wall s   CPU s  met")
    met = 0
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        params = AbInitioParams(seed=seed, starts=args.starts, device="cpu")
        with Clock() as clock:
            found = finish(abinit(params, stack))
        met += row(seed, found, stack, truth, best, clock, args)
    print(f"{met} of {args.seeds} seeds met all targets")


def row(
    seed: int,
    found: AbInitio,
    stack: ParticleStack,
    truth: Tensor,
    best: float,
    clock: Clock,
    args: argparse.Namespace,
) -> bool:
    errors = pose_errors(
        found.poses.rotations.numpy(), found.shifts_yx_A, stack.rotations, stack.shifts_yx_A
    )
    shell = shell_at_half(errors.to_truth(found.map, args.pixel), truth)
    shift_px = errors.median_shift_A / args.pixel
    is_met = (
        errors.median_angle_deg <= TARGET_DEG
        and shift_px <= TARGET_PX
        and shell >= best - TARGET_SHELLS
    )
    print(
        f"{seed:4d}  {'mirrored' if errors.is_mirrored else 'true':8s}"
        f"{errors.median_angle_deg:7.2f}{np.quantile(errors.angle_deg, 0.9):8.1f}"
        f"{np.mean(errors.angle_deg > 10):10.1%}{shift_px:11.2f}{shell:7.1f}"
        f"{clock.wall:10.0f}{clock.cpu:8.0f}  {'yes' if is_met else 'no'}",
        flush=True,
    )
    return is_met


def shell_at_half(map_: Tensor, truth: Tensor) -> float:
    """Where the FSC first falls below 0.5, linear between shells."""
    curve = fsc(map_, truth).tolist()
    for shell in range(1, len(curve)):
        if curve[shell] < 0.5:
            above = curve[shell - 1]
            return shell - 1 + (above - 0.5) / (above - curve[shell])
    return float(len(curve) - 1)


def peer(folder: Path, args: argparse.Namespace) -> None:
    """`cryodrgn abinit` with a network much smaller than its default; one search of all poses."""
    program, star = args.peer / "cryodrgn", folder / PARTICLES
    subset, out = folder / "few.pkl", folder / "theirs"
    run([program, "parse_ctf_star", star, "-o", folder / "ctf.pkl"])
    chosen = ["-n", args.peer_images, "-o", subset]
    run([args.peer / "cryodrgn_utils", "select_random", args.count, *chosen])
    tiny = "--zdim 0 -n 2 --epochs-pose-search 1 --dim 64 --layers 2 --pe-dim 16 --no-analysis"
    shifts = "--t-extent 4 --t-ngrid 2 --seed 0"
    command = [program, "abinit", star, "--datadir", folder, "--ctf", folder / "ctf.pkl"]
    command += ["--ind", subset, "-o", out, "--n-imgs-pretrain", args.peer_images]
    with Clock() as clock:
        said = run([*command, *tiny.split(), *shifts.split()])
    for line in said.splitlines():
        if re.search(r"(?i)epoch.*(time|finished)|hps|total", line):
            print(f"  {line.strip()}")
    print(
        f"cryodrgn abinit, tiny network, {args.peer_images} images, whole process: "
        f"{clock.wall:.0f} s by the clock, {clock.cpu:.0f} s of CPU: "
        f"{args.peer_images / clock.wall:.2f} images/s, {args.peer_images / clock.cpu:.2f} per CPU "
        "second"
    )


def run(command: list[object]) -> str:
    done = subprocess.run(
        [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise SystemExit(f"{command}\n{done.stdout[-3000:]}")
    return done.stdout


class Clock:
    """Seconds of the clock, and of CPU time of this process and those it started."""

    def __enter__(self) -> Clock:
        self._start = time.perf_counter(), self._cpu()
        self.wall = self.cpu = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._start[0]
        self.cpu = self._cpu() - self._start[1]

    def _cpu(self) -> float:
        used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in used)


if __name__ == "__main__":
    main()
