"""What a simulated micrograph shows and how it was recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.simulators.pseudo_atoms import Kind


@dataclass(frozen=True)
class MicrographModel:
    """Every knob of the simulator; lengths in Angstrom, angles in degrees.

    Attributes
    ----------
    shape, pixel_size_A
        `(ny, nx)` and side of a pixel.
    kind, diameter_A, structure_seed
        The particle, see `particles.make_particle`; one seed is one protein.
    count
        Particles on the micrograph; fewer where no more fit. 0: an empty one.
    min_distance_A
        Between the centres of two particles; None is 0.95 of the diameter. Less lets them overlap.
    clustering
        0: everywhere alike; 1: clusters and gaps, some hundred nm wide.
    snr
        Mean square of the noise-free contrast of a particle within its circle, over the variance of
        the detector noise of a pixel of empty ice.
    contrast_spread
        Relative standard deviation of that contrast from particle to particle.
    defocus_A, astigmatism_A, astigmatism_angle_deg, voltage_kV, cs_mm, amplitude_contrast
        See `ctf.CTF`.
    b_factor_A2
        Envelope `exp(-B g^2 / 4)` on all that the specimen scatters.
    drift_A
        Length of a linear motion during the exposure.
    dose_e_per_A2
        Electrons; sets the noise of the detector.
    solvent
        Strength of the amorphous ice's texture before the CTF, relative to the detector noise.
    low_frequency_A
        Length above which the noise rises as 1 / g^2 in power (uneven ice, inelastic scattering).
    ice_gradient
        Relative change of the intensity across the micrograph.
    carbon
        How far the carbon around the hole reaches in, as a fraction of the diagonal; 0: none.
    hole_radius_A
        Radius of the hole in the carbon.
    carbon_roughness
        Strength of the carbon's texture on top of that of the ice, relative to `solvent`.
    n_ice, ice_size_A
        Crystals and drops of contamination, and their median diameter.
    n_aggregates
        Heaps of particles.
    n_denatured
        Particles that have unfolded at the air-water interface.
    n_fragments
        Pieces of particles that have come apart; only of particles that are built of pseudo-atoms.
    ice_thickness_A
        Particles of atomic detail lie at random depths within it, each with its own defocus.
    interface_fraction
        Share of them that lie at one of the two surfaces of the ice.
    preferred_fraction, preferred_spread_deg
        Share of particles that are seen along their z axis, and how far they tilt.
    low_pass_A, high_pass_A
        Gaussian band pass of a micrograph that someone has filtered already (amplitude 0.61 at the
        stated length); 0: none.
    """

    shape: tuple[int, int] = (1024, 1024)
    pixel_size_A: float = 1.5
    kind: Kind = "globular"
    diameter_A: float = 160.0
    structure_seed: int = 0
    count: int = 60
    min_distance_A: float | None = None
    clustering: float = 0.0
    snr: float = 0.06
    contrast_spread: float = 0.12
    defocus_A: float = 18_000.0
    astigmatism_A: float = 200.0
    astigmatism_angle_deg: float = 30.0
    voltage_kV: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.1
    b_factor_A2: float = 80.0
    drift_A: float = 1.0
    dose_e_per_A2: float = 30.0
    solvent: float = 0.7
    low_frequency_A: float = 90.0
    ice_gradient: float = 0.05
    carbon: float = 0.0
    hole_radius_A: float = 6_000.0
    carbon_roughness: float = 1.5
    n_ice: int = 0
    ice_size_A: float = 250.0
    n_aggregates: int = 0
    n_denatured: int = 0
    n_fragments: int = 0
    ice_thickness_A: float = 0.0
    interface_fraction: float = 0.0
    preferred_fraction: float = 0.0
    preferred_spread_deg: float = 20.0
    low_pass_A: float = 0.0
    high_pass_A: float = 0.0

    @property
    def ctf(self) -> CTF:
        """The contrast transfer function."""
        return CTF(
            self.defocus_A,
            self.astigmatism_A,
            self.astigmatism_angle_deg,
            self.voltage_kV,
            self.cs_mm,
            self.amplitude_contrast,
        )

    @property
    def noise_sigma(self) -> float:
        """Standard deviation of the detector noise, where the mean intensity is 1."""
        return float(1 / np.sqrt(self.dose_e_per_A2 * self.pixel_size_A**2))
