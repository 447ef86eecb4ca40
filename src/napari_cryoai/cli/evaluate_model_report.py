"""What `cryoai evaluate model` says: as JSON, as tables on the screen, and residue by residue."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from napari_cryoai.building.scoring.evaluate import Agreement, Evaluation
from napari_cryoai.building.scoring.matching import Alphas
from napari_cryoai.building.scoring.quality import Quality, ResidueQuality
from napari_cryoai.maps.agreement import ModelAgreement

_WIDTH, _MOST_CHAINS = 120, 40


@dataclass(frozen=True)
class Fit:
    """A model in a map.

    Attributes
    ----------
    agreement
        Correlations and Q-scores.
    b_factor_A2
        The one of all atoms of the model's map; None if those of the file were taken.
    """

    agreement: ModelAgreement
    b_factor_A2: float | None


@dataclass(frozen=True, eq=False)
class Found:
    """All that was measured of a model; None of what it was not compared with."""

    alphas: Alphas
    quality: Quality
    against: Evaluation | None
    fit: Fit | None


def report(found: Found) -> dict[str, Any]:
    """All figures of the whole; null where there is nothing to measure."""
    return {
        "residues": len(found.alphas),
        "chains": len(set(found.alphas.chains.tolist())),
        "geometry": found.quality.summary.as_dict(),
        "reference": None if found.against is None else found.against.as_dict(),
        "map": None if found.fit is None else _fit_values(found.fit),
    }


def residue_rows(found: Found) -> Iterator[tuple[str, ...]]:
    """A table as text: header, then a row for each residue of the model."""
    yield (
        *("chain", "number", "letter", "q", "ramachandran", "rotamer", "ca", "clashes"),
        *("reference_chain", "reference_number", "reference_letter", "distance_A", "lddt"),
    )
    a, q = found.alphas, _q_of_residues(found.fit)
    partner = _partners(found)
    for row in range(len(a)):
        place = (str(a.chains[row]), str(a.numbers[row]))
        known = found.quality.residues.get(place, ResidueQuality())
        geometry = (
            known.ramachandran,
            "outlier" if known.rotamer_outlier else "",
            "outlier" if known.ca_outlier else "",
            str(known.clashes),
        )
        score = _cell(q.get(place, math.nan))
        yield (*place, str(a.letters[row]), score, *geometry, *partner[row])


def print_report(found: Found) -> None:
    """Tables on the screen."""
    console = Console(width=_WIDTH, highlight=False)
    if found.against is not None:
        _print_reference(console, found.against)
    if found.fit is not None:
        _print_fit(console, found.fit)
    _print_geometry(console, found)


def _fit_values(fit: Fit) -> dict[str, Any]:
    c, a = fit.agreement.correlations, fit.agreement
    return {
        "cc_box": c.box,
        "cc_mask": c.mask,
        "cc_volume": c.volume,
        "cc_peaks": c.peaks,
        "resolution_A": a.resolution_A,
        "resolution_given": a.resolution_given,
        "b_factor_A2": fit.b_factor_A2,
        "q_score": a.q.mean if math.isfinite(a.q.mean) else None,
        "atoms_outside": a.n_outside,
    }


def _q_of_residues(fit: Fit | None) -> dict[tuple[str, str], float]:
    """Mean over the atoms of each residue, by chain and number."""
    if fit is None:
        return {}
    atoms, values = fit.agreement.q.structure, fit.agreement.q.values
    index, scored = atoms.residue_index(), np.isfinite(values)
    total = np.bincount(index[scored], values[scored], index[-1] + 1)
    count = np.bincount(index[scored], minlength=index[-1] + 1)
    first = np.unique(index, return_index=True)[1]
    places = zip(atoms.chains[first].tolist(), atoms.residue_numbers[first].tolist(), strict=True)
    pairs = zip(places, total.tolist(), count.tolist(), strict=True)
    return {place: t / n for place, t, n in pairs if n}


def _partners(found: Found) -> list[tuple[str, ...]]:
    """The residue of the reference that each residue of the model stands for."""
    rows: list[tuple[str, ...]] = [("",) * 5] * len(found.alphas)
    if found.against is None:
        return rows
    e = found.against
    pairs = zip(e.matches.model, e.matches.reference, e.matches.distance_A, strict=True)
    for model, reference, distance_A in pairs:
        place = (str(e.reference.chains[reference]), str(e.reference.numbers[reference]))
        letter = str(e.reference.letters[reference])
        rows[model] = (*place, letter, _cell(distance_A), _cell(e.lddt[reference]))
    return rows


def _print_reference(console: Console, e: Evaluation) -> None:
    found = Table("CA within", "matched", "precision", "recall", "F1")
    for d in e.detections:
        shares = (_text(d.precision), _text(d.recall), _text(d.f1))
        found.add_row(f"{d.radius_A:g} A", str(d.matched), *shares)
    console.print(found)
    table = Table("chain", "model", "residues", "recall", "sequence", "breaks", "reversed")
    for name in ("RMSD [A]", "TM", "TM in place", "lDDT"):
        table.add_column(name)
    chains = list(e.chains.items())
    for name, agreement in chains[:_MOST_CHAINS] if len(chains) > 1 else []:
        table.add_row(name, e.partners.get(name, "none"), *_cells(agreement))
    table.add_row("all", f"{len(e.model_chains)} chains", *_cells(e.whole))
    console.print(table)
    if len(chains) > _MOST_CHAINS:
        console.print(f"Of {len(chains)} chains the first {_MOST_CHAINS}; all are in the report")


def _cells(a: Agreement) -> list[str]:
    rates = (a.recall, a.sequence_match, a.break_rate, a.direction_error)
    scores = (a.rmsd_A, a.tm, a.tm_in_place, a.lddt)
    return [str(a.residues), *(_text(rate) for rate in rates), *(_text(s) for s in scores)]


def _print_fit(console: Console, fit: Fit) -> None:
    c, a = fit.agreement.correlations, fit.agreement
    table = Table("CC_mask", "CC_box", "CC_volume", "CC_peaks", "Q-score")
    table.add_row(*(_text(value) for value in (c.mask, c.box, c.volume, c.peaks, a.q.mean)))
    console.print(table)
    why = "" if a.resolution_given else ", where the masked FSC falls to 0.5"
    b = "the file's" if fit.b_factor_A2 is None else f"{fit.b_factor_A2:g} A^2 for all atoms"
    console.print(f"Model's map cut off at {a.resolution_A:.2f} A{why}; B-factors: {b}")
    if a.n_outside:
        console.print(f"Outside the map, left out: {a.n_outside} atoms")


def _print_geometry(console: Console, found: Found) -> None:
    s = found.quality.summary
    table = Table("Ramachandran favoured", "outliers", "rotamer outliers", "CA outliers")
    for name in ("clash score", "cis, no proline", "twisted", "wrong hand"):
        table.add_column(name)
    shares = (s.ramachandran_favoured, s.ramachandran_outliers, s.rotamer_outliers, s.ca_outliers)
    counts = (s.cis_but_proline, s.twisted, s.chirality_errors)
    score = "none" if s.clashscore is None else f"{s.clashscore:.1f}"
    table.add_row(*(_text(share) for share in shares), score, *(str(n) for n in counts))
    console.print(table)


def _text(value: float | None) -> str:
    return "none" if value is None or not math.isfinite(value) else f"{value:.3f}"


def _cell(value: float) -> str:
    """For tables in files: empty if not known."""
    return f"{value:.3f}" if math.isfinite(value) else ""
