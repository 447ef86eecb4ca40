"""The work behind *Learn from my corrections*: look, refit or improve, pick again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, State
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.picking.evaluate import compare
from napari_cryoai.picking.pick import MicrographPicks, PickParams, SuggestedThreshold
from napari_cryoai.ui.learning.store import Known, Pickers, Standing, Views

if TYPE_CHECKING:
    from napari_cryoai.picking.corrections import Corrections
    from napari_cryoai.picking.learned import Picker

HALF = 0.5
"""Of a diameter: within it two picks are the same particle."""


@dataclass(frozen=True, eq=False)
class Task:
    """What to learn, and where to pick again.

    Attributes
    ----------
    pickers, views
        What is known; the job adds to the views.
    corrected
        Micrograph to its picks as the user left them.
    count
        Number of corrections.
    micrographs
        By name, those of `corrected` among them.
    follow
        Where to pick again, in this order.
    diameter_A
        Of the particle.
    improve
        Train the whole network, not the last layer alone.
    shown, reference
        To compare before anything changes; None if there is no reference.
    hide_junk
        Whether picks on junk are shown.
    """

    pickers: Pickers
    views: Views
    corrected: Mapping[str, PickTable]
    count: int
    micrographs: Mapping[str, Micrograph]
    follow: Sequence[str]
    diameter_A: float
    improve: bool = False
    shown: PickTable = field(default_factory=PickTable.empty)
    reference: PickTable | None = None
    hide_junk: bool = True


@dataclass(frozen=True, eq=False)
class Learned:
    """What came of it; the preview of the job's progress once there is a new picker.

    Attributes
    ----------
    standing
        The pickers to go on with.
    f1_before, f1_after
        Agreement with the corrected micrographs.
    reference_before
        Agreement of what was shown with the reference; None without one.
    better
        False if training brought nothing, and all is as it was.
    """

    standing: Standing
    f1_before: float
    f1_after: float
    reference_before: float | None
    better: bool = True


def learn(task: Task) -> Job[list[CryoAIError]]:
    """Learn from corrections, and pick again.

    Yields
    ------
    progress
        With a `Learned` as preview, and after that a `MicrographPicks` for each micrograph, with
        the threshold of all of them so far.

    Returns
    -------
    problems
        Why micrographs keep their earlier picks.
    """
    total = len(task.corrected) + len(task.follow) + 1
    yield Progress(0, total, "Getting ready…")
    standing = task.pickers.latest()
    corrections = yield from _look(task, standing, total)
    new = yield from _taught(task, standing, corrections, total)
    if new is None:
        return []
    known = new.now
    assert known is not None  # noqa: S101 - `_taught` has just made it
    yield Progress(
        len(task.corrected) + 1,
        total,
        "Picking again",
        preview=_outcome(task, standing, new, corrections),
    )
    return (yield from _pick_again(task, known, total))


def _look(task: Task, standing: Standing, total: int) -> Job[list[Corrections]]:
    from napari_cryoai.picking.corrections import Corrections

    root = standing.root
    assert root is not None  # noqa: S101 - `latest` fills it in
    found = []
    for done, (name, picks) in enumerate(task.corrected.items()):
        yield Progress(done, total, f"Looking at {name}")
        view = task.views.see(task.micrographs[name], root, task.diameter_A)
        found.append(Corrections(view, picks))
    yield Progress(len(found), total, "Learning…")
    return found


def _taught(
    task: Task, standing: Standing, corrections: list[Corrections], total: int
) -> Job[Standing | None]:
    """Root and new picker; None if training made nothing better, which is said in a preview."""
    root, now = standing.root, standing.now
    assert root is not None and now is not None  # noqa: S101 - `latest` fills them in
    if not task.improve:
        from napari_cryoai.picking.learn_head import refit

        picker = refit(root.picker, corrections)
        return Standing(root, Known(picker, root.trunk, task.count))
    from napari_cryoai.picking.learn_improve import ImproveParams, improve

    picker = yield from improve(
        ImproveParams(), now.picker, corrections, [task.micrographs[n] for n in task.corrected]
    )
    if picker is now.picker:
        f1 = agreement(now.picker, corrections, hide_junk=task.hide_junk)
        yield Progress(total, total, "", preview=Learned(standing, f1, f1, None, better=False))
        return None
    trunk = now.trunk if _sees_alike(picker, now.picker) else picker.digest
    known = Known(picker, trunk, task.count)
    return Standing(known, known)


def _sees_alike(one: Picker, other: Picker) -> bool:
    from napari_cryoai.picking.sight import same_trunk

    return same_trunk(one.network, other.network)


def _outcome(
    task: Task, before: Standing, after: Standing, corrections: list[Corrections]
) -> Learned:
    assert before.now is not None and after.now is not None  # noqa: S101 - see above
    return Learned(
        after,
        _agreement_of(task, before.now, corrections),
        _agreement_of(task, after.now, corrections),
        f1_to(task.shown, task.reference, _radius_px(task)),
    )


def _agreement_of(task: Task, known: Known, corrections: list[Corrections]) -> float:
    """A picker with another trunk has to look for itself."""
    from napari_cryoai.picking.corrections import Corrections

    looked = [
        Corrections(task.views.see(task.micrographs[c.view.name], known, task.diameter_A), c.picks)
        for c in corrections
    ]
    return agreement(known.picker, looked, hide_junk=task.hide_junk)


def agreement(picker: Picker, corrections: Sequence[Corrections], *, hide_junk: bool) -> float:
    """F1 of what a picker shows on corrected micrographs, taken as the truth.

    Returns
    -------
    f1
        1 if the user would have had nothing to correct.
    """
    from napari_cryoai.picking.sight import picks_of

    matched = total = 0
    for correction in corrections:
        found = picks_of(correction.view, picker)
        above = found.picks.score >= found.threshold
        if hide_junk:
            above &= ~found.picks.in_junk
        truth = correction.picks.select(correction.picks.state == State.KEPT)
        result = compare(found.picks.select(above), truth, correction.view.diameter_px * HALF)
        matched += len(result.matched)
        total += int(above.sum()) + len(truth)
    return 2 * matched / total if total else 0.0


def f1_to(shown: PickTable, reference: PickTable | None, radius_px: float) -> float | None:
    """F1 of picks with a reference, on the micrographs that the reference names."""
    if reference is None:
        return None
    named = [name for name, count in reference.counts().items() if count]
    among = np.isin(shown.micrograph_names().astype(str), named)
    return compare(shown.select(among), reference, radius_px).f1


def _radius_px(task: Task) -> float:
    first = next(iter(task.micrographs.values()))
    return HALF * task.diameter_A / first.require_pixel_size()


def _pick_again(task: Task, known: Known, total: int) -> Job[list[CryoAIError]]:
    from napari_cryoai.picking.sight import picks_of

    problems: list[CryoAIError] = []
    found: list[MicrographPicks] = []
    suggested = SuggestedThreshold(PickParams(), len(task.follow))
    first = total - len(task.follow)
    for done, name in enumerate(task.follow, 1):
        try:
            view = task.views.see(task.micrographs[name], known, task.diameter_A, passing=True)
        except CryoAIError as problem:  # the others go on
            problems.append(problem)
            yield Progress(first + done, total, f"{name} failed", problem=problem)
            continue
        found.append(picks_of(view, known.picker))
        threshold = suggested.of(found, len(problems))
        yield Progress(first + done, total, name, preview=replace(found[-1], threshold=threshold))
    return problems
