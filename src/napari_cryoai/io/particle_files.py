"""The files that tell of a set of particles, as one value: what a run remembers of its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.cryodrgn import read_cryodrgn
from napari_cryoai.io.indices import read_indices

AnyPath = str | PathLike[str]

_PATHS = ("particles", "poses", "ctf", "indices", "root")


@dataclass(frozen=True)
class ParticleFiles:
    """Where particles are told of; the meaning of each is that of `read_cryodrgn`.

    Attributes
    ----------
    particles
        `.star`, `.cs`, `.mrcs` or a list of stacks (`.txt`).
    poses, ctf, indices
        Files of cryoDRGN's, in place of what `particles` says; which particles to take.
    root
        Folder that the paths in `particles` are relative to.
    pixel_size_A
        Of the images, whatever files say.
    uninvert_data, shifts_in_pixels
        The density is dark in the images; the shifts of `poses` are in pixels.
    """

    particles: Path
    poses: Path | None = None
    ctf: Path | None = None
    indices: Path | None = None
    root: Path | None = None
    pixel_size_A: float | None = None
    uninvert_data: bool = False
    shifts_in_pixels: bool = False

    def read(self, *, with_images: bool = True) -> ParticleStack:
        """The chosen particles.

        Raises
        ------
        CryoAIError
            If a file is missing, of another kind or another length.
        """
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "particles"}
        return read_cryodrgn(self.particles, **given, with_images=with_images)

    def rows(self, count: int) -> NDArray[np.int64]:
        """`(count,)`, the rows in `particles` of the particles that `read` gives."""
        if self.indices is None:
            return np.arange(count, dtype=np.int64)
        return read_indices(self.indices)

    def moved(self, particles: AnyPath | None = None, root: AnyPath | None = None) -> ParticleFiles:
        """The same, with the file of particles, or the root of its paths, elsewhere."""
        files = self if particles is None else replace(self, particles=Path(particles))
        return files if root is None else replace(files, root=Path(root))

    def as_config(self) -> dict[str, Any]:
        """Plain values for a record, absolute paths; what was not given is left out."""
        told: dict[str, Any] = {}
        for name in (f.name for f in fields(self)):
            value = getattr(self, name)
            if value is not None and value is not False:
                told[name] = str(value.absolute()) if isinstance(value, Path) else value
        return told

    @classmethod
    def of_config(cls, config: Mapping[str, Any], path: Path | None = None) -> ParticleFiles:
        """Inverse of `as_config`; other keys are left alone.

        Raises
        ------
        CryoAIError
            If it names no particles, or a value is of another kind.
        """
        given = {f.name: config[f.name] for f in fields(cls) if config.get(f.name) is not None}
        if "particles" not in given or not all(_is_right(*item) for item in given.items()):
            raise CryoAIError(
                "does not say which particles it is about",
                path=path,
                remedy="Name the file of particles (--particles)",
            )
        typed: dict[str, Any] = {k: Path(v) if k in _PATHS else v for k, v in given.items()}
        return cls(**typed)


def _is_right(name: str, value: Any) -> bool:
    if name in _PATHS:
        return isinstance(value, (str, Path)) and "\0" not in str(value)
    if name == "pixel_size_A":
        return isinstance(value, (int, float)) and value > 0
    return isinstance(value, bool)
