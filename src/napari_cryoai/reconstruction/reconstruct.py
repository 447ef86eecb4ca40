"""The reconstruction job: particles with poses to half maps and a map."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from pydantic import Field
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.halves import Rows, split_halves
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.jobs.devices import choose_device, sharing_cores
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.physics.backprojection import SliceSum
from napari_cryoai.physics.fsc import HalfMapFsc, fsc, half_map_fsc
from napari_cryoai.physics.masks import mask_of_map
from napari_cryoai.physics.particle_insertion import insert_particles
from napari_cryoai.physics.sharpening import guinier, sharpened
from napari_cryoai.physics.slices import padded_size
from napari_cryoai.physics.symmetry import point_group

BATCH_BYTES = 8 << 20
SMALLEST_BOX_PX = 8
PEAK_BYTES = 56
"""Memory for each voxel of the padded box: both halves, their sum, and transforms under way."""
SHARPEN_BEYOND_A = 9.0
"""A B factor has no meaning for a map of lower resolution (Rosenthal and Henderson 2003)."""


class ReconstructParams(Params):
    """How to reconstruct."""

    symmetry: str = Field(
        "C1",
        title="Symmetry",
        description="Point group in RELION's settings: C1, C7, D2, T, O, I, ...",
    )
    oversampling: float = Field(
        2.0,
        ge=1,
        le=4,
        title="Oversampling",
        description="Padding of the map in Fourier space; less saves memory, and blurs the border.",
    )
    device: str = Field(
        "auto", title="Device", description="auto, cpu, cuda, cuda:1, mps: where to compute."
    )
    seed: int = Field(
        0,
        ge=0,
        title="Seed",
        description="Of the random halves (if the file names none) and of the FSC's random phases.",
    )


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What came out; every map is `(n, n, n)` on the CPU.

    Attributes
    ----------
    half1, half2
        Of the halves, neither filtered nor masked.
    map
        Of all particles, with Wiener's filter from the FSC.
    sharpened
        Its B factor taken out; none if the resolution is too low for one.
    mask
        Soft, around the map; none if there is no density to be found.
    fsc
        Of the half maps.
    b_factor_A2
        That was taken out.
    pixel_size_A
        Of all maps.
    """

    half1: Tensor
    half2: Tensor
    map: Tensor
    sharpened: Tensor | None
    mask: Tensor | None
    fsc: HalfMapFsc
    b_factor_A2: float | None
    pixel_size_A: float

    @property
    def resolution_A(self) -> float:
        """At FSC = 0.143, in the mask if there is one."""
        return self.fsc.best.resolution_A()


class Store:
    """Where the sums outlive the job; this one keeps nothing."""

    def load(self, sums: list[SliceSum]) -> list[int]:
        """Fill the sums with what an earlier run left; how many particles of each are in."""
        return [0 for _ in sums]

    def save(self, sums: list[SliceSum], done: list[int]) -> None:
        """Keep the sums, if it is time to."""


def reconstruct(
    params: ReconstructParams, stack: ParticleStack, *, store: Store | None = None
) -> Job[Reconstruction]:
    """Reconstruct a map from particles whose poses are known.

    Each half is summed up in a thread of its own, particle after particle: the memory needed does
    not depend on their number.

    Parameters
    ----------
    store
        Keeps the sums now and then, and knows those of a run that was cut short.

    Yields
    ------
    progress
        In particles.

    Raises
    ------
    CryoAIError
        If poses or CTF are missing, a half is empty, or images cannot be read.
    """
    check_particles(stack)
    device = choose_device(params.device)
    halves = split_halves(stack, params.seed)
    group = point_group(params.symmetry)
    _check_memory(stack.box_size_px, params.oversampling, device)
    sums = [
        SliceSum(stack.box_size_px, params.oversampling, symmetry=group, device=device)
        for _ in halves
    ]
    store = store or Store()
    done = store.load(sums)
    yield Progress(sum(done), len(stack), "Reading particles")
    for now in _summed(stack, halves, sums, done):
        store.save(sums, now)
        yield Progress(sum(now), len(stack), "Inserting")
    yield Progress(len(stack), len(stack), "Fourier transforms and FSC")
    return finished(sums[0], sums[1], stack.require_pixel_size(), params.seed)


def check_particles(stack: ParticleStack) -> None:
    """Refuse particles that no map can be reconstructed from.

    Raises
    ------
    CryoAIError
        If they lack poses, CTF or a pixel size, have several of these, or lie outside their boxes.
    """
    box_A = stack.box_size_px * stack.require_pixel_size()
    stack.require_rotations()
    stack.require_ctf()
    if stack.box_size_px < SMALLEST_BOX_PX:
        raise CryoAIError(
            f"the images are {stack.box_size_px} pixels wide, and a map takes {SMALLEST_BOX_PX} "
            "pixels at least",
            remedy="Extract the particles again, in larger boxes",
        )
    outside = np.abs(stack.shifts_yx_A).max(1) > box_A
    if outside.any():
        row = int(np.argmax(outside))
        y, x = stack.shifts_yx_A[row]
        raise CryoAIError(
            f"row {row + 1} shifts its particle by {-x:.0f}, {-y:.0f} A, out of its box of "
            f"{box_A:.0f} A ({outside.sum():,} rows do)",
            remedy="Remove these rows; if there are many, find out whether the shifts are in "
            "pixels or in Angstrom",
        )


def finished(sum1: SliceSum, sum2: SliceSum, pixel_size_A: float, seed: int = 0) -> Reconstruction:
    """Maps and FSC from the sums of the two halves."""
    half1, half2 = sum1.map(), sum2.map()
    total = sum1.add(sum2)
    first = total.map(noise_to_signal(fsc(half1, half2)))
    mask = _mask(first, pixel_size_A)
    curves = half_map_fsc(half1, half2, pixel_size_A, mask, seed=seed)
    best = curves.best
    filtered = total.map(noise_to_signal(best.values))
    b_factor_A2, crisp = _sharpen(total.map(), mask, best.values, best.resolution_A(), pixel_size_A)
    return Reconstruction(
        half1=half1.cpu(),
        half2=half2.cpu(),
        map=filtered.cpu(),
        sharpened=None if crisp is None else crisp.cpu(),
        mask=None if mask is None else mask.cpu(),
        fsc=curves,
        b_factor_A2=b_factor_A2,
        pixel_size_A=pixel_size_A,
    )


def noise_to_signal(correlation: Tensor) -> Tensor:
    """Ratio of the variances of noise and signal in the map of both halves.

    From `SNR = 2 FSC / (1 - FSC)` (Rosenthal and Henderson 2003). From the first shell on whose FSC
    is below 0.02 everything is noise.
    """
    positive = correlation.clamp(1e-3, 1 - 1e-6)
    ratio = (1 - positive) / (2 * positive)
    lost = torch.cumsum((correlation < 0.02).long(), 0) > 0
    lost[0] = False
    return torch.where(lost, 1e6, ratio)


def _summed(
    stack: ParticleStack, halves: tuple[Rows, Rows], sums: list[SliceSum], done: list[int]
) -> Iterator[list[int]]:
    """Add all that is missing; how many of each half are in, whenever both threads are at rest."""
    now = list(done)
    per_batch = max(1, BATCH_BYTES // (4 * stack.box_size_px**2))
    with sharing_cores(len(sums)), ThreadPoolExecutor(len(sums)) as pool:
        while any(count < len(rows) for count, rows in zip(now, halves, strict=True)):
            running: list[Future[None]] = []
            for i, rows in enumerate(halves):
                batch = rows[now[i] : now[i] + per_batch]
                now[i] += len(batch)
                if len(batch):
                    running.append(pool.submit(insert_particles, sums[i], stack, batch))
            for future in running:
                future.result()
            yield list(now)


def memory_bytes(n: int, oversampling: float) -> int:
    """What the reconstruction of a box of `n` voxels needs at its peak, as measured."""
    return PEAK_BYTES * padded_size(n, oversampling) ** 3


def _check_memory(n: int, oversampling: float, device: torch.device) -> None:
    """Refuse a box that this machine cannot hold, before hours of work are lost."""
    if device.type != "cpu":
        return
    needed, there = memory_bytes(n, oversampling), psutil.virtual_memory().total
    if needed > there:
        raise CryoAIError(
            f"a map of {n} voxels takes {needed / 2**30:.0f} GiB of memory, and this machine has "
            f"{there / 2**30:.0f} GiB",
            remedy="Bin the particles (cryoai extract --pixel-size-A), or take a smaller "
            "--oversampling",
        )


def _mask(density: Tensor, pixel_size_A: float) -> Tensor | None:
    try:
        return mask_of_map(density, pixel_size_A)
    except CryoAIError:  # nothing but noise: the FSC will say so
        return None


def _sharpen(
    density: Tensor,
    mask: Tensor | None,
    correlation: Tensor,
    resolution_A: float,
    pixel_size_A: float,
) -> tuple[float | None, Tensor | None]:
    if resolution_A > SHARPEN_BEYOND_A:
        return None, None
    inside = density if mask is None else density * mask
    try:
        found = guinier(inside, pixel_size_A, to_A=resolution_A, fsc=correlation).b_factor_A2
    except CryoAIError:  # too few shells in a small box
        return None, None
    crisp = sharpened(
        density, pixel_size_A, b_factor_A2=found, resolution_A=resolution_A, fsc=correlation
    )
    return found, crisp
