"""`cryoai fsc`: the resolution that two half maps speak for."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from rich.console import Console
from rich.table import Table
from torch import Tensor

from napari_cryoai.cli.options import PATH, errors_told, params_from, params_options
from napari_cryoai.core.density_map import DensityMap, check_same_grid
from napari_cryoai.core.errors import CryoAIError, naming
from napari_cryoai.io.guards import check_writable
from napari_cryoai.io.maps import read_map
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.record import write_record
from napari_cryoai.physics.fsc import (
    HALF_MAPS,
    MAP_TO_MODEL,
    FscCurve,
    HalfMapFsc,
    half_map_fsc,
)
from napari_cryoai.reconstruction.fsc_picture import (
    resolution_text,
    write_fsc_picture,
    write_fsc_table,
)

_MASK_SLACK = 0.05


class FscParams(Params):
    """How an FSC is computed."""

    pixel_size_A: float | None = Field(
        None,
        gt=0,
        title="Voxel size",
        description="Of the maps; as in their headers if not given.",
        json_schema_extra={"unit": "A"},
    )
    seed: int = Field(0, ge=0, title="Seed", description="Of the random phases of the correction.")


@click.command("fsc")
@click.argument("half1", type=PATH)
@click.argument("half2", type=PATH)
@click.option("--mask", type=PATH, help="Soft mask, a map from 0 to 1.")
@click.option("--output", type=PATH, help="Folder to write fsc.csv, fsc.png and job.json to.")
@params_options(FscParams)
@click.option("--json", "as_json", is_flag=True, help="Report in JSON, for machines.")
def fsc_command(
    half1: Path,
    half2: Path,
    mask: Path | None,
    output: Path | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Fourier shell correlation of two half maps, HALF1 and HALF2.

    Prints the resolution at 0.143 and 0.5. With a mask also that of the masked maps, and the one to
    report: corrected for what the mask itself correlates, with random phases.
    """
    with errors_told(as_json):
        started = time.monotonic()
        params = params_from(FscParams, values)
        if output:
            check_writable(output)
        paths = [half1, half2] + ([mask] if mask else [])
        pixel_size_A, maps = read_on_one_grid(paths, params.pixel_size_A)
        curves = half_map_fsc(
            maps[0], maps[1], pixel_size_A, maps[2] if mask else None, seed=params.seed
        )
        if output:
            _write(output, curves, params, paths, time.monotonic() - started)
        report(curves.curves(), as_json, pixel_size_A)


def read_on_one_grid(
    paths: list[Path], pixel_size_A: float | None
) -> tuple[float, tuple[Tensor, ...]]:
    """Read two maps that are compared voxel by voxel, and a mask if there is a third path.

    Returns
    -------
    pixel_size_A
        Of them all.
    maps
        `(nz, ny, nx)` each.

    Raises
    ------
    CryoAIError
        If box or voxel size differ (their places may: many programs write no origin), or one of
        them holds nothing.
    """
    first = read_map(paths[0], pixel_size_A)
    second = read_map(paths[1], pixel_size_A)
    _check_grid(first, second, paths[1])
    masks = [read_mask(path, first, pixel_size_A) for path in paths[2:]]
    for path, density in zip(paths[:2], (first, second), strict=True):
        _check_contrast(density.data, path)
    return first.pixel_size_A, (*(torch.from_numpy(m.data) for m in (first, second)), *masks)


def read_mask(path: Path, density: DensityMap, pixel_size_A: float | None = None) -> Tensor:
    """Read a mask `(nz, ny, nx)` for a map.

    Raises
    ------
    CryoAIError
        If box or voxel size are not those of the map, or its values are not those of a mask.
    """
    mask = read_map(path, pixel_size_A)
    _check_grid(density, mask, path)
    _check_mask(mask.data, path)
    return torch.from_numpy(mask.data)


def report(curves: dict[str, FscCurve], as_json: bool, pixel_size_A: float) -> None:
    """Tell the resolutions of curves."""
    shown = {name: curve for name, curve in curves.items() if name != "randomised"}
    if as_json:
        found = {name: resolutions(curve) for name, curve in shown.items()}
        click.echo(json.dumps({"pixel_size_A": pixel_size_A, **found}))
        return
    table = Table("", "FSC 0.143", "FSC 0.5")
    for name, curve in shown.items():
        cells = [resolution_text(curve.resolution_A(t)) for t in (HALF_MAPS, MAP_TO_MODEL)]
        table.add_row(name, *cells)
    Console(width=100).print(table)


def resolutions(curve: FscCurve) -> dict[str, float | None]:
    """The resolutions that a curve speaks for, as JSON; null where there is none."""
    named = {"resolution_0.143_A": HALF_MAPS, "resolution_0.5_A": MAP_TO_MODEL}
    values = {name: curve.resolution_A(level) for name, level in named.items()}
    return {name: v if math.isfinite(v) else None for name, v in values.items()}


def _check_contrast(data: NDArray[np.float32], path: Path) -> None:
    if data.max() > data.min():
        return
    raise CryoAIError(
        "holds the same value everywhere", path=path, remedy="Repeat what made it, or copy it again"
    )


def _check_mask(data: NDArray[np.float32], path: Path) -> None:
    low, high = float(data.min()), float(data.max())
    if low >= -_MASK_SLACK and 0.5 < high <= 1 + _MASK_SLACK:
        return
    raise CryoAIError(
        f"is no mask: its values go from {low:.3g} to {high:.3g}",
        path=path,
        remedy="Give a map that is 1 inside, 0 outside and soft between",
    )


def _check_grid(first: DensityMap, other: DensityMap, path: Path) -> None:
    with naming(path):
        check_same_grid(first, replace(other, origin_A=first.origin_A))


def _write(
    output: Path, curves: HalfMapFsc, params: FscParams, paths: list[Path], seconds: float
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    write_fsc_table(output / "fsc.csv", curves)
    write_fsc_picture(output / "fsc.png", curves)
    made = [output / "fsc.csv", output / "fsc.png"]
    write_record(
        output, "fsc", params, inputs=paths, outputs=made, seed=params.seed, seconds=seconds
    )
