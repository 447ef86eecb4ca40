"""The end of `cryoai demo`: a map that shows side chains, and the model that is built into it."""

from __future__ import annotations

from pathlib import Path

from napari_cryoai.building.atoms.example import RESOLUTION_A, example_map, example_model
from napari_cryoai.building.build import BuildParams, Built
from napari_cryoai.building.scoring.evaluate import evaluate
from napari_cryoai.cli.build import run_build
from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.models import write_model


def build_example(output: Path, seed: int) -> str:
    """Simulate a map of the example protein, build into it, and compare with the protein.

    Writes `map.mrc`, `sequence.fasta`, `reference.pdb` and what `cryoai build` writes into
    `output/model`.

    Returns
    -------
    text
        What was built, and how right it is, for people.
    """
    folder = output / "model"
    folder.mkdir(parents=True, exist_ok=True)
    truth = example_model()
    map_path, fasta = folder / "map.mrc", folder / "sequence.fasta"
    write_map(map_path, example_map(truth, seed))
    write_model(folder / "reference.pdb", truth, title="The protein that was simulated")
    write_text(fasta, "".join(f">{p.name} example\n{p.sequence}\n" for p in truth.polymers))
    params = BuildParams(resolution_A=RESOLUTION_A, seed=seed)
    built = run_build(params, map_path, truth.polymers, folder, fasta)
    return (
        "That map shows no backbone. For the last step a map of another molecule was simulated, "
        f"at {RESOLUTION_A:.1f} A\n{score(built, truth)}"
    )


def score(built: Built, truth: AtomicModel) -> str:
    """A sentence on how a model compares with the truth."""
    found = evaluate(built.model, truth)
    best, match = found.detections[-1], found.whole.sequence_match
    named = "" if match is None else f", sequence match {match:.2f}"
    return (
        f"Model of {len(built.model.residues)} residues, {len(truth.residues)} are there: "
        f"F1 of CA within {best.radius_A:.0f} A {best.f1:.2f}{named} against the truth"
    )
