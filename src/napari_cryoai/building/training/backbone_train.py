"""The training of the backbone network: simulated maps, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from napari_cryoai.building.tracing.backbone_network import BackboneNetwork, NetworkConfig
from napari_cryoai.building.training.batches import AnyScenes, Batch, make_batch
from napari_cryoai.jobs.progress import Job
from napari_cryoai.nets.distributed import Team
from napari_cryoai.nets.run import Run, Stage, TrainParams
from napari_cryoai.nets.trained import Figures, Trained, need_examples, trained

RARE = 8.0
"""How much more a voxel at an atom weighs than one far from all."""

ON_BACKBONE = 0.3
"""Label of the backbone above which its direction counts."""

WAY, KIND, OTHER = 0.15, 0.05, 0.05
"""Weights of the losses of direction, secondary structure and what is not protein."""

GLANCE, WHOLE = 4, 16
"""Batches of validation: whenever the training is saved, and at the end."""

VALIDATION_SEED = 1 << 20


@dataclass(frozen=True, eq=False)
class BackboneValidation(Figures):
    """How well a network does on crops of maps that it has not seen.

    Attributes
    ----------
    heat
        Mean correlation of the answers for N, CA, C and backbone with what is there.
    direction
        Mean cosine of the angle between directions, on the backbone.
    backwards
        Share of the backbone whose direction is off by more than a right angle.
    secondary
        Share of voxels near CA of the right secondary structure.
    other
        Correlation of the answer for what is not protein with what is there.
    """

    heat: float
    direction: float
    backwards: float
    secondary: float
    other: float

    def text(self) -> str:
        """In one line."""
        return (
            f"atoms {self.heat:.3f}, direction {self.direction:.3f} "
            f"({100 * self.backwards:.1f} % backwards), secondary {self.secondary:.3f}, "
            f"not protein {self.other:.3f}"
        )


TrainedBackbone = Trained[BackboneNetwork, BackboneValidation]


def train_backbone(
    params: TrainParams,
    scenes: AnyScenes,
    validation: AnyScenes,
    *,
    crew: Team | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Job[TrainedBackbone]:
    """Train the backbone network.

    Parameters
    ----------
    scenes
        To learn from.
    validation
        To judge by.
    crew
        The processes that train it together; this one alone, if not given.
    checkpoint, resume
        See `Run.job`.

    Yields
    ------
    progress
        In per cent.

    Raises
    ------
    CryoAIError
        If there are no scenes, or the checkpoint is one of another training.
    """
    need_examples(scenes, validation)
    make = partial(make_batch, scenes, params.batch_size)
    stage = Stage("Tracing", 1.0, make, backbone_loss)
    run = Run(params, lambda: BackboneNetwork(NetworkConfig()), (stage,), crew)
    glance, whole = (partial(validate, scenes=validation, batches=n) for n in (GLANCE, WHOLE))
    return (yield from trained(run, checkpoint, resume, glance, whole))


def backbone_loss(network: BackboneNetwork, batch: Batch) -> Tensor:
    """Cross entropy of the atoms, angle of the directions, cross entropies of the kinds."""
    answer = network(batch.seen)
    heat = functional.binary_cross_entropy_with_logits(
        answer.heat, batch.heat, weight=1 + RARE * batch.heat
    )
    on = (batch.heat[:, 3] > ON_BACKBONE).float()
    # The length of an unsure direction shrinks, as its expectation does.
    way = (answer.direction - batch.direction).square().sum(1)
    near = batch.secondary > 0
    kind = functional.cross_entropy(
        answer.secondary, (batch.secondary - 1).clamp(min=0), reduction="none"
    )
    other = functional.binary_cross_entropy_with_logits(answer.other, batch.other)
    return (
        heat
        + WAY * (way * on).sum() / on.sum().clamp(min=1)
        + KIND * (kind * near).sum() / near.sum().clamp(min=1)
        + OTHER * other
    )


@torch.inference_mode()
def validate(
    network: BackboneNetwork, scenes: AnyScenes, batches: int, size: int = 4
) -> BackboneValidation:
    """Judge a network on always the same crops."""
    device = next(network.parameters()).device
    rows = []
    for i in range(batches):
        batch = make_batch(scenes, size, (VALIDATION_SEED, i)).to(device)
        answer = network(batch.seen)
        on = batch.heat[:, 3] > ON_BACKBONE
        cosine = functional.cosine_similarity(answer.direction, batch.direction, dim=1)[on]
        near = batch.secondary > 0
        kind = answer.secondary.argmax(1) + 1 == batch.secondary
        rows.append(
            [
                _correlation(answer.heat.sigmoid(), batch.heat),
                float(cosine.mean()),
                float((cosine < 0).float().mean()),
                float(kind[near].float().mean()),
                _correlation(answer.other.sigmoid(), batch.other),
            ]
        )
    return BackboneValidation(*torch.tensor(rows).nanmean(0).tolist())


def _correlation(one: Tensor, other: Tensor) -> float:
    """NaN where there is nothing to correlate with."""
    a, b = one.flatten() - one.mean(), other.flatten() - other.mean()
    length = a.norm() * b.norm()
    return float((a @ b) / length) if length > 0 else float("nan")
