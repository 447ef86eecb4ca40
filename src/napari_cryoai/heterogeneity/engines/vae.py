"""The `vae` method: a variational autoencoder whose maps are sums of components.

cryoDRGN (Zhong et al. 2020, ICLR) decodes a place of the latent space by a network that is asked
for every frequency of every image. Here the network answers with the coefficients of a few tens of
components, the same for all frequencies. An image's likelihood is then a quadratic form of the
coefficients, whose matrix and vector are computed once: no step of the training touches an image.
What they say of each component, pose and CTF already taken out, is what the encoder sees.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.halves import halves_told, split_halves
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.engines.checkpoint import Checkpoint, State
from napari_cryoai.heterogeneity.engines.covariance import (
    CovarianceParams,
    Trained,
    loaded,
)
from napari_cryoai.heterogeneity.engines.encoding import Encoded, encoded, table_of
from napari_cryoai.heterogeneity.engines.head import Head
from napari_cryoai.heterogeneity.engines.images import Rows
from napari_cryoai.heterogeneity.engines.regression import Moments, regressed
from napari_cryoai.heterogeneity.engines.search import searched
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.jobs.progress import Job, Progress, part

WIDTH = 128
BATCH = 256
EVERY_TENTH = 10
"""Image that the network is judged by and does not learn from."""
PATIENCE, STEADY = 10, 40
"""Epochs without a better judgement, after which the rate is halved, or the training ends."""
SAMPLES = 8
"""Places drawn from each posterior, for the moments of the coefficients."""
PART = "autoencoder"
"""Of a training, as its checkpoint calls it."""


class VaeParams(CovarianceParams):
    """How to train the autoencoder."""

    components: int = Field(
        16,
        ge=2,
        le=64,
        title="Components",
        description="Whose sums the maps are; at least the dimensions of the latent space.",
    )
    epochs: int = Field(
        500, ge=1, le=100_000, title="Epochs", description="At most; it stops when it has learned."
    )
    learning_rate: float = Field(
        2e-3, gt=0, lt=1, title="Learning rate", description="At its highest."
    )


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Of images, as a quadratic form of the components' coefficients; `(m, ...)` each.

    Attributes
    ----------
    gram, response
        `(m, r, r)` and `(m, r)`: the log-likelihood is `b a - a G a / 2`, the contrast in them.
    seen
        `(m, 2 r)` what the encoder sees: the coefficients' posterior means, and how sure they are.
    """

    gram: Tensor
    response: Tensor
    seen: Tensor

    @classmethod
    def of(cls, found: Encoded) -> Likelihood:
        """With the contrast at its posterior mean."""
        contrast = found.mean[:, :1]
        response = contrast * (found.response[:, 1:] - contrast * found.gram[:, 1:, 0])
        gram = contrast[:, :, None] ** 2 * found.gram[:, 1:, 1:]
        known = 1 - found.covariance[:, 1:, 1:].diagonal(dim1=1, dim2=2)
        return cls(gram, response, torch.cat([found.mean[:, 1:], known], 1))

    def rows(self, rows: Tensor) -> Likelihood:
        """Of some images."""
        return Likelihood(self.gram[rows], self.response[rows], self.seen[rows])

    def of_coefficients(self, a: Tensor) -> Tensor:
        """`(m,)` log-likelihood of coefficients `(m, r)`, relative to 0."""
        quadratic = (a * (self.gram @ a[..., None])[..., 0]).sum(1)
        return (self.response * a).sum(1) - 0.5 * quadratic


class Autoencoder(nn.Module):
    """From what an image says to a place, and from there to coefficients."""

    def __init__(self, z_dim: int, components: int):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(2 * components, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, 2 * z_dim),
        )
        axes = torch.eye(components, z_dim)
        self.head = Head(z_dim, components, WIDTH).start(axes, torch.zeros(components))

    def encode(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of places, `(m, z_dim)` each."""
        mean, log_variance = self.encoder(seen).chunk(2, 1)
        return mean, log_variance.clamp(-12, 4)

    def bound(self, images: Likelihood, noise: Tensor) -> Tensor:
        """`(m,)` evidence lower bounds in nats, relative to the mean map."""
        mean, log_variance = self.encode(images.seen)
        z = mean + torch.exp(0.5 * log_variance) * noise
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        return images.of_coefficients(self.head(z)) - divergence


def vae(
    params: VaeParams,
    stack: ParticleStack,
    *,
    mask: DensityMap | None = None,
    kept: Checkpoint | None = None,
) -> Job[Trained]:
    """Fit the latent space; see `covariance` for what is asked, told and refused."""
    kept, halves = kept or Checkpoint(), split_halves(stack, params.seed)
    components = max(params.components, params.z_dim)
    images = yield from part(loaded(params.box_size_px, components, params.device, stack), 0, 10)
    search = searched(images, halves, components, params.contrast_sd, params.seed, mask, kept)
    fit, held_out = yield from part(search, 10, 55)
    found = yield from part(encoded(fit), 55, 60)
    network, curve = yield from part(trained(params, Likelihood.of(found), kept), 60, 75)
    moments, table = _latents(network, found, params.seed)
    maps, _ = yield from part(regressed(fit, halves, moments, kept), 75, 100)
    columns = {"contrast": found.mean[:, 0], "gain": found.gain}
    places = table_of(images, *table, columns)
    model = LatentModel("vae", maps[0], maps[1:], network.head, places, images.pixel_size_A)
    return Trained(model, [*fit.rounds, *curve], held_out, halves_told(stack, params.seed))


def trained(
    params: VaeParams, images: Likelihood, kept: Checkpoint | None = None
) -> Job[tuple[Autoencoder, list[dict[str, float]]]]:
    """The network that does best on images it does not learn from.

    Raises
    ------
    CryoAIError
        If the training diverges.
    """
    kept = kept or Checkpoint()
    m, r = images.response.shape
    learner = Learner(params, r)
    kept.state(PART, learner.restore)
    judges = torch.arange(m) % EVERY_TENTH == 0
    learn, judged = (~judges).nonzero()[:, 0], images.rows(judges.nonzero()[:, 0])
    noise = torch.Generator().manual_seed(params.seed)
    drawn = torch.randn(len(judged.response), params.z_dim, generator=noise)
    while len(learner.curve) < params.epochs and learner.since < STEADY:
        judgement = learner.epoch(images, learn, judged, drawn)
        if not np.isfinite(judgement):
            raise CryoAIError(
                f"the training diverged in epoch {len(learner.curve)} (not a number)",
                remedy="Give a lower learning rate",
            )
        kept.keep(PART, learner.state)
        message = f"Autoencoder, epoch {len(learner.curve)}, bound {judgement:.3f}"
        yield Progress(len(learner.curve), params.epochs, message)
    return learner.best.eval().requires_grad_(False), learner.curve


class Learner:
    """The network while it learns.

    Attributes
    ----------
    network, best
        Of now, and the one that did best on images it does not learn from.
    since
        Epochs since then.
    curve
        What was measured in each epoch.
    """

    def __init__(self, params: VaeParams, components: int):
        torch.manual_seed(params.seed)
        self.network = Autoencoder(params.z_dim, components)
        self.best, self.since = copy.deepcopy(self.network), 0
        self.curve: list[dict[str, float]] = []
        self._best_bound = -float("inf")
        self._random = torch.Generator().manual_seed(params.seed + 1)
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), params.learning_rate, weight_decay=1e-3
        )
        self._slower = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self._optimiser, "max", 0.5, PATIENCE
        )

    def epoch(self, images: Likelihood, learn: Tensor, judged: Likelihood, noise: Tensor) -> float:
        """Learn from all images once; the bound of those that judge."""
        bound = _epoch(self.network, self._optimiser, images, learn, self._random)
        with torch.inference_mode():
            judgement = float(self.network.bound(judged, noise).mean())
        told = {"epoch": len(self.curve) + 1, "bound": bound, "held_out_bound": judgement}
        self.curve.append(told)
        self._slower.step(judgement)
        self.since += 1
        if judgement > self._best_bound:
            self.best, self._best_bound, self.since = copy.deepcopy(self.network), judgement, 0
        return judgement

    def state(self) -> State:
        """For `restore`."""
        return {
            "networks": [self.network.state_dict(), self.best.state_dict()],
            "best_bound": self._best_bound,
            "since": self.since,
            "curve": self.curve,
            "optimiser": self._optimiser.state_dict(),
            "slower": self._slower.state_dict(),
            "random": self._random.get_state(),
        }

    def restore(self, state: State) -> None:
        """Be as when the state was taken."""
        for network, tensors in zip((self.network, self.best), state["networks"], strict=True):
            network.load_state_dict(tensors)
        self._best_bound, self.since = float(state["best_bound"]), int(state["since"])
        self.curve = list(state["curve"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._slower.load_state_dict(state["slower"])
        self._random.set_state(state["random"])


def _epoch(
    network: Autoencoder,
    optimiser: torch.optim.Optimizer,
    images: Likelihood,
    rows: Tensor,
    generator: torch.Generator,
) -> float:
    order = rows[torch.randperm(len(rows), generator=generator)]
    total = 0.0
    for chosen in torch.split(order, BATCH):
        some = images.rows(chosen)
        z_dim = network.head.sizes[0]
        noise = torch.randn(len(chosen), z_dim, generator=generator)
        loss = -network.bound(some, noise).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        total -= float(loss.detach()) * len(chosen)
    return total / len(rows)


@torch.inference_mode()
def _latents(
    network: Autoencoder, found: Encoded, seed: int
) -> tuple[Moments, tuple[Tensor, Tensor]]:
    """Moments of the coefficients under the posterior of the places, and those places."""
    generator = torch.Generator().manual_seed(seed)
    mean, log_variance = network.encode(Likelihood.of(found).seen)
    spread = torch.exp(0.5 * log_variance)
    noise = torch.randn(SAMPLES, *mean.shape, generator=generator)
    drawn = network.head((mean + spread * noise).flatten(0, 1))
    ones = torch.ones(len(drawn), 1)
    a = torch.cat([ones, drawn], 1).reshape(SAMPLES, len(mean), -1)
    contrast = found.mean[:, :1]
    a = a * contrast

    def moments(rows: Rows) -> tuple[Tensor, Tensor]:
        some = a[:, rows]
        second = (some[..., :, None] * some[..., None, :]).mean(0)
        return some.mean(0), second

    return moments, (mean, torch.diag_embed(log_variance.exp()))
