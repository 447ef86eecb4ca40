"""One particle beside what the model says of it: its image, the projection, and what is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.physics.fourier import to_fourier, to_real
from napari_cryoai.physics.particle_transforms import centring, transfer, windowed
from napari_cryoai.physics.slices import FourierVolume, disk

Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ParticleView:
    """Three pictures `(n, n)` of a particle, centred, at the pixel size of the maps.

    Attributes
    ----------
    image
        As it was recorded.
    projection
        Of the map at the particle's place, in its direction, with its CTF.
    residual
        Image minus projection.
    pixel_size_A
        Of all three.
    correlation
        Of image and projection, over all frequencies that are shown.
    """

    image: Image
    projection: Image
    residual: Image
    pixel_size_A: float
    correlation: float


def view_particle(
    model: LatentModel,
    stack: ParticleStack,
    row: int,
    z: ArrayLike,
    *,
    resolution_A: float | None = None,
) -> ParticleView:
    """Compare a particle with the map at a place.

    Parameters
    ----------
    stack
        With poses and CTF.
    row
        Of the particle in it.
    z
        `(d,)`, its place.
    resolution_A
        To which all are filtered: a single image is mostly noise. None: all there is.

    Raises
    ------
    CryoAIError
        If the image cannot be read, or poses or CTF are not known.
    """
    particles = stack.select(np.array([row]))
    box, n = stack.box_size_px, min(model.mean.shape[-1], stack.box_size_px)
    here, there = disk(n, None, n // 2 - 1), disk(box, None, n // 2 - 1)
    recorded = torch.from_numpy(particles.images.read(np.array([0])))
    values = there.gather(to_fourier(windowed(recorded))) * centring(particles, there.xy)
    rotations = torch.from_numpy(particles.require_rotations()).float()
    density = model.of_coefficients(model.coefficients(np.asarray(z, np.float32)[None])[0])
    slices = FourierVolume.of_map(density).at(rotations, there.xy)
    # Cropping keeps the density of the map: its voxels are larger, and there are fewer.
    said = slices * transfer(particles, there.xy)[0] * (box / n) ** 3
    pixel_size_A = float(particles.pixel_size_A[0]) * box / n
    shown = _smooth(there.xy, n, pixel_size_A, resolution_A)
    image, projection = (
        _real(here.scatter(part * shown * (n / box) ** 2), n) for part in (values, said)
    )
    return ParticleView(
        image, projection, image - projection, pixel_size_A, _correlation(image, projection)
    )


def _smooth(xy: Tensor, n: int, pixel_size_A: float, resolution_A: float | None) -> Tensor:
    """`(k,)` factors that fall to one half at a resolution."""
    if resolution_A is None:
        return torch.ones(len(xy))
    frequency = xy.norm(dim=1) / (n * pixel_size_A)
    return torch.exp(-np.log(2) * (frequency * resolution_A) ** 2)


def _real(transform: Tensor, n: int) -> Image:
    return to_real(transform, (n, n))[0].numpy().astype(np.float32)


def _correlation(a: Image, b: Image) -> float:
    both = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(both[0]) * np.linalg.norm(both[1]))
    return float((both[0] * both[1]).sum()) / norm if norm > 0 else 0.0
