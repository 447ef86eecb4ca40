"""The job that takes a map, and sequences if there are any, to an atomic model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_cryoai.building.atoms.backbone import Backbone
from napari_cryoai.building.atoms.full_atoms import build_atoms
from napari_cryoai.building.atoms.hydrogens import part_of_openmm
from napari_cryoai.building.atoms.relax import relax
from napari_cryoai.building.threading.loose_ends import (
    continued,
    without_inserted,
    without_unlikely_ends,
)
from napari_cryoai.building.threading.thread import Threaded, thread
from napari_cryoai.building.tracing.hand import wrong_hand
from napari_cryoai.building.tracing.networks import networks
from napari_cryoai.building.tracing.noise import is_noise
from napari_cryoai.building.tracing.predict import predict
from napari_cryoai.building.tracing.prepare import prepare
from napari_cryoai.building.tracing.trace import trace
from napari_cryoai.building.unmodelled import unmodelled
from napari_cryoai.core.amino_acids import LETTERS, UNKNOWN
from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues
from napari_cryoai.core.chain_names import chain_names
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.secondary import secondary_structure
from napari_cryoai.core.structure import Structure
from napari_cryoai.core.trace import Trace
from napari_cryoai.jobs.params import Params
from napari_cryoai.jobs.progress import Job, Progress, part
from napari_cryoai.jobs.waiting import beside, waiting

SURE = 0.5
"""Probability of an amino acid above which it is named where no sequence tells."""

FEWEST = 8
"""Residues; what has fewer is no model."""

MANY, TOO_MANY = 1.1, 1.25
"""Residues for each one of the sequences, above which the sequences may lack something, and above
which they do, or the voxel size is wrong; right maps have 1.2 at most."""

SEEN, TRACED, THREADED, BUILT = 55, 70, 75, 90
"""Per cent of the work that are done once the map is seen, traced, threaded, built into."""


class BuildParams(Params):
    """How to build a model into a map."""

    resolution_A: float | None = Field(
        None,
        gt=0.5,
        le=20,
        title="Resolution",
        description="Of the map, for the side chains; 3.5 if not given.",
        json_schema_extra={"unit": "A"},
    )
    orientations: Literal[1, 4, 24] = Field(
        4,
        title="Orientations",
        description="Of the map that the network sees; with 24 a turned map gives the same model.",
    )
    side_chains: bool = Field(
        True, title="Side chains", description="Build all atoms, not the main chain alone."
    )
    relax: bool = Field(
        False,
        title="Relax",
        description="Let OpenMM, an optional package, relax all atoms in force field and map.",
    )
    weights: Path | None = Field(
        None, title="Weights", description="Of networks that you have trained (.safetensors)."
    )
    device: str = Field(
        "auto", title="Device", description="auto, cpu, cuda, cuda:1, mps: where to compute."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Of all that is random.")


@dataclass(frozen=True, eq=False)
class Built:
    """A model, and how it came about.

    Attributes
    ----------
    model
        What was built.
    trace
        The residues before they had a sequence.
    threaded
        What of the sequences each of them is.
    warnings
        What the user should know, a sentence each.
    """

    model: AtomicModel
    trace: Trace
    threaded: Threaded
    warnings: tuple[str, ...] = ()


def build(params: BuildParams, density: DensityMap, polymers: Sequence[Polymer] = ()) -> Job[Built]:
    """Build an atomic model.

    Parameters
    ----------
    polymers
        The chains that are in the map, one for each copy; none if their sequences are not known.

    Yields
    ------
    progress
        In per cent; its preview is the `Trace` once there is one.

    Raises
    ------
    CryoAIError
        If the map cannot be used, no protein is found in it, or it cannot be relaxed.
    """
    if params.relax:
        _check_relaxing(params)
    yield Progress(0, 100, "Reading the networks")
    nets = networks(params.weights, params.device)
    prepared = yield from waiting(partial(prepare, density), Progress(1, 100, "Resampling"))
    looking = predict(nets.backbone, prepared.volume, range(params.orientations))
    fields = yield from part(beside(looking), 2, SEEN)
    found = yield from part(beside(trace(prepared, fields, nets.residues)), SEEN, TRACED)
    if len(found) < FEWEST:
        raise _nothing_found(len(found))
    if is_noise(prepared, found):
        raise _only_noise()
    yield Progress(TRACED, 100, "Threading the sequence", preview=found)
    warnings = []
    mirrored = partial(wrong_hand, nets.residues, prepared, found)
    if (yield from waiting(mirrored, Progress(TRACED, 100, "Checking the hand"))):
        warnings.append("The map may have the wrong hand: flip it and build again to compare.")
    named = tuple(p for p in polymers if p.sequence)
    work = partial(thread, found, named)
    threaded = yield from waiting(work, Progress(TRACED, 100, "Threading the sequence"))
    if named and not (threaded.polymer >= 0).any():
        warnings.append("No part of the sequences was recognised; all residues are unassigned.")
    elif named:
        threaded, told = _within(threaded, [len(polymer.sequence) for polymer in named])
        warnings.extend(told)
    rows = in_chain_order(threaded)
    backbone = backbone_of(threaded, rows, named)
    building = build_atoms(
        backbone,
        density,
        params.resolution_A,
        ends={polymer.name: len(polymer.sequence) for polymer in named},
        side_chains=params.side_chains,
        seed=params.seed,
    )
    structure = yield from part(beside(building), THREADED, BUILT if params.relax else 100)
    if params.relax:
        relaxing = relax(structure, density, params.resolution_A, params.seed)
        relaxed = yield from part(beside(relaxing), BUILT, 100)
        structure = relaxed.structure
        warnings.extend(relaxed.warnings)
    model = model_from(structure, threaded, rows, backbone, named)
    yield Progress(100, 100, f"{len(model.residues)} residues")
    return Built(model, found, threaded, tuple(warnings))


def _check_relaxing(params: BuildParams) -> None:
    """Refuse before any work what would fail after all of it."""
    if not params.side_chains:
        raise CryoAIError(
            "only a model with side chains can be relaxed",
            remedy="Build side chains, or do not relax",
        )
    part_of_openmm()


def _nothing_found(count: int) -> CryoAIError:
    return CryoAIError(
        f"no protein backbone was found in the map ({count} residues)",
        remedy="Check its voxel size and its hand, that it resolves 5 A or better, and that it is "
        "the sharpened map",
    )


def _only_noise() -> CryoAIError:
    return CryoAIError(
        "no protein backbone was found in the map: nothing in it stands out of the noise",
        remedy="Check that density is bright; give the map less sharpening or a mask, and a box "
        "with some solvent around the molecule",
    )


def _within(threaded: Threaded, lengths: list[int]) -> tuple[Threaded, list[str]]:
    """No more residues than the sequences have, and what to say of it."""
    threaded = continued(without_inserted(threaded), lengths)
    found, known = len(threaded), sum(lengths)
    told = f"{found} residues were found, but the sequences have {known}"
    if found > TOO_MANY * known:
        return threaded, [
            f"{told}: is the voxel size too large, or a chain or a copy missing from the sequences?"
        ]
    left_out = "the least likely ones were left out. Is a chain or a copy missing?"
    kept = without_unlikely_ends(threaded, found - known)
    return kept, [f"{told}: {left_out}"] if found > MANY * known else []


def in_chain_order(threaded: Threaded) -> NDArray[np.intp]:
    """Rows of the residues: chain by chain along the sequence, then what has no place in one."""
    placed = np.flatnonzero(threaded.polymer >= 0)
    order = np.lexsort((threaded.position[placed], threaded.polymer[placed]))
    return np.concatenate([placed[order], np.flatnonzero(threaded.polymer < 0)])


def backbone_of(
    threaded: Threaded, rows: NDArray[np.intp], polymers: Sequence[Polymer]
) -> Backbone:
    trace = threaded.trace
    chains, numbers = _names(threaded, rows, polymers)
    return Backbone(
        chains=chains,
        numbers=numbers,
        letters=_letters(threaded, rows, polymers),
        n_A=trace.n_A[rows],
        ca_A=trace.ca_A[rows],
        c_A=trace.c_A[rows],
        confidence=trace.confidence[rows],
    )


def _names(
    threaded: Threaded, rows: NDArray[np.intp], polymers: Sequence[Polymer]
) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
    """Chain and number of each residue; fragments without a place are chains of their own."""
    taken = {polymer.name for polymer in polymers}
    free = (name for name in chain_names() if name not in taken)
    names: list[str] = []
    numbers: list[int] = []
    of_fragment: dict[int, str] = {}
    for row in rows.tolist():
        polymer = int(threaded.polymer[row])
        if polymer >= 0:
            names.append(polymers[polymer].name)
            numbers.append(int(threaded.position[row]) + 1)
            continue
        fragment = int(threaded.trace.fragment[row])
        if fragment not in of_fragment:
            of_fragment[fragment] = next(free)
        follows = bool(names) and names[-1] == of_fragment[fragment]
        names.append(of_fragment[fragment])
        numbers.append(numbers[-1] + 1 if follows else 1)
    return np.array(names, np.str_), np.array(numbers, np.intp)


def _letters(
    threaded: Threaded, rows: NDArray[np.intp], polymers: Sequence[Polymer]
) -> NDArray[np.str_]:
    """Of the sequence; without one what the network is sure of."""
    types = threaded.trace.types[rows]
    likely = np.array(list(LETTERS))[types.argmax(1)]
    letters = np.where(types.max(1) > SURE, likely, UNKNOWN)
    for i, row in enumerate(rows.tolist()):
        if threaded.polymer[row] >= 0:
            sequence = polymers[int(threaded.polymer[row])].sequence
            letters[i] = sequence[int(threaded.position[row])].upper()
    return letters


def model_from(
    structure: Structure,
    threaded: Threaded,
    rows: NDArray[np.intp],
    backbone: Backbone,
    polymers: Sequence[Polymer],
) -> AtomicModel:
    ca_A = structure.xyz_A[structure.atom_names == "CA"]
    chains = [np.flatnonzero(backbone.chains == name) for name in dict.fromkeys(backbone.chains)]
    real = threaded.trace.confidence[rows]
    # Where no sequence is known there is no place to be wrong about.
    confidence = real * threaded.posterior[rows] if polymers else real
    residues = Residues(
        chains=backbone.chains,
        numbers=backbone.numbers,
        letters=backbone.letters,
        ca_A=ca_A,
        confidence=confidence,
        runner_up=threaded.runner_up[rows] + 1,
        margin=threaded.margin[rows],
        secondary=secondary_structure(ca_A, chains),
        q=np.full(len(rows), np.nan),
    )
    b_factors = 100 * confidence[structure.residue_index()]
    atoms = replace(structure, b_factors_A2=b_factors)
    return AtomicModel(atoms, residues, tuple(polymers), unmodelled(threaded, polymers))
