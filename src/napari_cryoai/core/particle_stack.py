"""Particle images and what is known about each: the noun that reconstruction and learning take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.picks import StarTable

Floats = NDArray[np.float64]

_PER_ROW = ("pixel_size_A", "shifts_yx_A", "half", "micrograph", "yx_px", "score", "group")
"""Columns that every stack has."""


class ImageSource(Protocol):
    """Square images that are read when they are asked for; density is bright."""

    @property
    def box_size_px(self) -> int:
        """Side of the images; 0 if it is not known."""
        ...

    def __len__(self) -> int: ...

    def read(self, indices: NDArray[Any]) -> NDArray[np.float32]:
        """`(m, n, n)` images of these indices, in their order, as new memory.

        Raises
        ------
        CryoAIError
            If a file is missing or cut off, or holds values that are not finite.
        """
        ...

    def take(self, indices: NDArray[Any]) -> ImageSource:
        """A source of these images alone."""
        ...

    def names(self) -> Sequence[str] | None:
        """`NNN@path` of each image, or None for images that are in no file."""
        ...


@dataclass(frozen=True, eq=False)
class ParticleStack:
    """`n` particle images with one row of metadata each; a value that is never changed in place.

    Attributes
    ----------
    images
        Of the rows, in their order: `images.read(rows)`.
    pixel_size_A
        `(n,)` float64, of the particle images; it may differ between optics groups.
    shifts_yx_A
        `(n, 2)` float64, where the particle's centre lies relative to the box centre `n // 2`.
    rotations
        `(n, 3, 3)` float64, from the map into the view (see `core.euler`); None if not known.
    ctf
        None if the file tells no defocus.
    half
        `(n,)` int8, 1 or 2, and 0 for a particle that was given to no half.
    names, micrograph
        The micrographs, and `(n,)` int32 index into them; -1 where it is not known.
    yx_px
        `(n, 2)` float64, the box centre in pixels of the micrograph; NaN where it is not known. The
        particle lies at `yx_px + shifts_yx_A / pixel size of the micrograph`.
    score
        `(n,)` float32, of the picker; NaN where nobody gave one.
    group
        `(n,)` int32, number of the optics group.
    extra
        All columns of the file it came from, `(n,)` object arrays of str, exactly as written.
    sidecar
        Other tables of that file (optics groups, ...), untouched.
    """

    images: ImageSource
    pixel_size_A: Floats
    shifts_yx_A: Floats
    rotations: Floats | None
    ctf: ParticleCtf | None
    half: NDArray[np.int8]
    names: tuple[str, ...]
    micrograph: NDArray[np.int32]
    yx_px: Floats
    score: NDArray[np.float32]
    group: NDArray[np.int32]
    extra: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    sidecar: Mapping[str, StarTable] = field(default_factory=dict)

    @classmethod
    def of_images(
        cls,
        images: ImageSource,
        pixel_size_A: ArrayLike,
        *,
        shifts_yx_A: ArrayLike = 0.0,
        rotations: ArrayLike | None = None,
        ctf: ParticleCtf | None = None,
        half: ArrayLike = 0,
        names: Sequence[str] = (),
        micrograph: ArrayLike = -1,
        yx_px: ArrayLike = np.nan,
        score: ArrayLike = np.nan,
        group: ArrayLike = 1,
        extra: Mapping[str, NDArray[np.object_]] | None = None,
        sidecar: Mapping[str, StarTable] | None = None,
    ) -> ParticleStack:
        """Particles of images: one value for all, or one a row, of each column.

        Raises
        ------
        CryoAIError
            If a row's pose, shift or pixel size is not a number to work with.
        """
        n = len(images)

        def column(value: ArrayLike, dtype: Any, *shape: int) -> NDArray[Any]:
            return np.broadcast_to(np.asarray(value, dtype), (n, *shape)).copy()

        return cls(
            images=images,
            pixel_size_A=column(pixel_size_A, np.float64),
            shifts_yx_A=column(shifts_yx_A, np.float64, 2),
            rotations=None if rotations is None else column(rotations, np.float64, 3, 3),
            ctf=ctf,
            half=column(half, np.int8),
            names=tuple(names),
            micrograph=column(micrograph, np.int32),
            yx_px=column(yx_px, np.float64, 2),
            score=column(score, np.float32),
            group=column(group, np.int32),
            extra=dict(extra or {}),
            sidecar=dict(sidecar or {}),
        )

    def __post_init__(self) -> None:
        _check_lengths(self)
        _check_finite(self.pixel_size_A, "a pixel size", "Give the pixel size")
        _check_finite(self.shifts_yx_A, "a shift", "Remove that row, or align it again")
        if self.rotations is not None:
            _check_finite(self.rotations, "a pose", "Remove that row, or refine its pose again")
            _check_rotations(self.rotations)
        if not (self.pixel_size_A > 0).all():
            raise _bad_row(self.pixel_size_A <= 0, "a pixel size", "Give the pixel size")
        if not np.isin(self.half, (0, 1, 2)).all():
            remedy = "Halves are 1 and 2 (0 and 1 in cryoSPARC), and 0 in a STAR file is neither"
            raise _bad_row(~np.isin(self.half, (0, 1, 2)), "a half", remedy)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def box_size_px(self) -> int:
        """Side of the images."""
        return self.images.box_size_px

    def select(self, rows: NDArray[Any]) -> ParticleStack:
        """The rows of a mask or an index array, in that order; no image is read."""
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else np.asarray(rows, np.intp)
        return replace(
            self,
            images=self.images.take(rows),
            rotations=None if self.rotations is None else self.rotations[rows],
            ctf=None if self.ctf is None else self.ctf.select(rows),
            extra={label: tokens[rows] for label, tokens in self.extra.items()},
            **{name: getattr(self, name)[rows] for name in _PER_ROW},
        )

    def require_pixel_size(self) -> float:
        """The one pixel size of all images.

        Raises
        ------
        CryoAIError
            If there are several, or no particle.
        """
        sizes = np.unique(np.round(self.pixel_size_A, 5))
        if not len(sizes):
            raise CryoAIError("there are no particles", remedy="Choose another file of particles")
        if sizes[-1] / sizes[0] > 1.0005:
            found = ", ".join(f"{size:g}" for size in sizes[:4])
            raise CryoAIError(
                f"the particles have several pixel sizes ({found} A)",
                remedy="Work on one optics group at a time, or extract them with one pixel size",
            )
        return float(np.median(self.pixel_size_A))

    def require_rotations(self) -> Floats:
        """`(n, 3, 3)` rotations.

        Raises
        ------
        CryoAIError
            If there are none.
        """
        if self.rotations is None:
            raise CryoAIError(
                "the particles have no poses (_rlnAngleRot, _rlnAngleTilt, _rlnAnglePsi)",
                remedy="Choose the particles of a refinement",
            )
        return self.rotations

    def require_ctf(self) -> ParticleCtf:
        """The CTF with all it takes.

        Raises
        ------
        CryoAIError
            If there is none, or the file does not tell the microscope's settings.
        """
        if self.ctf is None:
            raise CryoAIError(
                "the particles have no CTF (_rlnDefocusU, _rlnDefocusV, _rlnDefocusAngle)",
                remedy="Extract them with --ctf, or choose particles that know their defocus",
            )
        return self.ctf.require_optics()


def _check_lengths(stack: ParticleStack) -> None:
    n = len(stack.images)
    columns = {name: getattr(stack, name) for name in _PER_ROW} | dict(stack.extra)
    if stack.rotations is not None:
        columns["rotations"] = stack.rotations
    if stack.ctf is not None:
        columns["ctf"] = stack.ctf.defocus_u_A
    wrong = [name for name, values in columns.items() if len(values) != n]
    if wrong:
        raise ValueError(f"{wrong[0]} has {len(columns[wrong[0]])} rows, there are {n} images")
    if n and not -1 <= stack.micrograph.min() <= stack.micrograph.max() < len(stack.names):
        raise ValueError("a particle belongs to a micrograph that has no name")


def _check_finite(values: Floats, what: str, remedy: str) -> None:
    bad = np.asarray(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if bad.any():
        raise _bad_row(bad, what, remedy)


def _check_rotations(rotations: Floats) -> None:
    """Refuse matrices that mirror or stretch."""
    error = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max((1, 2), initial=0)
    bad = np.asarray((error > 1e-3) | (np.linalg.det(rotations) < 0))
    if bad.any():
        raise _bad_row(bad, "a pose", "Poses must be rotations, without mirroring or stretching")


def _bad_row(bad: NDArray[np.bool_], what: str, remedy: str) -> CryoAIError:
    more = f" (and {bad.sum() - 1} more)" if bad.sum() > 1 else ""
    return CryoAIError(
        f"row {int(np.argmax(bad)) + 1}{more} has {what} that is not usable", remedy=remedy
    )
