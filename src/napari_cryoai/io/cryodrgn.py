"""Particles as cryoDRGN takes them: stacks with `poses.pkl`, `ctf.pkl` and `ind.pkl`.

Documented in `docs/formats/cryodrgn.md`. Nothing is unpickled; see `io.plain_pickle`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.core.poses import from_cryodrgn
from napari_cryoai.io.columns import Floats
from napari_cryoai.io.cryodrgn_arrays import CTF_COLUMNS, read_ctf, read_poses
from napari_cryoai.io.guards import check_readable, read_text
from napari_cryoai.io.image_stacks import (
    StackedImages,
    header_pixel_sizes,
    locate,
    open_stacks,
)
from napari_cryoai.io.indices import read_indices
from napari_cryoai.io.particle_stacks import check_headers, read_particles
from napari_cryoai.io.row_order import check_order

AnyPath = str | PathLike[str]

_STACKS, _LIST = (".mrcs", ".mrc"), ".txt"
_SAME_BOX = 0.05


def read_cryodrgn(
    particles: AnyPath,
    *,
    poses: AnyPath | None = None,
    ctf: AnyPath | None = None,
    indices: AnyPath | None = None,
    root: AnyPath | None = None,
    pixel_size_A: float | None = None,
    uninvert_data: bool = False,
    shifts_in_pixels: bool = False,
    with_images: bool = True,
) -> ParticleStack:
    """Read particles as cryoDRGN takes them; what the pickles say replaces what the file says.

    Parameters
    ----------
    particles
        A stack (`.mrcs`, `.mrc`), a list of stacks (`.txt`), or a `.star` or `.cs` file.
    poses
        `poses.pkl`: rotations, and shifts as fractions of the box (0 if it has none).
    ctf
        `ctf.pkl`; it tells the pixel size too.
    indices
        Which of the particles; see `io.indices.read_indices`.
    root, pixel_size_A, with_images
        See `read_particles`.
    uninvert_data
        The density is dark in the images; cryoDRGN's option of this name.
    shifts_in_pixels
        The shifts of `poses` are in pixels, as `cryodrgn abinit` writes them.

    Raises
    ------
    CryoAIError
        If a file is of another kind, another length or, where that can be seen, another order; if
        a pickle holds more than arrays; if shifts are not in the unit; if the pixel size is not
        told, or told twice and differently.
    """
    path = check_readable(particles)
    is_stack = path.suffix.lower() in (*_STACKS, _LIST)
    table = None if ctf is None else read_ctf(ctf)
    folder = None if root is None else Path(root)
    if is_stack:
        stack = _of_stacks(path, folder, table, pixel_size_A)
    else:
        stack = read_particles(
            path, root=folder, pixel_size_A=pixel_size_A, with_images=with_images
        )
    if uninvert_data and isinstance(stack.images, StackedImages):
        dark = np.full(len(stack), -1, np.int8)
        stack = replace(stack, images=replace(stack.images, sign=dark))
    rows = None if indices is None else read_indices(indices, len(stack))
    fit = _fitting(len(stack), rows, path)
    stack = stack if rows is None else stack.select(rows)
    if ctf is not None and table is not None:
        stack = _with_ctf(stack, fit(table, Path(ctf)), Path(ctf), path)
    if poses is not None:
        stack = _with_poses(stack, Path(poses), fit, shifts_in_pixels, path)
    return stack


def _of_stacks(
    path: Path, root: Path | None, table: Floats | None, pixel_size_A: float | None
) -> ParticleStack:
    """The images of a stack, or of all stacks of a list, of which nothing else is known."""
    paths, said = ([path], [path.name]) if path.suffix.lower() != _LIST else _listed(path, root)
    images = open_stacks(paths, said)
    sizes_A: Any = pixel_size_A
    if sizes_A is None and table is not None:
        sizes_A = _box_A(table)[0] / images.box_size_px
    if sizes_A is None:
        sizes_A = header_pixel_sizes(images)
    if not (np.asarray(sizes_A) > 0).all():
        raise CryoAIError(
            "does not tell the pixel size of its images",
            path=path,
            remedy="Give it (--pixel-size-A), or the CTF parameters of cryoDRGN (--ctf)",
        )
    with naming(path):
        stack = ParticleStack.of_images(images, sizes_A)
    if pixel_size_A is None:
        check_headers(stack, path)
    return stack


def _listed(path: Path, root: Path | None) -> tuple[list[Path], list[str]]:
    """The stacks that a text file names, one a line, relative to its own folder."""
    said = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    found = [(locate(name, path, root=root), name) for name in said]
    missing = [name for file, name in found if file is None]
    if missing or not found:
        problem = f"there is no '{missing[0][:100]}'" if missing else "it names no stack"
        raise CryoAIError(
            f"is no list of stacks that can be read: {problem}",
            path=path,
            remedy="Write one .mrcs file a line, relative to the folder of the list",
        )
    return [file for file, _ in found if file is not None], said


Fitting = Callable[[Floats, Path], Floats]


def _fitting(count: int, rows: NDArray[np.int64] | None, particles: Path) -> Fitting:
    """Rows of a table for the chosen particles: it is that of all of them, or of these alone."""

    def fit(table: Floats, path: Path) -> Floats:
        if len(table) == count:
            return table if rows is None else table[rows]
        if rows is not None and len(table) == len(rows):
            return table
        chosen = "" if rows is None else f" ({len(rows):,} of them chosen)"
        raise CryoAIError(
            f"has {len(table):,} rows, and '{particles.name}' has {count:,} particles{chosen}",
            path=path,
            remedy="Choose the file that was made from these particles; row by row they belong "
            "together",
        )

    return fit


def _with_ctf(stack: ParticleStack, table: Floats, path: Path, particles: Path) -> ParticleStack:
    told_A = _box_A(table)
    box_A = stack.pixel_size_A * stack.box_size_px
    wrong = np.abs(told_A / box_A - 1) > _SAME_BOX
    if stack.box_size_px and wrong.any():
        row = int(np.argmax(wrong))
        raise CryoAIError(
            f"says in row {row + 1} that the box is {told_A[row]:.4g} A wide, and it is "
            f"{box_A[row]:.4g} A",
            path=path,
            remedy="Choose the ctf.pkl of these images, or give their pixel size (--pixel-size-A)",
        )
    columns: dict[str, Any] = dict(zip(CTF_COLUMNS, table[:, 2:].T, strict=True))
    if stack.ctf is not None:
        own = np.stack([stack.ctf.defocus_u_A, stack.ctf.defocus_v_A], -1)
        check_order(own, table[:, 2:4], 0.1, "defocus", path, particles)
    with naming(path):
        return replace(stack, ctf=ParticleCtf.of_values(len(table), **columns).require_optics())


def _with_poses(
    stack: ParticleStack, path: Path, fit: Fitting, in_pixels: bool, particles: Path
) -> ParticleStack:
    rotations, shifts = read_poses(path)
    rotations = fit(rotations, path)
    if shifts is not None:
        shifts = fit(shifts, path) / (stack.box_size_px if in_pixels else 1)
    with naming(path):
        box_A = stack.pixel_size_A * stack.box_size_px
        ours, shifts_yx_A = from_cryodrgn(rotations, shifts, box_A)
        if stack.rotations is not None:
            check_order(stack.rotations, ours, 1e-4, "poses", path, particles)
        return replace(stack, rotations=ours, shifts_yx_A=shifts_yx_A)


def _box_A(table: Floats) -> Floats:
    """`(n,)` sides of the boxes: that of the images whatever they were binned to since."""
    return table[:, 0] * table[:, 1]
