"""Simulated micrographs with known particles: something to try the tools on, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QStandardPaths

from napari_cryoai import __version__
from napari_cryoai.physics.simulators.demo import write_demo_set
from napari_cryoai.ui.micrographs.panels import panel_of
from napari_cryoai.ui.micrographs.reader import read_images


def sample_folder(root: Path | None = None) -> Path:
    """A folder of simulated micrographs, and of where their particles truly are.

    It is made the first time, in the user's cache, in a second or two.
    """
    folder = (root or _cache()) / f"sample-{__version__}"
    write_demo_set(folder)
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
