"""Particle images of any format: RELION's STAR, cryoSPARC's `.cs`."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io import cryosparc_particles, relion_particles, relion_particles_writer
from napari_cryoai.io.guards import check_readable
from napari_cryoai.io.image_stacks import header_pixel_sizes

AnyPath = str | PathLike[str]

_SAME_PIXEL_SIZE = 0.05
"""Refined magnifications differ by a few per cent; a forgotten binning by a factor."""


def read_particles(
    path: AnyPath,
    *,
    root: AnyPath | None = None,
    pixel_size_A: float | None = None,
    with_images: bool = True,
) -> ParticleStack:
    """Read particles: their metadata now, their images when they are asked for.

    Parameters
    ----------
    path
        A `.star` file (RELION 3.0 to 5) or a `.cs` file.
    root
        Folder that the paths in it are relative to; the file's own folder, the three above it and
        the working folder are searched if it is not given.
    pixel_size_A
        What the user says of all images, whatever the file and the headers say.
    with_images
        False for the metadata alone, where the stacks are not at hand.

    Raises
    ------
    CryoAIError
        If the file is of another kind; if an image is missing or a stack too short; if poses,
        shifts or CTF values are not numbers; if pixel sizes are missing or contradict the headers.
    """
    path = check_readable(path)
    with path.open("rb") as file:
        is_cs = path.suffix.lower() == ".cs" or file.read(6) == b"\x93NUMPY"
    read = cryosparc_particles.read if is_cs else relion_particles.read
    folder = None if root is None else Path(root)
    stack = read(path, root=folder, pixel_size_A=pixel_size_A, with_images=with_images)
    if pixel_size_A is None:
        check_headers(stack, path)
    return stack


def write_particles(stack: ParticleStack, path: AnyPath) -> None:
    """Write the metadata as a STAR file of RELION 3.1, which RELION 4 and 5 read too.

    The images stay where they are: the file names them. Columns that are not ours, and values that
    have not been changed, are written as they were read, character for character.
    """
    path = Path(path)
    try:
        relion_particles_writer.write(stack, path)
    except OSError as error:
        raise CryoAIError(
            f"cannot be written ({error.strerror or error})",
            path=path,
            remedy="Choose another folder, or make room and ask for the right to write there",
        ) from None


def check_headers(stack: ParticleStack, path: Path) -> None:
    """Refuse pixel sizes that the stacks' headers contradict, as after a forgotten binning.

    Raises
    ------
    CryoAIError
        Naming the first particle and both pixel sizes.
    """
    header_A = header_pixel_sizes(stack.images)
    with np.errstate(invalid="ignore"):
        wrong = np.abs(header_A / stack.pixel_size_A - 1) > _SAME_PIXEL_SIZE
    if wrong.any():
        row = int(np.argmax(wrong))
        raise CryoAIError(
            f"gives particle {row + 1} (optics group {stack.group[row]}) a pixel size of "
            f"{stack.pixel_size_A[row]:g} A, and the header of its stack says {header_A[row]:g} A",
            path=path,
            remedy="Find out which is right, and give it with --pixel-size-A or correct the file",
        )
