"""The map denoisers: three architectures behind one interface.

A network sees a standardised half map (`standard.py`), its local contrast and the FSC curve. It
answers a change of the density, and how far off it expects the changed density to be.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from napari_cryoai.maps.autoencoder import Autoencoder
from napari_cryoai.maps.equivariant import Equivariant
from napari_cryoai.maps.standard import BINS
from napari_cryoai.nets.group_conv import Grow, Lift
from napari_cryoai.nets.unet import UNet
from napari_cryoai.nets.volumes import padded, shuffled, unshuffled

Architecture = Literal["unet", "autoencoder", "equivariant"]

CELL = 2
"""Bodies work on cells of so many voxels a side; the data's detail is in their channels."""

WIDTHS = (1, 2, 4, 4)
"""Of the levels of the U-Net, in that of the first."""

LOWEST, HIGHEST = -10.0, 2.0
"""Of the logarithm of the expected squared error."""


START = -4.0
"""What is expected before anything has been learned."""


class NetworkConfig(BaseModel):
    """What a network is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: Architecture = "unet"
    width: int = Field(24, ge=8, le=256)
    told: int = Field(32, ge=8, le=256)


class Answer(NamedTuple):
    """What a network says of standardised half maps.

    Attributes
    ----------
    density
        `(b, d, h, w)` denoised.
    log_error
        `(b, d, h, w)` logarithm of the squared error to expect of it.
    """

    density: Tensor
    log_error: Tensor


class MapNetwork(nn.Module):
    """A denoiser of half maps."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.config = config
        self.told = nn.Sequential(
            nn.Linear(BINS, config.told), nn.SiLU(), nn.Linear(config.told, config.told), nn.SiLU()
        )
        if config.architecture == "equivariant":
            self.core: Cells | Oriented = Oriented(config.told)
        else:
            self.core = Cells(_plain(config), config.width)

    def forward(self, density: Tensor, contrast: Tensor, fsc_bins: Tensor) -> Answer:
        """Denoise.

        Parameters
        ----------
        density, contrast
            `(b, d, h, w)`, of `Standardised`.
        fsc_bins
            `(b, BINS)`.
        """
        both = torch.stack([density, contrast], 1)
        seen, inside = padded(both, CELL * self.core.body.multiple)
        found = self.core(seen, self.told(fsc_bins))[(..., *inside)].float()
        before = density if self.core.body.residual else 0.0
        return Answer(before + found[:, 0], (START + found[:, 1]).clamp(LOWEST, HIGHEST))


def _plain(config: NetworkConfig) -> UNet | Autoencoder:
    if config.architecture == "autoencoder":
        return Autoencoder(config.width, config.told)
    return UNet([config.width * w for w in WIDTHS], config.told)


class Cells(nn.Module):
    """A body of plain convolutions, between the voxels and its cells."""

    def __init__(self, body: UNet | Autoencoder, width: int):
        super().__init__()
        self.stem = nn.Conv3d(2 * CELL**3, width, 3, padding=1)
        self.body = body
        self.cells = nn.Conv3d(width, 4 * CELL**3, 1)
        self.inner = nn.Conv3d(6, 8, 3, padding=1)
        self.outer = nn.Conv3d(8, 2, 3, padding=1)
        for parameter in self.outer.parameters():
            nn.init.zeros_(parameter)

    def forward(self, seen: Tensor, told: Tensor) -> Tensor:
        """`(b, 2, d, h, w)` to the same shape."""
        seen = seen.contiguous(memory_format=torch.channels_last_3d)
        cells = self.body(self.stem(unshuffled(seen, CELL)), told)
        fine = torch.cat([shuffled(self.cells(cells), CELL), seen.to(cells.dtype)], 1)
        found: Tensor = self.outer(functional.silu(self.inner(fine)))
        return found


class Oriented(nn.Module):
    """The equivariant body, between the voxels and its fields; `(b, 2, d, h, w)` to the same."""

    def __init__(self, told: int):
        super().__init__()
        self.lift = Lift(2, Equivariant.fields, 4, stride=2)
        self.body = Equivariant(told)
        self.project = Grow(Lift(2, Equivariant.fields, 4, stride=2))
        nn.init.zeros_(self.project.like.weight)

    def forward(self, seen: Tensor, told: Tensor) -> Tensor:
        found: Tensor = self.project(self.body(self.lift(seen), told))
        return found
