"""Selections as a file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.selection_set import SelectionSet
from napari_cryoai.io.selections import read_selections, write_selections

N = 21


def table(n: int = N) -> LatentTable:
    names = np.array([f"{i + 1:06d}@Extract/a.mrcs" for i in range(n)])
    return LatentTable(
        np.zeros((n, 2), np.float32), np.zeros((n, 2, 2), np.float32), np.arange(n), names
    )


def some() -> SelectionSet:
    random = np.random.default_rng(0)
    found = SelectionSet.empty(N)
    for name in ("öffnet sich", "closed, 2", "3"):
        found = found.select(random.random(N) < 0.5).keep(name)
    return found.inverted()


def written(tmp_path: Path) -> Path:
    path = tmp_path / "selections.npz"
    write_selections(path, some(), table())
    return path


def test_what_is_written_is_read_back(tmp_path):
    found = read_selections(written(tmp_path), table())
    assert found == some()
    assert list(found) == ["öffnet sich", "closed, 2", "3"]


def test_nothing_selected_and_nothing_named_is_kept_too(tmp_path):
    path = tmp_path / "s.npz"
    write_selections(path, SelectionSet.empty(N), table())
    assert read_selections(path, table()) == SelectionSet.empty(N)


@pytest.mark.parametrize("other", ["order", "fewer"])
def test_selections_are_never_laid_over_other_particles(tmp_path, other):
    path = written(tmp_path)
    others = table().select(np.arange(N)[::-1]) if other == "order" else table(N - 1)
    with pytest.raises(CryoAIError, match="other particles"):
        read_selections(path, others)


def rewritten(path: Path, **changed: object) -> None:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays.update(changed)
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


@pytest.mark.parametrize(
    "changed",
    [
        {"bits": None},
        {"bits": np.zeros((4, 2), np.uint8)},
        {"bits": np.zeros((4, 3), np.int64)},
        {"names": np.array([["a", "b", "c"]])},
        {"names": np.array([1, 2, 3])},
        {"names": np.array(["a", "a", "b"])},
        {"names": np.array(["a", "b", "two\nlines"])},
        {"particles": np.array("many")},
        {"names": np.array([print, 1, 2], object)},
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, changed):
    path = written(tmp_path)
    rewritten(path, **changed)
    with pytest.raises(CryoAIError, match=r"selections\.npz"):
        read_selections(path, table())


def test_a_file_that_claims_to_unpack_to_gigabytes_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bits.npy", bytes(50_000_000))
    with pytest.raises(CryoAIError):
        read_selections(path, table())


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_bytes_that_have_changed_end_in_an_error_or_in_selections(tmp_path_factory, data):
    path = written(tmp_path_factory.mktemp("fuzz"))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        found = read_selections(path, table())
    except CryoAIError:
        return
    assert found.n == N


def test_a_bit_beyond_the_last_particle_selects_nothing(tmp_path):
    path = written(tmp_path)
    rewritten(path, bits=np.full((4, 3), 255, np.uint8))
    assert read_selections(path, table()).count == N
