"""Simulated micrographs with known particles: something to try the tools on, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QStandardPaths

from napari_cryoai import __version__
from napari_cryoai.core.picks import concatenate
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import write_picks
from napari_cryoai.physics.simulate import demo_set, simulate_micrograph
from napari_cryoai.ui.reader import read_images
from napari_cryoai.ui.session import panel_of

SEED = 3
TRUTH = "true_positions.star"


def sample_folder(root: Path | None = None) -> Path:
    """A folder of simulated micrographs, and of where their particles truly are.

    It is made the first time, in the user's cache, in a second or two.
    """
    folder = (root or _cache()) / f"sample-{__version__}"
    if (folder / TRUTH).exists():
        return folder
    truth = []
    for i, model in enumerate(demo_set(SEED)):
        name = f"simulated_{i + 1:02d}.mrc"
        made = simulate_micrograph(model, SEED + i, name)
        write_mrc(folder / name, made.image, pixel_size_A=made.pixel_size_A)
        truth.append(made.picks)
    micrographs, _ = open_micrographs([folder])
    write_picks(concatenate(truth), folder / TRUTH, micrographs=micrographs)
    return folder


def simulated_micrographs() -> list[Any]:
    """For File > Open Sample: into the open panel, or else as layers."""
    folder = sample_folder()
    viewer = napari.current_viewer()
    panel = panel_of(viewer) if viewer is not None else None
    if panel is not None:
        panel.open([folder])
        return [(None,)]
    return read_images(sorted(str(path) for path in folder.glob("*.mrc")))


def _cache() -> Path:
    place = QStandardPaths.StandardLocation.GenericCacheLocation
    return Path(QStandardPaths.writableLocation(place)) / "napari-cryoai"
