"""Batches that are made ahead."""

from __future__ import annotations

from itertools import islice

import pytest

from napari_cryoai.nets.ahead import ahead


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_come_in_their_order_and_only_as_many_as_are_wanted(threads):
    made = []

    def make(step):
        made.append(step)
        return step

    batches = ahead(make, 5, threads)
    assert list(islice(batches, 10)) == list(range(5, 15))
    batches.close()
    count = len(made)
    assert sorted(made) == list(range(5, 5 + count))
    assert count <= 10 + threads + 1


def test_a_batch_that_fails_fails_where_it_is_used():
    def make(step):
        if step == 2:
            raise OSError("the disk is gone")
        return step

    batches = ahead(make, 0, 2)
    assert list(islice(batches, 2)) == [0, 1]
    with pytest.raises(OSError, match="disk"):
        next(batches)
