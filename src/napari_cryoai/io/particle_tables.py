"""Tables of particles as they stand in their files, to take rows out of without loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from napari_cryoai.core.picks import StarTable
from napari_cryoai.io.atomic import replacing
from napari_cryoai.io.columns import is_numeric
from napari_cryoai.io.cryosparc import read_cs
from napari_cryoai.io.cryosparc_particles import UID, check_fields, image_names
from napari_cryoai.io.particle_files import ParticleFiles
from napari_cryoai.io.relion import NAME, X, Y
from napari_cryoai.io.relion_particles import IMAGE, particle_block
from napari_cryoai.io.star import Pairs, read_star, unquoted, write_star

ORIGINAL = "rlnImageOriginalName"
"""RELION's column for the image that another was made from."""
STAR, CS = ".star", ".cs"
_STACKS = (".mrcs", ".mrc", ".txt")
Rows = NDArray[np.int64]
Keys = Sequence[Any]


class ParticleTable(Protocol):
    """Particles in a file."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def ending(self) -> str:
        """Of the files that rows can be written to as they are; empty if there are none."""
        ...

    def names(self) -> list[str]:
        """`NNN@path` of each image, as the file spells it."""
        ...

    def keys(self) -> Mapping[str, Keys]:
        """What else a particle is known by in other files: `uid`, `original`, `place`."""
        ...

    def column(self, name: str) -> NDArray[np.float64] | None:
        """A column of numbers; None if there is none of that name."""
        ...

    def columns(self) -> list[str]:
        """Names of the columns of numbers."""
        ...

    def write(self, rows: Rows, output: Path) -> None:
        """Write these rows as they are, with all their columns."""
        ...


@dataclass(frozen=True, eq=False)
class StarTableOfParticles:
    """A STAR file; `block` is the name of the table with the particles."""

    path: Path
    blocks: Mapping[str, StarTable]
    block: str
    ending: str = STAR

    @property
    def table(self) -> StarTable:
        """The particles."""
        return self.blocks[self.block]

    def names(self) -> list[str]:
        return [unquoted(token) for token in self.table[IMAGE]]

    def keys(self) -> Mapping[str, Keys]:
        found: dict[str, Keys] = {}
        if UID in self.table:
            found["uid"] = self.table[UID]
        if ORIGINAL in self.table:
            found["original"] = [unquoted(token) for token in self.table[ORIGINAL]]
        if {NAME, X, Y} <= self.table.keys():
            names = [unquoted(token) for token in self.table[NAME]]
            x, y = self.column(X), self.column(Y)
            if x is not None and y is not None:
                places = np.stack([x, y], -1).round(2).tolist()
                found["place"] = [(name, *place) for name, place in zip(names, places, strict=True)]
        return found

    def column(self, name: str) -> NDArray[np.float64] | None:
        if name not in self.table or not is_numeric(self.table[name]):
            return None
        return np.array(self.table[name], object).astype(np.float64)

    def columns(self) -> list[str]:
        return [label for label, tokens in self.table.items() if is_numeric(tokens)]

    def write(self, rows: Rows, output: Path) -> None:
        chosen = rows.tolist()
        table = {
            label: tuple(map(tokens.__getitem__, chosen)) for label, tokens in self.table.items()
        }
        if isinstance(self.table, Pairs) and len(chosen) == 1:
            table = Pairs(table)
        write_star(output, {**self.blocks, self.block: table})


@dataclass(frozen=True, eq=False)
class CsTableOfParticles:
    """A `.cs` file."""

    path: Path
    table: NDArray[np.void]
    ending: str = CS

    def names(self) -> list[str]:
        return image_names(self.table)

    def keys(self) -> Mapping[str, Keys]:
        has_uid = "uid" in (self.table.dtype.names or ())
        return {"uid": [str(uid) for uid in self.table["uid"].tolist()]} if has_uid else {}

    def column(self, name: str) -> NDArray[np.float64] | None:
        field = self._fields.get(name)
        if field is None:
            return None
        values = self.table[field[0]]
        return (values if field[1] is None else values[:, field[1]]).astype(np.float64)

    def columns(self) -> list[str]:
        return list(self._fields)

    def write(self, rows: Rows, output: Path) -> None:
        with replacing(output) as part, part.open("wb") as file:
            npy.write_array(file, self.table[rows], allow_pickle=False)

    @cached_property
    def _fields(self) -> dict[str, tuple[str, int | None]]:
        """By names without slashes: `ctf/df1_A` is `ctf_df1_A`, of a vector `..._0`."""
        fields: dict[str, tuple[str, int | None]] = {}
        for name in self.table.dtype.names or ():
            kind, plain = self.table.dtype[name], name.replace("/", "_")
            if kind.base.kind in "iufb" and not kind.shape:
                fields[plain] = (name, None)
            elif kind.base.kind in "iuf" and len(kind.shape) == 1:
                fields |= {f"{plain}_{i}": (name, i) for i in range(kind.shape[0])}
        return fields


@dataclass(frozen=True, eq=False)
class StackOfParticles:
    """Stacks, of which nothing is known but the order."""

    files: ParticleFiles
    ending: str = ""

    @property
    def path(self) -> Path:
        return self.files.particles

    def names(self) -> list[str]:
        alone = ParticleFiles(self.path, root=self.files.root, pixel_size_A=1.0)
        return list(alone.read().images.names() or ())

    def keys(self) -> Mapping[str, Keys]:
        return {}

    def column(self, name: str) -> NDArray[np.float64] | None:
        return None

    def columns(self) -> list[str]:
        return []

    def write(self, rows: Rows, output: Path) -> None:
        raise ValueError("a stack has no rows")


def open_table(files: ParticleFiles) -> ParticleTable:
    """The table of particles in a file, unread images.

    Raises
    ------
    CryoAIError
        If the file is none, or has no particle images.
    """
    path = files.particles
    if path.suffix.lower() in _STACKS:
        return StackOfParticles(files)
    if path.suffix.lower() == CS:
        table = read_cs(path)
        check_fields(table, path)
        return CsTableOfParticles(path, table)
    blocks = read_star(path)
    return StarTableOfParticles(path, blocks, particle_block(blocks, path))
