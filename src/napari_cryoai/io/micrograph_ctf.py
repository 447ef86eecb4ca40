"""CTF values of micrographs in RELION's STAR files (`micrographs_ctf.star`).

Read are RELION 3.1 to 5 (an optics table beside the micrographs) and 3.0 (all in one table);
written is 3.1. Documented in `docs/formats/particles.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.core.picks import StarTable
from napari_cryoai.io.columns import Floats, decimals, trimmed
from napari_cryoai.io.optics import CONTRAST, CS, GROUP, GROUP_NAME, VOLTAGE, WithOptics
from napari_cryoai.io.star import quoted, read_star, unquoted, write_star

NAME = "rlnMicrographName"
NEEDED = {
    "defocus_u_A": "rlnDefocusU",
    "defocus_v_A": "rlnDefocusV",
    "defocus_angle_deg": "rlnDefocusAngle",
}
OPTICS = {
    "voltage_kV": VOLTAGE,
    "cs_mm": CS,
    "amplitude_contrast": CONTRAST,
}
OPTIONAL = {
    "phase_shift_deg": "rlnPhaseShift",
    "fit_score": "rlnCtfFigureOfMerit",
    "fit_resolution_A": "rlnCtfMaxResolution",
}
_PIXEL_SIZES = ("rlnMicrographPixelSize", "rlnMicrographOriginalPixelSize")


def read_micrograph_ctf(path: str | PathLike[str]) -> list[MicrographCtf]:
    """Read the CTF values of a set of micrographs, in the order of the file.

    Raises
    ------
    CryoAIError
        If a column is missing or a value is not usable.
    """
    path = Path(path)
    blocks = read_star(path)
    table = _micrographs(blocks, path)
    data = WithOptics(table, blocks.get("optics", {}), path)
    columns = {field: data.require(label) for field, label in {**NEEDED, **OPTICS}.items()}
    columns["pixel_size_A"] = _pixel_sizes(data)
    for field, label in OPTIONAL.items():
        found = data.find(label)
        columns[field] = np.zeros(len(data)) if found is None else found
    unknown = ~(columns["fit_resolution_A"] > 0)
    columns["fit_resolution_A"][unknown] = np.nan
    columns["fit_score"][unknown & (columns["fit_score"] == 0)] = np.nan
    names = [unquoted(token) for token in table[NAME]]
    try:
        rows = zip(names, *(column.tolist() for column in columns.values()), strict=True)
        return [MicrographCtf(row[0], **dict(zip(columns, row[1:], strict=True))) for row in rows]
    except CryoAIError as error:
        raise CryoAIError(error.problem, path=path, remedy=error.remedy) from None


def write_micrograph_ctf(path: str | PathLike[str], rows: Sequence[MicrographCtf]) -> None:
    """Write CTF values as `data_optics` and `data_micrographs` (RELION 3.1).

    Micrographs of the same microscope and pixel size share an optics group. Scores and
    resolutions that nobody told are written as 0, as RELION does.
    """
    groups = list(dict.fromkeys(map(_optics_of, rows)))
    table: dict[str, tuple[str, ...]] = {
        NAME: tuple(quoted(row.name) for row in rows),
        GROUP: tuple(str(groups.index(_optics_of(row)) + 1) for row in rows),
    }
    for field, label in {**NEEDED, **OPTIONAL}.items():
        table[label] = _decimals(rows, field)
    write_star(path, {"optics": _optics_table(groups), "micrographs": table})


def _optics_of(row: MicrographCtf) -> tuple[float, float, float, float]:
    return row.voltage_kV, row.cs_mm, row.amplitude_contrast, row.pixel_size_A


def _optics_table(groups: Sequence[tuple[float, float, float, float]]) -> StarTable:
    values = np.array(groups, float).reshape(-1, 4).T
    table = {
        GROUP_NAME: tuple(f"opticsGroup{i + 1}" for i in range(len(groups))),
        GROUP: tuple(str(i + 1) for i in range(len(groups))),
    }
    labels = (*OPTICS.values(), _PIXEL_SIZES[0])
    table |= {label: tuple(trimmed(v)) for label, v in zip(labels, values, strict=True)}
    return table | {_PIXEL_SIZES[1]: table[_PIXEL_SIZES[0]]}


def _decimals(rows: Sequence[MicrographCtf], field: str) -> tuple[str, ...]:
    return tuple(decimals(np.nan_to_num([getattr(row, field) for row in rows])))


def _micrographs(
    blocks: dict[str, dict[str, tuple[str, ...]]], path: Path
) -> dict[str, tuple[str, ...]]:
    for table in blocks.values():
        if NAME in table and all(label in table for label in NEEDED.values()):
            return table
    raise CryoAIError(
        f"holds no CTF values: a table with the columns _{NAME} and "
        f"{', '.join('_' + label for label in NEEDED.values())} is missing",
        path=path,
        remedy="Choose the micrographs_ctf.star of a CTF job (cryoai ctf, or RELION's CtfFind)",
    )


def _pixel_sizes(rows: WithOptics) -> Floats:
    for found in (rows.detector_pixel_size_A(), rows.find(_PIXEL_SIZES[0])):
        if found is not None:
            return found
    return rows.require(_PIXEL_SIZES[1])
