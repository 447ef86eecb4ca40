"""From places of a latent space to coefficients of components: a curved surface among them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """A small network `(m, z_dim)` to `(m, components)`: a linear part, and what bends it.

    Parameters
    ----------
    z_dim, components
        Dimensions of places and of coefficients.
    width
        Of its two hidden layers.
    """

    def __init__(self, z_dim: int, components: int, width: int = 128):
        super().__init__()
        self.sizes = (z_dim, components, width)
        self.straight = nn.Linear(z_dim, components)
        self.bent = nn.Sequential(
            nn.Linear(z_dim, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, components),
        )
        last = self.bent[-1]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, z: Tensor) -> Tensor:
        """Coefficients `(m, components)`."""
        found: Tensor = self.straight(z) + self.bent(z)
        return found

    @torch.no_grad()
    def start(self, axes: Tensor, middle: Tensor) -> Head:
        """Begin as a plane through `middle` `(components,)`; `axes` are `(components, z_dim)`."""
        self.straight.weight.copy_(axes)
        self.straight.bias.copy_(middle)
        return self
