"""The judge's curves, for the plot of FSC curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryoai.ui.maps.fsc_work import THRESHOLDS, FscResult

if TYPE_CHECKING:
    from napari_cryoai.maps.verdict import Verdict

MASKED = "_masked"
_REPORTED = ("raw corrected", "raw masked", "raw")


def judged_result(verdict: Verdict, *, unmasked: bool = False) -> FscResult | None:
    """The curves of a verdict as one result; None if there are none.

    Parameters
    ----------
    unmasked
        Also those of the whole box, where there is one in the mask.
    """
    named = verdict.curves()
    curves = {
        readable(name): curve
        for name, curve in named.items()
        if unmasked or name + MASKED not in named
    }
    if not curves:
        return None
    first = next(iter(curves.values()))
    return FscResult(
        frequencies=first.frequencies.double().numpy(),
        curves={name: curve.values.double().cpu().numpy() for name, curve in curves.items()},
        resolutions_A={
            name: {t: curve.resolution_A(t) for t in THRESHOLDS} for name, curve in curves.items()
        },
        rows=tuple(verdict.rows()),
        reported=next((name for name in _REPORTED if name in curves), next(iter(curves))),
    )


def readable(name: str) -> str:
    """ "raw_masked" as "raw masked"."""
    return name.replace("_", " ")
