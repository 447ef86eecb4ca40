"""The training job of the map denoisers: simulated half maps, and what they are halves of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import avg_pool3d

from napari_cryoai.jobs.progress import Job
from napari_cryoai.maps.batches import AnyScenes, Batch, make_batch
from napari_cryoai.maps.network import Answer, Architecture, MapNetwork, NetworkConfig
from napari_cryoai.maps.standard import BINS, CURVE_A, PIXEL_A
from napari_cryoai.nets.distributed import Team
from napari_cryoai.nets.run import Run, Stage, TrainParams
from napari_cryoai.nets.trained import Figures, Trained, need_examples, trained
from napari_cryoai.physics.fourier import squared_frequency, to_fourier

AGAIN = 0.25
"""Share of the steps that show a network what it has just denoised."""

HONESTY = 0.002
"""Weight of the loss of the expected errors."""

FAINT = 1e-4
"""Squared errors below this are as good as none."""

GLANCE, WHOLE = 3, 12
"""Batches of validation: whenever the training is saved, and at the end."""

VALIDATION_SEED = 1 << 20

CLEAR = 0.99
"""FSC of shells in which all errors are the network's own."""


class TrainMapDenoiserParams(TrainParams):
    """How to train a map denoiser."""

    network: Architecture = Field(
        "unet",
        title="Network",
        description="unet; autoencoder, which has no skips; or equivariant to the cube's turns.",
    )
    batch_size: int = Field(
        4, ge=1, le=4096, title="Batch size", description="Half maps per step and process."
    )


@dataclass(frozen=True, eq=False)
class Validation(Figures):
    """How well a network does on crops of half maps that it has not seen.

    Attributes
    ----------
    error
        Squared error, over that of the half maps as they come.
    again
        The same, once the network has been applied four times more.
    surprise
        Mean of squared error over the expected one, in the log: 0 if expectations are right.
    floor
        Power of the errors over that of the target in the shells where the FSC exceeds `CLEAR`.
    """

    error: float
    again: float
    surprise: float
    floor: float

    def text(self) -> str:
        """In one line."""
        return (
            f"error {self.error:.3f} of the input's, applied five times {self.again:.3f}; "
            f"expected errors off by {self.surprise:+.2f} in the logarithm"
        )


TrainedDenoiser = Trained[MapNetwork, Validation]


def train(
    params: TrainMapDenoiserParams,
    scenes: AnyScenes,
    validation: AnyScenes,
    *,
    crew: Team | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Job[TrainedDenoiser]:
    """Train a map denoiser.

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
    config = NetworkConfig(architecture=params.network)
    stage = Stage("Denoising", 1.0, partial(make_batch, scenes, params.batch_size), denoising_loss)
    run = Run(params, lambda: MapNetwork(config), (stage,), crew)
    glance, whole = (partial(validate, scenes=validation, batches=n) for n in (GLANCE, WHOLE))
    return (yield from trained(run, checkpoint, resume, glance, whole))


def denoising_loss(network: MapNetwork, batch: Batch) -> Tensor:
    """Squared error, and how well it was expected.

    Now and then the network is shown its own answer, once or more, so that it stays at rest there:
    what a prior of an iterative refinement must do (Kimanius et al. 2024, Nat. Methods 21, 1216).
    """
    density = batch.density
    # The batch decides, and not a random generator, so that a resumed training does the same.
    times = _times(float(batch.fsc_bins.sum()))
    with torch.no_grad():
        for _ in range(times):
            density = network(density, batch.contrast, batch.fsc_bins).density
    answer = network(density, batch.contrast, batch.fsc_bins)
    squared = (answer.density - batch.target).square()
    return squared.mean() + HONESTY * _surprise(answer, squared.detach())


@torch.inference_mode()
def validate(network: MapNetwork, scenes: AnyScenes, batches: int, size: int = 4) -> Validation:
    """Judge a network on always the same half maps."""
    device = next(network.parameters()).device
    totals, clear = torch.zeros(4, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for i in range(batches):
        batch = make_batch(scenes, size, (VALIDATION_SEED, i)).to(device)
        answer = once = network(batch.density, batch.contrast, batch.fsc_bins)
        for _ in range(4):
            answer = network(answer.density, batch.contrast, batch.fsc_bins)
        errors = [
            (d - batch.target).square() for d in (batch.density, once.density, answer.density)
        ]
        surprise = (errors[1].mean() / once.log_error.exp().mean()).log()
        totals += torch.stack([*(e.mean() for e in errors), surprise]).double().cpu()
        clear += _clear_power(once.density - batch.target, batch.target, batch.fsc_bins)
    before, after, again, surprise = totals.tolist()
    floor = float(clear[0] / clear[1].clamp(min=1e-12))
    return Validation(after / before, again / before, surprise / batches, floor)


def _clear_power(error: Tensor, target: Tensor, bins: Tensor) -> Tensor:
    """Power of both, as a sum over the frequencies that the data know well: `(2,)`."""
    g = squared_frequency(error.shape[1:], PIXEL_A, device=error.device).sqrt()
    number = (g * BINS * CURVE_A).long().clamp(max=BINS - 1)
    known = (bins[:, number] > CLEAR) & (g > 0)
    powers = (to_fourier(volumes, 3).abs().square() for volumes in (error, target))
    return torch.stack([(power * known).sum() for power in powers]).double().cpu()


def _times(draw: float) -> int:
    """How often the network has been applied before, from a number that varies at random."""
    part = draw * 1000 % 1
    return 0 if part > AGAIN else 1 + int(part < AGAIN / 3)


def _surprise(answer: Answer, squared: Tensor) -> Tensor:
    """How far the expected errors are off, in the logarithm of those of a voxel's surroundings."""
    around = avg_pool3d(squared[:, None], 3, 1, 1)[:, 0]
    return (answer.log_error - torch.log(around + FAINT)).square().mean()
