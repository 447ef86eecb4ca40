"""Results of single items, kept while a job runs, so that a killed job goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import replacing
from napari_cryoai.jobs.params import Params

Kept = TypeVar("Kept")

PARTIAL = ".partial"
_LONGEST_NAME = 80


def fingerprint(params: Params, *, without: set[str] | None = None, **others: object) -> str:
    """What the result of an item depends on besides its input file.

    Parameters
    ----------
    params
        The job's parameters.
    without
        Names of those that make no difference to an item: output folder, number of workers.
    others
        Whatever else matters: seed, device, checksums of references. Anything with a faithful
        `repr` will do.
    """
    text = params.model_dump_json(exclude=without)
    rest = {key: repr(value) for key, value in sorted(others.items())}
    return json.dumps([version("napari-cryoai"), type(params).__name__, text, rest])


class ItemStore:
    """Results of items, one file each in `output_dir/.partial`.

    A file's name carries a digest of the fingerprint and of the size and time of the item's input
    file: a result made under other circumstances is simply not found.

    Parameters
    ----------
    output_dir
        The folder that the job writes to.
    fingerprint
        See `fingerprint`.
    sources
        The input file of each item, by the item's name.
    suffix
        Of the files kept.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        fingerprint: str,
        sources: Mapping[str, str | os.PathLike[str]] | None = None,
        suffix: str = ".npz",
    ):
        self.folder = Path(output_dir) / PARTIAL
        self._fingerprint, self._suffix = fingerprint, suffix
        self._sources = dict(sources or {})
        for left_behind in self.folder.glob(".*.part"):
            left_behind.unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """Where the result of the item of that name is, or will be."""
        facts = json.dumps([name, self._fingerprint, self._stat(name)])
        digest = hashlib.sha256(facts.encode()).hexdigest()[:16]
        return self.folder / f"{safe_name(name)}-{digest}{self._suffix}"

    def done(self, name: str) -> bool:
        """Whether the result of the item is there."""
        return self.path(name).is_file()

    def save(self, name: str, write: Callable[[Path], object]) -> None:
        """Keep a result: `write` is given the path of a new file to write it to.

        That path keeps no suffix; numpy's savers must be given an open file.
        """
        with replacing(self.path(name)) as part:
            write(part)

    def load(self, name: str, read: Callable[[Path], Kept]) -> Kept | None:
        """The result of an item, or None if there is none that `read` can read."""
        path = self.path(name)
        if not path.is_file():
            return None
        try:
            return read(path)
        except (CryoAIError, OSError, ValueError):
            path.unlink(missing_ok=True)
            return None

    def remove(self) -> None:
        """Forget all results: the job is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _stat(self, name: str) -> list[str | int]:
        source = self._sources.get(name)
        if source is None:
            return []
        try:
            stat = Path(source).stat()
        except OSError:
            return [str(source)]
        return [str(Path(source).resolve()), stat.st_size, stat.st_mtime_ns]


def safe_name(name: str) -> str:
    """A file name made of what a micrograph is called, which may be a path or a stack's slice.

    It holds no separator and no leading dot; different names can give the same one.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._")
    return plain[-_LONGEST_NAME:].lstrip("._-") or "item"
