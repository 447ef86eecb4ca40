"""The residue network: what each residue of a trace is, from the density in its own axes.

Density is sampled in the frame of the residue, neighbours are told by where they lie in it, and
what is answered is placed in it: a map that is turned gives the same residues, turned. (Frames and
messages as in Jumper et al. 2021, Nature 596, 583, and Jamali et al. 2024, Nature 628, 450.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from napari_cryoai.building.tracing.residue_frames import BOX_PX, RELATIONS

ATOMS = 4
"""N, CA, C and O are placed."""

AT_ONCE = 256
"""Cubes that are looked at together."""

ANSWERS = (20, 3, 1, 1, 3 * ATOMS)


class ResidueConfig(BaseModel):
    """What a network is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(128, ge=16, le=1024)
    layers: int = Field(3, ge=1, le=16)
    heads: int = Field(4, ge=1, le=16)


class ResidueAnswer(NamedTuple):
    """What the network says of each residue.

    Attributes
    ----------
    types
        `(n, 20)` logits of the amino acids.
    secondary
        `(n, 3)` logits of helix, strand, coil.
    forward
        `(n,)` logits that the fragment runs from N to C as given.
    real
        `(n,)` logits that there is a residue, within 2 A.
    atoms
        `(n, 4, 3)` where N, CA, C and O are, in A from the place given, in the residue's axes.
    """

    types: Tensor
    secondary: Tensor
    forward: Tensor
    real: Tensor
    atoms: Tensor


class ResidueNetwork(nn.Module):
    """Cubes of density, and messages between neighbours."""

    def __init__(self, config: ResidueConfig):
        super().__init__()
        self.config = config
        width = config.width
        self.look = nn.Sequential(
            nn.Conv3d(2, 32, 3),
            nn.SiLU(),
            nn.Conv3d(32, 48, 4, stride=2),
            nn.SiLU(),
            nn.Conv3d(48, 96, 3),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(96 * ((BOX_PX - 2 - 4) // 2 + 1 - 2) ** 3, width),
        )
        self.layers = nn.ModuleList(Messages(width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, sum(ANSWERS))
        nn.init.zeros_(self.answer.weight)

    def forward(self, cubes: Tensor, near: Tensor, relation: Tensor) -> ResidueAnswer:
        """Look at residues.

        Parameters
        ----------
        cubes
            `(n, 2, BOX_PX, BOX_PX, BOX_PX)`, see `surroundings`.
        near
            `(n, k)` rows of neighbours.
        relation
            `(n, k, RELATIONS)`.
        """
        state = torch.cat([self.look(part) for part in torch.split(cubes, AT_ONCE)])
        for layer in self.layers:
            state = layer(state, near, relation)
        found = self.answer(self.norm(state)).float()
        types, secondary, forward, real, atoms = torch.split(found, list(ANSWERS), 1)
        places = atoms.reshape(-1, ATOMS, 3)
        return ResidueAnswer(types, secondary, forward[:, 0], real[:, 0], places)


class Messages(nn.Module):
    """Attention to the neighbours, by what they are and where they lie; and a step alone."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm, self.then = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.place = nn.Sequential(
            nn.Linear(RELATIONS, 2 * width), nn.SiLU(), nn.Linear(2 * width, 2 * width)
        )
        self.project = nn.Linear(width, width)
        self.alone = nn.Sequential(
            nn.Linear(width, 3 * width), nn.SiLU(), nn.Linear(3 * width, width)
        )

    def forward(self, state: Tensor, near: Tensor, relation: Tensor) -> Tensor:
        """`(n, width)` to the same."""
        n, k = near.shape
        told = self.norm(state)
        query = self.query(told).reshape(n, self.heads, 1, -1)
        both = self.key_value(told)[near] + self.place(relation)
        key, value = both.reshape(n, k, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        heard = functional.scaled_dot_product_attention(query, key, value).reshape(n, -1)
        state = state + self.project(heard)
        found: Tensor = state + self.alone(self.then(state))
        return found


def placed(answer: Tensor, ca: Tensor, axes: Tensor) -> Tensor:
    """Atoms `(n, 4, 3)` in space, from those in the residues' axes."""
    return ca[:, None] + torch.einsum("nai,nij->naj", answer, axes)
