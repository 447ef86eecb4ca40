"""The backbone network: a density in, where the atoms of the main chain are out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from napari_cryoai.nets.unet import UNet
from napari_cryoai.nets.volumes import padded, shuffled, unshuffled

CELL = 2
"""The body works on cells of so many voxels a side; the data's detail is in their channels."""

LEVELS = (1, 2, 4, 4)
"""Width of the levels of the body, in that of the first."""

HEATS, KINDS = 4, 3
"""N, CA, C and the backbone; helix, strand and coil."""

FINE = 12
"""Channels between the cells and the answer."""


RARE = -3.0
"""Logit of an atom before anything has been learned."""


class NetworkConfig(BaseModel):
    """What a network is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(32, ge=8, le=256)


class Answer(NamedTuple):
    """What the network says of each voxel.

    Attributes
    ----------
    heat
        `(b, 4, d, h, w)` logits of N, CA, C and the backbone.
    direction
        `(b, 3, d, h, w)` the way (z, y, x) from N to C; as long as it is certain.
    secondary
        `(b, 3, d, h, w)` logits of helix, strand, coil.
    other
        `(b, d, h, w)` logits of what is not protein.
    """

    heat: Tensor
    direction: Tensor
    secondary: Tensor
    other: Tensor


class BackboneNetwork(nn.Module):
    """A U-Net on cells of 2 A, with its answers at 1 A."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.config = config
        width, cell = config.width, CELL**3
        self.stem = nn.Conv3d(2 * cell, width, 3, padding=1)
        self.body = UNet([width * level for level in LEVELS])
        self.cells = nn.Conv3d(width, FINE * cell, 1)
        self.inner = nn.Conv3d(FINE + 2, FINE, 3, padding=1)
        self.outer = nn.Conv3d(FINE, HEATS + 3 + KINDS + 1, 1)
        nn.init.constant_(self.outer.bias[:HEATS], RARE)  # type: ignore[index]

    def forward(self, seen: Tensor) -> Answer:
        """Look at maps.

        Parameters
        ----------
        seen
            `(b, 2, d, h, w)`, of `standardise`.
        """
        whole, inside = padded(seen, CELL * self.body.multiple)
        whole = whole.contiguous(memory_format=torch.channels_last_3d)
        cells = self.body(self.stem(unshuffled(whole, CELL)))
        fine = torch.cat([shuffled(self.cells(cells), CELL), whole.to(cells.dtype)], 1)
        found = self.outer(functional.silu(self.inner(functional.silu(fine))))
        heat, way, kind, other = found[(..., *inside)].float().split((HEATS, 3, KINDS, 1), 1)
        return Answer(heat, way, kind, other[:, 0])
