"""The judge: is what a denoised map shows in the data?

Nothing in here knows how the denoiser works. It is given halves and asked for halves, several
times; the rest is the correlation of what came out with what the *other* half says.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.maps.checks import check_input
from napari_cryoai.maps.denoised import Denoised, Denoiser
from napari_cryoai.maps.examination import Examination
from napari_cryoai.maps.probes import chosen_turns, denoised_turned, noise_energy
from napari_cryoai.maps.spectra import automatic_mask
from napari_cryoai.maps.verdict import Verdict
from napari_cryoai.physics.fsc import check_same_box
from napari_cryoai.physics.lattice import turned

TURNS = 3
"""Rotations of the input that are tried; 23 are all."""


def validate(
    denoiser: Denoiser,
    half1: Tensor,
    half2: Tensor,
    pixel_size_A: float,
    mask: Tensor | None = None,
    *,
    seed: int,
    denoised: Denoised | None = None,
    turns: int = TURNS,
    remasked: Callable[[Tensor], Denoiser] | None = None,
) -> Job[Verdict]:
    """Judge what a denoiser makes of two half maps.

    Parameters
    ----------
    denoiser
        Is called `3 + turns` times, once less if its result is given.
    half1, half2
        `(nz, ny, nx)` raw.
    mask
        Soft; an automatic one if there is none.
    seed
        Of random phases, noise and the choice of rotations.
    denoised
        What it made of them.
    turns
        Number of rotations of the cube whose results are compared, 0 to 23.
    remasked
        Makes the denoiser for another mask, if it has one built in: turned maps need it turned.

    Yields
    ------
    Progress
        Before each step; closing the job cancels it when the denoiser next returns.

    Returns
    -------
    verdict

    Raises
    ------
    CryoAIError
        If the halves cannot be denoised, see `checks.check_input`.
    """
    check_input(half1, half2)
    if mask is None:
        mask = automatic_mask(half1, half2, pixel_size_A)
    check_same_box(half1, mask)
    total = 5 + turns
    yield Progress(0, total, "denoising")
    found = denoised or denoiser(half1, half2, pixel_size_A)
    yield Progress(1, total, "comparing the halves")
    case = Examination(half1, half2, pixel_size_A, mask, found, seed)
    case.compare()
    yield Progress(2, total, "looking for density that was removed")
    case.look_for_removed()
    yield Progress(3, total, "denoising halves without phases")
    case.without_phases(denoiser)
    yield Progress(4, total, "denoising pure noise")
    case.figures["noise_energy"] = noise_energy(
        denoiser, half1, half2, pixel_size_A, mask, found, seed
    )
    for number, turn in enumerate(chosen_turns(turns, seed)):
        yield Progress(5 + number, total, "denoising the map turned")
        method = remasked(turned(mask, turn)) if remasked else denoiser
        case.add_turned(denoised_turned(method, half1, half2, pixel_size_A, turn))
    verdict = case.verdict()
    yield Progress(total, total, verdict.sentence)
    return verdict
