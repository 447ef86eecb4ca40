"""What is measured of a denoised pair of half maps, step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from napari_cryoai.maps.checks import input_findings
from napari_cryoai.maps.denoised import Denoised, Denoiser
from napari_cryoai.maps.findings import measured_findings
from napari_cryoai.maps.hallucination import (
    Hallucination,
    hallucination_index,
    independent_samples,
    invented_share,
)
from napari_cryoai.maps.probes import first_randomised, phase_randomised
from napari_cryoai.maps.rescue import local_windows, rescue
from napari_cryoai.maps.spectra import SILENT, audible, spectral_ratio
from napari_cryoai.maps.verdict import Verdict
from napari_cryoai.physics.fsc import FscCurve, fsc, half_map_fsc
from napari_cryoai.physics.radial import power_spectrum, weighted
from napari_cryoai.physics.sharpening import fsc_weight

SHELLS = 3
"""That have to agree, lest two maps be said to have nothing in common."""


@dataclass(eq=False)
class Examination:
    """Raw halves, denoised halves, and what has been found so far.

    Attributes
    ----------
    half1, half2, mask
        `(nz, ny, nx)`, the halves raw.
    denoised
        What the denoiser made of them.
    curves, figures
        By name, as `Verdict` has them.
    shells
        Hallucination index.
    invented, returned
        Maps, as `Verdict` has them.
    """

    half1: Tensor
    half2: Tensor
    pixel_size_A: float
    mask: Tensor
    denoised: Denoised
    seed: int
    curves: dict[str, FscCurve] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    shells: Hallucination | None = None
    invented: Tensor | None = None
    returned: Tensor | None = None
    _turned: list[Tensor] = field(default_factory=list)

    def compare(self) -> None:
        """All FSC curves, and what follows from them."""
        halves = (self.half1, self.half2, self.denoised.half1, self.denoised.half2)
        # A mask turns what a mean differs from 0 by into its own shape, which correlates.
        r1, r2, d1, d2 = (half - half.mean() for half in halves)
        raw = half_map_fsc(r1, r2, self.pixel_size_A, self.mask, seed=self.seed)
        heard = audible(d1, d2, SILENT * power_spectrum(r1))
        self._add_curves("", heard, r1, r2, d1, d2)
        self._add_curves("_masked", heard, *(half * self.mask for half in (r1, r2, d1, d2)))
        self._add("raw_corrected", raw.best.values)
        found_A, box_A = raw.best.resolution_A(), max(self.mask.shape) * self.pixel_size_A
        # The first shells hold so few frequencies that noise may agree there.
        self.figures["resolution_A"] = found_A if found_A < box_A / SHELLS else math.inf
        self.figures["resolution_unmasked_A"] = raw.unmasked.resolution_A()
        self._compare_shells()
        self._compare_places(raw.best.values)

    def look_for_removed(self) -> None:
        """Density that both raw halves show and the denoised ones do not."""
        found = rescue(
            self.denoised,
            self.half1,
            self.half2,
            self.pixel_size_A,
            mask=self.mask,
            seed=self.seed,
        )
        self.returned = found.returned
        self.figures["removed_share"] = found.fraction

    def without_phases(self, denoiser: Denoiser) -> None:
        """What the denoiser shows of frequencies that carry nothing."""
        first = first_randomised(self.curves["raw_corrected"].values)
        if first is None:
            return
        found = phase_randomised(
            denoiser,
            self.half1,
            self.half2,
            self.pixel_size_A,
            first,
            self.seed,
            shown=self.denoised,
        )
        self._add("phase_randomised", found.fsc)
        self.figures["randomised_from_A"] = max(self.mask.shape) * self.pixel_size_A / first
        self.figures["invented_fsc"] = found.highest

    def add_turned(self, full: Tensor) -> None:
        """The denoised map of turned halves, turned back."""
        self._turned.append(full)

    def verdict(self) -> Verdict:
        """All of it."""
        spread = self._spread()
        resolution_A = self.figures["resolution_A"]
        of_input = input_findings(
            self.half1, self.half2, self.pixel_size_A, self.mask, resolution_A
        )
        return Verdict(
            verifiable=True,
            findings=(*of_input, *measured_findings(self.figures)),
            named_curves=self.curves,
            hallucination=self.shells.excess if self.shells else None,
            hallucination_error=self.shells.error if self.shells else None,
            figures=self.figures,
            invented=self.invented,
            spread=spread,
            returned=self.returned,
        )

    def _add(self, name: str, values: Tensor) -> None:
        values[0] = 1.0  # of the means, which have been taken off
        self.curves[name] = FscCurve(values, max(self.mask.shape), self.pixel_size_A)

    def _add_curves(
        self, suffix: str, heard: Tensor, r1: Tensor, r2: Tensor, d1: Tensor, d2: Tensor
    ) -> None:
        """Of raw and denoised halves, and of both ways to compare one with the other.

        Where a denoised map holds nothing, a mask shows what it carries there from other shells.
        """
        self._add("raw" + suffix, fsc(r1, r2))
        self._add("denoised" + suffix, fsc(d1, d2) * heard)
        self._add("cross" + suffix, (fsc(d1, r2) + fsc(d2, r1)) / 2 * heard)

    def _compare_shells(self) -> None:
        resolution_A = self.figures["resolution_A"]
        last = math.floor(max(self.mask.shape) * self.pixel_size_A / resolution_A)
        raw, denoised, cross = (
            self.curves[f"{name}_masked"].values for name in ("raw", "denoised", "cross")
        )
        samples = independent_samples(self.mask.shape, self.mask)
        self.shells = hallucination_index(raw, denoised, cross, samples, last)
        self.figures["hallucination_index"] = self.shells.index
        self.figures["hallucination_error"] = self.shells.index_error

    def _compare_places(self, corrected: Tensor) -> None:
        windows = local_windows(self.mask.shape, self.pixel_size_A, self.figures["resolution_A"])
        if windows is None:
            return
        denoised = (self.denoised.half1, self.denoised.half2)
        curve = fsc_weight(corrected) ** 2
        raw = [weighted(half, curve) for half in (self.half1, self.half2)]
        ratio = spectral_ratio(raw, denoised, windows)
        raw = [weighted(half, ratio) for half in raw]
        self.invented, share = invented_share(denoised, raw, windows)
        self.figures["invented_share"] = share
        volume = float((self.invented > 0.5).sum()) * self.pixel_size_A**3
        self.figures["invented_volume_A3"] = volume

    def _spread(self) -> Tensor | None:
        """Standard deviation over rotations, and its figure in the mask."""
        if not self._turned:
            return None
        full = self.denoised.full
        spread = torch.stack([full, *self._turned]).std(0)
        inside = (spread * self.mask).square().sum() / (
            ((full - full.mean()) * self.mask).square().sum().clamp(min=1e-38)
        )
        self.figures["spread"] = float(inside.sqrt())
        return spread
