"""Writes models."""

from __future__ import annotations

from pathlib import Path

from napari_cryoai.io.models import write_model
from napari_cryoai.ui.models.session import Content

SAVE_FILTER = "mmCIF (*.cif);;PDB (*.pdb)"


def save_model(path: Path, name: str, content: Content) -> str:
    """Write a model as its ending says, mmCIF or PDB; returns that, in a sentence.

    Raises
    ------
    CryoAIError
        If the format cannot hold it.
    """
    if not path.suffix:
        path = path.with_suffix(".cif")
    write_model(path, content.model, title=name)
    return f"Saved {len(content.model.residues):,} residues as {path}"
