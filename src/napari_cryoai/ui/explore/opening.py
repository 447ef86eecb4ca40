"""Reads the folder of a fitted latent space, for a thread."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.explore.live import look
from napari_cryoai.ui.explore.select_work import saved
from napari_cryoai.ui.latent.session import Opened, middle
from napari_cryoai.ui.maps.history import Content


@dataclass(frozen=True, eq=False)
class Read:
    """A latent space, and the map at the place where the cursor begins."""

    source: Opened
    looked: Content


def read_folder(folder: Path) -> Read:
    """Read all of a folder.

    Raises
    ------
    CryoAIError
        If it is none of ours, or damaged.
    """
    from napari_cryoai.heterogeneity.output import (  # it brings torch, which takes seconds
        TRAINING,
        read_config,
        read_model,
    )

    folder = folder.parent if folder.is_file() else folder
    model = read_model(folder)
    source = Opened(model, folder, read_config(folder), read_rounds(folder / TRAINING))
    return looked_at(replace(source, selections=saved(source)))


def looked_at(source: Opened) -> Read:
    """The map where the cursor begins, with its levels."""
    return Read(source, look(source.model, middle(source.model.table.mean)))


def read_rounds(path: Path) -> Mapping[str, NDArray[np.float64]]:
    """Columns of `training.csv`; none if there is no such file.

    Raises
    ------
    CryoAIError
        If it is no table of numbers.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        names = list(rows[0]) if rows else []
        return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}
    except (ValueError, TypeError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise CryoAIError(
            "is no table of numbers", path=path, remedy="Delete it: only the curves are lost"
        ) from error
