"""Particle images in RELION's STAR files, versions 3.0 to 5: the reader.

Documented in `docs/formats/particles.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.core.euler import matrices_from_zyz
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ImageSource, ParticleStack
from napari_cryoai.core.picks import StarTable
from napari_cryoai.io.columns import Floats, scores
from napari_cryoai.io.image_stacks import AbsentImages, header_pixel_sizes, open_images
from napari_cryoai.io.optics import CONTRAST, CS, GROUP, VOLTAGE, WithOptics
from napari_cryoai.io.relion import FOM, NAME, X, Y
from napari_cryoai.io.relion_shifts import SHIFTS_A, SHIFTS_PX
from napari_cryoai.io.star import read_star, unquoted

IMAGE = "rlnImageName"
ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
HALF = "rlnRandomSubset"
DEFOCUS = {
    "defocus_u_A": "rlnDefocusU",
    "defocus_v_A": "rlnDefocusV",
    "defocus_angle_deg": "rlnDefocusAngle",
}
OTHER_CTF = {"phase_shift_deg": "rlnPhaseShift", "b_factor_A2": "rlnCtfBfactor"}
MICROSCOPE = {"voltage_kV": VOLTAGE, "cs_mm": CS, "amplitude_contrast": CONTRAST}
FLAGS = {
    "phase_flipped": "rlnCtfDataArePhaseFlipped",
    "premultiplied": "rlnCtfDataAreCtfPremultiplied",
}
PIXEL_SIZE, BOX_SIZE = "rlnImagePixelSize", "rlnImageSize"
SIGN = "cryoaiImageSign"
"""Column of our own: -1 for images whose density is dark."""


def read(
    path: Path,
    *,
    root: Path | None = None,
    pixel_size_A: float | None = None,
    with_images: bool = True,
) -> ParticleStack:
    """Read the particles of a STAR file; see `particle_stacks.read_particles`."""
    blocks = read_star(path)
    block = particle_block(blocks, path)
    data = WithOptics(blocks[block], blocks.get("optics", {}), path)
    images = _images(data, root, with_images)
    sizes_A = _pixel_sizes(data, images, pixel_size_A)
    names, micrograph = micrographs_of(data.table)
    with naming(path):
        return ParticleStack.of_images(
            images,
            sizes_A,
            shifts_yx_A=_shifts(data, sizes_A),
            rotations=_rotations(data),
            ctf=ctf_of(data),
            half=_halves(data),
            names=names,
            micrograph=micrograph,
            yx_px=_coordinates(data),
            score=scores(data.table[FOM], FOM, path) if FOM in data.table else np.nan,
            group=_group_numbers(data),
            extra={label: _objects(tokens) for label, tokens in data.table.items()},
            sidecar={name: other for name, other in blocks.items() if name != block},
        )


def particle_block(blocks: Mapping[str, StarTable], path: Path) -> str:
    """The name of the table with particle images.

    Raises
    ------
    CryoAIError
        If there is none, or it is empty.
    """
    for name, table in blocks.items():
        if IMAGE in table:
            if not len(table[IMAGE]):
                raise CryoAIError(
                    "holds no particles: its table is empty",
                    path=path,
                    remedy="Choose another file, or repeat the selection that made it",
                )
            return name
    raise CryoAIError(
        f"holds no particle images: the column _{IMAGE} is missing",
        path=path,
        remedy="Choose the STAR file of extracted or refined particles; picks are extracted first",
    )


def _images(data: WithOptics, root: Path | None, with_images: bool) -> ImageSource:
    names = [unquoted(token) for token in data.table[IMAGE]]
    sizes = data.find(BOX_SIZE)
    if not with_images:
        size = 0 if sizes is None or len(set(sizes.tolist())) > 1 else int(sizes[0])
        return AbsentImages(_objects(names), size, data.path)
    sign = data.find(SIGN)
    signs = None if sign is None else np.where(sign < 0, -1, 1).astype(np.int8)
    images = open_images(names, data.path, root=root, sign=signs)
    if sizes is not None and (wrong := sizes != images.box_size_px).any():
        raise CryoAIError(
            f"says that the images are {sizes[wrong][0]:g} pixels wide, and those of its stacks "
            f"are {images.box_size_px}",
            path=data.path,
            remedy="The stack is that of another extraction: copy the one that belongs to the file",
        )
    return images


def _pixel_sizes(data: WithOptics, images: ImageSource, given_A: float | None) -> Floats:
    if given_A is not None:
        return np.full(len(data), float(given_A))
    found = data.find(PIXEL_SIZE)
    if found is None:
        found = data.detector_pixel_size_A()
    if found is None:
        found = header_pixel_sizes(images)
    if not (found > 0).all():
        raise CryoAIError(
            "does not tell the pixel size of its images",
            path=data.path,
            remedy="Give it (--pixel-size-A), or an optics table with _rlnImagePixelSize",
        )
    return found


def micrographs_of(table: StarTable) -> tuple[tuple[str, ...], NDArray[np.int32] | int]:
    """The micrographs that a table names, and the index of each row among them."""
    if NAME not in table:
        return (), -1
    index: dict[str, int] = {}
    rows = [index.setdefault(unquoted(token), len(index)) for token in table[NAME]]
    return tuple(index), np.array(rows, np.int32)


def _shifts(data: WithOptics, sizes_A: Floats) -> Floats:
    """Where the particle lies from the box centre: what RELION subtracts, with its sign turned."""
    for labels, unit_A in ((SHIFTS_A, np.ones(len(data))), (SHIFTS_PX, sizes_A)):
        if all(label in data.table for label in labels):
            x, y = (data.require(label) for label in labels)
            return -np.stack([y * unit_A, x * unit_A], -1) + 0.0
    return np.zeros((len(data), 2))


def _rotations(data: WithOptics) -> Floats | None:
    if not all(label in data.table for label in ANGLES):
        return None
    return matrices_from_zyz(*(data.require(label) for label in ANGLES))


def ctf_of(data: WithOptics) -> ParticleCtf | None:
    """The CTF that the rows of a table tell; None if that is not the whole defocus."""
    if not all(label in data.table for label in DEFOCUS.values()):
        return None
    labels = {**DEFOCUS, **OTHER_CTF, **MICROSCOPE}
    values = {field: data.find(label) for field, label in labels.items()}
    flags = {field: data.find(label) for field, label in FLAGS.items()}
    known = {field: column for field, column in values.items() if column is not None}
    known |= {field: column != 0 for field, column in flags.items() if column is not None}
    return ParticleCtf.of_values(len(data), **known)


def _halves(data: WithOptics) -> NDArray[np.int8]:
    half = data.find(HALF)
    if half is None:
        return np.zeros(len(data), np.int8)
    return np.where(np.isin(half, (0, 1, 2)), half, -1).astype(np.int8)


def _coordinates(data: WithOptics) -> Floats:
    if X not in data.table or Y not in data.table:
        return np.full((len(data), 2), np.nan)
    return np.stack([data.require(Y), data.require(X)], -1)


def _group_numbers(data: WithOptics) -> NDArray[np.int32]:
    if GROUP not in data.table:
        return np.ones(len(data), np.int32)
    values = data.require(GROUP)
    if not ((values == np.round(values)) & (np.abs(values) < 1 << 30)).all():
        raise CryoAIError(
            f"the column _{GROUP} holds something that is no group's number",
            path=data.path,
            remedy="Write the file again with the program that made it",
        )
    return values.astype(np.int32)


def _objects(values: tuple[str, ...] | list[str]) -> NDArray[np.object_]:
    array = np.empty(len(values), object)
    array[:] = values
    return array
