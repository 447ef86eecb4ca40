"""After an edit the rest of the model is as it was, and the sequence fits again."""

from __future__ import annotations

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_cryoai.building.edit import Editor, trace_of
from napari_cryoai.core import model_edits as edits
from napari_cryoai.core.amino_acids import name_of
from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.model_of import b_factors_of, model_of
from napari_cryoai.core.structure import Structure
from napari_cryoai.jobs.progress import finish

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


def together(*parts: Structure) -> Structure:
    return Structure(
        **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Structure)}
    )


def copy_of(model: AtomicModel, chain: str, shift_A: tuple[float, float, float]) -> Structure:
    atoms = model.structure
    return replace(atoms, xyz_A=atoms.xyz_A + shift_A, chains=np.full(len(atoms), chain))


@pytest.fixture
def dimer(model) -> AtomicModel:
    """Two copies of the chain; the one that comes first in the file is B."""
    return model_of(together(copy_of(model, "B", (0, 0, 0)), copy_of(model, "A", (40, 0, 0))))


def names_by_place(model: AtomicModel) -> dict[bytes, tuple[str, int]]:
    residues = model.residues
    columns = (residues.ca_A, residues.chains.tolist(), residues.numbers.tolist())
    return {ca.tobytes(): (c, n) for ca, c, n in zip(*columns, strict=True)}


def renamed(before: AtomicModel, after: AtomicModel) -> int:
    first, second = names_by_place(before), names_by_place(after)
    return sum(first[place] != name for place, name in second.items() if place in first)


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


def test_a_fragment_that_the_user_reverses_stays_reversed(model):
    editor = Editor.of_model(model)
    reversed_, after = editor.edited(edits.reversed_(editor.trace, 3), model)
    assert np.allclose(reversed_.trace.ca_A, editor.trace.ca_A[::-1])
    assert len(after.residues) == N
    again, restored = reversed_.edited(editor.trace, after)
    assert np.allclose(again.trace.ca_A, editor.trace.ca_A)
    assert restored.residues.numbers.tolist() == model.residues.numbers.tolist()


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


def test_the_first_edit_of_an_opened_model_renames_nothing(dimer):
    editor = Editor.of_model(dimer)
    for row in (3, N + 12):
        _, after = editor.edited(edits.deleted(editor.trace, np.array([row])), dimer)
        assert len(after.residues) == 2 * N - 1
        assert renamed(dimer, after) == 0


def test_an_edit_after_one_that_was_undone_renames_nothing(dimer):
    editor = Editor.of_model(dimer)
    editor.edited(edits.deleted(editor.trace, np.arange(N, 2 * N)), dimer)
    _, after = editor.edited(edits.deleted(editor.trace, np.array([12])), dimer)
    assert renamed(dimer, after) == 0


def test_the_first_edit_of_a_built_model_keeps_what_the_build_decided(dimer):
    """The types say that both copies are five residues further on; the build said otherwise."""
    given = Editor.of_model(dimer)
    wrong = edits.named(given.trace, np.arange(N), SEQUENCE[9 : 9 + N])
    built = SimpleNamespace(threaded=replace(given.threaded, trace=wrong), model=dimer)
    editor = Editor.of_built(built)
    trace = edits.deleted(editor.trace, editor.rows[dimer.residues.chains == "A"][[12]])
    _, after = editor.edited(trace, dimer)
    assert renamed(dimer, after) == 0


def test_atoms_that_are_no_protein_stay_as_they_are(model):
    others = replace(
        Structure.of_atoms(helix(6) + 30.0, ["P", "C", "N", "ZN", "O", "O"], 42.0),
        chains=np.array(list("XXXAWW")),
        residue_names=np.array(["DA", "DA", "DG", "ZN", "HOH", "HOH"]),
        residue_numbers=np.array(["1", "1", "2", "900", "1", "2"]),
    )
    given = model_of(
        together(others.select(np.arange(3)), model.structure, others.select([3, 4, 5]))
    )
    editor = Editor.of_model(given)
    editor, after = editor.edited(edits.deleted(editor.trace, np.array([12])), given)
    editor, after = editor.edited(edits.deleted(editor.trace, np.array([4])), after)
    job = editor.finished(None, None)
    while True:
        try:
            next(job)
        except StopIteration as end:
            finished = end.value
            break
    for changed in (after, finished):
        assert len(changed.residues) == N - 2
        left = changed.structure.select(
            np.isin(changed.structure.residue_names, others.residue_names)
        )
        for field in fields(Structure):
            assert (getattr(left, field.name) == getattr(others, field.name)).all(), field.name


def test_a_model_from_a_file_keeps_its_b_factors(model):
    b_A2 = np.linspace(20, 80, len(model.structure))
    given = model_of(replace(model.structure, b_factors_A2=b_A2))
    editor = Editor.of_model(given)
    editor, after = editor.edited(edits.deleted(editor.trace, np.array([12])), given)
    gone = given.structure.residue_numbers == "17"
    assert (after.structure.b_factors_A2 == b_A2[~gone]).all()
    assert np.isnan(after.residues.confidence).all()
    trace = edits.inserted(editor.trace, len(editor.trace) - 1, before=False)
    editor, more = editor.edited(trace, after)
    assert (more.structure.b_factors_A2[: len(after.structure)] == b_A2[~gone]).all()
    assert 20 < more.structure.b_factors_A2[-1] < 80
    rebuilt = finish(editor.finished(None, None, more))
    assert b_factors_of(rebuilt) == pytest.approx(b_factors_of(more))


def test_the_b_factors_of_a_built_model_are_its_confidence(model):
    editor = Editor.of_model(model)
    _, after = editor.edited(edits.deleted(editor.trace, np.array([12])), model)
    assert b_factors_of(after) == pytest.approx(100 * after.residues.confidence)


def test_a_modified_residue_keeps_its_name(model):
    names = model.structure.residue_names
    given = replace(model.structure, residue_names=np.where(names == "SER", "SEP", names))
    opened = model_of(given)
    editor = Editor.of_model(opened)
    _, after = editor.edited(edits.deleted(editor.trace, np.array([12])), opened)
    assert set(after.structure.residue_names) == set(given.residue_names)


def test_two_chains_at_the_same_places_keep_their_atoms(model):
    given = model_of(together(copy_of(model, "A", (0, 0, 0)), copy_of(model, "B", (0, 0, 0))))
    editor = Editor.of_model(given)
    _, after = editor.edited(edits.deleted(editor.trace, np.array([12])), given)
    assert len(after.residues) == 2 * N - 1
    assert len(after.structure) == 5 * (2 * N - 1)
    # Which of the two lost it nobody can tell.
    assert sorted((after.residues.chains == chain).sum() for chain in "AB") == [N - 1, N]


def test_a_residue_on_another_one_of_its_fragment_is_refused(model):
    editor = Editor.of_model(model)
    trace, there = editor.trace, editor.trace.ca_A[11]
    for edit in (
        edits.moved(trace, np.array([10]), there[None]),
        edits.moved(trace, np.array([10]), there[None] + 0.2),
        edits.inserted(trace, 11, there),
    ):
        with pytest.raises(CryoAIError, match="each other"):
            editor.edited(edit, model)


def test_a_model_that_has_two_residues_at_one_place_can_be_mended(model):
    ca = model.residues.ca_A.copy()
    ca[10] = ca[11]
    at_ca = model.structure.atom_names == "CA"
    xyz = model.structure.xyz_A.copy()
    xyz[at_ca] = ca
    given = replace(
        model,
        structure=model.structure.moved_to(xyz),
        residues=replace(model.residues, ca_A=ca),
    )
    editor = Editor.of_model(given)
    for row, left in ((20, N - 1), (10, N - 1)):
        _, after = editor.edited(edits.deleted(editor.trace, np.array([row])), given)
        assert len(after.residues) == left
        assert (after.structure.atom_names == "CA").sum() == left
