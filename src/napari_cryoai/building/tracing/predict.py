"""The backbone network on a whole map, in tiles and in several orientations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.building.tracing.backbone_network import BackboneNetwork
from napari_cryoai.building.tracing.standard import standardise
from napari_cryoai.jobs.devices import knows_bfloat16
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.nets.octahedral import ORDER, inverses, matrices, turned
from napari_cryoai.nets.tiling import tiles

SIDE, MARGIN = 144, 24
"""Of tiles, in voxels: what is seen at once, and what of it is not kept."""

CHANNELS = 8
"""4 of heat, 3 of direction, and what is not protein."""


@dataclass(frozen=True, eq=False)
class Fields:
    """What the network says of a map.

    Attributes
    ----------
    heat
        `(4, d, h, w)` 0 to 1: N, CA, C and the backbone.
    direction
        `(3, d, h, w)` the way (z, y, x) from N to C.
    other
        `(d, h, w)` 0 to 1: what is not protein.
    """

    heat: Tensor
    direction: Tensor
    other: Tensor


def predict(
    network: BackboneNetwork, volume: Tensor, rotations: Sequence[int] = (0,)
) -> Job[Fields]:
    """Look at a map, and average what is seen in several orientations.

    With all 24 of the lattice, a map that is turned by one of them gives the same, turned. That is
    computed in single precision: choices further on magnify what bfloat16 rounds away.

    Parameters
    ----------
    volume
        `(d, h, w)` on the network's grid.
    rotations
        Numbers of those of `nets.octahedral`.

    Yields
    ------
    progress
        In tiles.
    """
    seen = standardise(volume)
    shape = tuple(volume.shape)
    plan = list(tiles(shape, SIDE, MARGIN, 16))
    total = torch.zeros(CHANNELS, *shape)
    done, count = 0, len(plan) * len(rotations)
    exact = len(rotations) == ORDER
    yield Progress(done, count, "Looking for the backbone")
    for tile in plan:
        part = seen[(slice(None), *tile.seen)]
        z, y, x = (
            slice(kept.start - outer.start, kept.stop - outer.start)
            for kept, outer in zip(tile.kept, tile.seen, strict=True)
        )
        for rotation in rotations:
            total[(slice(None), *tile.kept)] += _oriented(network, part, rotation, exact)[
                :, z, y, x
            ]
            done += 1
            yield Progress(done, count, "Looking for the backbone")
    heat, direction, other = torch.split(total / len(rotations), [4, 3, 1])
    return Fields(heat, direction, other[0])


@torch.inference_mode()
def _oriented(network: BackboneNetwork, part: Tensor, rotation: int, exact: bool) -> Tensor:
    """`(CHANNELS, d, h, w)` of a part that is turned, looked at, and turned back."""
    device = next(network.parameters()).device
    coarse = knows_bfloat16(device) and not exact
    with torch.autocast(device.type, torch.bfloat16, enabled=coarse):
        answer = network(turned(part, rotation)[None].to(device))
    back = int(inverses()[rotation])
    way = torch.einsum("ij,bj...->bi...", matrices()[back].float().to(device), answer.direction)
    found = torch.cat([answer.heat.sigmoid(), way, answer.other.sigmoid()[:, None]], 1)
    return turned(found[0], back).float().cpu()
