"""Learning from corrections in a minute: the whole network is trained on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial

import torch
from pydantic import Field
from torch import Tensor, nn

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.nets.trainer import Trainer
from napari_cryoai.picking.batches import Batch
from napari_cryoai.picking.corrections import FLOOR, Corrections, check
from napari_cryoai.picking.learn_fields import (
    CorrectedField,
    Cuts,
    corrected_field,
    doubtful_batch,
)
from napari_cryoai.picking.learn_head import digest_after, judge, recalibrated
from napari_cryoai.picking.learned import Picker, look, peaks
from napari_cryoai.picking.losses import picking_loss
from napari_cryoai.picking.network import PickerNetwork
from napari_cryoai.picking.pick import prepare_micrograph
from napari_cryoai.picking.preprocess import Prepared
from napari_cryoai.picking.sight import view_of
from napari_cryoai.picking.spacing import SPACING
from napari_cryoai.picking.validation import Scored, hits, summarised

AVERAGE = 0.95
"""Share of the averaged weights that stays at each step."""


class ImproveParams(Params):
    """How to train on."""

    seconds: float = Field(
        45.0,
        gt=0,
        le=36_000,
        title="Time",
        description="How long to train at most.",
        json_schema_extra={"unit": "s"},
    )
    steps: int | None = Field(
        None, ge=1, title="Steps", description="Train for so many batches instead of a time."
    )
    batch_size: int = Field(2, ge=1, le=256, title="Batch size", description="Crops per step.")
    learning_rate: float = Field(
        2e-4, gt=0, lt=1, title="Learning rate", description="At its highest."
    )
    glances: int = Field(
        8, ge=1, le=1000, title="Glances", description="How often to look at what is held out."
    )
    patience: int = Field(
        4, ge=1, title="Patience", description="Stop after so many glances that were no better."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Of the crops and their order.")


@dataclass(frozen=True)
class Glance:
    """How it goes; the preview of the progress.

    Attributes
    ----------
    step
        Batches so far.
    f1_before, f1
        On the corners that are held out, at the threshold that is best for each: before, and now.
    """

    step: int
    f1_before: float
    f1: float


def improve(
    params: ImproveParams,
    picker: Picker,
    corrected: Sequence[Corrections],
    micrographs: Sequence[Micrograph],
) -> Job[Picker]:
    """Train the whole network on corrected micrographs.

    A quarter of each field is never trained on. What does best there is taken, and the calibration
    and the threshold are fitted there too.

    Parameters
    ----------
    micrographs
        The corrected ones, to read them again; others among them do not matter.

    Yields
    ------
    progress
        In per cent, with a `Glance` as its preview once there is one.

    Returns
    -------
    picker
        The same one, if training made it no better.

    Raises
    ------
    CryoAIError
        If there is nothing to learn from.
    """
    check(corrected)
    yield Progress(0, 100, "Reading")
    judged = [judge(one, picker) for one in corrected]
    prepared = [_prepared(one, micrographs) for one in corrected]
    fields = [corrected_field(*parts) for parts in zip(corrected, judged, prepared, strict=True)]
    network = yield from _train(params, picker, fields)
    if network is None:
        return picker
    trained = replace(picker, network=network, digest=digest_after(picker, network), familiar=None)
    known = {m.name: m for m in micrographs}
    views = [
        view_of(known[one.view.name], ready, trained, one.view.diameter_A)
        for one, ready in zip(corrected, prepared, strict=True)
    ]
    held = [f.of_corner(s) for s, f in zip(judged, fields, strict=True)]
    return recalibrated(trained, views, held, sum(one.count for one in corrected) // 4)


def _train(
    params: ImproveParams, picker: Picker, fields: Sequence[CorrectedField]
) -> Job[PickerNetwork | None]:
    """The best network on what is held out; None if that is the one there was."""
    cuts = Cuts(fields)
    network = deepcopy(picker.network).requires_grad_(True)
    device = next(network.parameters()).device
    trainer = Trainer(network, peak=params.learning_rate, decay=0.0, average=AVERAGE)
    spacing = picker.spacing or SPACING
    before = best = _held_out(picker.network, fields, spacing)
    found, waited, looked, start = None, 0, 0, time.monotonic()
    shown = Glance(0, before, before)
    yield Progress(0, 100, f"F1 {before:.3f} on the corner held out", shown)
    while waited < params.patience:
        batch = doubtful_batch(cuts, params.batch_size, (params.seed, trainer.steps))
        loss = partial(_loss, network, batch.to(device))
        trainer.step(loss, _share(params, trainer, start))
        share = _share(params, trainer, start)
        if share * params.glances >= looked + 1:
            looked = int(share * params.glances)
            averaged = rounded(network, trainer.averaged)
            shown = Glance(trainer.steps, before, _held_out(averaged, fields, spacing))
            waited = 0 if shown.f1 > best else waited + 1
            if shown.f1 > best:
                best, found = shown.f1, averaged
        yield Progress(min(99, int(100 * share)), 100, _message(shown), shown)
        if share >= 1:
            break
    return found


def rounded(network: PickerNetwork, weights: nn.Module) -> PickerNetwork:
    """A copy of the network with other weights, rounded to what a file of them can hold."""
    copy = deepcopy(network).eval().requires_grad_(False)
    copy.load_state_dict(weights.state_dict())
    with torch.no_grad():
        for parameter in copy.parameters():
            parameter.copy_(parameter.half().float())
    return copy


def _loss(network: PickerNetwork, batch: Batch) -> Tensor:
    return picking_loss(network(batch.image), batch.targets)


def _share(params: ImproveParams, trainer: Trainer, start: float) -> float:
    if params.steps:
        return trainer.steps / params.steps
    return (time.monotonic() - start) / params.seconds


def _message(shown: Glance) -> str:
    return f"step {shown.step}: F1 {shown.f1:.3f}, was {shown.f1_before:.3f}"


def _held_out(network: PickerNetwork, fields: Sequence[CorrectedField], spacing: float) -> float:
    """F1 on the corners, taken together."""
    scored = []
    for field in fields:
        white, truth = field.held_out()
        yx, logit, _ = peaks(look(white, network), FLOOR, spacing)
        scored.append(Scored(logit, hits(yx, truth), len(truth)))
    return summarised(scored).f1


def _prepared(one: Corrections, micrographs: Sequence[Micrograph]) -> Prepared:
    for micrograph in micrographs:
        if micrograph.name == one.view.name:
            return prepare_micrograph(micrograph, one.view.diameter_A)
    raise CryoAIError(
        f"{one.view.name} is not among the micrographs",
        remedy="Open the micrograph that was corrected, too",
    )
