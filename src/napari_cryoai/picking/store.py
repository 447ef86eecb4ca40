"""Picks of single micrographs on disk, so that a killed job goes on where it was."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, Source
from napari_cryoai.jobs.batch import Store
from napari_cryoai.jobs.resume import ItemStore, fingerprint
from napari_cryoai.picking.detectors import shipped_weights
from napari_cryoai.picking.pick import MicrographPicks, PickParams

NUMBERS = ("threshold", "noise_level", "diameter_A", "strangeness", "size")


class FileStore(Store[MicrographPicks]):
    """Keeps what is found in `output_dir/.partial` until `remove` is called.

    Results of other parameters, of other pixel sizes or of files that have changed since are not
    found again.
    """

    def __init__(self, output_dir: Path, params: PickParams, micrographs: Sequence[Micrograph]):
        sizes = [(m.name, m.pixel_size_A) for m in micrographs]
        # The diameter of a set is estimated from the set, so what is in it matters too.
        others = {"sizes": sizes, "references": _stat(params.references)}
        if params.detector == "transformer":
            others["weights"] = _stat(params.weights or shipped_weights())
        self._items = ItemStore(
            output_dir,
            fingerprint(params, without={"threshold", "device"}, **others),
            {m.name: m.path for m in micrographs},
        )

    def load(self, name: str) -> MicrographPicks | None:
        return self._items.load(name, lambda path: _read_if_whole(path, name))

    def save(self, name: str, found: MicrographPicks) -> None:
        self._items.save(name, lambda path: _write(path, found))

    def remove(self) -> None:
        """Forget everything: the job is complete."""
        self._items.remove()


def _stat(path: Path | None) -> tuple[str, int, int] | None:
    if path is None or not path.exists():
        return None
    stat = path.stat()
    return str(path.resolve()), stat.st_size, stat.st_mtime_ns


def _write(path: Path, found: MicrographPicks) -> None:
    picks = found.picks
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            yx_px=picks.yx_px,
            score=picks.score,
            diameter_px=picks.diameter_px,
            in_junk=picks.in_junk,
            junk_mask=found.junk_mask,
            numbers=np.array([getattr(found, name) for name in NUMBERS]),
        )


def _read_if_whole(path: Path, name: str) -> MicrographPicks:
    """`_read`, with a `ValueError` for all that a damaged archive gives."""
    try:
        return _read(path, name)
    except (BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise ValueError("not whole") from error


def _read(path: Path, name: str) -> MicrographPicks:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
        picks = PickTable.of_points(
            name,
            data["yx_px"],
            score=data["score"],
            diameter_px=data["diameter_px"],
            in_junk=data["in_junk"],
            source=Source.AUTO,
        )
        numbers = data["numbers"].tolist()
        mask = data["junk_mask"].astype(np.bool_)
    if len(numbers) != len(NUMBERS):
        raise ValueError("of another version")
    return MicrographPicks(name, picks, mask, **dict(zip(NUMBERS, numbers, strict=True)))
