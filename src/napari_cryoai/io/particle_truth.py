"""`truth.npz`: what is known about simulated particles that show several states.

| array | shape | what |
|---|---|---|
| `conformer` | `(n,)` | which of the `k` states each particle is in |
| `state` | `(k,)` | what each state is called: an angle, a number |
| `coordinates` | `(k, d)` | places whose distances say how alike states are |
| `rotations` | `(n, 3, 3)` | that take the map into the view |
| `shifts_yx_A` | `(n, 2)` | the particle's centre relative to the box centre |
| `contrast` | `(n,)` | strength of each particle, 1 on average |
| `names` | `(n,)` | `NNN@path` of its image |
| `maps` | `(k,)` | files of the true maps, beside this one |
| `pixel_size_A` | `()` | of the images and maps |
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import replacing
from napari_cryoai.io.guards import check_readable
from napari_cryoai.io.maps import read_map

Floats = NDArray[np.float64]

TRUTH = "truth.npz"
_FLOATS = ("state", "coordinates", "rotations", "shifts_yx_A", "contrast")


@dataclass(frozen=True, eq=False)
class ParticleSetTruth:
    """What `truth.npz` holds, as listed above, and the folder that the maps are in."""

    conformer: NDArray[np.int64]
    state: Floats
    coordinates: Floats
    rotations: Floats
    shifts_yx_A: Floats
    contrast: Floats
    names: NDArray[np.str_]
    maps: NDArray[np.str_]
    pixel_size_A: float
    folder: Path = Path()

    def __post_init__(self) -> None:
        n, k = len(self.conformer), len(self.state)
        shapes = {
            "rotations": (n, 3, 3), "shifts_yx_A": (n, 2), "contrast": (n,), "names": (n,),
            "coordinates": (k, *self.coordinates.shape[1:]), "maps": (k,),
        }  # fmt: skip
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} is {getattr(self, name).shape}, not {shape}")
        if self.coordinates.ndim != 2:
            raise ValueError(f"coordinates is {self.coordinates.shape}")
        if n and not 0 <= self.conformer.min() <= self.conformer.max() < k:
            raise ValueError("a particle is in a state that there is not")

    def __len__(self) -> int:
        return len(self.conformer)

    @property
    def n_states(self) -> int:
        """States that the particles are drawn from."""
        return len(self.state)

    def map_of(self, conformer: int) -> DensityMap:
        """The true map of a state.

        Raises
        ------
        CryoAIError
            If its file is missing or broken, or lies outside the folder.
        """
        name = PurePosixPath(str(self.maps[conformer]))
        if name.is_absolute() or ".." in name.parts:
            raise CryoAIError(
                f"names a map outside its folder: '{name}'",
                path=self.folder / TRUTH,
                remedy="Simulate the particles again",
            )
        return read_map(self.folder / name)

    def rows_of(self, names: NDArray[np.str_]) -> NDArray[np.int64]:
        """The rows of the truth that images `NNN@path` are of; folders do not count.

        Raises
        ------
        CryoAIError
            If they are of other particles.
        """
        known = {_image(name): row for row, name in enumerate(self.names.tolist())}
        found = np.array([known.get(_image(name), -1) for name in names.tolist()], np.int64)
        if (found < 0).any():
            raise CryoAIError(
                f"knows nothing of the image '{names[int(np.argmin(found))]}'",
                path=self.folder / TRUTH,
                remedy="Give the truth.npz that was written with the particles",
            )
        return found


def _image(name: str) -> tuple[str, str]:
    """Number and file: a STAR file elsewhere names the same image by another path."""
    number, _, path = name.partition("@")
    return number.lstrip("0"), PurePosixPath(path).name


def write_truth(truth: ParticleSetTruth, path: str | PathLike[str]) -> None:
    """Write `truth.npz`; its maps are written by whoever has them."""
    arrays: dict[str, NDArray[Any]] = {
        f.name: np.asarray(getattr(truth, f.name)) for f in fields(truth) if f.name != "folder"
    }
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_truth(path: str | PathLike[str]) -> ParticleSetTruth:
    """Read `truth.npz`, or that of a folder.

    Raises
    ------
    CryoAIError
        If the file is missing, broken, or none.
    """
    path = Path(path)
    path = check_readable(path / TRUTH if path.is_dir() else path)
    try:
        with np.load(path, allow_pickle=False) as file:
            floats = {name: file[name].astype(np.float64) for name in _FLOATS}
            return ParticleSetTruth(
                conformer=file["conformer"].astype(np.int64),
                names=file["names"].astype(np.str_),
                maps=file["maps"].astype(np.str_),
                pixel_size_A=float(file["pixel_size_A"]),
                folder=path.parent,
                **floats,
            )
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise CryoAIError(
            "is no truth of simulated particles, or is damaged",
            path=path,
            remedy="Give the truth.npz that `cryoai simulate particles` wrote",
        ) from error
