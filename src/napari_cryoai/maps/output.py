"""The files that denoising a map leaves behind."""

from __future__ import annotations

from pathlib import Path

from napari_cryoai.io.maps import write_map
from napari_cryoai.jobs.record import RECORD
from napari_cryoai.maps.denoise import DenoisedMap
from napari_cryoai.maps.report import write_report

OF_JUDGE = ("report.json", "fsc.csv", "fsc.png")


def write_denoised(found: DenoisedMap, output_dir: Path) -> list[Path]:
    """Write denoised.mrc, confidence.mrc, and of two halves denoised_half1.mrc, denoised_half2.mrc;
    of the judge report.json, fsc.csv, fsc.png, and maps of what it found.

    Returns
    -------
    files
        Written. Those of an earlier run are removed before the first of them is.
    """
    maps = {
        "denoised.mrc": found.full,
        "confidence.mrc": found.confidence,
        "denoised_half1.mrc": found.half1,
        "denoised_half2.mrc": found.half2,
    }
    for name in (*maps, *OF_JUDGE, RECORD):
        (output_dir / name).unlink(missing_ok=True)
    output_dir.mkdir(parents=True, exist_ok=True)
    written = []
    for name, density in maps.items():
        if density is not None:
            written.append(output_dir / name)
            write_map(written[-1], density)
    if found.verdict is not None:
        write_report(found.verdict, output_dir)
    return [*written, *(output_dir / name for name in OF_JUDGE if (output_dir / name).is_file())]
