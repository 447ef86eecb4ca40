"""Particle images in cryoSPARC's `.cs` files: the reader.

Documented in `docs/formats/particles.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.core.euler import matrices_from_vectors
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ImageSource, ParticleStack
from napari_cryoai.io.columns import Floats
from napari_cryoai.io.cryosparc import from_fractions, read_cs
from napari_cryoai.io.image_stacks import AbsentImages, open_images

UID = "cryosparcUid"
"""Foreign column: the particle's number in cryoSPARC, for the way back."""

_PATH, _INDEX, _SHAPE = "blob/path", "blob/idx", "blob/shape"
_PIXEL_SIZE, _SIGN = "blob/psize_A", "blob/sign"
_POSE, _SHIFT, _SHIFT_PIXEL = "alignments3D/pose", "alignments3D/shift", "alignments3D/psize_A"
_SPLIT = "alignments3D/split"
_MICROGRAPH = "location/micrograph_path"
_PLACE = ("location/micrograph_shape", "location/center_x_frac", "location/center_y_frac")
_CTF = {
    "defocus_u_A": ("ctf/df1_A", 1.0),
    "defocus_v_A": ("ctf/df2_A", 1.0),
    "defocus_angle_deg": ("ctf/df_angle_rad", 180 / np.pi),
    "voltage_kV": ("ctf/accel_kv", 1.0),
    "cs_mm": ("ctf/cs_mm", 1.0),
    "amplitude_contrast": ("ctf/amp_contrast", 1.0),
    "phase_shift_deg": ("ctf/phase_shift_rad", 180 / np.pi),
    "b_factor_A2": ("ctf/bfactor", 1.0),
}
_NEEDED = (_PATH, _INDEX, _SHAPE, _PIXEL_SIZE)
_WIDTHS = {_PATH: (), _INDEX: (), _SHAPE: (2,), _PIXEL_SIZE: (), _POSE: (3,), _SHIFT: (2,)}


def read(
    path: Path,
    *,
    root: Path | None = None,
    pixel_size_A: float | None = None,
    with_images: bool = True,
) -> ParticleStack:
    """Read the particles of a `.cs` file; see `particle_stacks.read_particles`."""
    table = read_cs(path)
    check_fields(table, path)
    names, micrograph = _micrographs(table)
    sizes_A = table[_PIXEL_SIZE].astype(np.float64) if pixel_size_A is None else pixel_size_A
    with naming(path):
        return ParticleStack.of_images(
            _images(table, path, root, with_images),
            sizes_A,
            shifts_yx_A=_shifts(table),
            rotations=matrices_from_vectors(-table[_POSE]) if _has(table, _POSE) else None,
            ctf=_ctf(table),
            half=_halves(table),
            names=names,
            micrograph=micrograph,
            yx_px=_places(table),
            group=_groups(table),
            extra={UID: _texts(table["uid"])} if _has(table, "uid") else None,
        )


def _has(table: NDArray[np.void], *fields: str) -> bool:
    return all(field in (table.dtype.names or ()) for field in fields)


def image_names(table: NDArray[np.void]) -> list[str]:
    """`NNN@path` of each image, counted from 1."""
    # cryoSPARC marks the stacks that users imported with a '>' before their path.
    files = [_text(value).removeprefix(">") for value in table[_PATH].tolist()]
    pairs = zip(table[_INDEX].astype(np.int64).tolist(), files, strict=True)
    return [f"{max(index, 0) + 1:06d}@{file}" for index, file in pairs]


def check_fields(table: NDArray[np.void], path: Path) -> None:
    """Refuse a table that is not of particle images, as cryoSPARC writes them.

    Raises
    ------
    CryoAIError
        Naming the field that is missing or of another kind.
    """
    missing = [field for field in _NEEDED if not _has(table, field)]
    if missing or not len(table):
        what = f"the field {missing[0]} is missing" if missing else "its table is empty"
        raise CryoAIError(
            f"holds no particle images: {what}",
            path=path,
            remedy="Choose the particles of an extraction or refinement, not their passthrough",
        )
    numeric = [f for f in (*_WIDTHS, *(n for n, _ in _CTF.values())) if f != _PATH]
    wrong = [
        field
        for field in numeric
        if _has(table, field)
        and (table[field].dtype.kind not in "iuf" or table[field].shape[1:] != _width(field))
    ]
    if wrong or table[_PATH].dtype.kind not in "SU":
        raise CryoAIError(
            f"its field {(wrong or [_PATH])[0]} is not what cryoSPARC writes",
            path=path,
            remedy="Export it again from cryoSPARC",
        )


def _width(field: str) -> tuple[int, ...]:
    return _WIDTHS.get(field, ())


def _images(
    table: NDArray[np.void], path: Path, root: Path | None, with_images: bool
) -> ImageSource:
    names = image_names(table)
    if not with_images:
        return AbsentImages(_objects(names), int(table[_SHAPE][0, -1]), path)
    sign = np.ones(len(table), np.int8)
    if _has(table, _SIGN):
        sign[table[_SIGN] < 0] = -1
    images = open_images(names, path, root=root, sign=sign)
    if (wrong := table[_SHAPE] != images.box_size_px).any():
        raise CryoAIError(
            f"says that the images are {table[_SHAPE][wrong.any(1)][0, -1]} pixels wide, and those "
            f"of its stacks are {images.box_size_px}",
            path=path,
            remedy="The stack is that of another job: copy the one that belongs to the file",
        )
    return images


def _shifts(table: NDArray[np.void]) -> Floats:
    """Where the particle lies from the box centre; cryoSPARC has x, y to subtract, in pixels."""
    if not _has(table, _SHIFT):
        return np.zeros((len(table), 2))
    pixel = table[_SHIFT_PIXEL if _has(table, _SHIFT_PIXEL) else _PIXEL_SIZE].astype(np.float64)
    return -table[_SHIFT].astype(np.float64)[:, ::-1] * pixel[:, None] + 0.0


def _ctf(table: NDArray[np.void]) -> ParticleCtf | None:
    if not _has(table, "ctf/df1_A", "ctf/df2_A", "ctf/df_angle_rad"):
        return None
    values = {
        name: table[field].astype(np.float64) * factor
        for name, (field, factor) in _CTF.items()
        if _has(table, field)
    }
    return ParticleCtf.of_values(len(table), **values)


def _halves(table: NDArray[np.void]) -> NDArray[np.int8]:
    if not _has(table, _SPLIT):
        return np.zeros(len(table), np.int8)
    split = table[_SPLIT].astype(np.int64)
    return np.where(np.isin(split, (0, 1)), split + 1, -1).astype(np.int8)


def _groups(table: NDArray[np.void]) -> NDArray[np.int32]:
    if not _has(table, "ctf/exp_group_id"):
        return np.ones(len(table), np.int32)
    _, which = np.unique(table["ctf/exp_group_id"], return_inverse=True)
    return (which.reshape(-1) + 1).astype(np.int32)


def _micrographs(table: NDArray[np.void]) -> tuple[tuple[str, ...], NDArray[np.int32] | int]:
    if not _has(table, _MICROGRAPH):
        return (), -1
    names, which = np.unique(table[_MICROGRAPH], return_inverse=True)
    return tuple(_text(name) for name in names.tolist()), which.reshape(-1).astype(np.int32)


def _places(table: NDArray[np.void]) -> Floats:
    if not _has(table, *_PLACE):
        return np.full((len(table), 2), np.nan)
    x, y = from_fractions(table)
    return np.stack([y, x], -1)


def _texts(values: NDArray[Any]) -> NDArray[np.object_]:
    return _objects([str(value) for value in values.tolist()])


def _objects(values: list[str]) -> NDArray[np.object_]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
