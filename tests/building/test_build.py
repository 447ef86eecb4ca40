"""From a map of the example protein to its model, with the networks of this package."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_cryoai.building import build as module
from napari_cryoai.building.atoms.example import RESOLUTION_A, example_map, example_model
from napari_cryoai.building.build import BuildParams, Built, build
from napari_cryoai.building.scoring.evaluate import evaluate
from napari_cryoai.building.scoring.geometry import (
    ca_geometry,
    clashscore,
    deviations,
    ramachandran,
)
from napari_cryoai.core.amino_acids import LETTERS, UNKNOWN
from napari_cryoai.core.atomic_model import AtomicModel, Polymer
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.trace import Trace
from napari_cryoai.jobs.progress import Progress, finish

PARAMS = BuildParams(resolution_A=RESOLUTION_A, orientations=1, device="cpu")


@dataclass
class Run:
    """A job that came to its end."""

    truth: AtomicModel
    density: DensityMap
    built: Built
    steps: list[Progress]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def run(_one_thread) -> Run:
    truth = example_model()
    density = example_map(truth, seed=1)
    job, steps = build(PARAMS, density, truth.polymers), []
    while True:
        try:
            steps.append(next(job))
        except StopIteration as stop:
            return Run(truth, density, stop.value, steps)


@pytest.fixture
def traced(run, monkeypatch) -> Run:
    """The same map, whose trace is known already; what follows it is quick."""

    def known(*_):
        yield Progress(1, 1)
        return run.built.trace

    monkeypatch.setattr(module, "predict", known)
    monkeypatch.setattr(module, "trace", known)
    return run


def test_the_example_is_built(run):
    found = evaluate(run.built.model, run.truth)
    assert found.detections[-1].f1 > 0.92
    assert found.whole.rmsd_A < 0.8
    assert found.whole.sequence_match > 0.92
    assert found.whole.direction_error < 0.02
    assert run.built.warnings == ()


def test_the_model_has_the_geometry_of_proteins(run):
    atoms = run.built.model.structure
    assert np.isfinite(atoms.xyz_A).all()
    assert ramachandran(atoms).favoured > 0.85
    assert ca_geometry(atoms).outliers < 0.1
    found = deviations(atoms)
    assert found.chirality_errors == 0
    assert found.bonds_rmsz < 1.5


def test_the_main_chain_is_in_the_map(run):
    atoms, density = run.built.model.structure, run.density
    main = atoms.xyz_A[np.isin(atoms.atom_names, ["N", "CA", "C"])]
    z, y, x = np.round((main[:, ::-1] - density.origin_A) / density.pixel_size_A).astype(int).T
    values = density.data[z, y, x]
    assert (values > density.data.mean() + density.data.std()).mean() > 0.9


def test_each_residue_of_the_sequence_is_built_or_listed_with_a_reason(run):
    model = run.built.model
    built = model.residues.numbers[model.residues.chains == "A"].tolist()
    listed = [n for part in model.unmodelled for n in range(part.first, part.last + 1)]
    assert sorted(built + listed) == list(range(1, len(run.truth.residues) + 1))
    assert all(part.reason for part in model.unmodelled)
    assert all(part.chain == "A" for part in model.unmodelled)


def test_residues_with_a_place_in_the_sequence_are_of_its_letter(run):
    residues = run.built.model.residues
    named = residues.select(residues.chains == "A")
    sequence = run.truth.polymers[0].sequence
    assert "".join(named.letters) == "".join(sequence[n - 1] for n in named.numbers)
    assert (np.diff(named.numbers) > 0).all()


def test_residues_and_atoms_tell_the_same(run):
    atoms, residues = run.built.model.structure, run.built.model.residues
    alpha = atoms.atom_names == "CA"
    assert alpha.sum() == len(residues) == len(run.built.threaded)
    assert np.array_equal(atoms.xyz_A[alpha], residues.ca_A)
    assert np.array_equal(atoms.chains[alpha], residues.chains)
    assert np.array_equal(atoms.residue_numbers[alpha].astype(int), residues.numbers)
    assert np.allclose(atoms.b_factors_A2[alpha], 100 * residues.confidence)
    assert ((residues.confidence >= 0) & (residues.confidence <= 1)).all()


def test_what_is_right_is_held_for_surer_than_what_is_wrong(run):
    residues = run.built.model.residues
    gaps = np.linalg.norm(residues.ca_A[:, None] - run.truth.residues.ca_A, axis=2)
    sequence = np.array(list(run.truth.polymers[0].sequence))
    right = (gaps.min(1) < 3) & (residues.letters == sequence[gaps.argmin(1)])
    assert residues.confidence[right].mean() > 0.7
    if not right.all():
        assert residues.confidence[right].mean() > residues.confidence[~right].mean()


def test_it_tells_how_far_it_is_and_shows_the_trace(run):
    done = [step.done for step in run.steps]
    assert done[-1] == run.steps[-1].total
    assert done == sorted(done)
    assert done[-1] > 90
    assert {step.total for step in run.steps} == {100}
    previews = [step.preview for step in run.steps if isinstance(step.preview, Trace)]
    assert len(previews[-1]) == len(run.built.trace)


def test_without_a_sequence_residues_are_named_where_the_map_tells(traced):
    built = finish(build(PARAMS.model_copy(update={"side_chains": False}), traced.density))
    residues = built.model.residues
    assert built.model.polymers == built.model.unmodelled == ()
    assert len(residues) == len(built.trace)
    assert set(residues.letters) <= {*LETTERS, UNKNOWN}
    assert len(np.unique(residues.chains)) == len(built.trace.fragments())
    assert evaluate(built.model, traced.truth).detections[-1].f1 > 0.92


def test_letters_that_are_not_known_are_built_as_unknown(traced):
    sequence = traced.truth.polymers[0].sequence
    hidden = Polymer("K", sequence[:50] + 3 * UNKNOWN + sequence[53:])
    residues = finish(build(PARAMS, traced.density, (hidden,))).model.residues
    named = residues.select(residues.chains == "K")
    assert len(named) > 0.6 * len(sequence)
    assert all(
        (letter == UNKNOWN) == (number in (51, 52, 53))
        for letter, number in zip(named.letters, named.numbers, strict=True)
    )


def test_no_more_residues_are_built_than_the_sequence_has(run):
    known = len(run.truth.polymers[0].sequence)
    assert len(run.built.trace) > known
    assert len(run.built.model.residues) <= known


def test_more_residues_than_the_sequences_have_are_told(traced):
    half = Polymer("A", traced.truth.polymers[0].sequence[: len(traced.built.trace) // 2])
    warnings = finish(build(PARAMS, traced.density, (half,))).warnings
    assert any("voxel size" in warning and "copy" in warning for warning in warnings)


def test_a_relaxed_model_has_the_same_atoms_elsewhere(traced):
    pytest.importorskip("openmm")
    params = PARAMS.model_copy(update={"relax": True})
    job, steps = build(params, traced.density, traced.truth.polymers), []
    with pytest.raises(StopIteration) as stop:
        while True:
            steps.append(next(job))
    model, before = stop.value.value.model, traced.built.model
    assert stop.value.value.warnings == ()
    assert model.structure.atom_names.tolist() == before.structure.atom_names.tolist()
    moved = np.linalg.norm(model.structure.xyz_A - before.structure.xyz_A, axis=1)
    assert 0.05 < moved.mean() < 0.5
    alpha = model.structure.atom_names == "CA"
    assert np.array_equal(model.structure.xyz_A[alpha], model.residues.ca_A)
    assert clashscore(model.structure) <= clashscore(before.structure)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert any("force field" in step.message for step in steps)


def test_the_same_trace_gives_the_same_model(traced):
    again = finish(build(PARAMS, traced.density, traced.truth.polymers)).model
    assert np.array_equal(again.structure.xyz_A, traced.built.model.structure.xyz_A)
    assert np.array_equal(again.residues.confidence, traced.built.model.residues.confidence)


def test_a_mirrored_map_is_called_mirrored_or_refused(run):
    mirrored = run.density.with_data(np.ascontiguousarray(run.density.data[::-1]))
    try:
        built = finish(build(PARAMS, mirrored, run.truth.polymers))
    except CryoAIError as refused:
        assert "hand" in refused.remedy
    else:
        assert any("hand" in warning for warning in built.warnings)


@pytest.mark.parametrize("blur_px", [0.0, 1.2])
def test_no_protein_is_found_in_noise(blur_px):
    white = np.random.default_rng(0).normal(size=(36, 36, 36))
    noise = gaussian_filter(white, blur_px).astype(np.float32)
    with pytest.raises(CryoAIError, match="no protein backbone was found"):
        finish(build(PARAMS, DensityMap(noise, 1.0)))


def test_a_map_that_cannot_be_used_is_refused_before_any_work():
    flat = DensityMap(np.ones((40, 40, 40), np.float32), 1.0)
    with pytest.raises(CryoAIError, match="constant"):
        finish(build(PARAMS, flat))


@pytest.mark.parametrize("until", ["Looking for the backbone", "Joining", "Threading", "polished"])
def test_it_can_be_cancelled_within_a_second(run, until):
    job = build(PARAMS, run.density, run.truth.polymers)
    for step in job:
        if until in step.message:
            break
    else:
        pytest.fail(f"it never told of {until}")
    began = time.perf_counter()
    job.close()
    assert time.perf_counter() - began < 1
    # What was under way ends by itself; the next test is not to share the processor with it.
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(timeout=10)
