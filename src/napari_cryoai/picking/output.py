"""The files that a picking job leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_cryoai.core.document import PickDocument, PickFilters
from napari_cryoai.core.filters import shown
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.names import star_name
from napari_cryoai.io.picks import write_picks
from napari_cryoai.picking.pick import PickResult

KEPT = "picks.star"
ALL = "all_peaks.star"

SIZE_OFF = 0.1
"""How much larger or smaller particles may look before it is worth a word."""


def kept_picks(result: PickResult, micrographs: Sequence[Micrograph]) -> PickTable:
    """The picks above the threshold and off the junk."""
    document = PickDocument(result.picks, PickFilters(threshold=result.threshold))
    return result.picks.select(shown(document, {m.name: m for m in micrographs}))


def write_result(
    result: PickResult, micrographs: Sequence[Micrograph], output_dir: Path
) -> list[Path]:
    """Write `picks.star` (kept ones) and `all_peaks.star` (down to the floor), RELION 3.1.

    Micrographs below the working folder are named by their path from there, as RELION does in a
    project; others by their file name.
    """
    names = {m.name: star_name(m) for m in micrographs}
    renamed = [replace(m, name=names[m.name]) for m in micrographs]
    kept, everything = (
        replace(table, names=tuple(names.get(n, n) for n in table.names))
        for table in (kept_picks(result, micrographs), result.picks)
    )
    return [
        *write_picks(everything, output_dir / ALL, micrographs=renamed, full=True),
        *write_picks(kept, output_dir / KEPT, micrographs=renamed),
    ]


def remarks(result: PickResult) -> list[str]:
    """What a user should look at, in sentences."""
    said = []
    if not (result.picks.score >= result.threshold).any():
        said.append(
            "No particles were found. If there are some, the diameter may be far off: give none to "
            "have it estimated, or try the detector blob."
        )
    if result.unfamiliar:
        count, names = len(result.unfamiliar), ", ".join(result.unfamiliar[:5])
        what = "1 micrograph is" if count == 1 else f"{count} micrographs are"
        said.append(
            f"{what} unlike all that the picker has learned from ({names}"
            f"{', ...' if count > 5 else ''}). Look at the picks there, or try the detector blob."
        )
    if abs(result.size - 1) > SIZE_OFF:
        wider = "larger" if result.size > 1 else "smaller"
        said.append(
            f"The particles look {wider} than {result.diameter_A:.0f} A. If the circles are too "
            f"{'small' if result.size > 1 else 'large'}, pick again with another diameter."
        )
    return said
