"""Examples to learn picking from: simulated fields, prepared as any micrograph is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.micrographs import SimulatedMicrograph, simulate_micrograph
from napari_cryoai.physics.simulators.pseudo_atoms import Particle
from napari_cryoai.picking import training_particles as particles
from napari_cryoai.picking.preprocess import DIAMETER_PX, Prepared, prepare
from napari_cryoai.picking.training_scene import COARSE_PX, draw_model, draw_wear, worn

SIDE_PX = 192
"""Side of an example, on the prepared grid: about nine particle diameters."""

BORDER_PX = 8
"""Left over on every side, on average: in most places a micrograph does not end just here."""

BY_RULE, ASSEMBLED, OF_RESIDUES, OF_ATOMS = 0.4, 0.3, 0.2, 0.1
"""Where particles come from. Potentials of atoms are what costs time, and differ least."""

WRONG_DIAMETER = 1.5
"""At most this much too large or too small is the diameter that the user gives."""


@dataclass(frozen=True, eq=False)
class Example:
    """A prepared field and what a picker should say about it.

    Attributes
    ----------
    white
        `(ny, nx)` float32, see `Prepared.white`.
    yx
        `(n, 2)` float64 centres of the particles, in pixels of `white`.
    size
        `(n,)` float32 true diameter of each, over the `DIAMETER_PX` that it was given as.
    junk
        `(ny, nx)` bool: where nothing should be picked.
    """

    white: NDArray[np.float32]
    yx: NDArray[np.float64]
    size: NDArray[np.float32]
    junk: NDArray[np.bool_]


def make_example(seed: int, structures: Sequence[Path], side_px: int = SIDE_PX) -> Example:
    """Simulate and prepare one field; the same seed and structures give the same example.

    Parameters
    ----------
    structures
        Coordinate files to make particles of; without any, all are built by rule.
    side_px
        Of the prepared field.

    Raises
    ------
    CryoAIError
        If a coordinate file cannot be read.
    """
    rng = np.random.default_rng(seed)
    given = _given_diameter(rng)
    frame = round((side_px + 2 * BORDER_PX) * given * COARSE_PX / DIAMETER_PX)
    particle = _draw_particle(rng, structures)
    model = draw_model(rng, particle.diameter_A, (frame, frame))
    scene = _simulate(model, particle, int(rng.integers(1 << 31)))
    wear = draw_wear(rng, filtered=model.low_pass_A > 0)
    smooth_px = model.low_pass_A / model.pixel_size_A / (2 * np.pi)
    image, spoilt = worn(scene.image, wear, smooth_px, rng)
    prepared = prepare(image, given * COARSE_PX)
    corner = rng.integers(0, 2 * BORDER_PX, 2, endpoint=True)
    return _cut(_labelled(prepared, scene, spoilt, 1 / given), corner, side_px)


def _given_diameter(rng: np.random.Generator) -> float:
    """What the user says over what is true: mostly near, at times far off."""
    off = rng.normal(0, 0.2) if rng.random() < 0.6 else rng.uniform(-1, 1)
    return float(WRONG_DIAMETER ** np.clip(off, -1, 1))


def _draw_particle(rng: np.random.Generator, structures: Sequence[Path]) -> Particle | Conformers:
    if not structures:
        return particles.built_by_rule(rng)
    source = rng.choice(4, p=[BY_RULE, ASSEMBLED, OF_RESIDUES, OF_ATOMS])
    if source == 0:
        return particles.built_by_rule(rng)
    if source == 1:
        return particles.assembled(structures, rng)
    if source == 2:
        return particles.of_structure(structures, rng)
    return particles.conformers_of(structures, rng, COARSE_PX)


def _simulate(
    model: MicrographModel, particle: Particle | Conformers, seed: int
) -> SimulatedMicrograph:
    if isinstance(particle, Particle):
        return simulate_micrograph(model, seed, particle=particle)
    return simulate_micrograph(model, seed, conformers=particle)


def _labelled(
    prepared: Prepared, scene: SimulatedMicrograph, spoilt: NDArray[np.bool_], size: float
) -> Example:
    """The truth, taken to the prepared grid."""
    junk = scene.junk | spoilt
    yx_px = scene.picks.yx_px
    y, x = np.rint(yx_px).astype(int).T
    yx_px = yx_px[~spoilt[y, x]]
    ny, nx = prepared.white.shape
    rows, columns = (
        np.clip(np.rint((np.arange(n) + 0.5) * zoom - 0.5).astype(int), 0, limit - 1)
        for n, zoom, limit in zip((ny, nx), prepared.zoom, junk.shape, strict=True)
    )
    return Example(
        prepared.white,
        prepared.from_micrograph(yx_px),
        np.full(len(yx_px), size, np.float32),
        junk[np.ix_(rows, columns)],
    )


def _cut(example: Example, corner: NDArray[np.int64], side_px: int) -> Example:
    """A square of an example."""
    rows, columns = (slice(start, start + side_px) for start in corner.tolist())
    yx = example.yx - corner
    inside = np.all((yx >= -0.5) & (yx < side_px - 0.5), axis=1)
    return Example(
        np.ascontiguousarray(example.white[rows, columns]),
        yx[inside],
        example.size[inside],
        np.ascontiguousarray(example.junk[rows, columns]),
    )
