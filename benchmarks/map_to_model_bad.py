"""Maps and sequences as they should not be: what happens.

Each has to end in a model as good as that of the sound map, or in an error that says what is wrong;
some have to end in the error, and some with a warning.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from map_to_model_set import (
    Case,
    box_for,
    half_map_model,
    noise_free,
    short,
    simulated,
    test_structures,
)
from scipy.ndimage import gaussian_filter

from napari_cryoai.building.build import BuildParams, Built, build
from napari_cryoai.building.scoring.evaluate import evaluate
from napari_cryoai.core.atomic_model import Polymer
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.fasta import parse_fasta, polymers_of
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.models import write_model
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.structures import read_structure
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics.simulators.decoys import duplex
from napari_cryoai.physics.simulators.distributions import Distribution

WORSE = 0.05
"""In F1 at 3 A, than the model of the sound map: what still is as good."""

MODEL, ERROR, WARNING = "a model", "an error", "a warning"

Sequences = Callable[[], tuple[Polymer, ...]]


@dataclass(frozen=True)
class Trial:
    """An input, what lies in it, and what has to come of it: one of these."""

    make: Callable[[], DensityMap]
    sequences: Sequences
    truth: Structure | None
    wanted: tuple[str, ...]


def bad_inputs(
    structures: Path, params: Callable[..., BuildParams], seed: int, known: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The sound map of the smallest protein first, then the rest."""
    path = min(test_structures(structures), key=lambda p: len(read_structure(p)))
    none = Distribution("constant", 0)
    model = replace(half_map_model((3.0, 3.0), 0.0, 0.0, none), masked=0.0)
    case = simulated(short(path), path, model, seed, 2000)
    sound = float(known.get("sound", {}).get("F1") or 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for name, trial in _trials(case, Path(folder)).items():
            if name in known:
                continue
            row = _outcome(trial, params(case.resolution_A), sound, Path(folder))
            sound = sound or float(row["F1"] or 0.0)
            yield name, row


def _trials(case: Case, folder: Path) -> dict[str, Trial]:
    """The sound one comes first."""
    found = {"sound": Trial(lambda: case.density, lambda: case.polymers, case.truth, (MODEL,))}
    for name, (make, truth, wanted) in (_maps(case) | _files(case, folder)).items():
        found[name] = Trial(make, lambda: case.polymers, truth, wanted)
    for name, (text, wanted) in _fastas(case).items():
        found[name] = Trial(lambda: case.density, _Read(text), case.truth, wanted)
    found["no sequence"] = Trial(lambda: case.density, tuple, case.truth, (MODEL,))
    return found


Maps = dict[str, tuple[Callable[[], DensityMap], Structure | None, tuple[str, ...]]]


def _maps(case: Case) -> Maps:
    density, truth = case.density, case.truth
    pixel_A = density.pixel_size_A
    away = np.array([137.3, -41.0, 12.5])
    z, y, x = density.origin_A
    shifted = replace(density, origin_A=(z + away[2], y + away[1], x + away[0]))
    rng = np.random.default_rng(1)
    white = rng.normal(size=density.shape)
    coloured = gaussian_filter(white, 1.2 / pixel_A)
    empty = np.zeros((40, 40, 40), np.float32)
    broken = density.data.copy()
    broken[3, 4, 5] = np.nan
    dna = duplex(20, 80.0)
    side = box_for(dna, pixel_A)
    only_dna = noise_free(dna, side, pixel_A, 80.0)
    dirty = only_dna.data + 0.1 * only_dna.sigma * rng.normal(size=only_dna.shape)
    good, error = (MODEL,), (ERROR,)
    return {
        "box not cubic, sides odd": (lambda: _around(case, 9.0), truth, good),
        "box tight": (lambda: _around(case, 1.0), truth, good),
        "box that cuts the protein": (lambda: _half(case), _kept(case), good),
        "origin elsewhere": (
            lambda: shifted,
            truth.moved_to(truth.xyz_A + away),
            good,
        ),
        "mirrored": (lambda: density.with_data(density.data[::-1]), None, (WARNING,)),
        "dark protein": (lambda: density.with_data(-density.data), None, (ERROR, WARNING)),
        "scaled by 0.001, plus 5": (
            lambda: density.with_data(0.001 * density.data + 5),
            truth,
            good,
        ),
        "voxel size twice too large": (
            lambda: DensityMap(density.data, 2 * pixel_A),
            None,
            (ERROR, WARNING),
        ),
        "white noise alone": (lambda: density.with_data(white), None, error),
        "coloured noise alone": (lambda: density.with_data(coloured), None, error),
        "nucleic acid alone": (lambda: only_dna.with_data(dirty), None, error),
        "nothing": (lambda: DensityMap(empty, 1.0), None, error),
        "tiny": (lambda: density_of(density.data[:10, :10, :10], pixel_A), None, error),
        "one voxel": (lambda: density_of(density.data[:1, :1, :1], pixel_A), None, error),
        "not a number": (lambda: DensityMap(broken, pixel_A), None, error),
        "voxels of 4 A": (lambda: DensityMap(density.data[::4, ::4, ::4], 4.0), None, error),
    }


def _files(case: Case, folder: Path) -> Maps:
    """Places and axes as other programs write them."""
    cut = _around(case, 9.0)
    start = [round(o / cut.pixel_size_A) for o in cut.origin_A]
    # nstart counts whole voxels.
    moved = np.array(start) * cut.pixel_size_A - cut.origin_A
    truth = case.truth.moved_to(case.truth.xyz_A + moved[::-1])

    def with_starts(order: tuple[int, int, int]) -> DensityMap:
        """`order`: which axis of space (1: x) each of columns, rows and sections is."""
        path = folder / f"axes{''.join(map(str, order))}.mrc"
        write_mrc(path, cut.data.transpose(_stored(order)), cut.pixel_size_A)
        _patch(path, 4, [start[3 - axis] for axis in order])
        _patch(path, 7, cut.shape[::-1])
        _patch(path, 10, np.array(cut.extent_A[::-1], "<f4").view("<i4").tolist())
        _patch(path, 16, order)
        return read_map(path)

    def oblong() -> DensityMap:
        path = folder / "oblong.mrc"
        write_mrc(path, cut.data, cut.pixel_size_A)
        cell = np.array(cut.extent_A[::-1], "<f4") * [1, 1, 1.3]
        _patch(path, 10, cell.astype("<f4").view("<i4").tolist())
        return read_map(path)

    return {
        "place in nstart": (lambda: with_starts((1, 2, 3)), truth, (MODEL,)),
        "axes in the order 3, 2, 1": (lambda: with_starts((3, 2, 1)), truth, (MODEL,)),
        "axes in the order 2, 3, 1": (lambda: with_starts((2, 3, 1)), truth, (MODEL,)),
        "voxels that are no cubes": (oblong, None, (ERROR,)),
    }


def _fastas(case: Case) -> dict[str, tuple[str, tuple[str, ...]]]:
    texts = [polymer.sequence for polymer in case.polymers]
    rng = np.random.default_rng(2)
    unknown = ["".join("X" if rng.random() < 0.15 else a for a in text) for text in texts]
    foreign = ["".join(rng.permutation(list(text))) for text in texts]
    dna = ">dna polydeoxyribonucleotide\nACGTACGTTGCAACGT\n"
    good, error = (MODEL,), (ERROR,)
    return {
        "FASTA with 15 % X": (_fasta(unknown), good),
        "FASTA in lower case": (_fasta([text.lower() for text in texts]), good),
        "FASTA with DNA too": (dna + _fasta(texts), good),
        "FASTA of DNA alone": (dna, error),
        "FASTA of X alone": (_fasta(["X" * len(text) for text in texts]), (MODEL, ERROR)),
        "FASTA that is empty": ("", error),
        "FASTA with a header alone": (">A\n", error),
        "FASTA with a strange letter": (">A\nMKV#LA\n", error),
        "FASTA of one residue": (">A\nM\n", (MODEL, ERROR)),
        "FASTA of another protein": (_fasta(foreign), (MODEL, WARNING)),
    }


class _Read:
    """Sequences of a text."""

    def __init__(self, text: str):
        self.text = text

    def __call__(self) -> tuple[Polymer, ...]:
        return polymers_of(parse_fasta(self.text, "bad.fasta"))


def _outcome(trial: Trial, params: BuildParams, sound: float, folder: Path) -> dict[str, Any]:
    """One row of the table; whatever is raised but a `CryoAIError` is a failure, and told."""
    row: dict[str, Any] = {"wanted": " or ".join(trial.wanted), "F1": None, "sequence": None}
    came: list[str] = []
    try:
        built = finish(build(params, trial.make(), trial.sequences()))
        write_model(folder / "model.cif", built.model, title="Benchmark")
    except CryoAIError as error:
        came, said = [ERROR], str(error)
    except Exception as error:  # noqa: BLE001  (it is what is looked for)
        said = f"FAILED: {type(error).__name__}: {error}"
    else:
        row |= _quality(built, trial.truth)
        said = f"{len(built.model.residues)} residues. {' '.join(built.warnings)}".strip()
        came = [WARNING] if built.warnings else []
        if trial.truth is None or row["F1"] >= sound - WORSE:
            came.append(MODEL)
    return row | {"as wanted": bool(set(came) & set(trial.wanted)), "came": said}


def _quality(built: Built, truth: Structure | None) -> dict[str, Any]:
    if truth is None:
        return {}
    found = evaluate(built.model, truth)
    return {"F1": found.detections[-1].f1, "sequence": found.whole.sequence_match}


def _around(case: Case, edge_A: float) -> DensityMap:
    """A box that is no wider than the protein needs it, in the same place."""
    density = case.density
    index = density.index_of(case.truth.xyz_A[:, ::-1])
    low = np.maximum(np.floor(index.min(0) - edge_A / density.pixel_size_A).astype(int), 0)
    high = np.ceil(index.max(0) + edge_A / density.pixel_size_A).astype(int) + 1
    high += (high - low + 1) % 2
    return _cut(density, low, high)


def _half(case: Case) -> DensityMap:
    """Voxels with z below the middle."""
    n = case.density.shape[0] // 2
    return _cut(case.density, np.zeros(3, int), np.array([n, *case.density.shape[1:]]))


def _kept(case: Case) -> Structure:
    return case.truth.select(case.truth.xyz_A[:, 2] <= -case.density.pixel_size_A)


def _cut(density: DensityMap, low: np.ndarray, high: np.ndarray) -> DensityMap:
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    oz, oy, ox = density.world_of(low[None].astype(float))[0].tolist()
    return DensityMap(density.data[z, y, x].copy(), density.pixel_size_A, (oz, oy, ox))


def density_of(data: np.ndarray, pixel_A: float) -> DensityMap:
    return DensityMap(np.ascontiguousarray(data), pixel_A)


def _stored(order: tuple[int, int, int]) -> tuple[int, int, int]:
    """Axes of the array z, y, x as sections, rows and columns, which `order` names backwards."""
    columns, rows, sections = order
    return 3 - sections, 3 - rows, 3 - columns


def _patch(path: Path, word: int, values: Any) -> None:
    """Overwrite whole numbers of the header, from the one at `word`."""
    with path.open("r+b") as file:
        file.seek(4 * word)
        file.write(np.array(values, "<i4").tobytes())


def _fasta(texts: list[str]) -> str:
    return "".join(f">chain{i}\n{text}\n" for i, text in enumerate(texts))
