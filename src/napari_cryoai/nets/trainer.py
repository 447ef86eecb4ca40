"""One step of training after the other: AdamW, averaged weights, and all that a resume needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from napari_cryoai.nets.distributed import Team


class Trainer:
    """Trains a network.

    Parameters
    ----------
    network
        Changed in place.
    peak
        The highest learning rate.
    decay
        Of the weights, as AdamW has it (Loshchilov and Hutter 2019); not of biases and norms.
    average
        Share of the averaged weights that stays at each step, once there are enough of them.
    clip
        Largest norm of the gradient.
    team
        The processes that train the same network: their gradients are averaged.

    Attributes
    ----------
    steps
        Done so far.
    averaged
        A network of averaged weights: the one to use.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        peak: float = 1e-3,
        decay: float = 0.05,
        average: float = 0.998,
        clip: float = 1.0,
        team: Team | None = None,
    ):
        self.network = network
        self._team = team or Team()
        self._team.share(list(network.state_dict().values()))
        self.averaged = deepcopy(network).eval().requires_grad_(False)
        self.steps = 0
        self._peak, self._average, self._clip = peak, average, clip
        self._optimizer = torch.optim.AdamW(_groups(network, decay), lr=peak, betas=(0.9, 0.98))

    def step(self, loss: Callable[[], Tensor], progress: float) -> float:
        """Learn from one batch.

        Parameters
        ----------
        loss
            Runs the network on the batch.
        progress
            Share of the training that is over, for the learning rate.

        Returns
        -------
        loss
            Before the step. A step whose gradient is not finite is left out.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = self._peak * warmup_cosine(progress)
        self._optimizer.zero_grad(set_to_none=True)
        self.network.train()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        self._team.average_gradients(self.network)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self._clip)
        if torch.isfinite(norm):
            self._optimizer.step()
        self.steps += 1
        self._follow()
        return float(value.detach())

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs, for `torch.save`."""
        return {
            "steps": self.steps,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where the trainer was that gave the state."""
        self.steps = state["steps"]
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self._optimizer.load_state_dict(state["optimizer"])

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(self._average, (1 + self.steps) / (10 + self.steps))
        pairs = zip(self.averaged.parameters(), self.network.parameters(), strict=True)
        for mean, value in pairs:
            mean.lerp_(value, 1 - keep)


def warmup_cosine(progress: float, warmup: float = 0.04, floor: float = 0.01) -> float:
    """The learning rate over its peak: a straight rise, then half a cosine."""
    if progress < warmup:
        return max(progress / warmup, floor)
    rest = min(1.0, (progress - warmup) / (1 - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * rest))


def _groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms and embeddings do not."""
    parameters = list(network.named_parameters())
    heavy = [p for name, p in parameters if p.ndim > 1 and name.endswith("weight")]
    chosen = {id(p) for p in heavy}
    light = [p for _, p in parameters if id(p) not in chosen]
    return [{"params": heavy, "weight_decay": decay}, {"params": light, "weight_decay": 0.0}]
