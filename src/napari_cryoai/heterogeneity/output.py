"""The folder of a fitted latent space.

| file | what |
|---|---|
| `z.npz` | posterior of every particle's place, and which particle it is |
| `config.yaml` | method, parameters, the particle file |
| `model.safetensors` | mean, components and network, half precision |
| `volumes/` | the mean and the components as maps |
| `training.csv` | one line for each round |
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.engines.head import Head
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.io.atomic import replacing, write_text
from napari_cryoai.io.guards import check_readable
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.weights import read_weights, write_weights

AnyPath = str | PathLike[str]

LATENTS, CONFIG, MODEL, VOLUMES, TRAINING = (
    *("z.npz", "config.yaml", "model.safetensors", "volumes", "training.csv"),
)
KIND = "heterogeneity"
_COLUMN = "column_"
_NORMAL = ("normal_mean", "normal_covariance")
_HEAD = "head."


def write_model(
    model: LatentModel,
    folder: AnyPath,
    config: Mapping[str, Any],
    rounds: Sequence[Mapping[str, float]] = (),
) -> list[Path]:
    """Write all of it; the latents come last, so where they are, all is.

    Parameters
    ----------
    config
        Plain values: parameters, and under `particles` the path of the particle file.
    rounds
        How the training went.

    Returns
    -------
    paths
        Of the files.
    """
    folder = Path(folder)
    (folder / LATENTS).unlink(missing_ok=True)
    written = [_write_volumes(model, folder), _write_weights(model, folder / MODEL)]
    told = {"method": model.method, "z_dim": model.z_dim, "pixel_size_A": model.pixel_size_A}
    write_text(folder / CONFIG, yaml.safe_dump({**told, **config}, sort_keys=False))
    written.append(folder / CONFIG)
    if rounds:
        write_text(folder / TRAINING, _table(rounds))
        written.append(folder / TRAINING)
    write_latents(model.table, folder / LATENTS)
    return [*written, folder / LATENTS]


def read_model(folder: AnyPath) -> LatentModel:
    """Read what `write_model` wrote.

    Raises
    ------
    CryoAIError
        If a file is missing or damaged, or the files do not belong together.
    """
    folder = Path(folder)
    table = read_latents(folder / LATENTS)
    weights = read_weights(folder / MODEL, KIND)
    try:
        scales, facts = weights.facts["scales"], weights.facts
        mean, components = (
            torch.from_numpy(weights.tensors[name] * np.float32(scales[name]))
            for name in ("mean", "components")
        )
        head = _head(weights.tensors, facts)
        model = LatentModel(
            facts["method"], mean, components, head, table, float(facts["pixel_size_A"])
        )
        told = len(components) if head is None else head.sizes[0]
        right = components.ndim == 4 and components.shape[1:] == mean.shape
        if not right or told != table.z_dim:
            raise ValueError("shapes")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CryoAIError(
            "does not belong to the latents beside it",
            path=folder / MODEL,
            remedy="Copy the whole folder again, or train again",
        ) from error
    return model


def read_config(folder: AnyPath) -> dict[str, Any]:
    """Parameters of a training, and under `particles` the file that it read.

    Raises
    ------
    CryoAIError
        If there is none, or it is damaged.
    """
    path = check_readable(Path(folder) / CONFIG)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _foreign(path) from error
    if not isinstance(found, dict) or "method" not in found:
        raise _foreign(path)
    return found


def write_latents(table: LatentTable, path: Path) -> None:
    """Write a table as `z.npz`."""
    arrays: dict[str, NDArray[Any]] = {
        "mean": table.mean,
        "covariance": table.covariance,
        "rows": table.rows,
        "names": np.asarray(table.names, np.str_),
        **{_COLUMN + name: values for name, values in table.columns.items()},
    }
    if table.normal_mean is not None and table.normal_covariance is not None:
        arrays |= {name: getattr(table, name) for name in _NORMAL}
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_latents(path: AnyPath) -> LatentTable:
    """Read `z.npz`.

    Raises
    ------
    CryoAIError
        If the file is none, or damaged.
    """
    path = check_readable(Path(path))
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        columns = {
            name.removeprefix(_COLUMN): values.astype(np.float32)
            for name, values in arrays.items()
            if name.startswith(_COLUMN)
        }
        return LatentTable(
            arrays["mean"].astype(np.float32),
            arrays["covariance"].astype(np.float32),
            arrays["rows"].astype(np.int64),
            arrays["names"].astype(np.str_),
            columns,
            *(arrays[name].astype(np.float32) if name in arrays else None for name in _NORMAL),
        )
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise _foreign(path) from error


def _write_weights(model: LatentModel, path: Path) -> Path:
    volumes = {"mean": model.mean, "components": model.components}
    scales = {name: float(v.abs().max()) or 1.0 for name, v in volumes.items()}
    tensors = {name: (v / scales[name]).numpy() for name, v in volumes.items()}
    facts: dict[str, Any] = {
        "scales": scales,
        "method": model.method,
        "pixel_size_A": model.pixel_size_A,
    }
    if isinstance(model.head, Head):
        facts["head"] = list(model.head.sizes)
        state = model.head.state_dict()
        tensors |= {_HEAD + name: value.numpy() for name, value in state.items()}
    write_weights(path, tensors, KIND, facts)
    return path


def _head(tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Head | None:
    if "head" not in facts:
        return None
    head = Head(*facts["head"])
    mine = {
        name.removeprefix(_HEAD): torch.from_numpy(values)
        for name, values in tensors.items()
        if name.startswith(_HEAD)
    }
    head.load_state_dict(mine)
    return head.eval().requires_grad_(False)


def _write_volumes(model: LatentModel, folder: Path) -> Path:
    names = ["mean", *(f"component_{i + 1:03d}" for i in range(len(model.components)))]
    for name, volume in zip(names, [model.mean, *model.components], strict=True):
        density = DensityMap(volume.numpy(), model.pixel_size_A)
        write_map(folder / VOLUMES / f"{name}.mrc", density)
    return folder / VOLUMES


def _table(rounds: Sequence[Mapping[str, float]]) -> str:
    text = io.StringIO()
    names = list(dict.fromkeys(name for line in rounds for name in line))
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rounds)
    return text.getvalue()


def _foreign(path: Path) -> CryoAIError:
    return CryoAIError(
        "is not what 'cryoai heterogeneity train' writes, or is damaged",
        path=path,
        remedy="Choose the folder of a training, or train again",
    )
