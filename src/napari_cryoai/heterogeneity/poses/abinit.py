"""The ab initio job: from particle images alone to their poses and a map.

First maps are found at low resolution from several random starts, and the best is taken. Then all
poses are searched again and again with the map that the last ones gave, at a resolution that grows
with the FSC. In the last rounds each half of the images has a map of its own.

Images alone do not tell the hand of a molecule: the map may be the mirror image of the true one,
with poses that fit it just as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.halves import Rows, split_halves
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.poses.abinit_start import LAST_STAGE, Start, resized, starting_map
from napari_cryoai.heterogeneity.poses.abinit_sums import (
    HalfSum,
    References,
    solvent_mask,
    spherical_mask,
)
from napari_cryoai.heterogeneity.poses.explained import Explained, explained
from napari_cryoai.heterogeneity.poses.images import (
    READ_AT_ONCE,
    PoseImages,
    background_power,
    noise_of,
    read_pose_images,
    signal_of,
)
from napari_cryoai.heterogeneity.poses.search import KEEP, FoundPoses, PoseSearch
from napari_cryoai.jobs.devices import choose_device, sharing_cores
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.physics.fsc import HalfMapFsc, half_map_fsc
from napari_cryoai.physics.masks import mask_of_map
from napari_cryoai.physics.symmetry import point_group

HAND = (
    "Images alone do not tell the hand: this map may be the mirror image of the molecule. If "
    "helices turn to the left, flip it, and mirror the poses with it"
)
START_RADIUS, FIRST_RADIUS = 12, 12
APART_ROUNDS = 3
"""The last rounds: of these, the first begins with one map for both halves up to `FIRST_RADIUS`,
and the others compare each half with its own."""
SMALLEST_BOX_PX, FEWEST = 24, 20
START_IMAGES = 20_000
"""More than these add nothing to a first map."""


class AbInitioParams(Params):
    """How to find a map and poses from nothing."""

    symmetry: str = Field(
        "C1",
        title="Symmetry",
        description="Point group in RELION's settings: C1, C7, D2, T, O, I, ...",
    )
    max_shift_A: float | None = Field(
        None,
        gt=0,
        title="Largest shift",
        description="How far from the centre of its box a particle may be; a tenth of the box if "
        "not given.",
        json_schema_extra={"unit": "A"},
    )
    starts: int = Field(
        3, ge=1, le=50, title="Starts", description="Random starts, of which the best is taken."
    )
    rounds: int = Field(
        8, ge=2, le=50, title="Rounds", description="Searches of all poses after the start."
    )
    images_per_round: int = Field(
        6000,
        ge=100,
        title="Images a round",
        description="Of larger sets, all but the last round take so many.",
    )
    thoroughness: int = Field(
        KEEP,
        ge=4,
        le=512,
        title="Thoroughness",
        description="Orientations of an image that are looked at closely; more for weak images.",
    )
    device: str = Field(
        "auto", title="Device", description="auto, cpu, cuda, cuda:1, mps: where to compute."
    )
    seed: int = Field(
        0, ge=0, title="Seed", description="Of the starts, and of the halves if the file has none."
    )


@dataclass(frozen=True, eq=False)
class AbInitio:
    """What came out; maps are `(n, n, n)` on the CPU.

    Attributes
    ----------
    poses
        Of all particles, in their order.
    half
        `(m,)` int8, 1 or 2: the half that each was in.
    map
        Of all particles, filtered by the FSC.
    half1, half2
        Neither filtered nor masked. The last rounds compared each half with its own map; before
        them both began anew with one map, up to shell 12, so their FSC holds beyond it.
    fsc
        Of the half maps.
    starts
        Mean log-likelihood of the images for each random start.
    scores
        Mean log-likelihood of the images in each round.
    pixel_size_A
        Of the maps.
    explained
        What the map accounts for of the signal in the images.
    hand
        That it is not known, in words.
    """

    poses: FoundPoses
    half: NDArray[np.int8]
    map: Tensor
    half1: Tensor
    half2: Tensor
    fsc: HalfMapFsc
    starts: tuple[float, ...]
    scores: tuple[float, ...]
    pixel_size_A: float
    explained: Explained
    hand: str = HAND

    @property
    def resolution_A(self) -> float:
        """At FSC = 0.143, in the mask if there is one."""
        return self.fsc.best.resolution_A()

    @property
    def shifts_yx_A(self) -> NDArray[np.float64]:
        """`(m, 2)` as a `ParticleStack` has them."""
        return self.poses.shifts_yx_px.double().numpy() * self.pixel_size_A


def abinit(params: AbInitioParams, stack: ParticleStack) -> Job[AbInitio]:
    """Find poses and a map from images alone.

    Yields
    ------
    progress
        In parts of a hundred, with the map of the time.

    Raises
    ------
    CryoAIError
        If the CTF is missing, there are too few images, or these cannot be read.
    """
    check_images(stack)
    work = _Work.of(params, stack)
    best, starts = yield from _started(work)
    found = [resized(best.map, stack.box_size_px)] * 2
    references = References((found[0], found[1]), (work.noise,) * 2, FIRST_RADIUS, torch.ones(1))
    scores = []
    for number in range(params.rounds):
        left = params.rounds - 1 - number
        rows = work.some(number) if left else work.halves
        sums, poses = yield from _round(work, references, rows, number)
        scores.append(float(torch.cat([p.log_likelihood for p in poses]).mean()))
        together = left > APART_ROUNDS - 1
        mask = solvent_mask(*sums, work.mask, FIRST_RADIUS)
        references = References.of(*sums, FIRST_RADIUS, mask, together=together)
        if left == APART_ROUNDS:
            references = references.up_to(FIRST_RADIUS)
    halves = [half.sum.map() * work.mask for half in sums]
    accounted = yield from explained(stack, work.halves, poses, (halves[0], halves[1]))
    yield Progress(100, 100, "Fourier transforms and FSC")
    return _finished(work, sums, poses, starts, tuple(scores), accounted)


def check_images(stack: ParticleStack) -> None:
    """Refuse particles that no map can be found from.

    Raises
    ------
    CryoAIError
        If they lack a CTF or one pixel size, or are too few or too small.
    """
    stack.require_pixel_size()
    stack.require_ctf()
    if stack.box_size_px < SMALLEST_BOX_PX:
        raise CryoAIError(
            f"the images are {stack.box_size_px} pixels wide, and a first map takes "
            f"{SMALLEST_BOX_PX} at least",
            remedy="Extract the particles again, in larger boxes",
        )
    if len(stack) < FEWEST:
        raise CryoAIError(
            f"there are {len(stack)} images, and a first map takes {FEWEST} at least (thousands "
            "are better)",
            remedy="Choose a file with more particles",
        )


@dataclass(frozen=True, eq=False)
class _Work:
    """What all steps share."""

    params: AbInitioParams
    stack: ParticleStack
    device: torch.device
    group: Tensor
    limit_px: float
    halves: tuple[Rows, Rows]
    noise: Tensor
    mask: Tensor

    @classmethod
    def of(cls, params: AbInitioParams, stack: ParticleStack) -> _Work:
        device, n = choose_device(params.device), stack.box_size_px
        group = point_group(params.symmetry, device=device)
        box_A = n * stack.require_pixel_size()
        limit_A = params.max_shift_A or box_A / 10
        if limit_A > box_A / 2:
            raise CryoAIError(
                f"particles cannot be {limit_A:g} A from the centre of boxes of {box_A:g} A",
                remedy="Give a smaller --max-shift-A",
            )
        rng = np.random.default_rng(params.seed)
        asked = rng.permutation(len(stack))[:500]
        noise = background_power(stack, asked).to(device)
        halves = split_halves(stack, params.seed)
        if min(len(half) for half in halves) < FEWEST // 2:
            raise CryoAIError(
                f"one of the two halves has too few images ({len(halves[0])} and {len(halves[1])})",
                remedy="Remove the column _rlnRandomSubset, and the halves are drawn anew",
            )
        limit_px = limit_A / box_A * n
        mask = spherical_mask(n, device)
        return cls(params, stack, device, group, limit_px, halves, noise, mask)

    def some(self, number: int) -> tuple[Rows, Rows]:
        """As many of each half as a round takes."""
        rng = np.random.default_rng((self.params.seed, number))
        most = self.params.images_per_round // 2
        one, two = (rng.permutation(half)[:most] for half in self.halves)
        return one, two


def _started(work: _Work) -> Job[tuple[Start, tuple[float, ...]]]:
    """The best of several first maps, and how good all were."""
    rng = np.random.default_rng(work.params.seed)
    rows = np.sort(rng.permutation(len(work.stack))[:START_IMAGES])
    parts: list[PoseImages] = []
    radius = min(START_RADIUS, work.stack.box_size_px // 2 - 1)
    for part in np.array_split(rows, -(-len(rows) // READ_AT_ONCE)):
        parts.append(read_pose_images(work.stack, part, radius, work.device))
        yield Progress(0, 100, "Reading particles")
    images = PoseImages.joined(parts)
    noise = torch.minimum(work.noise, noise_of(images))
    signal = signal_of(images, noise)
    found: list[Start] = []
    for number in range(work.params.starts):
        seed = work.params.seed * 1000 + number
        start: Start | None = None
        for start in starting_map(images, noise, signal, work.limit_px, work.group, seed):
            done = 25 * number // work.params.starts
            message = f"Start {number + 1} of {work.params.starts}"
            yield Progress(done, 100, message, start.map)
        if start is not None:
            found.append(start)
    best = max(found, key=lambda s: s.score)
    more = starting_map(
        *(images, noise, signal, work.limit_px, work.group, work.params.seed),
        stages=[LAST_STAGE],
        found=best.map,
    )
    for start in more:
        best = start
        yield Progress(25, 100, "The best start", start.map)
    return best, tuple(s.score for s in found)


def _round(
    work: _Work, references: References, rows: tuple[Rows, Rows], number: int
) -> Job[tuple[tuple[HalfSum, HalfSum], tuple[FoundPoses, FoundPoses]]]:
    """Search the poses of both halves, each in a thread of its own, and sum the images up."""
    n, params = work.stack.box_size_px, work.params
    searches = [
        PoseSearch(
            map_,
            noise,
            references.radius,
            work.limit_px,
            group=work.group,
            keep=params.thoroughness,
        )
        for map_, noise in zip(references.maps, references.noise, strict=True)
    ]
    one, two = (HalfSum(n, work.group, work.device) for _ in range(2))
    poses: tuple[list[FoundPoses], list[FoundPoses]] = ([], [])

    def search(i: int, part: Rows) -> None:
        images = read_pose_images(work.stack, part, None, work.device)
        found = searches[i].search(images)
        (one, two)[i].add(images, found)
        poses[i].append(found)

    total, done = len(rows[0]) + len(rows[1]), 0
    with sharing_cores(2), ThreadPoolExecutor(2) as pool:
        for parts in _side_by_side(rows):
            running = [pool.submit(search, i, part) for i, part in enumerate(parts) if len(part)]
            for future in running:
                future.result()
            done += sum(len(part) for part in parts)
            so_far = 30 + 70 * (number + done / total) / params.rounds
            message = f"Round {number + 1} of {params.rounds}, to shell {references.radius}"
            yield Progress(int(so_far), 100, message, references.maps[0])
    return (one, two), (FoundPoses.joined(poses[0]), FoundPoses.joined(poses[1]))


def _side_by_side(rows: tuple[Rows, Rows]) -> Iterator[tuple[Rows, Rows]]:
    for start in range(0, max(len(part) for part in rows), READ_AT_ONCE):
        one, two = (part[start : start + READ_AT_ONCE] for part in rows)
        yield one, two


def _finished(
    work: _Work,
    sums: tuple[HalfSum, HalfSum],
    poses: tuple[FoundPoses, FoundPoses],
    starts: tuple[float, ...],
    scores: tuple[float, ...],
    accounted: Explained,
) -> AbInitio:
    pixel_size_A = work.stack.require_pixel_size()
    half1, half2 = (half.sum.map() for half in sums)
    total = sums[0].sum.add(sums[1].sum)
    unmasked = half_map_fsc(half1, half2, pixel_size_A)
    mask = _mask(total.map(noise_to_signal(unmasked.unmasked.values)), pixel_size_A)
    curves = half_map_fsc(half1, half2, pixel_size_A, mask, seed=work.params.seed)
    filtered = total.map(noise_to_signal(curves.best.values))
    order = torch.from_numpy(np.argsort(np.concatenate(work.halves)))
    half = np.zeros(len(work.stack), np.int8)
    half[work.halves[0]], half[work.halves[1]] = 1, 2
    return AbInitio(
        poses=FoundPoses.joined(list(poses)).select(order),
        half=half,
        map=filtered.cpu(),
        half1=half1.cpu(),
        half2=half2.cpu(),
        fsc=curves,
        starts=starts,
        scores=scores,
        pixel_size_A=pixel_size_A,
        explained=accounted,
    )


def _mask(density: Tensor, pixel_size_A: float) -> Tensor | None:
    try:
        return mask_of_map(density, pixel_size_A)
    except CryoAIError:  # nothing but noise: the FSC will say so
        return None


def noise_to_signal(correlation: Tensor) -> Tensor:
    """Ratio of the variances of noise and signal in the map of both halves.

    From `SNR = 2 FSC / (1 - FSC)` (Rosenthal and Henderson 2003, J. Mol. Biol. 333, 721). From the
    first shell on whose FSC is below 0.02 everything is noise.
    """
    positive = correlation.clamp(1e-3, 1 - 1e-6)
    ratio = (1 - positive) / (2 * positive)
    lost = torch.cumsum((correlation < 0.02).long(), 0) > 0
    lost[0] = False
    return torch.where(lost, 1e6, ratio)
