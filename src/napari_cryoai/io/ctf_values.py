"""CTF values of micrographs, as other programs estimated them.

RELION's `micrographs_ctf.star`, CTFFIND4's text output, and cryoSPARC's exposures (`.cs`).
Documented in `docs/methods/ctf-estimation.md`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.io.cryosparc import read_cs
from napari_cryoai.io.guards import read_text
from napari_cryoai.io.micrograph_ctf import read_micrograph_ctf

_CTFFIND = "# Output from CTFF"
_HEADER = {
    "pixel_size_A": r"Pixel size:\s*(\S+) Angstroms",
    "voltage_kV": r"acceleration voltage:\s*(\S+) keV",
    "cs_mm": r"spherical aberration:\s*(\S+) mm",
    "amplitude_contrast": r"amplitude contrast:\s*([^\s;]+)",
}
_INPUT = re.compile(r"Input file:\s*(.+?)\s*;\s*Number of micrographs:\s*(\d+)")
_COARSEST = re.compile(r"min\. res\.:\s*(\S+) Angstroms")
_CS_FIELDS = {
    "defocus_u_A": "ctf/df1_A",
    "defocus_v_A": "ctf/df2_A",
    "defocus_angle_deg": "ctf/df_angle_rad",
    "voltage_kV": "ctf/accel_kv",
    "cs_mm": "ctf/cs_mm",
    "amplitude_contrast": "ctf/amp_contrast",
}
_CS_OPTIONAL = {
    "phase_shift_deg": ("ctf/phase_shift_rad",),
    "fit_score": ("ctf/cross_corr_ctffind4", "ctf_stats/cross_corr"),
    "fit_resolution_A": ("ctf/ctf_fit_to_A", "ctf_stats/ctf_fit_to_A"),
}
_BLOBS = ("micrograph_blob", "micrograph_blob_non_dw")


def read_ctf_values(path: str | PathLike[str]) -> list[MicrographCtf]:
    """Read CTF values of micrographs, in the order of the file.

    Parameters
    ----------
    path
        A STAR file of RELION, a `.cs` file of cryoSPARC's exposures, a text file of CTFFIND4, or a
        folder with such text files.

    Raises
    ------
    CryoAIError
        If it is none of these, or a value is missing or not usable.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    if path.suffix.lower() == ".star":
        return read_micrograph_ctf(path)
    if path.suffix.lower() == ".cs":
        return read_cryosparc_ctf(path)
    return read_ctffind(path)


def read_ctffind(path: str | PathLike[str]) -> list[MicrographCtf]:
    """Read the text output of CTFFIND4 (one line for each image of its input).

    A fit that CTFFIND4 calls `inf` is given the coarsest resolution that it fitted.
    """
    path = Path(path)
    text = read_text(path)
    if not text.startswith(_CTFFIND):
        raise CryoAIError(
            "holds no CTF values that can be read",
            path=path,
            remedy="Choose a micrographs_ctf.star, CTFFIND4's .txt output, or cryoSPARC's "
            "exposures .cs",
        )
    facts = {
        field: _number(_found(pattern, text, path), path) for field, pattern in _HEADER.items()
    }
    source, count = _source(text, path)
    coarsest = _COARSEST.search(text)
    worst_A = _number(coarsest[1], path) if coarsest else math.inf
    rows = [line.split() for line in text.splitlines() if line.strip() and line[0] != "#"]
    if len(rows) != count:
        raise _damaged(f"{len(rows)} lines of values for {count} micrographs", path)
    return [_ctffind_row(row, source, count, worst_A, facts, path) for row in rows]


def read_cryosparc_ctf(path: str | PathLike[str]) -> list[MicrographCtf]:
    """Read the exposures of cryoSPARC, whose angles are RELION's in radians."""
    path = Path(path)
    table = read_cs(path)
    names = table.dtype.names or ()
    blob = next((b for b in _BLOBS if f"{b}/path" in names and f"{b}/psize_A" in names), _BLOBS[0])
    needed = (*_CS_FIELDS.values(), f"{blob}/path", f"{blob}/psize_A")
    missing = [field for field in needed if field not in names]
    if missing:
        raise CryoAIError(
            f"holds no CTF values of micrographs: the field {missing[0]} is missing",
            path=path,
            remedy="Export the exposures of a CTF job from cryoSPARC: an exported group has these "
            "fields in one .cs file",
        )
    optional = {k: next((f for f in v if f in names), "") for k, v in _CS_OPTIONAL.items()}
    fields = {**_CS_FIELDS, **{k: f for k, f in optional.items() if f}}
    fields["pixel_size_A"] = f"{blob}/psize_A"
    columns = {field: _degrees(table, name, path).tolist() for field, name in fields.items()}
    micrographs = [_text(value) for value in table[f"{blob}/path"].tolist()]
    return [
        _row(name, {field: values[i] for field, values in columns.items()}, path)
        for i, name in enumerate(micrographs)
    ]


def _read_folder(folder: Path) -> list[MicrographCtf]:
    """The text files of CTFFIND4 in a folder, without its files of curves (`_avrot.txt`)."""
    found = [f for f in sorted(folder.glob("*.txt")) if not f.name.endswith("_avrot.txt")]
    rows = [row for file in found if _is_ctffind(file) for row in read_ctffind(file)]
    if not rows:
        raise CryoAIError(
            "the folder holds no text output of CTFFIND4",
            path=folder,
            remedy="Name the micrographs_ctf.star or the .cs file in it",
        )
    return rows


def _is_ctffind(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_CTFFIND)) == _CTFFIND.encode()


def _source(text: str, path: Path) -> tuple[str, int]:
    match = _INPUT.search(text)
    if match is None:
        raise _damaged("the line with the input file is missing", path)
    return PurePosixPath(match[1]).name, int(match[2])


def _ctffind_row(
    row: Sequence[str],
    source: str,
    count: int,
    worst_A: float,
    facts: dict[str, float],
    path: Path,
) -> MicrographCtf:
    if len(row) < 7:
        raise _damaged(f"a line has {len(row)} values instead of 7", path)
    number, u, v, angle, phase, score, resolution = (_number(token, path) for token in row[:7])
    values = {
        "defocus_u_A": u,
        "defocus_v_A": v,
        "defocus_angle_deg": angle,
        "phase_shift_deg": math.degrees(phase),
        "fit_score": score,
        "fit_resolution_A": resolution if math.isfinite(resolution) else worst_A,
    }
    name = source if count == 1 else f"{number:06.0f}@{source}"
    return _row(name, {**facts, **values}, path)


def _row(name: str, values: dict[str, float], path: Path) -> MicrographCtf:
    try:
        return MicrographCtf(name, **values)
    except CryoAIError as error:
        raise CryoAIError(error.problem, path=path, remedy=error.remedy) from None


def _degrees(table: NDArray[np.void], field: str, path: Path) -> NDArray[Any]:
    """A field as numbers, radians as degrees."""
    values = table[field]
    if values.dtype.kind not in "fiu" or values.ndim != 1:
        raise _damaged(f"the field {field} holds no numbers", path)
    values = values.astype(np.float64)
    return np.degrees(values) if field.endswith("_rad") else values


def _found(pattern: str, text: str, path: Path) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise _damaged(f"'{pattern.split(':')[0]}' is missing in its head", path)
    return match[1]


def _number(token: str, path: Path) -> float:
    try:
        return float(token)
    except ValueError:
        raise _damaged(f"'{token[:40]}' is no number", path) from None


def _damaged(problem: str, path: Path) -> CryoAIError:
    return CryoAIError(
        f"is damaged: {problem}",
        path=path,
        remedy="Write it again with the program that made it",
    )


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
