"""From figures to findings: one line each, for a biologist."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from napari_cryoai.maps.verdict import Finding, Severity

INDEX_CAUTION, INDEX_FAIL, ERRORS = 0.05, 0.15, 3.0
"""Hallucination index, which also has to exceed so many of its standard errors."""
INVENTED_CAUTION, INVENTED_FAIL = 0.1, 0.3
"""FSC beyond the shell from which phases are random."""
NOISE_CAUTION, NOISE_FAIL = 0.02, 0.2
REMOVED_CAUTION, REMOVED_FAIL = 0.002, 0.05
VOLUME_CAUTION_A3, VOLUME_FAIL_A3 = 100.0, 1000.0
"""Places where more than half of the density is not in the data: a ligand, a domain."""
SPREAD_CAUTION, SPREAD_FAIL = 0.1, 0.3


def measured_findings(figures: Mapping[str, float]) -> Iterator[Finding]:
    """What the figures of an examination mean; those that are missing were not measured."""
    for look in _LOOKS:
        yield from look(figures)


def _resolution(figures: Mapping[str, float]) -> Iterator[Finding]:
    resolution_A = figures["resolution_A"]
    if math.isfinite(resolution_A):
        return
    yield Finding(
        "agreement",
        "fail",
        "The two half maps have nothing in common: there is no signal to denoise.",
    )


def _hallucination(figures: Mapping[str, float]) -> Iterator[Finding]:
    index, error = figures["hallucination_index"], figures["hallucination_error"]
    level = _level(index, INDEX_CAUTION, INDEX_FAIL) if index > ERRORS * error else "ok"
    text = (
        f"{index:.0%} of what the denoised halves share is not in the data."
        if level != "ok"
        else "What the denoised halves share is in the data."
    )
    yield Finding("hallucination", level, text)


def _places(figures: Mapping[str, float]) -> Iterator[Finding]:
    if "invented_volume_A3" not in figures:
        return
    volume = figures["invented_volume_A3"]
    level = _level(volume, VOLUME_CAUTION_A3, VOLUME_FAIL_A3)
    if level == "ok":
        yield Finding("invented density", "ok", "No place shows density that the data lack.")
        return
    yield Finding(
        "invented density",
        level,
        f"In {volume:.0f} A^3 most of the density is not in the data; colour the surface by "
        "invented density to see where.",
    )


def _invented(figures: Mapping[str, float]) -> Iterator[Finding]:
    if "invented_fsc" not in figures:
        return
    highest, from_A = figures["invented_fsc"], figures["randomised_from_A"]
    level = _level(highest, INVENTED_CAUTION, INVENTED_FAIL)
    text = (
        f"Without data beyond {from_A:.1f} A the denoiser still shows detail there "
        f"(FSC {highest:.2f}): part of the resolution is invented."
        if level != "ok"
        else f"Without data beyond {from_A:.1f} A the denoiser shows nothing there."
    )
    yield Finding("invented resolution", level, text)


def _noise(figures: Mapping[str, float]) -> Iterator[Finding]:
    if "noise_energy" not in figures:
        return
    energy = figures["noise_energy"]
    level = _level(energy, NOISE_CAUTION, NOISE_FAIL)
    text = (
        f"From pure noise the denoiser makes a map of {energy:.0%} of this one's energy."
        if level != "ok"
        else "From pure noise the denoiser makes nothing."
    )
    yield Finding("noise", level, text)


def _removed(figures: Mapping[str, float]) -> Iterator[Finding]:
    if "removed_share" not in figures:
        return
    share = figures["removed_share"]
    level = _level(share, REMOVED_CAUTION, REMOVED_FAIL)
    text = (
        f"Density that both half maps show was removed ({share:.1%} of the energy): look for "
        "missing ligands, glycans or domains."
        if level != "ok"
        else "Nothing that both half maps show was removed."
    )
    yield Finding("removed density", level, text)


def _spread(figures: Mapping[str, float]) -> Iterator[Finding]:
    if "spread" not in figures:
        return
    spread = figures["spread"]
    level = _level(spread, SPREAD_CAUTION, SPREAD_FAIL)
    text = (
        f"The result depends on how the map lies in its box ({spread:.0%} of its contrast)."
        if level != "ok"
        else "The result does not depend on how the map lies in its box."
    )
    yield Finding("rotations", level, text)


_LOOKS: tuple[Callable[[Mapping[str, float]], Iterator[Finding]], ...] = (
    *(_resolution, _hallucination, _places, _invented, _noise, _removed, _spread),
)


def _level(value: float, caution: float, fail: float) -> Severity:
    if value >= fail:
        return "fail"
    return "caution" if value >= caution else "ok"
