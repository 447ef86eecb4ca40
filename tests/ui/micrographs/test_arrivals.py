"""What a new run of the picker, or an import, does to picks that are there."""

from __future__ import annotations

import numpy as np

from napari_cryoai.core.picks import PickTable, Source, State, concatenate
from napari_cryoai.ui.micrographs.arrivals import replacing_micrographs, respecting, users_own


def test_a_particle_the_user_decided_about_is_not_found_again() -> None:
    own = PickTable.of_points("a", [[10.0, 10.0], [50.0, 50.0]], state=[State.KEPT, State.REJECTED])
    incoming = PickTable.of_points("a", [[11.0, 9.0], [51.0, 50.0], [90.0, 90.0]])
    assert respecting(own, incoming, 5.0).yx_px.tolist() == [[90.0, 90.0]]
    assert respecting(own.select(np.zeros(2, bool)), incoming, 5.0) is incoming


def test_the_users_own_are_manual_imported_and_rejected_ones() -> None:
    picks = PickTable.of_points(
        "a",
        np.zeros((4, 2)),
        source=[Source.AUTO, Source.MANUAL, Source.IMPORTED, Source.AUTO],
        state=[State.KEPT, State.KEPT, State.KEPT, State.REJECTED],
    )
    assert users_own(picks).tolist() == [False, True, True, True]


def test_an_import_takes_the_place_of_the_micrographs_it_names_only() -> None:
    before = concatenate(PickTable.of_points(n, np.ones((3, 2))) for n in ("a", "b"))
    imported = PickTable.of_points("b", [[7.0, 7.0]], sidecar={"optics": {"_rlnVoltage": ("300",)}})
    after = replacing_micrographs(before, imported, 100)
    assert after.counts() == {"b": 1, "a": 3}
    assert after.sidecar == imported.sidecar
    assert after.of("b").id.tolist() == [100]
