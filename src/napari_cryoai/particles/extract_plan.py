"""Which box comes from where and goes where: settled before the first pixel is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.fft import next_fast_len

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.picks import PickTable
from napari_cryoai.jobs.params import Params
from napari_cryoai.particles.boxes import lies_inside, overlaps

BOX_PER_DIAMETER = 1.5
BACKGROUND_PER_BOX = 0.75
_SAME_PIXEL_SIZE = 0.05


class ExtractParams(Params):
    """What the extraction needs to know."""

    box_size_px: int | None = Field(
        None,
        ge=8,
        le=4096,
        title="Box size",
        description="Side of the particle images that are written, in their own pixels; "
        "1.5 times the particle's diameter if not given.",
        json_schema_extra={"unit": "px"},
    )
    pixel_size_A: float | None = Field(
        None,
        gt=0,
        le=100,
        title="Pixel size",
        description="Of the particle images, which are binned in Fourier space; "
        "that of the micrographs if not given. The nearest that the box permits is taken.",
        json_schema_extra={"unit": "A"},
    )
    diameter_A: float | None = Field(
        None,
        gt=10,
        lt=5000,
        title="Diameter",
        description="Longest extent of the particle, for the default box size; "
        "that of the picks if not given.",
        json_schema_extra={"unit": "A"},
    )
    normalise: bool = Field(
        True,
        title="Normalise",
        description="Take the ramp off the background, and make it of mean 0 and deviation 1.",
    )
    background_diameter_A: float | None = Field(
        None,
        gt=0,
        title="Background circle",
        description="What lies outside it is background; three quarters of the box if not given.",
        json_schema_extra={"unit": "A"},
    )
    invert: bool = Field(
        True, title="Invert contrast", description="Make density bright, as 3D programs expect."
    )
    phase_flip: bool = Field(
        False,
        title="Flip phases",
        description="Correct the sign of the CTF in the images; refinements that know the CTF "
        "want it uncorrected.",
    )
    border: Literal["leave-out", "pad"] = Field(
        "leave-out",
        title="At the border",
        description="Boxes that reach beyond the micrograph: left out, or padded with their mean.",
    )
    dtype: Literal["float32", "float16"] = Field(
        "float32",
        title="Number type",
        description="float16 halves the file; RELION and cryoSPARC read it from version 4 on.",
    )


@dataclass(frozen=True, eq=False)
class Block:
    """The particles of one micrograph.

    Attributes
    ----------
    micrograph, ctf
        Where they are, and its CTF if that is known.
    rows
        `(m,)` rows of the table of picks.
    centre_px
        `(m, 2)` int64, pixel of the micrograph that becomes the box centre, yx.
    cut_px
        Side of the box on the micrograph.
    pixel_size_A
        Of the particle images.
    first
        Number of the first image in the stack.
    """

    micrograph: Micrograph
    ctf: MicrographCtf | None
    rows: NDArray[np.intp]
    centre_px: NDArray[np.int64]
    cut_px: int
    pixel_size_A: float
    first: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def corners_px(self) -> NDArray[np.int64]:
        """`(m, 2)` first pixel of each box on the micrograph."""
        return self.centre_px - self.cut_px // 2


@dataclass(frozen=True, eq=False)
class Plan:
    """All blocks, and what is left out of them.

    Attributes
    ----------
    blocks
        In the order of the picks' micrographs.
    box_size_px
        Of the particle images.
    at_border
        How many boxes reach beyond their micrograph and are left out.
    problems
        Why micrographs are missing.
    """

    blocks: list[Block]
    box_size_px: int
    at_border: int
    problems: list[CryoAIError]

    def __len__(self) -> int:
        return sum(map(len, self.blocks))

    def digest(self) -> str:
        """A fingerprint of what is where in the stack."""
        found = hashlib.sha256(str(self.box_size_px).encode())
        for block in self.blocks:
            found.update(f"{block.micrograph.path} {block.cut_px} {block.ctf}".encode())
            found.update(block.centre_px.tobytes())
        return found.hexdigest()[:16]


def make_plan(
    params: ExtractParams,
    picks: PickTable,
    micrographs: Sequence[Micrograph],
    ctf: Mapping[str, MicrographCtf] | None,
) -> Plan:
    """Settle the boxes.

    Raises
    ------
    CryoAIError
        If no box is left.
    """
    known = {m.name: m for m in micrographs}
    found: list[tuple[Micrograph, MicrographCtf | None]] = []
    problems: list[CryoAIError] = []
    for name, count in picks.counts().items():
        if not count:
            continue
        try:
            found.append(_checked(name, known, ctf))
        except CryoAIError as problem:
            problems.append(problem)
    if not found:
        raise problems[0] if problems else _nothing(0)
    sizes_A = [_pixel_size(m, c) for m, c in found]
    box_px = params.box_size_px or _default_box(params, picks, sizes_A)
    blocks, at_border = _blocks(params, picks, found, sizes_A, box_px)
    if not blocks:
        raise _nothing(at_border)
    return Plan(blocks, box_px, at_border, problems)


def _checked(
    name: str, known: Mapping[str, Micrograph], ctf: Mapping[str, MicrographCtf] | None
) -> tuple[Micrograph, MicrographCtf | None]:
    """A micrograph and its CTF, if they are there and agree."""
    if name not in known:
        raise CryoAIError(
            f"the micrograph '{name}' is not at hand, and the picks have particles on it",
            remedy="Give its folder (--micrographs)",
        )
    micrograph = known[name]
    if ctf is None:
        return micrograph, None
    if name not in ctf:
        raise CryoAIError(
            f"the CTF of the micrograph '{name}' is not known",
            path=micrograph.path,
            remedy="Estimate it (cryoai ctf), or leave the micrograph out",
        )
    own = ctf[name]
    said = micrograph.pixel_size_A
    if said is not None and abs(own.pixel_size_A / said - 1) > _SAME_PIXEL_SIZE:
        raise CryoAIError(
            f"the pixel size is {said:g} A, and its CTF was estimated with {own.pixel_size_A:g} A",
            path=micrograph.path,
            remedy="Find out which is right, and give it to both (--micrograph-pixel-size-A)",
        )
    return micrograph, own


def _pixel_size(micrograph: Micrograph, ctf: MicrographCtf | None) -> float:
    return micrograph.require_pixel_size() if ctf is None else ctf.pixel_size_A


def _default_box(params: ExtractParams, picks: PickTable, sizes_A: Sequence[float]) -> int:
    pixel_A = params.pixel_size_A or float(np.median(sizes_A))
    diameter_A = params.diameter_A
    if diameter_A is None and np.isfinite(picks.diameter_px).any():
        diameter_A = float(np.nanmax(picks.diameter_px)) * float(np.median(sizes_A))
    if diameter_A is None:
        raise CryoAIError(
            "the box size is not given, and the picks do not tell the particle's diameter",
            remedy="Give --box-size-px or --diameter-A",
        )
    return 2 * int(next_fast_len(max(8, int(np.ceil(BOX_PER_DIAMETER * diameter_A / pixel_A / 2)))))


def _blocks(
    params: ExtractParams,
    picks: PickTable,
    found: Iterable[tuple[Micrograph, MicrographCtf | None]],
    sizes_A: Iterable[float],
    box_px: int,
) -> tuple[list[Block], int]:
    blocks: list[Block] = []
    first = at_border = 0
    choose = lies_inside if params.border == "leave-out" else overlaps
    for (micrograph, ctf), pixel_A in zip(found, sizes_A, strict=True):
        cut_px = _cut_size(params, box_px, pixel_A, micrograph)
        rows = picks.rows_of(micrograph.name)
        centre_px = np.floor(picks.yx_px[rows] + 0.5).astype(np.int64)
        kept = choose(centre_px - cut_px // 2, cut_px, micrograph.shape)
        at_border += int((~kept).sum())
        if kept.any():
            size_A = pixel_A * cut_px / box_px
            centre = centre_px[kept]
            blocks.append(Block(micrograph, ctf, rows[kept], centre, cut_px, size_A, first))
            first += int(kept.sum())
    return blocks, at_border


def _cut_size(params: ExtractParams, box_px: int, pixel_A: float, micrograph: Micrograph) -> int:
    """Side of the box on the micrograph, even if the image's is, so that the centre stays."""
    wanted_A = params.pixel_size_A or pixel_A
    cut_px = box_px + 2 * round((box_px * wanted_A / pixel_A - box_px) / 2)
    if cut_px < box_px:
        raise CryoAIError(
            f"the micrographs have {pixel_A:g} A per pixel: images of {wanted_A:g} A would be "
            "finer than what was recorded",
            path=micrograph.path,
            remedy=f"Give --pixel-size-A {pixel_A:g} or more",
        )
    return cut_px


def _nothing(at_border: int) -> CryoAIError:
    if at_border:
        return CryoAIError(
            f"all {at_border} boxes reach beyond their micrographs",
            remedy="Choose a smaller box, or pad them (--border pad)",
        )
    return CryoAIError("there are no picks to extract", remedy="Pick particles first")
