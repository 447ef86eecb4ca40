"""The files that a CTF job leaves behind, and those it keeps while it runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.io.atomic import replacing
from napari_cryoai.io.micrograph_ctf import write_micrograph_ctf
from napari_cryoai.io.names import star_name
from napari_cryoai.jobs.batch import Store
from napari_cryoai.jobs.resume import ItemStore, fingerprint, safe_name
from napari_cryoai.particles.ctf_estimation import CtfParams
from napari_cryoai.particles.ctf_job import CtfResult, FoundCtf

STAR, PICTURES = "micrographs_ctf.star", "pictures"


class FileStore(Store[FoundCtf]):
    """Writes pictures for good, and keeps values in `output_dir/.partial` until `remove`.

    Values of other parameters, of other pixel sizes or of files that have changed since are not
    found again.
    """

    def __init__(self, output_dir: Path, params: CtfParams, micrographs: Sequence[Micrograph]):
        sizes = [(m.name, m.pixel_size_A) for m in micrographs]
        self._items = ItemStore(
            output_dir,
            fingerprint(params, sizes=sizes),
            {m.name: m.path for m in micrographs},
            suffix=".json",
        )
        self._pictures = picture_paths(output_dir, micrographs)

    def load(self, name: str) -> FoundCtf | None:
        if not self._pictures[name].is_file():
            return None
        return self._items.load(name, _read)

    def save(self, name: str, found: FoundCtf) -> None:
        with replacing(self._pictures[name]) as part:
            part.write_bytes(found.picture)
        text = json.dumps(asdict(found.ctf))
        self._items.save(name, lambda path: path.write_text(text, encoding="utf-8"))

    def remove(self) -> None:
        """Forget the values: the job is complete."""
        self._items.remove()


def picture_paths(output_dir: Path, micrographs: Sequence[Micrograph]) -> dict[str, Path]:
    """Where the picture of each micrograph is, by its name."""
    paths: dict[str, Path] = {}
    for m in micrographs:
        stem = safe_name(m.name.rpartition(".")[0] or m.name)
        path = output_dir / PICTURES / f"{stem}_ctf.png"
        if path in paths.values():
            path = path.with_name(f"{stem}_{len(paths) + 1}_ctf.png")
        paths[m.name] = path
    return paths


def write_result(
    result: CtfResult, micrographs: Sequence[Micrograph], output_dir: Path
) -> list[Path]:
    """Write `micrographs_ctf.star`, and name it and the pictures.

    Micrographs below the working folder are named by their path from there, as RELION does in a
    project; others by their file name.
    """
    by_name = {m.name: m for m in micrographs}
    rows = [replace(row, name=star_name(by_name[row.name])) for row in result.ctfs]
    write_micrograph_ctf(output_dir / STAR, rows)
    pictures = picture_paths(output_dir, micrographs)
    return [output_dir / STAR, *(pictures[row.name] for row in result.ctfs)]


def _read(path: Path) -> FoundCtf:
    values = json.loads(path.read_text(encoding="utf-8"))
    try:
        return FoundCtf(MicrographCtf(**values))
    except TypeError as error:
        raise ValueError("not whole") from error
