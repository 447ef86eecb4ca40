"""Threading alone: simulated traces of deposited structures, and how many residues are in register.

    python benchmarks/sequence_threading.py --structures DIR

A trace is the CA of the structure with an error of 0.6 Angstrom (root mean square), without 10 % of
its residues, and with 15 % that are false: a third each inside fragments, at their ends, and in
fragments of their own. Fragments are broken where a residue is missing, run either way, and 3 % are
joined to a wrong neighbour. Loops that are missing in the deposited model are in the sequence, with
random letters. The amino-acid probabilities come from a noisy look at the size and the shape of
the side chain, so that errors fall on similar residues; the noise varies along the chain, and its
amount is known to 20 %. It is set so that the best guess is as often right as the table says.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment

from napari_cryoai.building.threading.thread import Threaded, Threader
from napari_cryoai.core.amino_acids import BACKGROUND, LETTERS, letter_of
from napari_cryoai.core.atomic_model import Polymer
from napari_cryoai.core.trace import Trace
from napari_cryoai.io.structures import read_structure, structures_in

Floats = NDArray[np.float64]

JITTER_A, MISSING, FALSE, JOINED, QUALITY = 0.6, 0.10, 0.15, 0.03, 0.4
ACCURACIES = (0.2, 0.3, 0.4, 0.6)

_SIDE_CHAINS = {
    # Heavy atoms, bonds from CA to the last, atoms of rings, branched at CB, charge and polarity.
    "A": (1, 1, 0, 0, 0),
    "R": (7, 6, 0, 0, 1),
    "N": (4, 3, 0, 0, 0.5),
    "D": (4, 3, 0, 0, -0.7),
    "C": (2, 2, 0, 0, 0.2),
    "Q": (5, 4, 0, 0, 0.5),
    "E": (5, 4, 0, 0, -0.7),
    "G": (0, 0, 0, 0, 0),
    "H": (6, 4, 5, 0, 0.4),
    "I": (4, 3, 0, 1, 0),
    "L": (4, 3, 0, 0, -0.1),
    "K": (5, 5, 0, 0, 1),
    "M": (4, 4, 0, 0, 0.3),
    "F": (7, 5, 6, 0, 0),
    "P": (3, 2, 4, 0, 0),
    "S": (2, 2, 0, 0, -0.1),
    "T": (3, 2, 0, 1, 0),
    "W": (10, 6, 9, 0, 0.3),
    "Y": (8, 6, 6, 0, 0.3),
    "V": (3, 2, 0, 1, 0),
}
SHAPES = np.array([_SIDE_CHAINS[a] for a in LETTERS]) * (0.5, 0.5, 0.25, 0.8, 0.6)


@dataclass(frozen=True, eq=False)
class Chain:
    """A chain of a structure: its letters, and where CA is (NaN: not in the model)."""

    sequence: str
    ca_A: Floats


@dataclass(frozen=True)
class Result:
    """What came of one trace; `calibration` holds posterior and rightness of what was placed."""

    right: float
    right_of_placed: float
    false_placed: float
    calibration: Floats
    seconds: float
    seconds_again: float
    same_chain: float = 1.0


@click.command()
@click.option("--structures", type=click.Path(path_type=Path), default="../shared/data/structures")
@click.option("--count", default=12, show_default=True, help="Structures of 200 to 700 residues.")
@click.option("--seed", default=100, show_default=True)
def main(structures: Path, count: int, seed: int) -> None:
    """Measure, and print the tables."""
    console = Console(width=110)
    console.print(f"Load before: {os.getloadavg()[0]:.1f}", highlight=False)
    complexes = list(choose(structures, count, seed, 200, 700))
    console.print(_accuracy_table(complexes))
    console.print(_copies_table(complexes))
    console.print(_speed_table(next(choose(structures, 1, seed, 900, 1100))))


def _accuracy_table(complexes: list[list[Chain]]) -> Table:
    columns = ("types", "missing", "right register", "of placed", "false placed", "calibration")
    table = Table(*columns, title=f"{len(complexes)} structures; target at 30 %: 97 %, 0.05")
    for accuracy in ACCURACIES:
        for run in (1.0, 3.0):
            found = [
                measure(chains, *simulate(chains, accuracy, i, run=run))
                for i, chains in enumerate(complexes)
            ]
            table.add_row(f"{accuracy:.0%}", "single" if run == 1 else "runs of 3", *_cells(found))
    found = []
    for i, chains in enumerate(complexes):
        trace, truth = simulate(chains, 0.3, i)
        found.append(measure(chains, trace, truth, forward=_directions(trace, truth, i)))
    table.add_row("30%", "single, directions seen", *_cells(found))
    return table


def _directions(trace: Trace, truth: NDArray[np.intp], seed: int) -> Floats:
    """Log-odds of a network that is right about two residues of three."""
    rng = np.random.default_rng(seed)
    sign = np.zeros(len(trace))
    for rows in trace.fragments():
        real = rows[truth[rows, 0] >= 0]
        sign[rows] = np.sign(np.median(np.diff(truth[real, 1]))) if len(real) > 1 else 0
    mean = 0.4
    return mean * sign + rng.normal(size=len(trace)) * np.sqrt(2 * mean)


def _cells(found: list[Result]) -> list[str]:
    means = [
        np.mean([getattr(result, name) for result in found])
        for name in ("right", "right_of_placed", "false_placed")
    ]
    error = calibration_error(np.concatenate([result.calibration for result in found], axis=1))
    return [*(f"{mean:.1%}" for mean in means), f"{error:.3f}"]


def _copies_table(complexes: list[list[Chain]]) -> Table:
    columns = ("copies", "right register", "of placed", "false placed", "calibration", "same chain")
    table = Table(*columns, title="Rings of one chain of 120 to 300 residues, types 30 %")
    small = [c for chains in complexes for c in chains if 120 <= len(c.sequence) <= 300][:5]
    for copies in (2, 4):
        found = []
        for i, chain in enumerate(small):
            chains = ring(chain, copies)
            found.append(measure(chains, *simulate(chains, 0.3, i)))
        same = np.mean([result.same_chain for result in found])
        table.add_row(str(copies), *_cells(found), f"{same:.1%}")
    return table


def _speed_table(chains: list[Chain]) -> Table:
    result = measure(chains, *simulate(chains, 0.3, 0))
    letters = sum(len(chain.sequence) for chain in chains)
    table = Table("", "CPU time", "target", title=f"{letters} letters, one core")
    table.add_row("first time", f"{1000 * result.seconds:.0f} ms", "")
    table.add_row("again, one fragment cut", f"{1000 * result.seconds_again:.0f} ms", "<= 100 ms")
    return table


def choose(
    folder: Path, count: int, seed: int, shortest: int, longest: int
) -> Iterator[list[Chain]]:
    """Complexes whose chains are not copies of one another."""
    paths = structures_in(folder)
    found = 0
    for i in np.random.default_rng(seed).permutation(len(paths)):
        chains = chains_of(paths[i])
        if shortest <= sum(len(chain.sequence) for chain in chains) <= longest:
            yield chains
            found += 1
        if found == count:
            return


def chains_of(path: Path) -> list[Chain]:
    """Proteins of at least 40 residues, without repeats of their own or of one another."""
    structure = read_structure(path)
    structure = structure.select((structure.atom_names == "CA") & (structure.elements == "C"))
    found: list[Chain] = []
    for name in dict.fromkeys(structure.chains.tolist()):
        part = structure.select(structure.chains == name)
        letters = "".join(letter_of(residue) for residue in part.residue_names)
        numbers = [int(re.sub("[^0-9-]", "", number)) for number in part.residue_numbers]
        words = {letters[i : i + 12] for i in range(len(letters) - 12)}
        repeats = len(words) < len(letters) - 20
        known = any(letters[i : i + 10] in c.sequence for c in found for i in range(0, 60, 5))
        if len(letters) >= 40 and not repeats and not known:
            found.append(_with_loops(letters, numbers, part.xyz_A))
    return found


def _with_loops(letters: str, numbers: list[int], xyz: Floats) -> Chain:
    rng = np.random.default_rng(5)
    sequence, places = [letters[0]], [xyz[0]]
    for i in range(1, len(letters)):
        distance = np.linalg.norm(xyz[i] - xyz[i - 1])
        if distance > 4.5:
            # Numbers of residues are no better than their authors; the chain has to reach.
            least = int(np.ceil(distance / 3.6))
            gap = int(np.clip(numbers[i] - numbers[i - 1] - 1, least, least + 100))
            sequence += [LETTERS[k] for k in rng.choice(20, gap, p=BACKGROUND)]
            places += [np.full(3, np.nan)] * gap
        sequence.append(letters[i])
        places.append(xyz[i])
    return Chain("".join(sequence), np.array(places))


def ring(chain: Chain, copies: int) -> list[Chain]:
    """Copies around an axis, side by side."""
    xyz = chain.ca_A - np.nanmean(chain.ca_A, axis=0)
    away = np.nanmax(np.abs(xyz[:, :2])) / np.sin(np.pi / copies) * 0.9
    found = []
    for angle in 2 * np.pi * np.arange(copies) / copies:
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        found.append(Chain(chain.sequence, (xyz + np.array([away, 0, 0])) @ turn.T))
    return found


Row = tuple[int, int, int, Floats]
"""Chain and place (-1 if false), amino acid, position."""


def simulate(
    chains: list[Chain], accuracy: float, seed: int, *, run: float = 1.0
) -> tuple[Trace, NDArray[np.intp]]:
    """A trace, and for each of its residues the chain and the place in it, or -1.

    Parameters
    ----------
    run
        Mean length of a stretch of missing residues.
    """
    rng = np.random.default_rng(seed)
    fragments = [f for i, chain in enumerate(chains) for f in _broken(i, chain, run, rng)]
    total = sum(np.isfinite(chain.ca_A[:, 0]).sum() for chain in chains)
    _add_false(fragments, round(FALSE * total / 3), rng)
    _join_wrongly(fragments, rng)
    order = rng.permutation(len(fragments))
    turned = [fragments[i][:: rng.choice([1, -1])] for i in order]
    rows = [row for fragment in turned for row in fragment]
    number = np.repeat(np.arange(len(turned)), [len(fragment) for fragment in turned])
    ca = np.array([row[3] for row in rows])
    trace = Trace.of_positions(ca + rng.normal(size=ca.shape) * JITTER_A / np.sqrt(3), number)
    types = looks(np.array([row[2] for row in rows]), sigma_for(accuracy), rng)
    return replace(trace, types=types), np.array([row[:2] for row in rows])


def _broken(i: int, chain: Chain, run: float, rng: np.random.Generator) -> list[list[Row]]:
    gone = np.isnan(chain.ca_A[:, 0])
    limit = gone.mean() + MISSING * (1 - gone.mean())
    while gone.mean() < limit:
        start = rng.integers(len(gone))
        gone[start : start + rng.geometric(1 / run)] = True
    kept = np.flatnonzero(~gone)
    far = np.linalg.norm(np.diff(chain.ca_A[kept], axis=0), axis=1) > 4.5
    parts = np.split(kept, np.flatnonzero((np.diff(kept) > 1) | far) + 1)
    amino = [LETTERS.find(a) if a in LETTERS else int(rng.integers(20)) for a in chain.sequence]
    return [[(i, int(p), amino[p], chain.ca_A[p]) for p in part] for part in parts]


def _add_false(fragments: list[list[Row]], each: int, rng: np.random.Generator) -> None:
    places = np.array([row[3] for fragment in fragments for row in fragment])
    sizes = np.array([len(fragment) for fragment in fragments], float)

    def row(place: Floats) -> Row:
        return -1, -1, int(rng.choice(20, p=BACKGROUND)), place

    def step(length: float) -> Floats:
        way = rng.normal(size=3)
        return length * way / np.linalg.norm(way)

    for i in rng.choice(len(fragments), each, p=sizes / sizes.sum()):
        if len(fragments[i]) > 2:
            at = int(rng.integers(1, len(fragments[i])))
            middle = (fragments[i][at - 1][3] + fragments[i][at][3]) / 2
            fragments[i].insert(at, row(middle + step(rng.uniform(1.5, 3))))
    for i in rng.integers(len(fragments), size=each):
        at = int(rng.choice([0, len(fragments[i])]))
        end = fragments[i][min(at, len(fragments[i]) - 1)][3]
        fragments[i].insert(at, row(end + step(3.8)))
    while each > 0:
        place, way = places[rng.integers(len(places))] + step(rng.uniform(3, 8)), step(1)
        alone = []
        for _ in range(min(each, int(rng.integers(1, 9)))):
            alone.append(row(place))
            way = way + step(0.8)
            place = place + 3.8 * way / np.linalg.norm(way)
        fragments.append(alone)
        each -= len(alone)


def _join_wrongly(fragments: list[list[Row]], rng: np.random.Generator) -> None:
    for _ in range(int(JOINED * len(fragments))):
        i = int(rng.integers(len(fragments)))
        end = fragments[i][-1][3]
        distance = [np.linalg.norm(f[0][3] - end) for f in fragments]
        distance[i] = np.inf
        nearest = int(np.argmin(distance))
        if distance[nearest] < 6:
            fragments[i] += fragments[nearest]
            fragments.pop(nearest)


def looks(amino: NDArray[np.intp], sigma: float, rng: np.random.Generator) -> Floats:
    """`(n, 20)` probabilities after a look at the side chains through noise."""
    n = len(amino)
    smooth = np.convolve(rng.normal(size=n + 60), np.exp(-np.abs(np.arange(-30, 31)) / 5), "same")
    smooth = smooth[30 : 30 + n]
    noise = sigma * np.exp(QUALITY * (smooth - smooth.mean()) / max(smooth.std(), 1e-9))
    seen = SHAPES[amino] + rng.normal(size=(n, 5)) * noise[:, None]
    believed = noise * np.exp(rng.normal(0, 0.2, n))
    square = ((seen[:, None] - SHAPES[None]) ** 2).sum(2)
    odds = -square / (2 * believed[:, None] ** 2) + np.log(BACKGROUND)
    share: Floats = np.exp(odds - odds.max(1, keepdims=True))
    return share / share.sum(1, keepdims=True)


_SIGMAS: dict[float, float] = {}


def sigma_for(accuracy: float) -> float:
    """The noise at which the best guess is right so often, by bisection."""
    if accuracy not in _SIGMAS:
        amino = np.random.default_rng(0).choice(20, 8000, p=BACKGROUND)
        low, high = 0.05, 20.0
        for _ in range(25):
            middle = (low * high) ** 0.5
            right = looks(amino, middle, np.random.default_rng(1)).argmax(1) == amino
            low, high = (middle, high) if right.mean() > accuracy else (low, middle)
        _SIGMAS[accuracy] = low
    return _SIGMAS[accuracy]


def measure(
    chains: list[Chain],
    trace: Trace,
    truth: NDArray[np.intp],
    *,
    forward: Floats | None = None,
) -> Result:
    """Thread a trace, and again after a fragment is cut in two."""
    threader = Threader([Polymer(str(i), chain.sequence) for i, chain in enumerate(chains)])
    start = time.process_time()
    if forward is not None:
        trace = replace(trace, forward=forward)
    threaded = threader.thread(trace)
    first = time.process_time() - start
    cut = int(np.median(np.flatnonzero(trace.fragment == np.bincount(trace.fragment).argmax())))
    edited = replace(trace, fragment=trace.fragment + (np.arange(len(trace)) >= cut))
    start = time.process_time()
    threader.thread(edited)
    return score(chains, threaded, truth, first, time.process_time() - start)


def score(
    chains: list[Chain], threaded: Threaded, truth: NDArray[np.intp], first: float, again: float
) -> Result:
    """A residue is in register if its sequence and its place in it are right, in any copy."""
    true = truth[threaded.rows]
    real, placed = true[:, 0] >= 0, threaded.polymer >= 0
    texts = np.array([*(chain.sequence for chain in chains), "none"])
    right = real & placed & (texts[threaded.polymer] == texts[true[:, 0]])
    right &= threaded.position == true[:, 1]
    copies = np.zeros((len(chains), len(chains)))
    np.add.at(copies, (threaded.polymer[right], true[right, 0]), 1)
    same = copies[linear_sum_assignment(-copies)].sum() / max(copies.sum(), 1)
    return Result(
        right[real].mean(),
        right[real & placed].mean(),
        placed[~real].mean(),
        np.stack([threaded.posterior[placed], right[placed]]),
        first,
        again,
        float(same),
    )


def calibration_error(pairs: Floats) -> float:
    """Mean distance of probability and share of the right, over ten bins, by their residues."""
    bins = np.minimum((pairs[0] * 10).astype(int), 9)
    parts = [pairs[:, bins == i] for i in range(10)]
    return sum(abs(p[0].mean() - p[1].mean()) * p.shape[1] for p in parts if p.size) / len(bins)


if __name__ == "__main__":
    main()
