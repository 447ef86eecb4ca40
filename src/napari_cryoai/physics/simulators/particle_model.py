"""What simulated particle images show: the knobs of the simulator, and the truth that is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.views import draw_rotations

Floats = NDArray[np.float64]

PER_MICROGRAPH = (
    *("defocus_A", "astigmatism_A", "astigmatism_angle_deg", "phase_shift_deg", "b_factor_A2"),
    *("snr", "solvent", "low_frequency_A", "falloff"),
)
"""What all particles of a micrograph share."""


@dataclass(frozen=True)
class ParticleModel:
    """Every knob of the simulator; lengths in Angstrom, angles in degrees.

    Attributes
    ----------
    per_micrograph
        Particles that share defocus, astigmatism, envelope and SNR.
    preferred_fraction, preferred_spread_deg
        Share of particles that are seen along their z axis, and the standard deviation of their
        tilt; the others' orientations are uniform.
    shift_A
        Of the particle from the box centre, along each axis.
    defocus_A, astigmatism_A, astigmatism_angle_deg, phase_shift_deg, b_factor_A2
        Of a micrograph, see `ctf.CTF`.
    depth_A
        Added to the defocus of each particle: where it lies in the ice.
    voltage_kV, cs_mm, amplitude_contrast
        Of the microscope.
    snr
        Energy of the noise-free image, its mean taken off, over the area of the particle's disc, by
        the variance of the noise; averaged over views and micrographs.
    contrast
        Strength of a particle relative to the average.
    solvent
        Amplitude of the ice's texture before the CTF, relative to the detector's noise.
    low_frequency_A
        Length above which the noise rises as 1 / g^2 in power.
    falloff
        Amplitude of the noise at Nyquist.
    neighbours
        Mean number of other particles that reach into the box.
    min_distance
        Between the centres of two particles, in diameters.
    """

    per_micrograph: int = 100
    preferred_fraction: float = 0.0
    preferred_spread_deg: float = 20.0
    shift_A: Distribution = field(default=Distribution("normal", 0, 3))
    defocus_A: Distribution = field(default=Distribution("uniform", 8000, 25000))
    depth_A: Distribution = field(default=Distribution("normal", 0, 150))
    astigmatism_A: Distribution = field(default=Distribution("uniform", 0, 500))
    astigmatism_angle_deg: Distribution = field(default=Distribution("uniform", 0, 180))
    phase_shift_deg: Distribution = field(default=Distribution("constant", 0))
    b_factor_A2: Distribution = field(default=Distribution("uniform", 40, 120))
    voltage_kV: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.1
    snr: Distribution = field(default=Distribution("log-uniform", 0.03, 0.15))
    contrast: Distribution = field(default=Distribution("log-normal", 1, 0.1))
    solvent: Distribution = field(default=Distribution("uniform", 0.3, 0.9))
    low_frequency_A: Distribution = field(default=Distribution("log-uniform", 40, 160))
    falloff: Distribution = field(default=Distribution("uniform", 0.75, 0.95))
    neighbours: float = 0.3
    min_distance: float = 0.9


@dataclass(frozen=True, eq=False)
class ParticleTruth:
    """What is known about simulated particles, one row each.

    Attributes
    ----------
    rotations
        `(n, 3, 3)` matrices that take the map into the view.
    shifts_yx_A
        `(n, 2)` position of the particle relative to the box centre.
    defocus_A, astigmatism_A, astigmatism_angle_deg, phase_shift_deg, b_factor_A2
        `(n,)`, of each particle.
    snr, contrast, solvent, low_frequency_A, falloff
        `(n,)`, as in `ParticleModel`.
    conformer
        `(n,)` index of its map.
    state
        `(n,)` what `Conformers.states` calls that.
    micrograph
        `(n,)` number of its micrograph.
    neighbours
        `(n,)` other particles in its box.
    """

    rotations: Floats
    shifts_yx_A: Floats
    defocus_A: Floats
    astigmatism_A: Floats
    astigmatism_angle_deg: Floats
    phase_shift_deg: Floats
    b_factor_A2: Floats
    snr: Floats
    contrast: Floats
    solvent: Floats
    low_frequency_A: Floats
    falloff: Floats
    conformer: NDArray[np.int64]
    state: Floats
    micrograph: NDArray[np.int64]
    neighbours: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rotations)

    def select(self, rows: NDArray[Any] | slice) -> ParticleTruth:
        """The particles of a mask, an index array or a slice."""
        return ParticleTruth(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def ctf(self, model: ParticleModel) -> ParticleCtf:
        """The contrast transfer as files have it, with the settings of the microscope."""
        return ParticleCtf.of_values(
            len(self),
            defocus_u_A=self.defocus_A + self.astigmatism_A / 2,
            defocus_v_A=self.defocus_A - self.astigmatism_A / 2,
            defocus_angle_deg=self.astigmatism_angle_deg,
            voltage_kV=model.voltage_kV,
            cs_mm=model.cs_mm,
            amplitude_contrast=model.amplitude_contrast,
            phase_shift_deg=self.phase_shift_deg,
            b_factor_A2=self.b_factor_A2,
        )


def draw_truth(
    model: ParticleModel, conformers: Conformers, count: int, seed: int
) -> ParticleTruth:
    """Draw what the images of `count` particles will show."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    micrograph = np.arange(count) // max(1, model.per_micrograph)
    n_micrographs = int(micrograph[-1]) + 1 if count else 0
    columns = {
        name: getattr(model, name).draw(n_micrographs, rng)[micrograph] for name in PER_MICROGRAPH
    }
    columns["defocus_A"] = columns["defocus_A"] + model.depth_A.draw(count, rng)
    conformer = rng.integers(len(conformers), size=count)
    return ParticleTruth(
        rotations=draw_rotations(count, rng, model.preferred_fraction, model.preferred_spread_deg),
        shifts_yx_A=model.shift_A.draw(2 * count, rng).reshape(count, 2),
        contrast=model.contrast.draw(count, rng),
        conformer=conformer,
        state=conformers.states[conformer],
        micrograph=micrograph,
        neighbours=rng.poisson(model.neighbours, count),
        **columns,
    )
