"""Training on several graphics cards, started by `torchrun`; on one it is not noticed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

PATIENCE = timedelta(hours=12)
"""How long processes wait for each other: the first one may have examples to simulate."""


@dataclass(frozen=True)
class Team:
    """The processes that train together.

    Attributes
    ----------
    rank, size
        Of this process, and how many there are.
    local_rank
        Among those on this machine: which graphics card is its own.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def agree(self, value: float, device: torch.device) -> float:
        """What the leading process says; all must ask."""
        if self.size == 1:
            return value
        kind = torch.float32 if device.type == "mps" else torch.float64
        told = torch.tensor(value, dtype=kind, device=device)
        distributed.broadcast(told, 0)
        return float(told)

    def share(self, tensors: list[Tensor]) -> None:
        """Give all the numbers of the leading process to the others, in place."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()

    def average_gradients(self, network: nn.Module) -> None:
        """The mean over the processes, where a parameter has a gradient; in one message."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        for gradient, mean in zip(
            gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(mean.view_as(gradient))


@contextmanager
def team() -> Iterator[Team]:
    """Join the processes that `torchrun` has started, if it did."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Team()
        return
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        yield Team(distributed.get_rank(), distributed.get_world_size(), local_rank)
    finally:
        distributed.destroy_process_group()
