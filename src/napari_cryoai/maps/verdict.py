"""What the judge says of a denoised map: curves, figures, findings, and one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from napari_cryoai.physics.fsc import FscCurve

Severity = Literal["ok", "caution", "fail"]
_ORDER: tuple[Severity, ...] = ("ok", "caution", "fail")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    about
        What was looked at, in a word: "invented", "same half twice".
    severity
        What it means for the map.
    text
        One line for a biologist.
    """

    about: str
    severity: Severity
    text: str

    def as_dict(self) -> dict[str, str]:
        """For a record."""
        return {"about": self.about, "severity": self.severity, "text": self.text}


@dataclass(frozen=True, eq=False)
class Verdict:
    """Of a denoised map; or, without curves, why there can be none.

    Attributes
    ----------
    verifiable
        Whether there were two halves.
    findings
        All that was looked at, the gravest first.
    named_curves
        FSC: `raw`, `denoised` and `cross` halves, each also `_masked`; `raw_corrected` for the
        mask; `phase_randomised`, of the denoised ones of halves without phases.
    hallucination, hallucination_error
        `(n // 2 + 1,)` share of each shell's power that the denoised halves share and the data do
        not show; and its standard error.
    figures
        What is measured, by name; `nan` or infinite where it cannot be.
    invented
        `(nz, ny, nx)` from 0 to 1: the same share around each voxel.
    spread
        Standard deviation over rotations of the input, in units of the map.
    returned
        Density that both raw halves show and that was brought back.
    """

    verifiable: bool
    findings: tuple[Finding, ...]
    named_curves: Mapping[str, FscCurve] = field(default_factory=dict)
    hallucination: Tensor | None = None
    hallucination_error: Tensor | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    invented: Tensor | None = None
    spread: Tensor | None = None
    returned: Tensor | None = None

    def __post_init__(self) -> None:
        worst_first = sorted(self.findings, key=lambda f: -_ORDER.index(f.severity))
        object.__setattr__(self, "findings", tuple(worst_first))

    @property
    def severity(self) -> Severity:
        """Of the gravest finding."""
        return self.findings[0].severity if self.findings else "ok"

    @property
    def sentence(self) -> str:
        """All in one."""
        if not self.verifiable:
            return "Not verifiable: there is no second half map to check this map against."
        if self.severity == "fail":
            return f"Do not trust this map: {_lower(self.findings[0].text)}"
        resolution_A = self.figures.get("resolution_A", math.inf)
        if self.severity == "caution":
            return f"Use with care, to {resolution_A:.1f} A: {_lower(self.findings[0].text)}"
        return f"To {resolution_A:.1f} A this map shows what both half maps show, and no more."

    def curves(self) -> dict[str, FscCurve]:
        """FSC curves by name."""
        return dict(self.named_curves)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A table as text: header, then one row for each shell."""
        columns = {name: curve.values for name, curve in self.named_curves.items()}
        if self.hallucination is not None and self.hallucination_error is not None:
            columns["hallucination"] = self.hallucination
            columns["hallucination_error"] = self.hallucination_error
        yield ("shell", "frequency_per_A", "resolution_A", *columns)
        first = next(iter(self.named_curves.values()), None)
        frequencies = [] if first is None else first.frequencies.tolist()
        for shell, g in enumerate(frequencies):
            values = (f"{float(column[shell]):.6f}" for column in columns.values())
            yield (str(shell), f"{g:.6f}", f"{1 / g:.3f}" if g else "inf", *values)

    def as_dict(self) -> dict[str, Any]:
        """All but the maps, for `report.json`: what cannot be measured is None."""
        return {
            "verifiable": self.verifiable,
            "severity": self.severity,
            "verdict": self.sentence,
            "findings": [finding.as_dict() for finding in self.findings],
            "figures": {name: _finite(value) for name, value in self.figures.items()},
            "curves": {name: _listed(c.values) for name, c in self.named_curves.items()},
            "frequencies_per_A": next(
                (_listed(c.frequencies) for c in self.named_curves.values()), []
            ),
            "hallucination": _listed(self.hallucination),
            "hallucination_error": _listed(self.hallucination_error),
        }


def not_verifiable() -> Verdict:
    """Of a map that has no second half."""
    return Verdict(
        verifiable=False,
        findings=(
            Finding(
                "halves",
                "caution",
                "Without two half maps nobody can tell signal from noise, or from invention.",
            ),
        ),
    )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _listed(values: Tensor | None) -> list[float]:
    return [] if values is None else [round(v, 6) for v in torch.nan_to_num(values).tolist()]
