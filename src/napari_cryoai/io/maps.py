"""Density maps in MRC and CCP4 files, placed in space as their headers say."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.guards import believable_pixel_size
from napari_cryoai.io.mrc import MrcHeader, read_header, read_mrc, write_mrc

AnyPath = str | PathLike[str]

PLAIN_SUFFIXES = (".mrc", ".map", ".ccp4")
SUFFIXES = (
    *PLAIN_SUFFIXES,
    *(f"{suffix}{packed}" for suffix in PLAIN_SUFFIXES for packed in (".gz", ".bz2")),
)
"""Endings of the files that hold maps, in lower case."""
MAX_VOXELS = 1 << 31
"""8 GiB as float32."""
_STACK = (".mrcs", ".mrcs.gz", ".mrcs.bz2", ".st", ".st.gz", ".st.bz2")
_MAX_ASPECT = 8
_TOLERANCE = 1e-3


def read_map(path: AnyPath, pixel_size_A: float | None = None) -> DensityMap:
    """Read a 3D map.

    The axes of the file (`mapc`, `mapr`, `maps`) are brought into the order z, y, x. The map lies
    where `origin` says, in Angstrom; if that is zero, at `nstart`, in voxels. This is the rule of
    ChimeraX; programs that know only one of the two fields write 0 in the other.

    Parameters
    ----------
    path
        `.mrc`, `.map`, `.ccp4`, also followed by `.gz` or `.bz2`.
    pixel_size_A
        What the user says; the header's if not given.

    Raises
    ------
    CryoAIError
        If it is no map, tells no believable voxel size, or its voxels are not cubes.
    """
    path = Path(path)
    header = read_header(path)
    _check_volume(header, path)
    order = _axis_order(header, path)
    voxel_A = pixel_size_A or _voxel_size(header, path)
    data = np.transpose(_finite(read_mrc(path), path), order)
    starts = dict(zip(header.mapcrs, header.nstart, strict=True))
    origin = header.origin
    if not any(origin):
        origin = (starts[1] * voxel_A, starts[2] * voxel_A, starts[3] * voxel_A)
    if not all(math.isfinite(o) for o in origin):
        raise CryoAIError(
            "its header holds no finite origin", path=path, remedy="Write the map again"
        )
    return DensityMap(np.ascontiguousarray(data), voxel_A, (origin[2], origin[1], origin[0]))


def write_map(path: AnyPath, density: DensityMap) -> None:
    """Write a map as MRC2014, float32 (mode 2), its place in the field `origin`.

    Raises
    ------
    CryoAIError
        If the name does not end as that of an uncompressed map.
    """
    path = Path(path)
    if path.suffix.lower() not in PLAIN_SUFFIXES:
        raise CryoAIError(
            "is not a name for a map",
            path=path,
            remedy=f"Let the name end in one of {', '.join(PLAIN_SUFFIXES)}",
        )
    z, y, x = density.origin_A
    write_mrc(path, density.data, density.pixel_size_A, origin_xyz_A=(x, y, z))


def is_map(path: AnyPath) -> bool:
    """Whether a file is a 3D map rather than a micrograph or a stack, by its name and header.

    Headers are not reliable here: old stacks claim to be volumes, and old maps do not. What is
    ambiguous in an `.mrc` file is taken for a map if its box has no extremely short side.
    """
    name = Path(path).name.lower()
    if not name.endswith(SUFFIXES):
        return False
    try:
        header = read_header(path)
    except CryoAIError:
        return name.endswith(tuple(s for s in SUFFIXES if ".mrc" not in s))
    nz, ny, nx = header.shape
    if nz == 1 or _is_stack(header, name):
        return False
    return max(nz, ny, nx) <= _MAX_ASPECT * min(nz, ny, nx)


def _check_volume(header: MrcHeader, path: Path) -> None:
    nz, ny, nx = header.shape
    if nz == 1 or _is_stack(header, path.name.lower()):
        what = "one image" if nz == 1 else f"a stack of {nz} images"
        raise CryoAIError(
            f"is {what}, not a 3D map", path=path, remedy="Open it as micrographs or as particles"
        )
    if header.space_group >= 401:
        raise CryoAIError(
            "is a stack of several maps", path=path, remedy="Split it into one file per map"
        )
    if nz * ny * nx > MAX_VOXELS:
        raise CryoAIError(
            f"claims {nx} x {ny} x {nz} voxels, more than can be held in memory",
            path=path,
            remedy="Crop or bin the map first",
        )


def _is_stack(header: MrcHeader, name: str) -> bool:
    nz = header.shape[0]
    declared = header.space_group == 0 and header.grid[2] == 1
    return name.endswith(_STACK) or (nz > 1 and declared)


def _axis_order(header: MrcHeader, path: Path) -> tuple[int, int, int]:
    """Which axis of the stored array is z, which y, which x."""
    crs = header.mapcrs
    if not any(crs):  # files from before CCP4 had these fields
        return 0, 1, 2
    if sorted(crs) != [1, 2, 3]:
        raise CryoAIError(
            f"names its axes {crs} instead of 1, 2 and 3",
            path=path,
            remedy="Write the map again with another program",
        )
    # The array is [section, row, column]: column is its axis 2.
    return 2 - crs.index(3), 2 - crs.index(2), 2 - crs.index(1)


def _voxel_size(header: MrcHeader, path: Path) -> float:
    if any(header.cell_deg) and not np.allclose(header.cell_deg, 90, atol=0.01):
        raise CryoAIError(
            f"has oblique axes ({', '.join(f'{a:g}' for a in header.cell_deg)} degrees)",
            path=path,
            remedy="Resample it onto an orthogonal grid: crystallographic maps are not read",
        )
    sizes = [c / n if n > 0 else 0.0 for c, n in zip(header.cell_A, header.grid, strict=True)]
    x = sizes[0]
    if min(sizes) > 0 and max(sizes) - min(sizes) > _TOLERANCE * max(sizes):
        raise CryoAIError(
            f"its voxels are not cubes ({' x '.join(f'{s:.4g}' for s in sizes)} A)",
            path=path,
            remedy="Resample the map to cubic voxels, for instance with ChimeraX's 'vol resample'",
        )
    # float32 noise goes: 1.77, not 1.7699999809
    believed = believable_pixel_size(float(f"{x:.6g}"), 1) if min(sizes) > 0 else None
    if believed is None:
        raise CryoAIError(
            "does not tell its voxel size",
            path=path,
            remedy="Give it with --pixel-size-A, or in the widget's 'Voxel size' field",
        )
    return believed


def _finite(stored: NDArray[Any], path: Path) -> NDArray[np.float32]:
    """A copy in memory, so that a file that is overwritten later does not change what we show."""
    data = np.array(stored, np.float32)
    if np.isfinite(data.sum(dtype=np.float64)):
        return data
    finite = np.isfinite(data)
    if not finite.any():
        raise CryoAIError(
            "holds no finite voxel (all are NaN or infinite)",
            path=path,
            remedy="Repeat the reconstruction that made it",
        )
    data[~finite] = np.median(data[finite])
    return data
