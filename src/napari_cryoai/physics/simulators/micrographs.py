"""Simulated micrographs with known truth, for the demo, tests and the making of detectors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_cryoai.core.picks import PickTable, Source
from napari_cryoai.core.thinning import thin
from napari_cryoai.physics.simulators import stamps
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.denatured import add_denatured
from napari_cryoai.physics.simulators.dirt import Canvas, Dirt, add_carbon, add_ice, mark_blobs
from napari_cryoai.physics.simulators.fragments import add_fragments
from napari_cryoai.physics.simulators.imaging import record, weight_for_snr
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.pick_columns import pose_columns
from napari_cryoai.physics.simulators.pseudo_atoms import (
    KINDS,
    Kind,
    Particle,
    make_particle,
    project,
    random_rotations,
)
from napari_cryoai.physics.simulators.stamps import Stamp
from napari_cryoai.physics.simulators.views import draw_rotations

__all__ = [
    "MicrographModel",
    "SimulatedMicrograph",
    "demo_set",
    "development_set",
    "simulate_micrograph",
]

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SimulatedMicrograph:
    """An image and the truth about it.

    Attributes
    ----------
    image
        `(ny, nx)` float32; density is dark, empty ice about 1.
    pixel_size_A
        Side of a pixel.
    picks
        The particles whose centres lie on the image; their poses and defoci are columns as RELION
        names them, in `picks.extra`.
    junk
        `(ny, nx)` bool: carbon, contamination, aggregates and denatured particles.
    dirt_yx_px
        `(n, 2)` centres of contamination, aggregates and denatured particles.
    rotations
        `(n, 3, 3)` of the picks: matrices that take the particle into the view.
    defocus_A
        `(n,)` mean defocus of the picks.
    """

    image: Floats
    pixel_size_A: float
    picks: PickTable
    junk: NDArray[np.bool_]
    dirt_yx_px: NDArray[np.float64]
    rotations: NDArray[np.float64]
    defocus_A: NDArray[np.float64]


def simulate_micrograph(
    model: MicrographModel,
    seed: int,
    name: str = "simulated.mrc",
    conformers: Conformers | None = None,
    particle: Particle | None = None,
) -> SimulatedMicrograph:
    """Simulate one micrograph; the same seed gives the same image, bit for bit.

    The specimen is a weak phase object: projected density, amorphous texture and the edges of
    contamination are added up, multiplied by CTF and envelopes in Fourier space, and by the
    transmitted intensity in real space; then comes the detector's noise.

    Parameters
    ----------
    name
        What the picks call the micrograph.
    conformers
        What the particles are, at the pixel size of the model; without, they are built of
        pseudo-atoms and lie at one depth.
    particle
        Those pseudo-atoms; without, they follow from `kind`, `diameter_A` and `structure_seed`.
    """
    seeds = np.random.SeedSequence(seed).spawn(5)
    place, dress, grain, depth, pieces = (np.random.default_rng(s) for s in seeds)
    if conformers is not None:
        model = replace(model, diameter_A=conformers.diameter_A)
    elif particle is not None:
        model = replace(model, diameter_A=particle.diameter_A)
    cloud = particle or make_particle(model.kind, model.diameter_A, model.structure_seed)
    canvas = _canvas(model)
    dirt = Dirt.none(canvas.shape)
    heaps = _soil(dirt, canvas, model, dress)
    unfolded = _unfold(dirt, canvas, model, depth)
    yx_px = _place(model, canvas, dirt.junk, place)
    weights = np.clip(1 + model.contrast_spread * place.normal(size=len(yx_px)), 0.2, None)
    weights = np.concatenate([weights, np.ones(len(heaps))])
    all_px = np.concatenate([yx_px, heaps])
    rotations = _rotations(model, len(all_px), place, depth)
    defocus_A = model.defocus_A + _depths(model, len(all_px), depth)
    stamp = Stamp(all_px, rotations, weights, defocus_A, _kinds(conformers, len(all_px), depth))
    litter = None if conformers else _litter(model, canvas, cloud, pieces)
    image = _image(model, canvas, dirt, stamp, unfolded, conformers, cloud, grain, depth, litter)
    on_frame = np.flatnonzero(_on_frame(yx_px, canvas))
    picks = PickTable.of_points(
        name,
        yx_px[on_frame] - canvas.margin_px,
        diameter_px=model.diameter_A / model.pixel_size_A,
        source=Source.IMPORTED,
        extra=pose_columns(model, rotations[on_frame], defocus_A[on_frame]),
    )
    return SimulatedMicrograph(
        np.ascontiguousarray(canvas.crop(image)),
        model.pixel_size_A,
        picks,
        np.ascontiguousarray(canvas.crop(dirt.junk)),
        np.array(dirt.centres_px).reshape(-1, 2),
        rotations[on_frame],
        defocus_A[on_frame],
    )


def _image(
    model: MicrographModel,
    canvas: Canvas,
    dirt: Dirt,
    stamp: Stamp,
    unfolded: NDArray[np.float64],
    conformers: Conformers | None,
    particle: Particle,
    grain: np.random.Generator,
    depth: np.random.Generator,
    litter: Floats | None,
) -> Floats:
    """The image of the whole canvas."""
    weight = weight_for_snr(model, particle)
    imaged = None
    if conformers is None:
        phase = project(
            particle,
            stamp.yx_px * model.pixel_size_A,
            stamp.rotations,
            stamp.weights * weight,
            canvas.shape,
            model.pixel_size_A,
        )
    else:
        phase = np.zeros(canvas.shape, np.float32)
        strength = stamps.weight_for_snr(model, conformers)
        scaled = replace(stamp, weights=stamp.weights * strength)
        imaged = stamps.contrast(model, conformers, scaled, canvas.shape)
    add_denatured(
        phase,
        unfolded * model.pixel_size_A,
        depth,
        diameter_A=model.diameter_A,
        weight=weight,
        pixel_size_A=model.pixel_size_A,
        sigma_A=particle.sigma_A,
    )
    if litter is not None:
        phase += litter * np.float32(weight)
    return record(model, canvas, particle, phase, dirt, grain, imaged)


def _unfold(
    dirt: Dirt, canvas: Canvas, model: MicrographModel, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Centres `(n, 2)` of denatured particles, marked as junk."""
    centres: NDArray[np.float64] = canvas.margin_px + rng.random((model.n_denatured, 2)) * np.array(
        canvas.frame
    )
    if len(centres):
        mark_blobs(dirt, canvas, centres, 0.9 * model.diameter_A)
        dirt.centres_px.extend((y, x) for y, x in (centres - canvas.margin_px).tolist())
    return centres


def _litter(
    model: MicrographModel, canvas: Canvas, particle: Particle, rng: np.random.Generator
) -> Floats:
    """Projected pieces of particles of unit mass, all over the canvas."""
    phase = np.zeros(canvas.shape, np.float32)
    share = np.prod(canvas.shape) / np.prod(canvas.frame)
    yx_px = rng.random((round(model.n_fragments * share), 2)) * canvas.shape
    centres_A = yx_px * model.pixel_size_A
    add_fragments(phase, particle, centres_A, rng, pixel_size_A=model.pixel_size_A)
    return phase


def _rotations(
    model: MicrographModel, count: int, place: np.random.Generator, depth: np.random.Generator
) -> NDArray[np.float64]:
    if not model.preferred_fraction:
        return random_rotations(count, place)
    return draw_rotations(count, depth, model.preferred_fraction, model.preferred_spread_deg)


def _depths(model: MicrographModel, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """What each particle's depth adds to its defocus."""
    within = rng.uniform(-0.5, 0.5, count)
    room = max(0.0, model.ice_thickness_A - model.diameter_A)
    at_surface = rng.random(count) < model.interface_fraction
    depths: NDArray[np.float64] = room * np.where(at_surface, 0.5 * np.sign(within), within)
    return depths


def _kinds(
    conformers: Conformers | None, count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    return rng.integers(1 if conformers is None else len(conformers), size=count)


def _canvas(model: MicrographModel) -> Canvas:
    """A margin as wide as a particle and its fringes, so that nothing wraps around."""
    margin = int(np.ceil((model.diameter_A / 2 + 150.0) / model.pixel_size_A))
    ny, nx = (fft.next_fast_len(n + 2 * margin, real=True) for n in model.shape)
    return Canvas((ny, nx), margin, model.shape, model.pixel_size_A)


def _soil(
    dirt: Dirt, canvas: Canvas, model: MicrographModel, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the dirt; returns the `(n, 2)` positions of particles that lie in heaps."""
    if model.carbon > 0:
        add_carbon(
            dirt,
            canvas,
            rng,
            hole_radius_A=model.hole_radius_A,
            coverage=model.carbon,
            absorbance=0.2,
            roughness=model.carbon_roughness,
        )
    add_ice(dirt, canvas, rng, count=model.n_ice, size_A=model.ice_size_A)
    heaps = [np.empty((0, 2))]
    diameter_px = model.diameter_A / model.pixel_size_A
    for _ in range(model.n_aggregates):
        centre = canvas.margin_px + rng.random(2) * canvas.frame
        steps = rng.normal(size=(int(rng.integers(5, 20)), 2)) * 0.45 * diameter_px
        heaps.append(centre + np.cumsum(steps, axis=0))
        middle = heaps[-1].mean(0) - canvas.margin_px
        dirt.centres_px.append((middle[0], middle[1]))
    members = np.concatenate(heaps)
    if len(members):
        mark_blobs(dirt, canvas, members, 0.55 * model.diameter_A)
    return members


def _place(
    model: MicrographModel, canvas: Canvas, junk: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Centres on the canvas, no two closer than the minimum, none on junk."""
    if not model.count:
        return np.empty((0, 2))
    distance = model.min_distance_A
    distance_px = (0.95 * model.diameter_A if distance is None else distance) / model.pixel_size_A
    # Discs thrown at random jam long before this many per area.
    most = np.prod(canvas.frame) / max(distance_px, 1.0) ** 2
    share = np.prod(canvas.shape) / np.prod(canvas.frame)
    candidates = int(15 * min(model.count, most) * share) + 50
    yx = rng.random((candidates, 2)) * (np.array(canvas.shape) - 1)
    rank = rng.random(len(yx)) + model.clustering * _clouds(yx * model.pixel_size_A, rng)
    clear = ~junk[tuple(np.rint(yx).astype(int).T)]
    yx, rank = yx[clear], rank[clear]
    alive = thin(yx, rank, distance_px)
    yx, rank = yx[alive], rank[alive]
    # Those in the margin are as many per area as those that count.
    counted = np.sort(rank[_on_frame(yx, canvas)])[::-1][: model.count]
    placed: NDArray[np.float64] = yx[rank >= (counted[-1] if len(counted) else 0.0)]
    return placed


def _on_frame(yx_px: NDArray[np.float64], canvas: Canvas) -> NDArray[np.bool_]:
    """Which points of the canvas lie on the micrograph."""
    yx = yx_px - canvas.margin_px
    inside: NDArray[np.bool_] = np.all((yx >= 0) & (yx <= np.array(canvas.frame) - 1), axis=1)
    return inside


def _clouds(yx_A: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A smooth random field at points, of unit standard deviation: where particles like to be."""
    waves = rng.normal(size=(12, 2)) * 2 * np.pi / 2_500.0
    phases = 2 * np.pi * rng.random(12)
    clouds: NDArray[np.float64] = np.cos(yx_A @ waves.T + phases).sum(1) / np.sqrt(6)
    return clouds


def demo_set(seed: int = 0) -> list[MicrographModel]:
    """Five micrographs of one protein, an apoferritin-like cage: clean, dirty and nearly empty.

    Simulate the i-th with `seed + i`.
    """
    base = MicrographModel(
        shape=(1536, 1536),
        pixel_size_A=1.5,
        kind="shell",
        diameter_A=125.0,
        structure_seed=seed,
        count=150,
        min_distance_A=112.0,
        clustering=0.1,
        snr=0.09,
        amplitude_contrast=0.07,
        b_factor_A2=120.0,
    )
    return [
        replace(base, defocus_A=21_000.0),
        replace(base, defocus_A=15_000.0, count=190, astigmatism_A=400.0, n_ice=2),
        replace(base, defocus_A=26_000.0, count=110, carbon=0.17, n_ice=4, hole_radius_A=4_000.0),
        replace(base, defocus_A=18_000.0, count=230, clustering=0.2, n_aggregates=2, n_ice=1),
        replace(base, defocus_A=23_000.0, count=6, ice_gradient=0.15, n_ice=3),
    ]


def development_set(seed: int, n: int) -> list[MicrographModel]:
    """A broad mixture of particles, imaging conditions and dirt, to develop detectors on.

    Simulate the i-th with `seed + i`. One in eight is empty, a third is dirty, a quarter is band
    passed; the SNR refers to the same dose per area whatever the pixel size.
    """
    rng = np.random.default_rng(seed)
    return [_any_model(rng) for _ in range(n)]


def _any_model(rng: np.random.Generator) -> MicrographModel:
    kind: Kind = KINDS[int(rng.integers(len(KINDS)))]
    low, high = {"small": (80, 120), "barrel": (130, 250)}.get(kind, (100, 300))
    diameter_A, pixel_size_A = rng.uniform(low, high), rng.uniform(0.8, 2.0)
    side = int(np.clip(9 * diameter_A / pixel_size_A, 768, 1536))
    min_distance_A = diameter_A * rng.uniform(0.65, 1.1)
    fits = 0.5 * (side * pixel_size_A / min_distance_A) ** 2
    dirty, filtered = rng.random() < 1 / 3, rng.random() < 1 / 4
    snr = np.exp(rng.uniform(np.log(0.015), np.log(0.15))) * (pixel_size_A / 1.5) ** 2
    return MicrographModel(
        shape=(side, round(side * rng.uniform(0.8, 1.25))),
        pixel_size_A=pixel_size_A,
        kind=kind,
        diameter_A=diameter_A,
        structure_seed=int(rng.integers(1 << 31)),
        count=0 if rng.random() < 1 / 8 else int(np.ceil(fits * np.exp(rng.uniform(-2.2, 0)))),
        min_distance_A=min_distance_A,
        clustering=rng.uniform(0, 0.3),
        # People filter what they cannot see.
        snr=snr * (rng.uniform(0.2, 1.0) if filtered else 1.0),
        contrast_spread=rng.uniform(0.05, 0.3),
        defocus_A=rng.uniform(8_000, 32_000),
        astigmatism_A=rng.uniform(0, 800),
        astigmatism_angle_deg=rng.uniform(0, 180),
        voltage_kV=300.0 if rng.random() < 0.75 else 200.0,
        amplitude_contrast=rng.uniform(0.07, 0.1),
        b_factor_A2=rng.uniform(40, 200),
        drift_A=rng.exponential(1.5),
        dose_e_per_A2=rng.uniform(15, 60),
        solvent=rng.uniform(0.3, 0.9),
        low_frequency_A=rng.uniform(40, 160),
        ice_gradient=rng.exponential(0.06),
        carbon=rng.uniform(0.05, 0.35) if dirty and rng.random() < 0.5 else 0.0,
        hole_radius_A=rng.uniform(3_000, 10_000),
        n_ice=int(rng.integers(1, 7)) if dirty else 0,
        ice_size_A=rng.uniform(100, 400),
        n_aggregates=int(rng.integers(0, 4)) if dirty else 0,
        low_pass_A=rng.uniform(15, 85) if filtered else 0.0,
        high_pass_A=rng.uniform(250, 800) if filtered else 0.0,
    )
