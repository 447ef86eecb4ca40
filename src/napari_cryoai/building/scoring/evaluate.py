"""A model against a reference: what was found, in which order, and how exactly.

Everything is measured where the model lies in the map, without moving it; but for `tm`, which is
known to superpose. Only CA count, so that traces, models of CA alone and full models compare.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.scoring.matching import Alphas, Matches, match
from napari_cryoai.building.scoring.order import Links, links_of
from napari_cryoai.building.scoring.scores import Lddt, lddt, tm_d0_A, tm_in_place
from napari_cryoai.building.scoring.superposition import pair_chains, tm_of_chains
from napari_cryoai.core.amino_acids import UNKNOWN
from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.core.trace import Trace

Floats = NDArray[np.float64]
Model = Structure | AtomicModel | Trace | Alphas

RADII_A = (1.0, 2.0, 3.0)
MATCHED_A = 3.0
"""Residues that are no farther apart stand for each other, in all but precision and recall."""


@dataclass(frozen=True)
class Detection:
    """How many residues were found within a radius.

    Attributes
    ----------
    radius_A
        Farthest distance of CA to CA.
    matched
        Pairs, one to one, as many as can be.
    precision
        Share of the model's residues that are in a pair.
    recall
        Share of the reference's.
    """

    radius_A: float
    matched: int
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True)
class Agreement:
    """What is measured of a whole complex, and of each of its chains; None where there is nothing.

    Attributes
    ----------
    residues
        Of the reference.
    matched
        Pairs within 3 A.
    recall
        Share of the reference's residues that are in a pair.
    sequence_match
        Share of the pairs that are of the same amino acid; the reference has to know it, and X in
        the model is wrong. None for a model that names none at all.
    sequence_recall
        Share of the reference's residues that are matched by the same amino acid.
    break_rate
        Of residues that are neighbours in a chain of the reference and both matched, the share
        whose partners are no neighbours in the model, in whatever direction.
    direction_error
        Of those that are neighbours in the model too, the share that runs backwards.
    rmsd_A
        Of the pairs, without superposition.
    tm_in_place
        TM-score of the pairs without superposition, whatever the chains and the order.
    tm
        TM-score of chains that were paired one to one and aligned in order, superposed.
    lddt
        Of CA, with the pairs as correspondence; what is not matched is lost.
    """

    residues: int
    matched: int
    recall: float
    sequence_match: float | None
    sequence_recall: float | None
    break_rate: float | None
    direction_error: float | None
    rmsd_A: float | None
    tm_in_place: float
    tm: float
    lddt: float | None


@dataclass(frozen=True)
class ModelChain:
    """A chain of the model: how many residues it has, and how many of them are in a pair."""

    chain: str
    residues: int
    matched: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model against a reference.

    Attributes
    ----------
    model, reference
        Their CA.
    detections
        For each of `RADII_A`.
    whole
        All chains.
    chains
        By name of the chain of the reference.
    partners
        Which chain of the model was paired with a chain of the reference, for `tm`.
    model_chains
        The chains of the model.
    matches
        Pairs within 3 A.
    lddt
        `(n,)` of each residue of the reference; NaN for one without neighbours.
    """

    model: Alphas
    reference: Alphas
    detections: tuple[Detection, ...]
    whole: Agreement
    chains: dict[str, Agreement]
    partners: dict[str, str]
    model_chains: tuple[ModelChain, ...]
    matches: Matches
    lddt: Floats

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON; null where there is nothing to measure."""
        return {
            "model_residues": len(self.model),
            **asdict(self.whole),
            "within": [asdict(d) | {"f1": d.f1} for d in self.detections],
            "chains": {
                name: {"model_chain": self.partners.get(name)} | asdict(agreement)
                for name, agreement in self.chains.items()
            },
            "model_chains": [asdict(chain) for chain in self.model_chains],
        }

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A table as text: header, then a row for each residue of the reference."""
        yield (
            *("chain", "number", "letter", "model_chain", "model_number", "model_letter"),
            *("distance_A", "lddt"),
        )
        found = self.matches.model_of(len(self.reference))
        distance_A = np.full(len(self.reference), np.nan)
        distance_A[self.matches.reference] = self.matches.distance_A
        for row, other in enumerate(found.tolist()):
            here = _names(self.reference, row)
            there = _names(self.model, other) if other >= 0 else ("", "", "")
            yield (*here, *there, _text(distance_A[row]), _text(self.lddt[row]))


def evaluate(model: Model, reference: Model) -> Evaluation:
    """Compare a model with a reference in the same frame.

    Parameters
    ----------
    model
        A structure, a built model, or a trace before it has a sequence.
    reference
        The truth, or what is taken for it.

    Raises
    ------
    CryoAIError
        If one of the two has no protein.
    """
    found, truth = (m if isinstance(m, Alphas) else Alphas.of(m) for m in (model, reference))
    _check(found, "model")
    _check(truth, "reference")
    by_radius = {r: match(found.ca_A, truth.ca_A, r) for r in RADII_A}
    matches = by_radius[MATCHED_A]
    partners = pair_chains(found, truth, matches)
    measured = _Measured(found, truth, matches, links_of(found, truth, matches), partners)
    names = list(dict.fromkeys(truth.chains.tolist()))
    whole = measured.of(names)
    return Evaluation(
        model=found,
        reference=truth,
        detections=tuple(_detection(r, m, found, truth) for r, m in by_radius.items()),
        whole=whole,
        chains={n: measured.of([n]) if len(names) > 1 else whole for n in names},
        partners=partners,
        model_chains=_model_chains(found, matches),
        matches=matches,
        lddt=measured.lddt.scores,
    )


@dataclass(frozen=True, eq=False)
class _Measured:
    """Model and reference, paired; figures of any of the reference's chains."""

    model: Alphas
    reference: Alphas
    matches: Matches
    links: Links
    partners: dict[str, str]

    @cached_property
    def lddt(self) -> Lddt:
        """Of the residues of the reference, where the model has them."""
        placed_A = np.full((len(self.reference), 3), np.nan)
        placed_A[self.matches.reference] = self.model.ca_A[self.matches.model]
        return lddt(placed_A, self.reference.ca_A)

    def of(self, names: list[str]) -> Agreement:
        """The figures of some chains together."""
        here = np.isin(self.reference.chains, names)
        rows = np.flatnonzero(here)
        some = here[self.matches.reference]
        distance_A = self.matches.distance_A[some]
        n, matched = len(rows), int(some.sum())
        right, known = self._letters(some)
        told = bool((self.model.letters != UNKNOWN).any())
        links = self.links.of(here)
        return Agreement(
            residues=n,
            matched=matched,
            recall=matched / n,
            sequence_match=right / known if known and told else None,
            sequence_recall=right / n if told else None,
            break_rate=links.break_rate,
            direction_error=links.direction_error,
            rmsd_A=math.sqrt(float((distance_A**2).mean())) if matched else None,
            tm_in_place=tm_in_place(distance_A, n),
            tm=tm_of_chains(self.model, self.reference, self.partners, names, tm_d0_A(n)),
            lddt=self.lddt.mean(rows),
        )

    def _letters(self, some: NDArray[np.bool_]) -> tuple[int, int]:
        """How many of the pairs are of the same amino acid, of how many that can be told."""
        there = self.reference.letters[self.matches.reference[some]]
        here = self.model.letters[self.matches.model[some]]
        known = there != UNKNOWN
        return int((known & (here == there)).sum()), int(known.sum())


def _detection(radius_A: float, matches: Matches, model: Alphas, reference: Alphas) -> Detection:
    k = len(matches)
    return Detection(radius_A, k, k / len(model), k / len(reference))


def _model_chains(model: Alphas, matches: Matches) -> tuple[ModelChain, ...]:
    inside = np.zeros(len(model), np.bool_)
    inside[matches.model] = True
    found = []
    for name in dict.fromkeys(model.chains.tolist()):
        here = model.chains == name
        found.append(ModelChain(name, int(here.sum()), int((here & inside).sum())))
    return tuple(found)


def _check(alphas: Alphas, what: str) -> None:
    if not len(alphas):
        raise CryoAIError(
            f"the {what} holds no protein", remedy="Give a file with atoms called CA in residues"
        )


def _names(alphas: Alphas, row: int) -> tuple[str, str, str]:
    return str(alphas.chains[row]), str(alphas.numbers[row]), str(alphas.letters[row])


def _text(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else ""
