"""Real micrographs, given pixel size and diameter only.

The bounds are targets: nobody lowers them, and nobody tunes on these micrographs.
"""

from __future__ import annotations

import pytest

from napari_cryoai.core.picks import concatenate
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.picks import read_picks
from napari_cryoai.jobs.progress import finish
from napari_cryoai.picking.evaluate import compare
from napari_cryoai.picking.output import kept_picks
from napari_cryoai.picking.pick import PickParams, pick


@pytest.mark.parametrize(
    ("begin", "count", "pixel_size_A", "diameter_A", "radius_px", "f1"),
    [
        pytest.param("May08", 6, 1.5, 120.0, 20.0, 0.91, id="apoferritin"),
        pytest.param("Falcon", 4, 1.77, 190.0, 54.0, 0.72, id="beta-galactosidase"),
    ],
)
def test_default_settings_reach_the_target(
    data, begin, count, pixel_size_A, diameter_A, radius_px, f1
):
    paths = sorted((data / "micrographs").glob(f"{begin}*"))
    assert len(paths) == count
    micrographs, problems = open_micrographs(paths, pixel_size_A=pixel_size_A)
    assert not problems
    result = finish(pick(PickParams(diameter_A=diameter_A), micrographs))
    files = sorted((data / "coords").glob(f"{begin}*.csv"))
    truth = concatenate(read_picks(file, micrographs=micrographs) for file in files)
    assert {name for name, n in truth.counts().items() if n} == {m.name for m in micrographs}
    assert compare(kept_picks(result, micrographs), truth, radius_px).f1 >= f1
