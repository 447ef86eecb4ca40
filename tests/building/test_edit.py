"""After an edit the rest of the model is as it was, and the sequence fits again."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_cryoai.building.edit import Editor, trace_of
from napari_cryoai.core import model_edits as edits
from napari_cryoai.core.amino_acids import name_of
from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGD"
N = 30


def helix(n: int) -> np.ndarray:
    angle = np.radians(100) * np.arange(n)
    return np.stack([2.3 * np.cos(angle), 2.3 * np.sin(angle), 1.5 * np.arange(n)], axis=1)


@pytest.fixture
def model() -> AtomicModel:
    """Residues 5 to 34 of a sequence, each with N, CA, C, CB and CG."""
    ca, numbers = helix(N), np.arange(5, 5 + N)
    letters = np.array(list(SEQUENCE))[numbers - 1]
    residues = Residues(
        np.full(N, "A"), numbers, letters, ca, np.full(N, 0.9), np.zeros(N, np.intp),
        np.full(N, np.nan), np.full(N, "H"), np.full(N, np.nan),
    )  # fmt: skip
    offsets = np.array([[-1.4, 0, 0], [0, 0, 0], [1.4, 0, 0], [0, 1.5, 0], [0, 3.0, 0]])
    xyz = (ca[:, None] + offsets).reshape(-1, 3)
    names = [name_of(str(letter)) for letter in letters]
    structure = Structure(
        xyz, np.tile(["N", "C", "C", "C", "C"], N), np.zeros(5 * N), np.ones(5 * N),
        np.full(5 * N, "A"), np.repeat(numbers, 5).astype(str), np.repeat(names, 5),
        np.tile(["N", "CA", "C", "CB", "CG"], N),
    )  # fmt: skip
    return AtomicModel(structure, residues, (Polymer("A", SEQUENCE),))


def atoms(model: AtomicModel, number: int) -> dict[str, list[float]]:
    here = model.structure.residue_numbers == str(number)
    pairs = zip(model.structure.atom_names[here], model.structure.xyz_A[here], strict=True)
    return {str(name): xyz.tolist() for name, xyz in pairs}


def test_a_model_becomes_a_trace_that_names_its_residues(model):
    trace = trace_of(model)
    assert len(trace.fragments()) == 1
    assert (trace.types.max(1) > 0.9).all()
    assert np.isfinite(trace.n_A).all()


def test_without_an_edit_the_model_stays(model):
    editor = Editor.of_model(model)
    _, same = editor.edited(editor.trace, model)
    assert same.residues.numbers.tolist() == model.residues.numbers.tolist()
    assert np.allclose(same.structure.xyz_A, model.structure.xyz_A)
    assert (same.structure.residue_names == model.structure.residue_names).all()


def test_a_deleted_residue_is_listed_as_not_built_and_the_rest_keeps_its_numbers(model):
    editor = Editor.of_model(model)
    _, after = editor.edited(edits.deleted(editor.trace, np.array([12])), model)
    assert len(after.residues) == N - 1
    assert 17 not in after.residues.numbers
    assert atoms(after, 25) == atoms(model, 25)
    assert any(gap.first <= 17 <= gap.last and gap.reason for gap in after.unmodelled)


def test_a_moved_residue_has_its_main_chain_where_it_was_put(model):
    editor = Editor.of_model(model)
    place = helix(N)[10] + [1.0, 0, 0]
    _, after = editor.edited(edits.moved(editor.trace, np.array([10]), place[None]), model)
    found = atoms(after, 15)
    assert found["CA"] == pytest.approx(place.tolist())
    assert set(found) == {"N", "CA", "C"}
    assert atoms(after, 16) == atoms(model, 16)


def test_a_shift_of_the_register_renames_the_residues_and_keeps_the_main_chain(model):
    editor = Editor.of_model(model)
    editor, after = editor.edited(editor.shifted(3, 2), model)
    assert after.residues.numbers.tolist() == list(range(7, 7 + N))
    assert "".join(after.residues.letters) == SEQUENCE[6 : 6 + N]
    assert np.allclose(after.residues.ca_A, model.residues.ca_A)
    glycine = SEQUENCE.index("G", 6) + 1
    assert "CB" not in atoms(after, glycine)
    _, back = editor.edited(editor.shifted(3, -2), after)
    assert back.residues.numbers.tolist() == model.residues.numbers.tolist()


def test_a_register_beyond_the_sequence_is_refused(model):
    editor = Editor.of_model(model)
    for by in (-5, 20):
        with pytest.raises(CryoAIError, match="beyond"):
            editor.shifted(0, by)


def test_a_model_of_nothing_is_refused(model):
    editor = Editor.of_model(model)
    with pytest.raises(CryoAIError, match="no residue"):
        editor.edited(edits.deleted(editor.trace, np.arange(N)), model)


def test_an_edit_of_a_long_chain_takes_tenths_of_a_second(model):
    # The figure is in `benchmarks/ribbon.py`; here no more than that it is of the right order.
    import time

    editor = Editor.of_model(model)
    start = time.perf_counter()
    editor.edited(edits.cut(editor.trace, 12), model)
    assert time.perf_counter() - start < 2


def test_what_was_built_is_edited_in_the_order_of_its_chains(model):
    given = Editor.of_model(model)
    built = SimpleNamespace(threaded=given.threaded, model=model)
    editor = Editor.of_built(built)
    assert editor.rows.tolist() == list(range(N))
    assert editor.polymers == model.polymers
