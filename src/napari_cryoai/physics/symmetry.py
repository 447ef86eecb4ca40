"""Point groups of rotations, in RELION's settings.

| group | axes |
|---|---|
| `Cn` | n-fold along z |
| `Dn` | n-fold along z, 2-fold along x |
| `T` | 3-fold along z, 2-fold towards (0, sqrt 2, 1) |
| `O` | 4-fold along x, y and z |
| `I1` | 2-fold along x, y and z; the foremost 5-folds, seen along z, in the plane yz |
| `I2`, `I` | 2-fold along x, y and z; the foremost 5-folds in the plane xz |
| `I3` | 5-fold along z, 2-fold along y; a 5-fold next to z leans towards -x |
| `I4` | 5-fold along z, 2-fold along y; a 5-fold next to z leans towards +x |

But for `T` they are those of Heymann, Chagoyen and Belnap (2005), J. Struct. Biol. 151, 196. A
group with mirrors is none of a molecule made of L amino acids.
"""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.fourier import frequencies, to_fourier, to_real
from napari_cryoai.physics.kernels import Kernel
from napari_cryoai.physics.slices import FourierVolume

_GOLDEN = (1 + math.sqrt(5)) / 2
_AXES: dict[str, tuple[tuple[int, tuple[float, float, float]], ...]] = {
    "T": ((3, (0, 0, 1)), (2, (0, math.sqrt(2), 1))),
    "O": ((4, (0, 0, 1)), (3, (1, 1, 1))),
    "I1": ((2, (0, 0, 1)), (5, (0, 1, _GOLDEN))),
    "I2": ((2, (0, 0, 1)), (5, (1, 0, _GOLDEN))),
    "I3": ((5, (0, 0, 1)), (2, (-1, 0, _GOLDEN))),
    "I4": ((5, (0, 0, 1)), (2, (1, 0, _GOLDEN))),
}
_GENERIC = (0.2387, 0.1173, 0.9640)
"""A direction on no axis and no plane of symmetry of any group."""


def point_group(
    name: str, *, device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """The rotations of a point group.

    Parameters
    ----------
    name
        "C1", "C7", "D2", "T", "O", "I" and so on, in either case; see this module's table.

    Returns
    -------
    rotations
        `(g, 3, 3)` acting on column vectors xyz, the identity first. A map `V` of that symmetry
        has `V(S x) = V(x)` for each `S` of them.

    Raises
    ------
    CryoAIError
        If there is no such group.
    """
    key = name.strip().upper()
    cyclic = re.fullmatch(r"([CD])([1-9]\d{0,2})", key)
    if cyclic:
        order = int(cyclic[2])
        # Powers of one rotation, not its repeated product: exact for any order.
        elements = [_about((0, 0, 1), 2 * math.pi * i / order) for i in range(order)]
        if cyclic[1] == "D":
            elements += [_about((1, 0, 0), math.pi) @ e for e in elements]
    elif (key := "I2" if key == "I" else key) in _AXES:
        elements = _closure([_about(axis, 2 * math.pi / n) for n, axis in _AXES[key]])
    else:
        raise CryoAIError(
            f"there is no point group '{name}'",
            remedy="Give C1, C2, ..., D2, D3, ..., T, O, I (the same as I2), I1, I3 or I4",
        )
    return torch.stack(elements).to(device, dtype)


def symmetrise(map_: Tensor, group: Tensor, kernel: Kernel = "kaiser-bessel") -> Tensor:
    """Mean of a map's copies turned by a group, about the centre of the box.

    Turns that take the axes to the axes (all of O, D2, D4) are exact. The others are interpolated
    in the transform, as projections are, and then nothing is kept beyond the Nyquist sphere.

    Parameters
    ----------
    map_
        `(n, n, n)`.
    group
        `(g, 3, 3)`.
    kernel
        Of the interpolation, see `FourierVolume.of_map`: this one is right to 1e-3, "linear" to a
        few per cent and five times faster.
    """
    group = group.to(map_)
    exact = [r for r in group if _takes_axes_to_axes(r)]
    total = torch.stack([_turned_exactly(map_, r) for r in exact]).sum(0) if exact else 0 * map_
    if len(exact) == len(group):
        return total / len(group)
    n = map_.shape[-1]
    gz, gy, gx = frequencies(map_.shape, 1 / n, device=map_.device)
    xyz = torch.stack([g.expand(n, n, n // 2 + 1) for g in (gx, gy, gz)])
    inside = (xyz**2).sum(0) < (n / 2) ** 2
    volume, sampled = FourierVolume.of_map(map_, kernel=kernel), to_fourier(total, 3)
    points = xyz[:, inside]
    for r in group:
        if not _takes_axes_to_axes(r):
            sampled[inside] += volume.at_frequencies((r.T @ points)[:, None])[0]
    return to_real(sampled * inside, map_.shape) / len(group)


def in_asymmetric_unit(rotations: Tensor, group: Tensor) -> Tensor:
    """Which of the views are those that stand for all their symmetry mates.

    Views `R S` of a symmetric map are the same for every `S` of the group. Of these the one is
    taken whose viewing direction is nearest to a fixed direction that lies on no axis.

    Parameters
    ----------
    rotations
        `(m, 3, 3)` that take the map into the view.
    group
        `(g, 3, 3)`.

    Returns
    -------
    is_inside
        `(m,)`; of a fine uniform grid, one in `g`.
    """
    nearness = _nearness(rotations, group)
    return nearness[:, 0] >= nearness.amax(1) - 1e-6


def to_asymmetric_unit(rotations: Tensor, group: Tensor) -> Tensor:
    """Each view's symmetry mate in the asymmetric unit: `(m, 3, 3)`."""
    best = _nearness(rotations, group).argmax(1)
    return rotations @ group.to(rotations)[best]


def _nearness(rotations: Tensor, group: Tensor) -> Tensor:
    """Cosine between each view's mates and the fixed direction: `(m, g)`."""
    generic = rotations.new_tensor(_GENERIC)
    # The viewing direction of R S is the third row of it, a direction of the map.
    return rotations[:, 2] @ (group.to(rotations) @ generic).T


def _about(axis: tuple[float, float, float], angle: float) -> Tensor:
    x, y, z = (v / math.hypot(*axis) for v in axis)
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    turned = math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return torch.eye(3, dtype=torch.float64) + turned


def _closure(generators: list[Tensor]) -> list[Tensor]:
    elements = [torch.eye(3, dtype=torch.float64)]
    for element in elements:  # grows while it runs
        for generator in generators:
            product = generator @ element
            if not any(torch.allclose(product, e, atol=1e-6) for e in elements):
                elements.append(product)
    return elements


def _takes_axes_to_axes(r: Tensor) -> bool:
    return bool(((r.abs() - 1).abs().minimum(r.abs()) < 1e-5).all())


def _turned_exactly(map_: Tensor, r: Tensor) -> Tensor:
    """The copy `V(R^T x)` of a map, with `R` a signed permutation of the axes."""
    source = r.T.flip(0, 1).round()  # in the order zyx of the array
    order = [0, 0, 0]
    for axis in range(3):
        target = int(source[axis].abs().argmax())
        order[target] = axis
        if source[axis, target] < 0:
            map_ = map_.flip(axis)
            # The central voxel n // 2 of an even box stays where it is.
            map_ = map_.roll(1, axis) if map_.shape[axis] % 2 == 0 else map_
    return map_.permute(order)
