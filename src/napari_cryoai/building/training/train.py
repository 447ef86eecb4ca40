"""The training job of the networks that trace maps: one after the other, on the same scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from napari_cryoai.building.tracing.networks import Networks
from napari_cryoai.building.training.backbone_train import BackboneValidation, train_backbone
from napari_cryoai.building.training.batches import AnyScenes
from napari_cryoai.building.training.residue_train import ResidueValidation, train_residues
from napari_cryoai.jobs.progress import Job, part
from napari_cryoai.nets.distributed import Team
from napari_cryoai.nets.run import TrainParams

BACKBONE = 0.5
"""Share of the time that the first network takes."""

PER_VIEW = 2
"""Crops of a batch of the first network for each view of the second, which is larger."""

SLOWER = 0.5
"""Learning rate of the second network, in that of the first."""


class TrainNetworksParams(TrainParams):
    """How to train the networks that trace maps."""

    batch_size: int = Field(
        4, ge=2, le=4096, title="Batch size", description="Crops of maps per step and process."
    )
    learning_rate: float = Field(
        2e-3, gt=0, lt=1, title="Learning rate", description="At its highest."
    )


@dataclass(frozen=True, eq=False)
class TrainedNetworks:
    """What a training gave.

    Attributes
    ----------
    networks
        Of averaged weights.
    backbone, residues
        How well they do.
    steps
        Taken by each.
    seconds
        Of training, over all runs that were resumed.
    """

    networks: Networks
    backbone: BackboneValidation
    residues: ResidueValidation
    steps: tuple[int, int]
    seconds: float

    def text(self) -> str:
        """How good they are, in one line."""
        return f"{self.backbone.text()}; {self.residues.text()}"

    def facts(self) -> dict[str, Any]:
        """For the record in the weights."""
        found = {"backbone": self.backbone.figures(), "residues": self.residues.figures()}
        return {"steps": self.steps, "validation": found}


def train(
    params: TrainNetworksParams,
    scenes: AnyScenes,
    validation: AnyScenes,
    *,
    crew: Team | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Job[TrainedNetworks]:
    """Train both networks; see `train_backbone` for the arguments and what can go wrong."""
    first = params.model_copy(
        update={
            "hours": BACKBONE * params.hours,
            "steps": params.steps and max(2, round(BACKBONE * params.steps)),
        }
    )
    second = params.model_copy(
        update={
            "hours": params.hours - first.hours,
            "steps": params.steps and max(2, params.steps - (first.steps or 0)),
            "batch_size": params.batch_size // PER_VIEW,
            "learning_rate": SLOWER * params.learning_rate,
        }
    )
    saved = [
        checkpoint and checkpoint.with_suffix(f".{name}{checkpoint.suffix}")
        for name in ("backbone", "residues")
    ]
    middle = round(100 * BACKBONE)
    backbone = yield from part(
        train_backbone(first, scenes, validation, crew=crew, checkpoint=saved[0], resume=resume),
        0,
        middle,
    )
    residues = yield from part(
        train_residues(second, scenes, validation, crew=crew, checkpoint=saved[1], resume=resume),
        middle,
        100,
    )
    return TrainedNetworks(
        Networks(backbone.network, residues.network),
        backbone.validation,
        residues.validation,
        (backbone.steps, residues.steps),
        backbone.seconds + residues.seconds,
    )
