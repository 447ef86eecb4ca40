"""The training of the residue network: traces as they may be, and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from napari_cryoai.building.tracing.residue_network import ResidueConfig, ResidueNetwork
from napari_cryoai.building.training.batches import AnyScenes
from napari_cryoai.building.training.residue_batches import ResidueBatch, make_residue_batch
from napari_cryoai.jobs.progress import Job
from napari_cryoai.nets.distributed import Team
from napari_cryoai.nets.run import Run, Stage, TrainParams
from napari_cryoai.nets.trained import Figures, Trained, need_examples, trained

KIND, WAY, REAL, PLACE = 0.3, 0.5, 0.5, 1.0
"""Weights of the losses beside that of the amino acids."""

GLANCE, WHOLE = 6, 40
"""Batches of validation: whenever the training is saved, and at the end."""

VALIDATION_SEED = 1 << 20


@dataclass(frozen=True, eq=False)
class ResidueValidation(Figures):
    """How well a network does on traces that it has not seen.

    Attributes
    ----------
    types
        Share of the residues whose amino acid is named first.
    secondary
        Share of the right secondary structure.
    forward
        Share of the residues whose direction is right.
    real
        Share of the residues, false ones among them, that are told from each other.
    ca_A
        Root mean square distance of CA from where it is.
    """

    types: float
    secondary: float
    forward: float
    real: float
    ca_A: float

    def text(self) -> str:
        """In one line."""
        return (
            f"amino acids {self.types:.3f}, secondary {self.secondary:.3f}, "
            f"direction {self.forward:.3f}, real {self.real:.3f}, CA {self.ca_A:.2f} A"
        )


TrainedResidues = Trained[ResidueNetwork, ResidueValidation]


def train_residues(
    params: TrainParams,
    scenes: AnyScenes,
    validation: AnyScenes,
    *,
    crew: Team | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Job[TrainedResidues]:
    """Train the residue network; see `train_backbone`."""
    need_examples(scenes, validation)
    make = partial(make_residue_batch, scenes, params.batch_size)
    stage = Stage("Residues", 1.0, make, residue_loss)
    run = Run(params, lambda: ResidueNetwork(ResidueConfig()), (stage,), crew)
    glance, whole = (partial(validate, scenes=validation, batches=n) for n in (GLANCE, WHOLE))
    return (yield from trained(run, checkpoint, resume, glance, whole))


def residue_loss(network: ResidueNetwork, batch: ResidueBatch) -> Tensor:
    """Cross entropies of what residues are; Huber's loss of where their atoms are."""
    answer = network(batch.cubes, batch.near, batch.relation)
    real = batch.real
    count = real.sum().clamp(min=1)

    def of_real(values: Tensor) -> Tensor:
        return (values * real).sum() / count

    types = functional.cross_entropy(
        answer.types, batch.letters, ignore_index=-1, reduction="sum"
    ) / (batch.letters >= 0).sum().clamp(min=1)
    kind = functional.cross_entropy(
        answer.secondary, batch.secondary, ignore_index=-1, reduction="sum"
    )
    way = functional.binary_cross_entropy_with_logits(
        answer.forward, batch.forward, reduction="none"
    )
    place = functional.huber_loss(answer.atoms, batch.atoms, reduction="none").sum((1, 2))
    real_loss = functional.binary_cross_entropy_with_logits(answer.real, real)
    return (
        types + KIND * kind / count + WAY * of_real(way) + REAL * real_loss + PLACE * of_real(place)
    )


@torch.inference_mode()
def validate(
    network: ResidueNetwork, scenes: AnyScenes, batches: int, size: int = 2
) -> ResidueValidation:
    """Judge a network on always the same traces."""
    device = next(network.parameters()).device
    right, total = torch.zeros(5, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
    for i in range(batches):
        batch = make_residue_batch(scenes, size, (VALIDATION_SEED, i)).to(device)
        answer = network(batch.cubes, batch.near, batch.relation)
        real, named = batch.real > 0.5, batch.letters >= 0
        squared = (answer.atoms[:, 1] - batch.atoms[:, 1]).square().sum(1)
        way = (answer.forward > 0) == (batch.forward > 0.5)
        pairs = [
            (answer.types.argmax(1) == batch.letters, named),
            (answer.secondary.argmax(1) == batch.secondary, real),
            (way, real),
            ((answer.real > 0) == real, torch.ones_like(real)),
            (squared, real),
        ]
        right += torch.stack([values[where].double().sum().cpu() for values, where in pairs])
        total += torch.stack([where.double().sum().cpu() for _, where in pairs])
    types, secondary, forward, known, squared_A2 = (right / total.clamp(min=1)).tolist()
    return ResidueValidation(types, secondary, forward, known, squared_A2**0.5)
