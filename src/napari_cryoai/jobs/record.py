"""`job.json`: what made the files beside it, from what, and how."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import write_text
from napari_cryoai.jobs.params import Params

RECORD = "job.json"
_PACKAGE = "napari-cryoai"


def write_record(
    output_dir: str | os.PathLike[str],
    name: str,
    params: Params,
    *,
    inputs: Iterable[str | os.PathLike[str]] = (),
    outputs: Iterable[str | os.PathLike[str]] = (),
    problems: Iterable[CryoAIError] = (),
    seed: int | None = None,
    device: str = "cpu",
    seconds: float = 0.0,
) -> Path:
    """Write `output_dir/job.json`, in place of an older one.

    Parameters
    ----------
    output_dir
        The folder that the job wrote to.
    name
        What the command line calls the job: "pick".
    params
        All its parameters, defaults included.
    inputs, outputs
        Files read and written; recorded with their size and time.
    problems
        Items that failed, and why.
    seed, device
        What the result depends on besides.
    seconds
        How long the job took.

    Returns
    -------
    path
        Of the record.
    """
    record = {
        "job": name,
        "parameters": json.loads(params.model_dump_json()),
        "seed": seed,
        "device": device,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "inputs": [_file(path) for path in inputs],
        "outputs": [_file(path) for path in outputs],
        "problems": [error.as_json() for error in problems],
        "platform": {
            "system": platform.platform(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "packages": package_versions(),
    }
    path = Path(output_dir) / RECORD
    write_text(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return path


def read_record(output_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """The record of the job that wrote to `output_dir`.

    Raises
    ------
    CryoAIError
        If there is none, or it is damaged.
    """
    path = Path(output_dir) / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CryoAIError(
            "there is no readable record of a job here",
            path=path,
            remedy="Choose the folder that a job wrote to, or run the job again",
        ) from error
    if not isinstance(record, dict) or "job" not in record:
        raise CryoAIError(
            "this is not the record of a job", path=path, remedy="Run the job again to get one"
        )
    return record


def package_versions() -> dict[str, str]:
    """Versions of this package and of what it needs, as far as they are installed."""
    needed = {re.split(r"[^\w.-]", need)[0] for need in requires(_PACKAGE) or ()}
    found = {}
    for package in sorted({_PACKAGE, *needed} | ({"torch"} & sys.modules.keys())):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _file(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        stat = Path(path).stat()
    except OSError:
        return {"path": str(path), "bytes": None, "modified": None}
    modified = datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(timespec="microseconds")
    return {"path": str(Path(path).resolve()), "bytes": stat.st_size, "modified": modified}
