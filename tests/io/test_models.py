"""Models and traces on disk: what is written is what other programs and we read."""

from __future__ import annotations

import csv
import string
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_cryoai.core.amino_acids import LETTERS, name_of
from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues, Unmodelled
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.model_of import model_of
from napari_cryoai.core.structure import Structure
from napari_cryoai.core.trace import Trace
from napari_cryoai.io.model_reader import read_model, read_trace
from napari_cryoai.io.model_secondary import sheets_of
from napari_cryoai.io.models import write_model, write_trace
from napari_cryoai.io.residue_table import write_residues
from napari_cryoai.io.structures import read_structure

DATA = Path(__file__).parents[2].parent / "shared" / "data"
ATOMS = (("N", "N", -1.2), ("CA", "C", 0.0), ("C", "C", 1.2), ("O", "O", 2.0))
SEQUENCE = "MKTAYIAKQRGSWLDVE"


def built(
    places: dict[str, list[int]],
    polymers: tuple[Polymer, ...],
    unmodelled: tuple[Unmodelled, ...] = (),
) -> AtomicModel:
    """Backbones of residues at places of chains, somewhere in space."""
    rng = np.random.default_rng(0)
    sequences = {p.name: p.sequence for p in polymers}
    chains = np.array([c for c, numbers in places.items() for _ in numbers])
    numbers = np.array([n for found in places.values() for n in found])
    pairs = zip(chains.tolist(), numbers.tolist(), strict=True)
    letters = np.array([(sequences.get(c) or "A" * 99)[n - 1] for c, n in pairs])
    n = len(chains)
    ca = np.cumsum(rng.normal(size=(n, 3)) * 2.2, 0) + np.array([100, 50, -20])
    xyz = ca[:, None] + np.array([[o, o / 3, -o / 2] for _, _, o in ATOMS])
    row = np.repeat(np.arange(n), len(ATOMS))
    structure = Structure(
        xyz_A=xyz.reshape(-1, 3).round(3),
        elements=np.tile([e for _, e, _ in ATOMS], n),
        b_factors_A2=np.zeros(len(row)),
        occupancies=np.ones(len(row)),
        chains=chains[row],
        residue_numbers=numbers[row].astype(str),
        residue_names=np.array([name_of(x) for x in letters])[row],
        atom_names=np.tile([a for a, _, _ in ATOMS], n),
    )
    residues = Residues(
        chains=chains,
        numbers=numbers,
        letters=letters,
        ca_A=ca.round(3),
        confidence=rng.random(n).round(4),
        runner_up=rng.integers(0, 5, n),
        margin=np.where(rng.random(n) < 0.5, np.nan, 1.25),
        secondary=np.full(n, "C"),
        q=np.where(rng.random(n) < 0.2, np.nan, 0.6125),
    )
    return AtomicModel(structure, residues, polymers, unmodelled)


@pytest.fixture
def dimer() -> AtomicModel:
    """Two copies of one protein, of which different parts were built, and a third that was not."""
    return built(
        {"A": [3, 4, 5, 6, 9, 10], "B": [1, 2, 3]},
        tuple(Polymer(name, SEQUENCE) for name in "ABC"),
        (
            Unmodelled("A", 1, 2, "terminus"),
            Unmodelled("A", 7, 8, "no trace"),
            Unmodelled("C", 1, 17, "no trace"),
        ),
    )


@pytest.mark.parametrize("ending", ["cif", "pdb"])
def test_atoms_come_back_where_they_were(dimer: AtomicModel, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"model.{ending}"
    write_model(path, dimer, title="A dimer")
    found = read_structure(path)
    assert np.abs(found.xyz_A - dimer.structure.xyz_A).max() < 1e-3
    for column in ("elements", "chains", "residue_numbers", "residue_names", "atom_names"):
        assert getattr(found, column).tolist() == getattr(dimer.structure, column).tolist()


@pytest.mark.parametrize("ending", ["cif", "pdb"])
def test_b_factors_are_100_times_the_confidence_and_the_file_says_so(
    dimer: AtomicModel, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"model.{ending}"
    write_model(path, dimer, title="A dimer")
    at_ca = read_structure(path).b_factors_A2[dimer.structure.atom_names == "CA"]
    assert at_ca == pytest.approx(100 * dimer.residues.confidence, abs=0.006)
    text = path.read_text().lower()
    assert text.count("100 times the confidence") == 1


def test_label_seq_id_is_the_place_in_the_sequence(dimer: AtomicModel, tmp_path: Path) -> None:
    path = tmp_path / "model.cif"
    write_model(path, dimer, title="A dimer")
    read = gemmi.read_structure(str(path))
    labels = {chain.name: [r.label_seq for r in chain] for chain in read[0]}
    assert labels == {"A": [3, 4, 5, 6, 9, 10], "B": [1, 2, 3]}
    assert len(read.entities) == 1, "copies of one sequence are one entity"
    entity = read.entities[0]
    assert gemmi.one_letter_code(entity.full_sequence) == SEQUENCE
    for chain in read[0]:
        for residue in chain:
            assert entity.full_sequence[residue.label_seq - 1] == residue.name
            assert residue.seqid.num == residue.label_seq


def test_the_sequence_is_where_programs_look_for_it(dimer: AtomicModel, tmp_path: Path) -> None:
    path = tmp_path / "model.cif"
    write_model(path, dimer, title="A dimer")
    block = gemmi.cif.read(str(path)).sole_block()
    assert block.find_value("_entity_poly.pdbx_seq_one_letter_code_can") == SEQUENCE
    tags = ["asym_id", "seq_id", "mon_id", "auth_seq_num"]
    rows = [tuple(row) for row in block.find("_pdbx_poly_seq_scheme.", tags)]
    assert len(rows) == 2 * len(SEQUENCE)
    assert rows[:3] == [("A", "1", "MET", "?"), ("A", "2", "LYS", "?"), ("A", "3", "THR", "3")]


def test_gemmi_aligns_the_sequence_of_a_pdb_file_at_the_same_places(
    dimer: AtomicModel, tmp_path: Path
) -> None:
    path = tmp_path / "model.pdb"
    write_model(path, dimer, title="A dimer")
    read = gemmi.read_pdb(str(path))
    read.setup_entities()
    read.assign_label_seq_id()
    places = [(r.label_seq, r.seqid.num) for chain in read[0] for r in chain]
    assert all(label == number for label, number in places)
    text = path.read_text().splitlines()
    assert sum(line.startswith("TER") for line in text) == 2
    assert {line[11] for line in text if line.startswith("SEQRES")} == {"A", "B"}
    assert {len(line) for line in text} == {80}


def test_what_was_not_built_is_listed_with_its_reason(dimer: AtomicModel, tmp_path: Path) -> None:
    path = tmp_path / "model.cif"
    write_model(path, dimer, title="A dimer")
    block = gemmi.cif.read(str(path)).sole_block()
    missing = block.find(
        "_pdbx_unobs_or_zero_occ_residues.", ["label_asym_id", "label_seq_id", "label_comp_id"]
    )
    assert [tuple(row) for row in missing][:3] == [
        ("A", "1", "MET"),
        ("A", "2", "LYS"),
        ("A", "7", "ALA"),
    ]
    assert len(missing) == 2 * len(SEQUENCE) - 9
    back = read_model(path)
    assert Unmodelled("A", 7, 8, "no trace") in back.unmodelled
    assert Unmodelled("A", 11, 17, "not built") in back.unmodelled, "none is left out silently"
    assert Unmodelled("C", 1, 17, "no trace") in back.unmodelled


def test_a_file_numbered_from_0_is_counted_from_1(tmp_path: Path) -> None:
    lines = [
        f"ATOM  {i + 1:5d}  CA  ALA A{i:4d}    {4.0 * i:8.3f}   0.000   0.000  1.00  0.50"
        for i in range(5)
    ]
    (tmp_path / "zero.pdb").write_text("\n".join([*lines, "END", ""]))
    assert read_model(tmp_path / "zero.pdb").residues.numbers.tolist() == [1, 2, 3, 4, 5]


def test_all_that_is_known_of_residues_survives(dimer: AtomicModel, tmp_path: Path) -> None:
    path = tmp_path / "model.cif"
    write_model(path, dimer, title='It\'s a "dimer"; ähem', resolution_A=3.25)
    back = read_model(path)
    assert back.polymers == dimer.polymers
    for column in ("chains", "numbers", "letters", "runner_up", "secondary"):
        ours, theirs = (getattr(m.residues, column).tolist() for m in (dimer, back))
        assert ours == theirs, column
    for column in ("ca_A", "confidence", "margin", "q"):
        ours, theirs = (getattr(m.residues, column) for m in (dimer, back))
        np.testing.assert_allclose(theirs, ours, atol=1e-3)
    assert gemmi.read_structure(str(path)).resolution == pytest.approx(3.25)


def test_viewers_find_the_confidence_where_predicted_models_have_it(
    dimer: AtomicModel, tmp_path: Path
) -> None:
    write_model(tmp_path / "m.cif", dimer, title="A dimer")
    block = gemmi.cif.read(str(tmp_path / "m.cif")).sole_block()
    kinds = {row[0]: row[1] for row in block.find("_ma_qa_metric.", ["id", "name"])}
    assert kinds == {"1": "confidence", "2": "Q-score"}
    rows = block.find("_ma_qa_metric_local.", ["metric_id", "label_seq_id", "metric_value"])
    confidence = [float(row[2]) for row in rows if row[0] == "1"]
    assert confidence == pytest.approx(dimer.residues.confidence, abs=1e-4)
    scored = sum(row[0] == "2" for row in rows)
    assert scored == np.isfinite(dimer.residues.q).sum()


def test_confidence_survives_in_a_pdb_file_too(dimer: AtomicModel, tmp_path: Path) -> None:
    write_model(tmp_path / "m.pdb", dimer, title="A dimer")
    back = read_model(tmp_path / "m.pdb")
    assert back.residues.confidence == pytest.approx(dimer.residues.confidence, abs=1e-4)
    assert back.residues.numbers.tolist() == dimer.residues.numbers.tolist()


@pytest.mark.parametrize("ending", ["cif", "pdb"])
def test_a_model_that_says_no_confidence_keeps_its_b_factors(
    dimer: AtomicModel, tmp_path: Path, ending: str
) -> None:
    n = len(dimer.structure)
    unknown = np.full(len(dimer.residues), np.nan)
    model = replace(
        dimer,
        structure=replace(dimer.structure, b_factors_A2=np.linspace(10, 90, n).round(2)),
        residues=replace(dimer.residues, confidence=unknown),
    )
    path = tmp_path / f"m.{ending}"
    write_model(path, model, title="Opened")
    back = read_model(path)
    assert sorted(back.structure.b_factors_A2) == pytest.approx(
        sorted(model.structure.b_factors_A2)
    )
    assert np.isnan(back.residues.confidence).all()


def test_b_factors_of_other_programs_are_no_confidence(dimer: AtomicModel, tmp_path: Path) -> None:
    write_model(tmp_path / "m.pdb", dimer, title="A dimer")
    lines = (tmp_path / "m.pdb").read_text().splitlines(keepends=True)
    (tmp_path / "other.pdb").write_text("".join(x for x in lines if not x.startswith("REMARK")))
    assert np.isnan(read_model(tmp_path / "other.pdb").residues.confidence).all()


@pytest.mark.parametrize("ending", ["cif", "pdb"])
def test_an_empty_model_is_never_written(tmp_path: Path, ending: str) -> None:
    nothing = built({"A": [1]}, ())
    rows = np.zeros(0, np.intp)
    empty = AtomicModel(nothing.structure.select(rows), nothing.residues.select(rows))
    with pytest.raises(CryoAIError, match="holds no atoms"):
        write_model(tmp_path / f"model.{ending}", empty, title="Nothing")
    with pytest.raises(CryoAIError, match="holds no atoms"):
        write_trace(tmp_path / f"trace.{ending}", Trace.of_positions(np.zeros((0, 3))))
    assert not list(tmp_path.iterdir())


def test_a_model_that_contradicts_its_sequence_is_refused(tmp_path: Path) -> None:
    model = built({"A": [1, 2, 3]}, (Polymer("A", SEQUENCE),))
    wrong = replace(model, polymers=(Polymer("A", "MWT"),))
    with pytest.raises(CryoAIError, match="residue 2 of chain A is LYS, and TRP"):
        write_model(tmp_path / "m.cif", wrong, title="Wrong")
    short = replace(model, polymers=(Polymer("A", "MK"),))
    with pytest.raises(CryoAIError, match="outside its sequence of 2"):
        write_model(tmp_path / "m.cif", short, title="Short")
    numbers = np.array([1, 2, 2])
    twice = replace(model, residues=replace(model.residues, numbers=numbers))
    with pytest.raises(CryoAIError, match="residue 2 of chain A is there twice"):
        write_model(tmp_path / "m.cif", twice, title="Twice")


def test_an_atom_without_a_position_is_refused(dimer: AtomicModel, tmp_path: Path) -> None:
    xyz = dimer.structure.xyz_A.copy()
    xyz[5] = np.nan
    with pytest.raises(CryoAIError, match="has no position"):
        write_model(
            tmp_path / "m.cif", replace(dimer, structure=dimer.structure.moved_to(xyz)), title=""
        )


def test_a_blank_chain_is_given_a_name(tmp_path: Path) -> None:
    write_model(tmp_path / "m.pdb", built({"A": [1, 2, 3]}, ()), title="One")
    lines = (tmp_path / "m.pdb").read_text().splitlines(keepends=True)
    blank = [x[:21] + " " + x[22:] for x in lines if x.startswith("ATOM")]
    (tmp_path / "blank.pdb").write_text("".join(blank))
    found = read_model(tmp_path / "blank.pdb")
    assert set(found.residues.chains.tolist()) == {"A"}
    write_model(tmp_path / "m.cif", found, title="One")


def test_residues_are_written_in_the_order_of_the_sequence(tmp_path: Path) -> None:
    model = built({"A": [5, 3, 4], "B": [1]}, (Polymer("A", SEQUENCE), Polymer("B", SEQUENCE)))
    write_model(tmp_path / "m.cif", model, title="Mixed")
    back = read_model(tmp_path / "m.cif")
    assert back.residues.numbers.tolist() == [3, 4, 5, 1]
    np.testing.assert_allclose(back.residues.ca_A, model.residues.ca_A[[1, 2, 0, 3]], atol=1e-3)
    np.testing.assert_allclose(
        back.residues.confidence, model.residues.confidence[[1, 2, 0, 3]], atol=1e-4
    )


def test_a_chain_without_a_sequence_has_that_of_its_atoms(tmp_path: Path) -> None:
    model = built({"A": [2, 3, 6]}, ())
    write_model(tmp_path / "m.cif", model, title="No sequence")
    read = gemmi.read_structure(str(tmp_path / "m.cif"))
    assert gemmi.one_letter_code(read.entities[0].full_sequence) == "XAAXXA"
    assert [r.label_seq for r in read[0][0]] == [2, 3, 6]


def test_more_chains_than_a_pdb_file_has_names_for(tmp_path: Path) -> None:
    names = [a + b for a in "ABCDEFGH" for b in string.ascii_uppercase[:8]]
    many = built({name: [1] for name in names[:63]}, ())
    with pytest.raises(CryoAIError, match=r"63 chains.*mmCIF"):
        write_model(tmp_path / "m.pdb", many, title="Many")
    write_model(tmp_path / "m.cif", many, title="Many")
    assert read_model(tmp_path / "m.cif").residues.chains.tolist() == names[:63]
    most = built({name: [1] for name in [*names[:61], "B"]}, ())
    write_model(tmp_path / "m.pdb", most, title="Many")
    read = read_structure(tmp_path / "m.pdb")
    assert len(set(read.chains.tolist())) == 62
    assert read.chains[-1] == "B", "a name of one letter stays"
    assert "CHAIN A IS AA" in (tmp_path / "m.pdb").read_text()


def test_more_than_the_columns_of_a_pdb_file_hold(dimer: AtomicModel, tmp_path: Path) -> None:
    far = replace(dimer, structure=dimer.structure.moved_to(dimer.structure.xyz_A + 9990))
    with pytest.raises(CryoAIError, match=r"beyond -1000 or 10000 A.*mmCIF"):
        write_model(tmp_path / "m.pdb", far, title="Far")
    high = built({"A": [10_000]}, (Polymer("A", "A" * 10_000),))
    with pytest.raises(CryoAIError, match="a residue 10000"):
        write_model(tmp_path / "m.pdb", high, title="High")
    row = np.tile(np.arange(4), 25_000)
    numbers = np.repeat(np.arange(1, 25_001) % 9_000 + 1, 4).astype(str)
    many = replace(built({"A": [1]}, ()).structure.select(row), residue_numbers=numbers)
    chains = np.repeat(np.array(["A", "B", "C"]), 36_000)[: len(row)]
    model = model_of(replace(many, chains=chains))
    with pytest.raises(CryoAIError, match="100,000 atoms"):
        write_model(tmp_path / "m.pdb", model, title="Many")


def test_a_name_without_a_known_ending_is_refused(dimer: AtomicModel, tmp_path: Path) -> None:
    with pytest.raises(CryoAIError, match="is no name for a model"):
        write_model(tmp_path / "model.txt", dimer, title="A dimer")


NAMES = st.text(string.ascii_letters + string.digits + "-+*?.#_$[]{}|~", min_size=1, max_size=4)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_odd_chain_names_survive_or_are_refused(names: list[str], tmp_path: Path) -> None:
    model = built({name: [2, 3, 5] for name in names}, ())
    path = tmp_path / "odd.cif"
    path.unlink(missing_ok=True)
    try:
        write_model(path, model, title="Odd")
    except CryoAIError as error:
        assert "is called" in error.problem
        assert not path.exists()
        return
    back = read_model(path).residues
    assert back.chains.tolist() == [name for name in names for _ in range(3)]
    assert back.numbers.tolist() == [2, 3, 5] * len(names)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sequence=st.text(LETTERS + "X", min_size=1, max_size=80),
    gap=st.floats(0, 1),
    seed=st.integers(0, 2**31),
)
def test_any_part_of_any_sequence_keeps_its_register(
    sequence: str, gap: float, seed: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    numbers = (np.flatnonzero(rng.random(len(sequence)) >= gap) + 1).tolist() or [1]
    model = built({"A": numbers}, (Polymer("A", sequence),))
    for ending in ("cif", "pdb"):
        write_model(tmp_path / f"part.{ending}", model, title="Part")
        found = read_model(tmp_path / f"part.{ending}")
        assert found.residues.numbers.tolist() == numbers
    entity = gemmi.read_structure(str(tmp_path / "part.cif")).entities[0]
    assert gemmi.one_letter_code(entity.full_sequence) == sequence


def test_helices_and_strands_are_named(tmp_path: Path) -> None:
    model = built({"A": list(range(1, 18))}, (Polymer("A", SEQUENCE),))
    secondary = np.array(list("CHHHHHHCCEEEECCEEE"[:17]))
    secondary[15:] = "C"
    ca = model.residues.ca_A.copy()
    model = replace(model, residues=replace(model.residues, secondary=secondary, ca_A=ca))
    for ending in ("cif", "pdb"):
        path = tmp_path / f"m.{ending}"
        write_model(path, model, title="Helix")
        read = gemmi.read_structure(str(path))
        assert [(h.start.res_id.seqid.num, h.end.res_id.seqid.num) for h in read.helices] == [
            (2, 7)
        ]
        strands = [s for sheet in read.sheets for s in sheet.strands]
        assert [(s.start.res_id.seqid.num, s.end.res_id.seqid.num) for s in strands] == [(10, 13)]


def test_strands_side_by_side_are_one_sheet() -> None:
    along = np.arange(5)[:, None] * np.array([3.4, 0, 0])
    ca = np.concatenate([along + np.array([0, y, 0]) for y in (0, 4.8, 9.6, 40)])
    strands = np.split(np.arange(20), 4)
    assert sheets_of(strands, ca) == [[0, 1, 2], [3]]
    assert sheets_of([], np.zeros((0, 3))) == []


def test_a_trace_is_one_chain_per_fragment_and_can_be_threaded_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    n = 12
    ca = np.cumsum(rng.normal(size=(n, 3)) * 2.2, 0)
    n_A = np.where(rng.random((n, 1)) < 0.5, np.nan, ca + np.array([1.4, 0, 0]))
    trace = Trace(
        ca_A=ca,
        n_A=n_A,
        c_A=np.full((n, 3), np.nan),
        fragment=np.repeat([4, 1, 7], [5, 4, 3]),
        types=rng.dirichlet(np.ones(20), n),
        secondary=rng.dirichlet(np.ones(3), n),
        confidence=rng.random(n),
    )
    write_trace(tmp_path / "trace.cif", trace)
    atoms = read_structure(tmp_path / "trace.cif")
    assert atoms.chains[atoms.atom_names == "CA"].tolist() == list("AAAAABBBBCCC")
    assert set(atoms.residue_names.tolist()) == {"UNK"}
    back = read_trace(tmp_path / "trace.cif")
    assert back.fragment.tolist() == trace.fragment.tolist()
    for column in ("ca_A", "n_A", "c_A", "types", "secondary", "confidence"):
        np.testing.assert_allclose(getattr(back, column), getattr(trace, column), atol=1e-3)
    write_trace(tmp_path / "trace.pdb", trace)
    back = read_trace(tmp_path / "trace.pdb")
    assert np.diff(back.fragment).tolist() == [0] * 4 + [1] + [0] * 3 + [1] + [0] * 2
    np.testing.assert_allclose(back.ca_A, trace.ca_A, atol=1e-3)


def test_the_table_of_residues_lists_all_of_the_sequences(
    dimer: AtomicModel, tmp_path: Path
) -> None:
    write_residues(tmp_path / "residues.csv", dimer)
    with (tmp_path / "residues.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(SEQUENCE)
    assert {(r["chain"], int(r["number"])): r["letter"] for r in rows} == {
        (chain, i): letter for chain in "ABC" for i, letter in enumerate(SEQUENCE, 1)
    }
    built_rows = [r for r in rows if r["state"] == "built"]
    assert len(built_rows) == 9
    found = [float(r["x_A"]) for r in built_rows]
    assert found == pytest.approx(dimer.residues.ca_A[:, 0], abs=1e-3)
    assert {r["reason"] for r in rows if r["chain"] == "C"} == {"no trace"}


def test_ligands_of_a_file_stay_in_the_file(dimer: AtomicModel, tmp_path: Path) -> None:
    zinc = Structure.of_atoms([[1.0, 2.0, 3.0]], "ZN", 30.0)
    zinc = replace(zinc, residue_names=np.array(["ZN"]), residue_numbers=np.array(["99"]))
    s = dimer.structure
    columns = {f: np.concatenate([getattr(s, f), getattr(zinc, f)]) for f in vars(s)}
    with_zinc = replace(dimer, structure=Structure(**columns))
    for ending in ("cif", "pdb"):
        write_model(tmp_path / f"m.{ending}", with_zinc, title="With zinc")
        found = read_structure(tmp_path / f"m.{ending}")
        assert len(found) == len(s) + 1
        row = np.flatnonzero(found.residue_names == "ZN")[0]
        assert found.xyz_A[row] == pytest.approx([1, 2, 3])
        assert found.residue_numbers[row] == "99"
        assert found.chains[row] == "A"
        assert read_model(tmp_path / f"m.{ending}").residues.numbers.tolist() == [
            *(3, 4, 5, 6, 9, 10),
            *(1, 2, 3),
        ]


@pytest.mark.parametrize(
    "name",
    [
        "maps/daq_3J6B_9.pdb.gz",
        "maps/5fn5_5fn5_box_complete.pdb.gz",
        "structures/bm5_bound__1AHW.pdb.gz",
    ],
)
@pytest.mark.parametrize("ending", ["cif", "pdb"])
def test_deposited_structures_survive(name: str, ending: str, tmp_path: Path) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not at hand")
    model = read_model(DATA / name)
    path = tmp_path / f"m.{ending}"
    write_model(path, model, title="Deposited")
    back = read_model(path)
    assert len(back.structure) == len(model.structure)
    assert back.residues.numbers.tolist() == model.residues.numbers.tolist()
    assert "".join(back.residues.letters) == "".join(model.residues.letters)
    np.testing.assert_allclose(back.residues.ca_A, model.residues.ca_A, atol=1.1e-3)
