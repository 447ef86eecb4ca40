"""CTF values of a micrograph."""

from __future__ import annotations

import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph_ctf import MicrographCtf

GOOD = {
    "defocus_u_A": 15000.0,
    "defocus_v_A": 14000.0,
    "defocus_angle_deg": 30.0,
    "voltage_kV": 300.0,
    "cs_mm": 2.7,
    "amplitude_contrast": 0.1,
    "pixel_size_A": 1.5,
}


def test_mean_defocus_and_astigmatism():
    ctf = MicrographCtf("a.mrc", **GOOD)
    assert (ctf.defocus_A, ctf.astigmatism_A) == (14500, 1000)


@pytest.mark.parametrize(
    "bad",
    [
        {"defocus_u_A": float("nan")},
        {"voltage_kV": 0.0},
        {"pixel_size_A": -1.0},
        {"amplitude_contrast": 10.0},
    ],
)
def test_values_no_microscope_has_are_refused(bad):
    with pytest.raises(CryoAIError, match=next(iter(bad))):
        MicrographCtf("a.mrc", **GOOD | bad)
