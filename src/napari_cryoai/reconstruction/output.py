"""The files that a reconstruction leaves behind, and those it keeps while it runs."""

from __future__ import annotations

import hashlib
import time
import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.image_stacks import StackedImages
from napari_cryoai.io.maps import write_map
from napari_cryoai.jobs.record import RECORD
from napari_cryoai.jobs.resume import ItemStore, fingerprint
from napari_cryoai.physics.backprojection import SliceSum
from napari_cryoai.reconstruction.fsc_picture import write_fsc_picture, write_fsc_table
from napari_cryoai.reconstruction.reconstruct import Reconstruction, ReconstructParams, Store

EVERY_S = 60.0
"""How much work a crash may cost."""


def write_reconstruction(found: Reconstruction, output_dir: Path) -> list[Path]:
    """Write half1.mrc, half2.mrc, map.mrc, fsc.csv, fsc.png and, where there are any, mask.mrc and
    map_sharpened.mrc.

    Returns
    -------
    files
        Written. Those of an earlier run are removed before the first of them is.
    """
    maps = {
        "half1.mrc": found.half1,
        "half2.mrc": found.half2,
        "map.mrc": found.map,
        "map_sharpened.mrc": found.sharpened,
        "mask.mrc": found.mask,
    }
    # Never a map beside halves, or a record beside maps, that are not its own.
    for name in (*maps, "fsc.csv", "fsc.png", RECORD):
        (output_dir / name).unlink(missing_ok=True)
    written = []
    for name, density in maps.items():
        if density is not None:
            written.append(output_dir / name)
            write_map(written[-1], _centred(density, found.pixel_size_A))
    write_fsc_table(output_dir / "fsc.csv", found.fsc)
    write_fsc_picture(output_dir / "fsc.png", found.fsc)
    return [*written, output_dir / "fsc.csv", output_dir / "fsc.png"]


class FileStore(Store):
    """Keeps the sums in `output_dir/.partial`, once a minute, until `remove` is called.

    Sums of other parameters, of another pixel size, of other poses or of stacks that have changed
    since are not found again.
    """

    def __init__(
        self, output_dir: Path, params: ReconstructParams, particles: Path, stack: ParticleStack
    ):
        size_A = stack.require_pixel_size()
        facts = fingerprint(
            params,
            without={"device"},
            size_A=size_A,
            stacks=_stacks(stack),
            poses=_digest(stack),
        )
        self._items = ItemStore(output_dir, facts, {"sums": particles})
        self._saved = time.monotonic()

    def load(self, sums: list[SliceSum]) -> list[int]:
        found = self._items.load("sums", lambda path: _read(path, sums))
        return found or [0 for _ in sums]

    def save(self, sums: list[SliceSum], done: list[int]) -> None:
        if time.monotonic() - self._saved < EVERY_S:
            return
        self._items.save("sums", lambda path: _write(path, sums, done))
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Forget everything: the job is complete."""
        self._items.remove()


def _stacks(stack: ParticleStack) -> list[tuple[str, int, int]]:
    """Path, size and time of the files that the images are in."""
    files = stack.images.files if isinstance(stack.images, StackedImages) else ()
    found = [(str(file.path), file.path.stat()) for file in files]
    return [(path, stat.st_size, stat.st_mtime_ns) for path, stat in found]


def _digest(stack: ParticleStack) -> str:
    """Of what is known of the particles, which may be told by more than one file."""
    digest = hashlib.blake2b(stack.shifts_yx_A.tobytes(), digest_size=16)
    if stack.rotations is not None:
        digest.update(stack.rotations.tobytes())
    if stack.ctf is not None:
        digest.update(stack.ctf.defocus_u_A.tobytes())
    if isinstance(stack.images, StackedImages):
        digest.update(stack.images.section.tobytes())
        digest.update(stack.images.sign.tobytes())
    return digest.hexdigest()


def _centred(density: Tensor, pixel_size_A: float) -> DensityMap:
    return DensityMap(np.ascontiguousarray(density.numpy(), np.float32), pixel_size_A)


def _write(path: Path, sums: list[SliceSum], done: list[int]) -> None:
    arrays = {"done": np.array(done)}
    for i, total in enumerate(sums):
        arrays[f"values{i}"] = total.values.cpu().numpy()
        arrays[f"weights{i}"] = total.weights.cpu().numpy()
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _read(path: Path, sums: list[SliceSum]) -> list[int]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            done: list[int] = data["done"].tolist()
            for i, total in enumerate(sums):
                total.values.copy_(torch.from_numpy(data[f"values{i}"]))
                total.weights.copy_(torch.from_numpy(data[f"weights{i}"]))
    except (BadZipFile, zlib.error, KeyError, EOFError, RuntimeError) as error:
        for total in sums:
            total.values.zero_()
            total.weights.zero_()
        raise ValueError("not whole") from error
    return done
