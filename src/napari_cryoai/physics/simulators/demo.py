"""The simulated micrographs that demo and sample data show, as files."""

from __future__ import annotations

from pathlib import Path

from napari_cryoai.core.picks import concatenate
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import write_picks
from napari_cryoai.physics.simulators.micrographs import demo_set, simulate_micrograph

TRUTH = "true_positions.star"


def write_demo_set(folder: Path, seed: int = 3) -> tuple[list[Path], Path]:
    """Simulate a small set of micrographs into `folder`, unless it is there already.

    Returns
    -------
    micrographs
        The MRC files.
    truth
        A STAR file of where their particles are; written last, so that its presence says that the
        set is whole.
    """
    models = demo_set(seed)
    paths = [folder / f"simulated_{i + 1:02d}.mrc" for i in range(len(models))]
    truth = folder / TRUTH
    if truth.exists() and all(path.exists() for path in paths):
        return paths, truth
    picks = []
    for i, (model, path) in enumerate(zip(models, paths, strict=True)):
        made = simulate_micrograph(model, seed + i, path.name)
        write_mrc(path, made.image, pixel_size_A=made.pixel_size_A)
        picks.append(made.picks)
    micrographs, _ = open_micrographs(paths)
    write_picks(concatenate(picks), truth, micrographs=micrographs)
    return paths, truth
