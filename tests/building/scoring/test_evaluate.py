"""A model against its reference: what holds by definition, and on a real structure."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from napari_cryoai.building.scoring.evaluate import evaluate
from napari_cryoai.building.scoring.matching import Alphas, match
from napari_cryoai.core.amino_acids import LETTERS
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.core.trace import Trace
from napari_cryoai.io.structures import read_structure

DATA = Path(__file__).parents[4] / "shared" / "data"


def chain(n: int, seed: int = 0, name: str = "A") -> Alphas:
    """A chain that wanders, 3.8 A a step, no two residues closer than 3.6 A."""
    rng = np.random.default_rng(seed)
    ca = [np.zeros(3)]
    while len(ca) < n:
        step = rng.normal(size=3)
        candidate = ca[-1] + 3.8 * step / np.linalg.norm(step)
        if len(ca) < 2 or np.linalg.norm(np.array(ca[:-1]) - candidate, axis=1).min() > 3.9:
            ca.append(candidate)
    letters = np.array(list(LETTERS))[rng.integers(0, 20, n)]
    return Alphas(np.full(n, name), np.arange(1, n + 1).astype(str), letters, np.array(ca))


def straight(n: int) -> Alphas:
    """Residues along a line, so that all that is said of them can be counted."""
    ca = np.arange(n)[:, None] * np.array([3.8, 0.0, 0.0])
    return replace(chain(n), ca_A=ca)


def apart(*parts: Alphas) -> Alphas:
    """Chains together, each 100 A from the one before."""
    places = [p.ca_A + np.array([0, 100.0 * i, 0]) for i, p in enumerate(parts)]
    return Alphas(
        *(np.concatenate([getattr(p, c) for p in parts]) for c in ("chains", "numbers", "letters")),
        np.concatenate(places),
    )


def f1(model: Alphas, reference: Alphas) -> list[float]:
    return [d.f1 for d in evaluate(model, reference).detections]


def test_a_model_agrees_with_itself() -> None:
    whole = evaluate(chain(80), chain(80)).whole
    assert (whole.recall, whole.sequence_match, whole.sequence_recall) == (1, 1, 1)
    assert (whole.break_rate, whole.direction_error, whole.rmsd_A) == (0, 0, 0)
    assert (whole.tm, whole.tm_in_place, whole.lddt) == pytest.approx((1, 1, 1))
    assert f1(chain(80), chain(80)) == [1, 1, 1]


def test_a_shift_of_2_5_A_is_found_at_3_A_and_not_at_2() -> None:
    ca = np.arange(0, 200, 10.0)[:, None] * np.array([1.0, 1.0, 0])
    far = replace(chain(20), ca_A=ca)
    moved = replace(far, ca_A=ca + np.array([0, 0, 2.5]))
    assert f1(moved, far) == [0, 0, 1]
    whole = evaluate(moved, far).whole
    assert whole.rmsd_A == pytest.approx(2.5)
    assert whole.tm == pytest.approx(1), "superposed, nothing is wrong"
    assert whole.tm_in_place < 0.5


def test_precision_counts_what_is_too_much_and_recall_what_is_missing() -> None:
    truth = chain(50)
    half = truth.select(np.arange(25))
    found = evaluate(half, truth).detections[-1]
    assert (found.precision, found.recall) == (1, 0.5)
    found = evaluate(truth, half).detections[-1]
    assert (found.precision, found.recall) == (0.5, 1)
    assert found.f1 == pytest.approx(2 / 3)


def test_two_residues_in_one_place_are_one_found_and_one_false() -> None:
    truth = straight(10)
    twice = Alphas(
        *(np.concatenate([getattr(truth, c)] * 2) for c in ("chains", "numbers", "letters")),
        np.concatenate([truth.ca_A, truth.ca_A + np.array([0, 0.5, 0])]),
    )
    found = evaluate(twice, truth).detections[-1]
    assert (found.matched, found.precision, found.recall) == (10, 0.5, 1)


def test_a_chain_built_backwards_has_all_directions_wrong() -> None:
    truth = chain(60)
    backwards = replace(truth.select(np.arange(60)[::-1]), numbers=truth.numbers)
    whole = evaluate(backwards, truth).whole
    assert whole.recall == 1
    assert whole.direction_error == 1
    assert whole.break_rate == 0, "its residues are joined, if in the wrong direction"
    assert whole.tm < 0.5, "no alignment in order can follow it"
    assert whole.lddt == pytest.approx(1), "distances do not know the direction"


def test_one_of_two_fragments_backwards_is_half_of_the_links() -> None:
    truth = chain(40)
    order = np.concatenate([np.arange(20), np.arange(20, 40)[::-1]])
    parts = Alphas(np.repeat(["A", "B"], 20), truth.numbers, truth.letters, truth.ca_A[order])
    whole = evaluate(parts, truth).whole
    assert whole.direction_error == pytest.approx(19 / 38)
    assert whole.break_rate == pytest.approx(1 / 39), "between the fragments"


def test_breaks_are_counted_where_the_reference_is_whole() -> None:
    truth = chain(30)
    cut = replace(truth, chains=np.repeat(["A", "B", "C"], 10))
    assert evaluate(cut, truth).whole.break_rate == pytest.approx(2 / 29)
    assert evaluate(cut, cut).whole.break_rate == 0
    gap = truth.select(np.r_[0:10, 15:30])
    assert evaluate(gap, truth).whole.break_rate == 0, "what is missing is recall's business"
    assert evaluate(truth, gap).whole.break_rate == 0, "the reference has no bond there"


def test_residues_that_are_numbered_as_neighbours_are_joined_however_far_apart() -> None:
    truth = straight(20)
    torn = truth.ca_A.copy()
    torn[10:] += np.array([1.0, 0, 0])
    assert evaluate(replace(truth, ca_A=torn), truth).whole.break_rate == 0
    renumbered = replace(truth, ca_A=torn, numbers=np.r_[1:11, 30:40].astype(str))
    assert evaluate(renumbered, truth).whole.break_rate == pytest.approx(1 / 19)


def test_sequence_match_knows_the_residues_that_are_named() -> None:
    truth = chain(40)
    letters = truth.letters.copy()
    letters[:10] = [LETTERS[(LETTERS.index(x) + 1) % 20] for x in letters[:10]]
    whole = evaluate(replace(truth, letters=letters), truth).whole
    assert (whole.sequence_match, whole.sequence_recall) == (0.75, 0.75)
    unknown = truth.letters.copy()
    unknown[:20] = "X"
    assert evaluate(replace(truth, letters=unknown), truth).whole.sequence_match == 0.5
    assert evaluate(truth, replace(truth, letters=unknown)).whole.sequence_match == 1
    none = replace(truth, letters=np.full(40, "X"))
    assert evaluate(none, truth).whole.sequence_match is None


def test_a_trace_of_unknown_residues_can_be_measured() -> None:
    truth = chain(30)
    trace = Trace.of_positions(truth.ca_A, np.repeat([3, 8], 15))
    result = evaluate(trace, truth)
    assert result.whole.recall == 1
    assert result.whole.sequence_match is None
    assert result.whole.break_rate == pytest.approx(1 / 29)
    assert [c.chain for c in result.model_chains] == ["3", "8"]


def test_chains_are_measured_each_for_itself() -> None:
    a, b = chain(30, 1), chain(40, 2, "B")
    truth = apart(a, b)
    noisy = truth.ca_A.copy()
    noisy[30:] += np.random.default_rng(0).normal(size=(40, 3)) * 0.8
    result = evaluate(replace(truth, ca_A=noisy), truth)
    assert result.chains["A"].rmsd_A == 0
    assert result.chains["B"].rmsd_A == pytest.approx(0.8 * 3**0.5, rel=0.2)
    assert result.chains["A"].residues == 30
    assert result.partners == {"A": "A", "B": "B"}
    only = evaluate(truth.select(np.arange(30)), truth)
    assert only.chains["B"].matched == 0
    assert only.chains["B"].rmsd_A is None
    assert only.chains["B"].tm == 0
    assert only.whole.tm == pytest.approx(30 / 70)


def test_names_of_chains_do_not_matter() -> None:
    truth = apart(chain(30, 1), chain(30, 2, "B"))
    swapped = replace(truth, chains=np.repeat(["B", "A"], 30))
    result = evaluate(swapped, truth)
    assert result.partners == {"A": "B", "B": "A"}
    assert result.whole.tm == pytest.approx(1)


def test_all_figures_go_into_json_also_where_nothing_is_found() -> None:
    truth = chain(20)
    away = replace(truth, ca_A=truth.ca_A + 500)
    values = json.loads(json.dumps(evaluate(away, truth).as_dict()))
    assert values["recall"] == 0
    assert values["rmsd_A"] is None
    assert values["direction_error"] is None
    assert values["lddt"] == 0
    assert [w["f1"] for w in values["within"]] == [0, 0, 0]


def test_the_table_has_a_row_for_each_residue_of_the_reference() -> None:
    truth = chain(20)
    rows = list(evaluate(truth.select(np.arange(15)), truth).rows())
    assert len(rows) == 21
    assert rows[1][:6] == ("A", "1", truth.letters[0], "A", "1", truth.letters[0])
    assert rows[20][3:7] == ("", "", "", "")


def test_nothing_to_compare_is_said() -> None:
    zinc = Structure.of_atoms([[0.0, 0, 0]], "ZN")
    with pytest.raises(CryoAIError, match="model holds no protein"):
        evaluate(zinc, chain(5))
    with pytest.raises(CryoAIError, match="reference holds no protein"):
        evaluate(chain(5), zinc)


def test_calcium_and_nucleotides_have_no_ca() -> None:
    n = 4
    atoms = Structure.of_atoms(np.eye(4, 3) * 9, ["C", "CA", "C", "C"])
    names = np.array(["CA"] * n)
    residues = np.array(["ALA", "CA", "HEM", "UNK"])
    found = Alphas.of(replace(atoms, atom_names=names, residue_names=residues))
    assert found.letters.tolist() == ["A", "X"]


def test_modified_residues_count_as_their_parents() -> None:
    atoms = Structure.of_atoms(np.eye(3) * 9, "C")
    residues = np.array(["MSE", "SEP", "M3L"])
    found = Alphas.of(replace(atoms, atom_names=np.array(["CA"] * 3), residue_names=residues))
    assert found.letters.tolist() == ["M", "S", "K"]


@settings(max_examples=40, deadline=None)
@given(m=st.integers(0, 12), n=st.integers(0, 12), seed=st.integers(0, 999))
def test_the_matching_is_the_best_there_is(m: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model, reference = rng.random((m, 3)) * 6, rng.random((n, 3)) * 6
    found = match(model, reference, 3.0)
    assert len(set(found.model.tolist())) == len(set(found.reference.tolist())) == len(found)
    assert (found.distance_A <= 3).all()
    distance = np.linalg.norm(model[:, None] - reference[None], axis=2)
    cost = np.where(distance <= 3, distance**2 - 1e6, 0)
    rows, columns = linear_sum_assignment(cost)
    best = cost[rows, columns]
    assert len(found) == (best < -1).sum()
    assert (found.distance_A**2 - 1e6).sum() == pytest.approx(best.sum(), abs=1e-3)


def test_a_real_model_with_noise() -> None:
    path = DATA / "maps" / "daq_3J6B_9.pdb.gz"
    if not path.exists():
        pytest.skip("3J6B is not at hand")
    truth = Alphas.of(read_structure(path))
    assert len(truth) == 195
    same = evaluate(truth, truth).whole
    assert (same.recall, same.tm, same.lddt, same.direction_error) == pytest.approx((1, 1, 1, 0))
    rng = np.random.default_rng(0)
    scores = []
    for sigma_A in (0.3, 0.6, 1.2):
        noise = rng.normal(size=truth.ca_A.shape) * sigma_A
        whole = evaluate(replace(truth, ca_A=truth.ca_A + noise), truth).whole
        assert whole.rmsd_A == pytest.approx(sigma_A * 3**0.5, rel=0.15)
        scores.append((whole.lddt, whole.tm, whole.recall))
    assert np.all(np.diff(scores, axis=0) <= 0), "more noise, lower scores"
    assert scores[0][0] > 0.8
    assert scores[2][1] > 0.7
