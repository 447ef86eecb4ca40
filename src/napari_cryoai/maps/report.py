"""The verdict as files: report.json, fsc.csv and fsc.png."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_cryoai.io.atomic import write_text
from napari_cryoai.jobs.curves_picture import (
    resolution_text,
    write_curves_picture,
    write_curves_table,
)
from napari_cryoai.maps.verdict import Verdict

COLOURS = {
    "raw": "#56b4e9",
    "raw_masked": "#0072b2",
    "raw_corrected": "#000000",
    "denoised": "#f0c05a",
    "denoised_masked": "#e69f00",
    "cross": "#66c2a5",
    "cross_masked": "#009e73",
    "phase_randomised": "#cc79a7",
}
"""Okabe and Ito's, told apart by everybody, paler without mask; black for the resolution."""


def write_report(verdict: Verdict, folder: Path, facts: Mapping[str, Any] | None = None) -> None:
    """Write what the judge found: report.json, and fsc.csv and fsc.png where there are curves.

    Parameters
    ----------
    facts
        What else is to stand in report.json, before the verdict: the model, the input.
    """
    for name in ("report.json", "fsc.csv", "fsc.png"):
        (folder / name).unlink(missing_ok=True)
    curves = verdict.curves()
    if curves:
        write_curves_table(folder / "fsc.csv", verdict.rows())
        resolution = resolution_text(verdict.figures["resolution_A"])
        heading = f"{resolution} at FSC = 0.143; verdict: {verdict.severity}"
        named = {_label(name): curve for name, curve in curves.items()}
        colours = {_label(name): colour for name, colour in COLOURS.items()}
        write_curves_picture(folder / "fsc.png", named, colours, heading)
    record = {**(facts or {}), **verdict.as_dict()}
    write_text(folder / "report.json", json.dumps(record, indent=2) + "\n")


def _label(name: str) -> str:
    return "phases random" if name == "phase_randomised" else name.replace("_", ", ")
