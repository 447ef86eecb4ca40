"""The extraction job: picks to a stack of particle images with their CTF and their road back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.core.picks import PickTable, State
from napari_cryoai.io.mrc_stack import ImageStatistics, StackDraft
from napari_cryoai.jobs.batch import Batch, Store, over_items
from napari_cryoai.jobs.executor import Workers
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.jobs.resume import ItemStore, fingerprint
from napari_cryoai.particles.boxes import background, cut, normalise, resample
from napari_cryoai.particles.extract_output import STACK, TABLE, write_table
from napari_cryoai.particles.extract_plan import (
    BACKGROUND_PER_BOX,
    Block,
    ExtractParams,
    Plan,
    make_plan,
)

_BOXES_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Extracted:
    """What came of one micrograph; the preview of the job's progress.

    Attributes
    ----------
    name
        Of the micrograph.
    blank
        Which of its boxes, counted from 0, had the same value everywhere.
    count
        Number of its boxes.
    statistics
        Of the images that were written.
    """

    name: str
    blank: NDArray[np.int64]
    count: int
    statistics: ImageStatistics


@dataclass(frozen=True, eq=False)
class ExtractResult:
    """What the job made.

    Attributes
    ----------
    particles
        As they were written.
    paths
        `particles.mrcs` and `particles.star`.
    at_border, blank
        How many picks were left out: too close to the border, or without any contrast.
    problems
        Why micrographs are missing.
    """

    particles: ParticleStack
    paths: list[Path]
    at_border: int
    blank: int
    problems: list[CryoAIError] = field(default_factory=list)


def extract(
    params: ExtractParams,
    picks: PickTable,
    micrographs: Sequence[Micrograph],
    output_dir: Path,
    *,
    ctf: Mapping[str, MicrographCtf] | None = None,
    workers: Workers = 1,
    scheduler: str | None = None,
) -> Job[ExtractResult]:
    """Cut particles out of micrographs.

    Parameters
    ----------
    picks
        Those that the user rejected, or that lie on junk, are left out.
    micrographs
        Those of the picks, by name.
    output_dir
        Gets `particles.mrcs` and `particles.star`. Until both are complete, what there is lies in
        `.partial`, and a job that was killed goes on from there.
    ctf
        By the micrograph's name; None to keep what the picks' own file says, if anything.
    workers, scheduler
        See `jobs.executor.map_items`; workers elsewhere must see `output_dir`.

    Yields
    ------
    progress
        One step per micrograph, with an `Extracted` as its preview or the problem it had.

    Returns
    -------
    result
        An `ExtractResult`.

    Raises
    ------
    CryoAIError
        If no particle can be extracted at all.
    """
    _check(params, ctf)
    wanted = picks.select((picks.state == State.KEPT) & ~picks.in_junk)
    yield Progress(0, sum(map(bool, wanted.counts().values())), "Preparing")
    plan = make_plan(params, wanted, micrographs, ctf)
    draft, store = _prepare(params, plan, output_dir)
    batch = yield from over_items(
        partial(extract_block, params=params, draft=draft),
        plan.blocks,
        [block.micrograph.name for block in plan.blocks],
        store=_Kept(store),
        workers=workers,
        scheduler=scheduler,
        problems=plan.problems,
    )
    result = _finish(params, plan, wanted, batch, draft, store, output_dir)
    store.remove()
    return result


def extract_block(block: Block, *, params: ExtractParams, draft: StackDraft) -> Extracted:
    """Cut the particles of one micrograph, and put them at their place in the draft."""
    pixels = block.micrograph.read()
    signs = _ctf_signs(block) if params.phase_flip else None
    mask = background(draft.box_size_px, _background_px(params, block, draft.box_size_px))
    blank: list[int] = []
    statistics = ImageStatistics()
    for start in range(0, len(block), _BOXES_AT_ONCE):
        corners = block.corners_px[start : start + _BOXES_AT_ONCE]
        boxes = resample(cut(pixels, corners, block.cut_px), draft.box_size_px, signs)
        flat = boxes.max((1, 2)) == boxes.min((1, 2))
        if params.normalise:
            boxes = normalise(boxes, mask)
            flat |= ~boxes.any((1, 2))
        boxes = (-boxes if params.invert else boxes).astype(params.dtype)
        draft.write(block.first + start, boxes)
        blank += (np.flatnonzero(flat) + start).tolist()
        statistics += ImageStatistics.of(boxes[~flat].astype(np.float32))
    name = block.micrograph.name
    return Extracted(name, np.array(blank, np.int64), len(block), statistics)


def _check(params: ExtractParams, ctf: Mapping[str, MicrographCtf] | None) -> None:
    if params.dtype == "float16" and not params.normalise:
        raise CryoAIError(
            "float16 holds no values above 65504, and the images would not be normalised",
            remedy="Leave out --no-normalise, or choose --dtype float32",
        )
    if params.phase_flip and ctf is None:
        raise CryoAIError(
            "to flip phases the CTF of the micrographs is needed",
            remedy="Give --ctf, or leave out --phase-flip",
        )


def _background_px(params: ExtractParams, block: Block, box_px: int) -> float:
    if params.background_diameter_A is None:
        return BACKGROUND_PER_BOX * box_px
    diameter_px = params.background_diameter_A / block.pixel_size_A
    if diameter_px > 1.2 * box_px:
        raise CryoAIError(
            f"a background circle of {diameter_px:.0f} pixels leaves no background in a box of "
            f"{box_px}",
            path=block.micrograph.path,
            remedy="Choose a smaller circle or a larger box",
        )
    return diameter_px


def _ctf_signs(block: Block) -> NDArray[np.float32]:
    """Factors that make the contrast at every frequency that of the lowest."""
    import torch  # takes a second, and who does not flip phases does not need it

    from napari_cryoai.physics.ctf import CTF
    from napari_cryoai.physics.fourier import frequencies

    own = block.ctf
    if own is None:
        raise ValueError("no CTF")
    function = CTF(
        (own.defocus_u_A + own.defocus_v_A) / 2,
        own.defocus_u_A - own.defocus_v_A,
        own.defocus_angle_deg,
        own.voltage_kV,
        own.cs_mm,
        own.amplitude_contrast,
        own.phase_shift_deg,
    )
    gy, gx = frequencies((block.cut_px, block.cut_px), own.pixel_size_A, dtype=torch.float64)
    values = function.at(gy, gx).numpy()
    return np.where(values > 0, -1, 1).astype(np.float32)


def _prepare(params: ExtractParams, plan: Plan, output_dir: Path) -> tuple[StackDraft, ItemStore]:
    """The draft of the stack, and what an earlier run of the same job put into it."""
    facts = fingerprint(params, layout=plan.digest())
    sources = {b.micrograph.name: b.micrograph.path for b in plan.blocks}
    store = ItemStore(output_dir, facts, sources)
    path = store.folder / f"stack-{plan.digest()}-{params.dtype}.draft"
    draft = StackDraft(path, plan.box_size_px, len(plan), params.dtype)
    for stale in store.folder.glob("stack-*.draft"):
        if stale != path:
            stale.unlink(missing_ok=True)
    if not draft.exists():
        store.remove()
        draft.create()
    return draft, store


class _Kept(Store[Extracted]):
    """What was noted of the blocks that are in the draft."""

    def __init__(self, items: ItemStore):
        self._items = items

    def load(self, name: str) -> Extracted | None:
        return self._items.load(name, partial(_read_outcome, name=name))

    def save(self, name: str, found: Extracted) -> None:
        self._items.save(name, partial(_write_outcome, found=found))


def _finish(
    params: ExtractParams,
    plan: Plan,
    picks: PickTable,
    batch: Batch[Extracted],
    draft: StackDraft,
    store: ItemStore,
    output_dir: Path,
) -> ExtractResult:
    """Complete the stack and write its table."""
    found = batch.found
    unwanted = {i: np.arange(len(block)) for i, block in enumerate(plan.blocks) if i not in found}
    unwanted |= {i: one.blank for i, one in found.items() if len(one.blank)}
    numbers = [plan.blocks[i].first + n for i, some in unwanted.items() for n in some.tolist()]
    if len(numbers) == len(plan):
        raise CryoAIError(
            "all boxes have the same value everywhere",
            remedy="Check the micrographs and where the picks lie on them",
        )
    if numbers:
        # Images are about to move: what was noted of them is no longer true if we are killed.
        for path in store.folder.glob("*.npz"):
            path.unlink(missing_ok=True)
        draft = draft.without(numbers)
    statistics = sum((one.statistics for one in found.values()), ImageStatistics())
    table, stack = output_dir / TABLE, output_dir / STACK
    table.unlink(missing_ok=True)  # never a table beside a stack that is not its own
    draft.finish(stack, plan.blocks[0].pixel_size_A, statistics)
    rows = {i: np.delete(np.arange(len(b)), unwanted.get(i, [])) for i, b in enumerate(plan.blocks)}
    particles = write_table(params, plan.blocks, rows, picks, stack, table)
    blank = sum(len(one.blank) for one in found.values())
    return ExtractResult(particles, [stack, table], plan.at_border, blank, batch.problems)


def _write_outcome(path: Path, found: Extracted) -> None:
    with path.open("wb") as file:
        numbers = np.array(list(asdict(found.statistics).values()), np.float64)
        np.savez(file, blank=found.blank, count=found.count, statistics=numbers)


def _read_outcome(path: Path, name: str) -> Extracted:
    """What was kept of a micrograph, with a `ValueError` for all that a damaged archive gives."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            low, high, pixels, total, squares = data["statistics"].tolist()
            statistics = ImageStatistics(low, high, int(pixels), total, squares)
            return Extracted(name, data["blank"], int(data["count"]), statistics)
    except (BadZipFile, KeyError, EOFError) as error:
        raise ValueError("not whole") from error
