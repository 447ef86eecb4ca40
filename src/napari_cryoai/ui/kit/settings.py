"""The plugin's page of napari's Preferences, with defaults where there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari.settings import get_plugin_settings
from qtpy.QtCore import QStandardPaths

PLUGIN = "napari-cryoai"


def setting(name: str, default: Any) -> Any:
    """One value of the page "Picking"."""
    try:
        page = get_plugin_settings(PLUGIN).picking
    except (KeyError, AttributeError):  # run from a plain script, without the manifest
        return default
    return getattr(page, name, default)


def autosave_folder() -> Path:
    """Where sessions are kept: the folder of the Preferences, or the user's data folder."""
    chosen = str(setting("autosave_folder", "")).strip()
    if chosen:
        return Path(chosen).expanduser()
    place = QStandardPaths.StandardLocation.GenericDataLocation
    return Path(QStandardPaths.writableLocation(place)) / PLUGIN / "sessions"


def journal_path(folders: Iterable[Path]) -> Path:
    """The journal of the micrographs in some folders; the same for the same folders."""
    absolute = sorted({str(folder.resolve()) for folder in folders})
    key = hashlib.sha256("\n".join(absolute).encode()).hexdigest()[:16]
    stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in Path(absolute[0]).name)[:40]
    return autosave_folder() / f"{stem or 'micrographs'}-{key}.jsonl"


def learned_path(journal: Path) -> Path:
    """Where the picker that has learned from the corrections in a journal is kept."""
    return journal.with_name(f"{journal.name.removesuffix('.jsonl')}.picker.safetensors")
