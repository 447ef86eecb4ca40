"""Names of chains."""

from __future__ import annotations

from itertools import islice

from napari_cryoai.core.chain_names import chain_names


def test_chains_go_on_behind_z() -> None:
    names = list(islice(chain_names(), 703))
    assert (names[0], names[25], names[26], names[-1]) == ("A", "Z", "AA", "AAA")
    assert len(set(names)) == len(names)
