"""What the commands of `cryoai simulate` ask for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.config import JsonDict

from napari_cryoai.jobs.params import Params

LENGTH: JsonDict = {"unit": "A"}
PIXELS: JsonDict = {"unit": "px"}
AREA: JsonDict = {"unit": "A^2"}


class ParticleSetParams(Params):
    """What `cryoai simulate particles` asks for."""

    count: int = Field(1000, ge=1, title="Count", description="Particle images.")
    box_size_px: int = Field(
        128, ge=8, le=2048, title="Box", description="Side of the images.",
        json_schema_extra=PIXELS,
    )  # fmt: skip
    pixel_size_A: float = Field(
        1.5, gt=0.1, lt=50, title="Pixel size", description="Of the images.",
        json_schema_extra=LENGTH,
    )  # fmt: skip
    path_steps: int = Field(
        0, ge=0, le=1000, title="Steps of a path",
        description="Conformers on straight lines between two structures; 0: the structures alone.",
    )  # fmt: skip
    motion: Literal["none", "turn", "hinge", "plane", "classes"] = Field(
        "none", title="Motion",
        description="Of a part of the structure: it turns by 360 degrees, swings, swings two ways, "
        "or has several orientations.",
    )  # fmt: skip
    moving_part: str = Field(
        "", title="Moving part",
        description="Chains and residues that move: B, or A:1-120,C. Else what lies beyond the "
        "thinnest place.",
    )  # fmt: skip
    motion_steps: int = Field(
        100, ge=1, le=1000, title="Steps of a motion", description="Conformers along it."
    )
    motion_angle_deg: float = Field(
        40.0, ge=0, le=180, title="Angle of a motion",
        description="To either side; of a turn, between the part and the axis it turns about.",
        json_schema_extra={"unit": "deg"},
    )  # fmt: skip
    snr: str = Field(
        "log-uniform 0.03 0.15", title="SNR",
        description="Signal over noise in the particle's disc, of each micrograph.",
    )  # fmt: skip
    defocus_A: str = Field(
        "uniform 8000 25000", title="Defocus", description="Of each micrograph.",
        json_schema_extra=LENGTH,
    )  # fmt: skip
    shift_A: str = Field(
        "normal 0 3", title="Shift", description="Of particles from the box centre, along an axis.",
        json_schema_extra=LENGTH,
    )  # fmt: skip
    b_factor_A2: str = Field(
        "uniform 40 120", title="B-factor", description="Of each micrograph's envelope.",
        json_schema_extra=AREA,
    )  # fmt: skip
    neighbours: float = Field(
        0.3, ge=0, le=10, title="Neighbours", description="Other particles in a box, on average."
    )
    preferred_fraction: float = Field(
        0.0, ge=0, le=1, title="Preferred view",
        description="Share of particles that are seen along their z axis.",
    )  # fmt: skip
    per_micrograph: int = Field(
        100, ge=1, title="Per micrograph", description="Particles that share CTF and noise."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Same seed, same images.")


class MicrographSetParams(Params):
    """What `cryoai simulate micrographs` asks for."""

    count: int = Field(10, ge=1, title="Count", description="Micrographs.")
    side_px: int = Field(
        2048, ge=128, le=16384, title="Side", description="Of the micrographs.",
        json_schema_extra=PIXELS,
    )  # fmt: skip
    pixel_size_A: float = Field(
        1.5, gt=0.1, lt=50, title="Pixel size", description="Of the micrographs.",
        json_schema_extra=LENGTH,
    )  # fmt: skip
    particles: str = Field(
        "uniform 100 300", title="Particles", description="Number of particles on a micrograph."
    )
    min_distance_A: float | None = Field(
        None, gt=0, title="Distance",
        description="Between two particles; less lets them overlap. Else 0.95 of the diameter.",
        json_schema_extra=LENGTH,
    )  # fmt: skip
    snr: str = Field(
        "log-uniform 0.03 0.15", title="SNR",
        description="Signal over noise in the particle's disc, of each micrograph.",
    )  # fmt: skip
    defocus_A: str = Field(
        "uniform 8000 25000", title="Defocus", description="Of each micrograph.",
        json_schema_extra=LENGTH,
    )  # fmt: skip
    ice_thickness_A: str = Field(
        "uniform 50 400", title="Ice", description="Its thickness beyond the particle's diameter.",
        json_schema_extra=LENGTH,
    )  # fmt: skip
    preferred_fraction: float = Field(
        0.0, ge=0, le=1, title="Preferred view",
        description="Share of particles that are seen along their z axis.",
    )  # fmt: skip
    empty: float = Field(
        0.05, ge=0, le=1, title="Empty", description="Share of micrographs without particles."
    )
    carbon: float = Field(
        0.2, ge=0, le=1, title="Carbon", description="Share of micrographs with a hole's edge."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Same seed, same images.")


class HalfMapSetParams(Params):
    """What `cryoai simulate half-maps` asks for."""

    count: int = Field(1, ge=1, title="Count", description="Pairs of half maps of each structure.")
    box_size_px: int | None = Field(
        None, ge=16, le=1024, title="Box", description="Side of the maps; what fits if not given.",
        json_schema_extra=PIXELS,
    )  # fmt: skip
    pixel_size_A: float = Field(
        1.2, gt=0.1, lt=50, title="Voxel size", description="Of the maps.",
        json_schema_extra=LENGTH,
    )  # fmt: skip
    resolution_A: str = Field(
        "uniform 2.5 5", title="Resolution", description="Where the FSC in the mask is 0.143.",
        json_schema_extra=LENGTH,
    )  # fmt: skip
    b_factor_A2: str = Field(
        "log-normal 50 0.4", title="B-factor", description="Median over the residues.",
        json_schema_extra=AREA,
    )  # fmt: skip
    b_spread: str = Field(
        "uniform 0.1 0.7", title="Spread", description="Of the logarithm of residues' B-factors."
    )
    sharpening_A2: str = Field(
        "0", title="Sharpening", description="B-factor applied afterwards, positive for sharper.",
        json_schema_extra=AREA,
    )  # fmt: skip
    preferred_fraction: str = Field(
        "uniform 0 0.7", title="Preferred view", description="Share of particles seen along it."
    )
    membrane: float = Field(
        0.25, ge=0, le=1, title="Detergent", description="Share of maps with a detergent belt."
    )
    nucleic: float = Field(
        0.25, ge=0, le=1, title="Nucleic acid", description="Share of maps with a double helix."
    )
    glycans: str = Field("exponential 1", title="Glycans", description="Their number in a map.")
    masked: float = Field(
        0.2, ge=0, le=1, title="Masked", description="Share of pairs that come masked."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Same seed, same maps.")
