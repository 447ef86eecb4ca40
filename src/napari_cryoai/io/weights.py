"""Weights of networks in safetensors files, with what is known about them as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import replacing
from napari_cryoai.io.guards import check_readable

AnyPath = str | PathLike[str]
Tensors = Mapping[str, NDArray[Any]]

SUFFIX = ".safetensors"
KEY = "napari_cryoai"
"""The one entry of the file's metadata, which holds JSON."""

MAX_BYTES = 1 << 32


@dataclass(frozen=True, eq=False)
class Weights:
    """What is in a weights file.

    Attributes
    ----------
    tensors
        By name, float32.
    kind
        What they are weights of: "picker".
    facts
        Configuration, calibration, figures: whatever JSON the writer added.
    digest
        Of tensors and facts; tells two files apart.
    """

    tensors: dict[str, NDArray[np.float32]]
    kind: str
    facts: dict[str, Any] = field(default_factory=dict)
    digest: str = ""


def write_weights(path: AnyPath, tensors: Tensors, kind: str, facts: Mapping[str, Any]) -> None:
    """Write tensors as float16.

    Raises
    ------
    CryoAIError
        If the name does not end in `.safetensors`, or a number does not fit float16.
    """
    path = check_name(path)
    with np.errstate(over="ignore"):
        half = {name: np.array(t, np.float16, order="C") for name, t in tensors.items()}
    lost = [name for name, t in half.items() if not np.isfinite(t).all()]
    if lost:
        raise CryoAIError(
            f"{lost[0]} holds numbers that are not finite in half precision",
            path=path,
            remedy="The training diverged: repeat it with a lower learning rate",
        )
    told = json.loads(json.dumps(dict(facts)))
    header = {"kind": kind, "digest": _digest(half, told), "facts": told}
    content = save(half, {KEY: json.dumps(header, sort_keys=True)})
    with replacing(path) as part:
        part.write_bytes(content)


def read_weights(path: AnyPath, kind: str) -> Weights:
    """Read tensors as float32.

    Raises
    ------
    CryoAIError
        If the file is no safetensors file of this program, damaged, or of another kind.
    """
    path = check_readable(path)
    if path.stat().st_size > MAX_BYTES:
        raise _foreign(path)
    try:
        with safe_open(path, "np") as file:
            header = _header(file.metadata(), path)
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (
        SafetensorError,
        OSError,
        KeyError,
        TypeError,
        ValueError,
        MemoryError,
        RecursionError,
    ) as error:
        raise _foreign(path) from error
    if header["kind"] != kind:
        raise CryoAIError(
            f"holds weights of a {header['kind']}, not of a {kind}",
            path=path,
            remedy=f"Choose weights that 'cryoai train {kind}' has written",
        )
    # Files from before the facts were part of it have the checksum of the tensors alone.
    if header["digest"] not in (_digest(stored, header["facts"]), _digest(stored)):
        raise CryoAIError(
            "is damaged: its checksum is not that of its content",
            path=path,
            remedy="Copy or download the file again",
        )
    tensors = {name: np.asarray(t, np.float32) for name, t in stored.items()}
    return Weights(tensors, kind, header["facts"], header["digest"])


def check_name(path: AnyPath) -> Path:
    """The path, if weights may be written to it."""
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise CryoAIError(
            "is not a name for weights", path=path, remedy=f"Let the name end in {SUFFIX}"
        )
    return path


def _header(metadata: dict[str, str] | None, path: Path) -> dict[str, Any]:
    header = json.loads((metadata or {})[KEY])
    kinds = {"kind": str, "digest": str, "facts": dict}
    if not isinstance(header, dict) or any(
        not isinstance(header.get(key), kind) for key, kind in kinds.items()
    ):
        raise _foreign(path)
    return header


def _digest(tensors: Tensors, facts: Mapping[str, Any] | None = None) -> str:
    total = hashlib.sha256()
    if facts is not None:
        total.update(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {tensor.dtype} {tensor.shape};".encode())
        total.update(tensor.tobytes())
    return total.hexdigest()


def _foreign(path: Path) -> CryoAIError:
    return CryoAIError(
        "is not a whole weights file of this program",
        path=path,
        remedy="Choose a .safetensors file that 'cryoai train' has written, or copy it again",
    )
